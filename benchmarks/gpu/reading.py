"""Reading one GPU as fast or as slowly as a step wants, with the time of every reading."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from costbench.errors import MeterError
from costbench.metering.nvml import (
    HARDWARE_THERMAL,
    POWER_BRAKE,
    POWER_CAP,
    SECONDS_PER_NANOSECOND,
    SM,
    SOFTWARE_THERMAL,
    TEMPERATURE_GPU,
)
from costbench.metering.nvml_devices import (
    AVERAGE,
    INSTANT,
    JOULES_PER_MILLIJOULE,
    READY_WITHIN_S,
    WATTS_PER_MILLIWATT,
    survey,
)
from costbench.metering.nvml_library import Library
from costbench.metering.trace import Floats
from costbench.metering.window_energy import LOST
from costbench.types import MODULE_SCOPE, Device

THROTTLING = {
    "power_cap": POWER_CAP,
    "software_thermal": SOFTWARE_THERMAL,
    "hardware_thermal": HARDWARE_THERMAL,
    "power_brake": POWER_BRAKE,
}
"""Fields of cumulative nanoseconds."""
_SLOW_EVERY_S = 0.1

Arrays = dict[str, Floats]


class Gpu:
    """One GPU, read through costbench's own access to NVML."""

    def __init__(self, library: Library, uuid: str) -> None:
        self.binding = library
        self.uuid = uuid
        self.handle: Any = library.handles()[uuid]
        (found,) = survey(library, {uuid: self.handle})
        self.device: Device = found.device
        self.counter_error: MeterError | None = found.counter_error
        self.scope = int(self.device.scope == MODULE_SCOPE)

    def counter_j(self) -> float | None:
        """None where it has none; raises MeterError where the GPU or its driver is gone."""
        try:
            count = self.binding.call("nvmlDeviceGetTotalEnergyConsumption", self.handle)
        except MeterError as error:
            if error.code in LOST:
                raise
            return None
        return float(count) * JOULES_PER_MILLIJOULE

    def powers_w(self) -> tuple[float | None, float | None]:
        """The average and the instant one, in one call."""
        fields = [(AVERAGE, self.scope), (INSTANT, self.scope)]
        average, instant = self.binding.fields(self.handle, fields)
        return _scaled(average, WATTS_PER_MILLIWATT), _scaled(instant, WATTS_PER_MILLIWATT)

    def usage_w(self) -> float | None:
        """The older power reading; raises MeterError where the GPU or its driver is gone."""
        try:
            return _scaled(
                self.binding.call("nvmlDeviceGetPowerUsage", self.handle), WATTS_PER_MILLIWATT
            )
        except MeterError as error:
            if error.code in LOST:
                raise
            return None

    def temperature_c(self) -> float | None:
        """Of the GPU itself."""
        degrees = self.binding.known("nvmlDeviceGetTemperature", self.handle, TEMPERATURE_GPU)
        return _scaled(degrees, 1.0)

    def throttled_s(self) -> dict[str, float | None]:
        """Seconds so far, by reason."""
        fields = [(field, 0) for field in THROTTLING.values()]
        found = self.binding.fields(self.handle, fields)
        values = (_scaled(each, SECONDS_PER_NANOSECOND) for each in found)
        return dict(zip(THROTTLING, values, strict=True))

    def slow(self) -> dict[str, float | None]:
        """What changes slowly, or is asked for beside."""
        known = self.binding.known
        reasons = known("nvmlDeviceGetCurrentClocksEventReasons", self.handle)
        clock = known("nvmlDeviceGetClockInfo", self.handle, SM)
        return {
            "usage_w": self.usage_w(),
            "temperature_c": self.temperature_c(),
            "sm_clock_mhz": _scaled(clock, 1.0),
            "event_reasons": _scaled(reasons, 1.0),
            **{f"{name}_s": value for name, value in self.throttled_s().items()},
        }

    def pids(self) -> list[int] | None:
        """Compute processes on it, None where they cannot be listed."""
        listed = self.binding.known("nvmlDeviceGetComputeRunningProcesses", self.handle)
        return None if listed is None else [int(process.pid) for process in listed]

    def memory_used_mib(self) -> float | None:
        """Of all processes, and the driver's own."""
        memory = self.binding.known("nvmlDeviceGetMemoryInfo", self.handle)
        return None if memory is None else memory.used / (1 << 20)

    def reopen(self, closed_s: float) -> float:
        """Give NVML back, wait, take it again; how long the taking took."""
        self.binding.stop()
        time.sleep(closed_s)
        began_s = time.monotonic()
        self.binding.start()
        self.handle = self.binding.handles()[self.uuid]
        took_s = time.monotonic() - began_s
        self._wait_for_the_counter()
        return took_s

    def _wait_for_the_counter(self) -> None:
        """While it says that it is not ready; raises MeterError where the GPU or its driver is gone."""

        def ask() -> object:
            return self.binding.call("nvmlDeviceGetTotalEnergyConsumption", self.handle)

        try:
            self.binding.when_ready(ask, time.monotonic() + READY_WITHIN_S)
        except MeterError as error:
            if error.code in LOST:
                raise


