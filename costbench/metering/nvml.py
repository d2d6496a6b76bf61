"""NVIDIA GPUs through NVML's cumulative energy counter, their power and what tells of trouble."""

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from costbench.errors import MeterError
from costbench.interfaces import Gauge
from costbench.metering.nvml_devices import JOULES_PER_MILLIJOULE, Found, survey
from costbench.metering.nvml_library import Library
from costbench.metering.processes import census
from costbench.metering.window_energy import COUNTER, INTEGRAL, LOST
from costbench.types import GPU_SCOPE, Component, MeterFacts

_POLL_S, _SLOW_POLL_S, _SLOW_CALL_S, _TRIES = 0.02, 0.05, 0.002, 5
_POWER_EVERY_S, _REST_EVERY_S = 0.1, 1.0
_SETTLE_S = 1.0
_TRY_AGAIN_S = 1.0
TEMPERATURE_GPU, SM, _MEMORY = 0, 1, 2
"""A sensor, and two clocks."""
POWER_CAP, SOFTWARE_THERMAL, HARDWARE_THERMAL, POWER_BRAKE = 74, 269, 270, 271
"""Fields of time throttled, in nanoseconds since the driver was loaded."""
SECONDS_PER_NANOSECOND = 1e-9
_MIB = 1 << 20
_EVENTS = {
    "power_capped_s": (POWER_CAP,),
    "software_slowdown_s": (SOFTWARE_THERMAL,),
    "hardware_slowdown_s": (HARDWARE_THERMAL, POWER_BRAKE),
}


class NvmlMeter(Component):
    """Energy of each GPU of this machine, as the driver counts it (Volta and newer).

    All of them, told apart by UUID: which ones an engine worked on is known only afterwards, and an index
    in CUDA_VISIBLE_DEVICES need not be NVML's.
    """

    kind: Literal["nvml"] = "nvml"
    server_pid: int | None = None
    """A server whose processes on the GPU count as ours; our own process tree always does."""

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """One NVML handle for the whole run; raises MeterError with the reason where there is none."""
        library = Library()
        library.start()
        try:
            found = survey(library, library.handles())
            roots = frozenset([os.getpid(), *([self.server_pid] if self.server_pid else [])])
            yield _Open(library, found, roots)
        finally:
            library.stop()


