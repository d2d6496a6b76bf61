"""NVIDIA GPUs through NVML's cumulative energy counter (package nvidia-ml-py, imported as pynvml)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Literal

from costbench.errors import MeterError
from costbench.types import GPU_SCOPE, Component, MeterFacts

_JOULES_PER_MILLIJOULE = 1e-3
_POLL_S = 0.02


class NvmlMeter(Component):
    """Energy of each GPU of this machine, as the driver counts it (Volta and newer).

    All of them, told apart by UUID: which ones an engine worked on is known only afterwards, and an index
    in CUDA_VISIBLE_DEVICES need not be NVML's.
    """

    kind: Literal["nvml"] = "nvml"

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """One NVML handle for the whole run; raises MeterError with the reason where there is none."""
        try:
            import pynvml
        except ImportError as error:
            raise MeterError("NVML: its package is missing: pip install nvidia-ml-py") from error
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise MeterError(f"NVML: {error}; is an NVIDIA driver installed here?") from error
        try:
            yield _Open(pynvml, _devices(pynvml))
        finally:
            with suppress(pynvml.NVMLError):  # a driver that is gone needs no goodbye
                pynvml.nvmlShutdown()


class _Open:
    def __init__(self, nvml: Any, devices: Mapping[str, Any]) -> None:
        if not devices:
            raise MeterError("NVML: no GPU on this machine")
        self._nvml = nvml
        self._devices = devices
        self.facts = MeterFacts(
            name="nvml",
            provenance="measured",
            method="counter_interpolated",
            scope=GPU_SCOPE,
            period_s=_POLL_S,
            settle_s=1.0,
            headline=tuple(devices),
        )
        self.read()  # a counter that is not supported is better told now than in every reading

    def read(self) -> Mapping[str, float | None]:
        """Joules by "gpu:UUID", None for one that cannot be read now; raises MeterError when none can."""
        joules: dict[str, float | None] = {}
        refusal: Exception | None = None
        for domain, device in self._devices.items():
            try:
                count = self._nvml.nvmlDeviceGetTotalEnergyConsumption(device)
                joules[domain] = count * _JOULES_PER_MILLIJOULE
            except self._nvml.NVMLError as error:
                joules[domain], refusal = None, error
        if refusal and not any(value is not None for value in joules.values()):
            raise MeterError(f"NVML: energy counter: {refusal}") from refusal
        return joules


def _devices(nvml: Any) -> dict[str, Any]:
    """Handles by domain."""
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(at) for at in range(nvml.nvmlDeviceGetCount())]
        return {f"gpu:{_text(nvml.nvmlDeviceGetUUID(handle))}": handle for handle in handles}
    except nvml.NVMLError as error:
        raise MeterError(
            f"NVML: {error}; does nvidia-smi list every GPU of this machine?"
        ) from error


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
