"""NVIDIA GPUs through NVML's cumulative energy counter (package nvidia-ml-py, imported as pynvml)."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from costbench.errors import MeterError
from costbench.types import Component, MeterFacts

_JOULES_PER_MILLIJOULE = 1e-3
_POLL_S = 0.02


class NvmlMeter(Component):
    """Energy of each GPU this process may use, as the driver counts it (Volta and newer).

    Devices are told apart by UUID: NVML's order is not CUDA's.
    """

    kind: Literal["nvml"] = "nvml"

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """One NVML handle for the whole run; raises MeterError with the reason where there is none."""
        import pynvml

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise MeterError(f"NVML: {error}; is an NVIDIA driver installed here?") from error
        try:
            yield _Open(pynvml, _visible_devices(pynvml))
        finally:
            pynvml.nvmlShutdown()


class _Open:
    def __init__(self, nvml: Any, devices: Mapping[str, Any]) -> None:
        if not devices:
            raise MeterError("NVML: no GPU that this process may use")
        self._nvml = nvml
        self._devices = devices
        self.facts = MeterFacts(
            name="nvml",
            provenance="measured",
            method="counter_interpolated",
            scope="gpu_device",
            period_s=_POLL_S,
            settle_s=1.0,
            headline=tuple(devices),
        )
        self.read()  # a counter that is not supported is better told now than in every reading

    def read(self) -> Mapping[str, float | None]:
        """Joules by "gpu:UUID"; raises MeterError when the driver refuses."""
        try:
            return {
                domain: self._nvml.nvmlDeviceGetTotalEnergyConsumption(device)
                * _JOULES_PER_MILLIJOULE
                for domain, device in self._devices.items()
            }
        except self._nvml.NVMLError as error:
            raise MeterError(f"NVML: energy counter: {error}") from error


def _visible_devices(nvml: Any) -> dict[str, Any]:
    """Handles by domain, only those that CUDA_VISIBLE_DEVICES leaves (by UUID, or by index in PCI order)."""
    handles = [nvml.nvmlDeviceGetHandleByIndex(at) for at in range(nvml.nvmlDeviceGetCount())]
    by_uuid = {_text(nvml.nvmlDeviceGetUUID(handle)): handle for handle in handles}
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return {f"gpu:{uuid}": handle for uuid, handle in by_uuid.items()}
    wanted = [name.strip() for name in chosen.split(",") if name.strip()]
    uuids = list(by_uuid)
    found = [
        uuids[int(name)] if name.isdigit() and int(name) < len(uuids) else name for name in wanted
    ]
    return {
        f"gpu:{uuid}": handle
        for uuid, handle in by_uuid.items()
        if any(uuid.startswith(name) for name in found)
    }


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
