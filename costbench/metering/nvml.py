"""NVIDIA GPUs through NVML's cumulative energy counter (package nvidia-ml-py, imported as pynvml)."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
            with suppress(pynvml.NVMLError):  # a driver that is gone needs no goodbye
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
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(at) for at in range(nvml.nvmlDeviceGetCount())]
        by_uuid = {_text(nvml.nvmlDeviceGetUUID(handle)): handle for handle in handles}
    except nvml.NVMLError as error:
        raise MeterError(
            f"NVML: {error}; does nvidia-smi list every GPU of this machine?"
        ) from error
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    uuids = list(by_uuid) if chosen is None else _chosen(chosen, list(by_uuid))
    return {f"gpu:{uuid}": by_uuid[uuid] for uuid in uuids}


def _chosen(names: str, uuids: list[str]) -> list[str]:
    """What CUDA makes of such a list: everything from the first unknown device on is left out."""
    found: list[str] = []
    for name in (part.strip() for part in names.split(",")):
        if name.isdecimal():
            matches = uuids[int(name) :][:1]
        else:
            matches = [uuid for uuid in uuids if name and uuid.startswith(name)][:1]
        if not matches:
            break
        found += matches
    return found


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