@contextmanager
def opened(choice: str | None) -> Iterator[Gpu]:
    """The GPU of a UUID or an index (NVML's order), else the first; raises MeterError with a sentence."""
    library = Library()
    library.start()
    try:
        yield Gpu(library, _chosen(list(library.handles()), choice))
    finally:
        library.stop()


def _chosen(uuids: list[str], choice: str | None) -> str:
    if not uuids:
        raise MeterError("NVML: no GPU on this machine", "no_gpu")
    if choice is None:
        return uuids[0]
    if choice.isdecimal() and int(choice) < len(uuids):
        return uuids[int(choice)]
    found = [uuid for uuid in uuids if uuid.lower().startswith(choice.lower())]
    if len(found) != 1:
        raise MeterError(
            f"--gpu {choice}: NVML has {len(uuids)} GPU(s) here, none or several of that name"
        )
    return found[0]


class Recorder:
    """What was read from its making on; several stretches may be recorded one after the other."""

    def __init__(self, gpu: Gpu, period_s: float) -> None:
        self._gpu = gpu
        self._period_s = period_s
        self._values: dict[str, list[tuple[float, float]]] = {}
        self._slow_due_s = 0.0

    def until(self, done: Callable[[], bool]) -> None:
        """Read on; raises MeterError where the GPU or its driver is gone."""
        while not done():
            due_s = time.monotonic() + self._period_s
            self._read_fast()
            if time.monotonic() >= self._slow_due_s:
                self._read_slow()
            time.sleep(max(0.0, due_s - time.monotonic()))

    def seconds(self, seconds: float) -> None:
        """Read for so long."""
        end_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end_s)

    def arrays(self) -> Arrays:
        """Times and values by quantity: "counter_t_s", "counter_j", ..."""
        found: Arrays = {}
        for quantity, pairs in self._values.items():
            columns = np.array(pairs, dtype=np.float64)
            found[f"{quantity.rpartition('_')[0]}_t_s"] = columns[:, 0]
            found[quantity] = columns[:, 1]
        return found

    def _read_fast(self) -> None:
        before_s = time.monotonic()
        joules = self._gpu.counter_j()
        between_s = time.monotonic()
        average_w, instant_w = self._gpu.powers_w()
        after_s = time.monotonic()
        self._note("counter_j", (before_s + between_s) / 2, joules)
        self._note("average_w", (between_s + after_s) / 2, average_w)
        self._note("instant_w", (between_s + after_s) / 2, instant_w)

    def _read_slow(self) -> None:
        now_s = time.monotonic()
        self._slow_due_s = now_s + _SLOW_EVERY_S
        for quantity, value in self._gpu.slow().items():
            self._note(quantity, now_s, value)

    def _note(self, quantity: str, t_s: float, value: float | None) -> None:
        if value is not None:
            self._values.setdefault(quantity, []).append((t_s, value))


def _scaled(value: Any, factor: float) -> float | None:
    return None if value is None else float(value) * factor