class _Open:
    def __init__(self, library: Library, found: Sequence[Found], roots: frozenset[int]) -> None:
        if not found:
            raise MeterError("NVML: no GPU on this machine", "no_gpu")
        self._library = library
        self._found = {gpu.device.domain: gpu for gpu in found}
        self._handles: dict[str, Any] = {gpu.device.domain: gpu.handle for gpu in found}
        self._errors = {d: gpu.counter_error for d, gpu in self._found.items()}
        self._gone: set[str] = set()
        self._try_again_s: float | None = None
        self._roots = roots
        self._require_something()
        counted = any(error is None for error in self._errors.values())
        self.gauges = (Gauge(_POWER_EVERY_S, self._power), Gauge(_REST_EVERY_S, self._rest))
        self.facts = MeterFacts(
            name="nvml",
            provenance="measured",
            method=COUNTER if counted else INTEGRAL,
            scope=GPU_SCOPE,
            period_s=self._period_s(),
            settle_s=_SETTLE_S,
            headline=tuple(self._found),
            devices=tuple(gpu.device for gpu in found),
        )

    def read(self) -> Mapping[str, float | None]:
        """Joules by "gpu:UUID", None for one that cannot be read now."""
        self._restart_once()
        return {domain: self._count(domain) for domain in self._found}

    def why(self, domain: str) -> MeterError | None:
        """What keeps a domain's counter from being read."""
        return self._errors[domain]

    def _require_something(self) -> None:
        errors = [error for error in self._errors.values() if error is not None]
        if len(errors) == len(self._found) and all(g.power is None for g in self._found.values()):
            raise errors[0]

    def _period_s(self) -> float:
        """By the median call: a single one may be slow only because the machine was busy."""
        call_s = statistics.median(self._read_s() for _ in range(_TRIES)) / len(self._found)
        return _SLOW_POLL_S if call_s > _SLOW_CALL_S else _POLL_S

    def _read_s(self) -> float:
        began = time.perf_counter()
        self.read()
        return time.perf_counter() - began

    def _count(self, domain: str) -> float | None:
        if domain in self._gone or self._found[domain].counter_error is not None:
            return None
        try:
            count = self._library.call("nvmlDeviceGetTotalEnergyConsumption", self._handles[domain])
        except MeterError as error:
            self._fail(domain, MeterError(f"{error} ({domain})", error.code))
            return None
        self._errors[domain] = None
        return float(count) * JOULES_PER_MILLIJOULE

    def _fail(self, domain: str, error: MeterError) -> None:
        """A lost GPU is left alone; a driver that is gone gets one new start, a second later."""
        self._errors[domain] = error
        if error.code in LOST:
            self._gone.add(domain)
        if error.code == "driver_gone" and self._try_again_s is None:
            self._try_again_s = time.monotonic() + _TRY_AGAIN_S

    def _restart_once(self) -> None:
        if self._try_again_s is None or time.monotonic() < self._try_again_s:
            return
        self._try_again_s = float("inf")
        try:
            self._library.start()
            handles = {f"gpu:{uuid}": handle for uuid, handle in self._library.handles().items()}
        except MeterError:
            return
        back = self._gone.intersection(handles)
        self._handles |= {domain: handles[domain] for domain in back}
        self._gone -= back

    def _power(self) -> Mapping[tuple[str, str], float | None]:
        found: dict[tuple[str, str], float | None] = {}
        for domain, gpu in self._found.items():
            if gpu.power is None or domain in self._gone:
                continue
            watts = gpu.power.read(self._library, self._handles[domain])
            found[domain, "power_w"] = watts
            if watts is None and gpu.counter_error is not None:
                self._ask_for_power(domain)
        return found

    def _ask_for_power(self, domain: str) -> None:
        """Where there is no counter, a lost GPU shows here first."""
        try:
            self._library.call("nvmlDeviceGetPowerUsage", self._handles[domain])
        except MeterError as error:
            if error.code in LOST:
                self._fail(domain, MeterError(f"{error} ({domain})", error.code))

    def _rest(self) -> Mapping[tuple[str, str], float | None]:
        found: dict[tuple[str, str], float | None] = {}
        for domain in self._found.keys() - self._gone:
            for quantity, value in self._look(self._handles[domain]).items():
                found[domain, quantity] = value
        return found

    def _look(self, handle: Any) -> dict[str, float | None]:
        known = self._library.known
        use = known("nvmlDeviceGetUtilizationRates", handle)
        memory = known("nvmlDeviceGetMemoryInfo", handle)
        return {
            "temperature_c": known("nvmlDeviceGetTemperature", handle, TEMPERATURE_GPU),
            "sm_clock_mhz": known("nvmlDeviceGetClockInfo", handle, SM),
            "memory_clock_mhz": known("nvmlDeviceGetClockInfo", handle, _MEMORY),
            "utilization_percent": None if use is None else use.gpu,
            "memory_used_mib": None if memory is None else memory.used / _MIB,
            **self._throttling(handle),
            **self._processes(handle),
        }

    def _throttling(self, handle: Any) -> dict[str, float | None]:
        """Seconds so far; unknown only where no field of a kind is."""
        wanted = [field for fields in _EVENTS.values() for field in fields]
        values = dict(
            zip(wanted, self._library.fields(handle, [(f, 0) for f in wanted]), strict=True)
        )
        found: dict[str, float | None] = {}
        for name, fields in _EVENTS.items():
            known = [value for value in map(values.get, fields) if value is not None]
            found[name] = sum(known) * SECONDS_PER_NANOSECOND if known else None
        return found

    def _processes(self, handle: Any) -> dict[str, float | None]:
        listed = self._library.known("nvmlDeviceGetComputeRunningProcesses", handle)
        if listed is None:
            return {}
        counted = census((process.pid for process in listed), self._roots)
        return {
            "processes": len(listed),
            "own_processes": counted.own,
            "foreign_processes": counted.foreign,
            "unknown_processes": counted.unknown,
        }
