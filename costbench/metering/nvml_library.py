"""NVIDIA's library through its own binding (nvidia-ml-py, imported as pynvml); errors become our reasons."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from costbench.errors import MeterError

T = TypeVar("T")

_CODES = {
    1: "driver_gone", 3: "counter_unsupported", 4: "permission", 9: "driver_gone", 12: "nvml_missing",
    13: "counter_unsupported", 15: "gpu_lost", 16: "gpu_lost", 17: "permission", 18: "driver_mismatch",
    27: "counter_not_ready", 28: "no_gpu",
}  # fmt: skip
"""NVML's return codes (nvml.h, version 13) as reasons."""
_DRIVER_NOT_LOADED = 9
_BETWEEN_TRIES_S = 0.25


class Library:
    """What is asked of NVML. Nothing is ever set: no limit, no clock, no mode."""

    def __init__(self) -> None:
        try:
            import pynvml
        except ImportError as error:
            raise MeterError(
                "NVML: its package is missing: pip install nvidia-ml-py", "nvml_missing"
            ) from error
        self.nvml: Any = pynvml

    def start(self) -> None:
        """Raises MeterError where there is no driver, or it cannot be reached."""
        try:
            self.nvml.nvmlInit()
        except self.nvml.NVMLError as error:
            code = "no_gpu" if error.value == _DRIVER_NOT_LOADED else self.code(error)
            raise MeterError(f"NVML: {error}; is an NVIDIA driver installed here?", code) from error

    def stop(self) -> None:
        """A driver that is gone needs no goodbye."""
        with suppress(self.nvml.NVMLError):
            self.nvml.nvmlShutdown()

    def handles(self) -> dict[str, Any]:
        """The GPUs of this machine by UUID, whatever CUDA_VISIBLE_DEVICES says; raises MeterError."""
        nvml = self.nvml
        found: dict[str, Any] = {}
        refused: Any = None
        for at in range(self.call("nvmlDeviceGetCount")):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(at)
                found[text(nvml.nvmlDeviceGetUUID(handle))] = handle
            except nvml.NVMLError as error:  # one that is lost must not hide the others
                refused = error
        if refused is not None and not found:
            raise MeterError(
                f"NVML: {refused}; does nvidia-smi list every GPU of this machine?",
                self.code(refused),
            ) from refused
        return found

    def call(self, name: str, *arguments: Any) -> Any:
        """One getter's answer; raises MeterError with its reason."""
        try:
            return getattr(self.nvml, name)(*arguments)
        except self.nvml.NVMLError as error:
            raise MeterError(f"NVML: {error}", self.code(error)) from error

    def known(self, name: str, *arguments: Any) -> Any:
        """One getter's answer, None where it has none."""
        with suppress(self.nvml.NVMLError):
            return getattr(self.nvml, name)(*arguments)
        return None

    def when_ready(self, ask: Callable[[], T], end_s: float) -> T:
        """Ask again while the driver says that it is not ready, as H100s have been seen to do."""
        while True:
            try:
                return ask()
            except MeterError as error:
                if error.code != "counter_not_ready" or time.monotonic() > end_s:
                    raise
            time.sleep(_BETWEEN_TRIES_S)

    def fields(self, handle: Any, wanted: Sequence[tuple[int, int]]) -> list[int | None]:
        """Values of fields (id, scope) in one call; None for each that has none."""
        found = self.known("nvmlDeviceGetFieldValues", handle, list(wanted))
        if found is None:
            return [None] * len(wanted)
        return [_number(self.nvml, field) if field.nvmlReturn == 0 else None for field in found]

    @staticmethod
    def code(error: Any) -> str | None:
        """Our name for an NVML error."""
        return _CODES.get(error.value)


def text(value: str | bytes) -> str:
    """Some versions of the binding give bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _number(nvml: Any, field: Any) -> int | None:
    names = {
        nvml.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
        nvml.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
        nvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
        nvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
        nvml.NVML_VALUE_TYPE_SIGNED_INT: "siVal",
    }
    name = names.get(field.valueType)
    return None if name is None else int(getattr(field.value, name))
