"""What each GPU is when measuring begins, and which of its readings can be relied on."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from costbench.errors import MeterError
from costbench.metering.nvml_library import Library, text
from costbench.metering.processes import census
from costbench.metering.trace import mean_gap
from costbench.types import GPU_SCOPE, MODULE_SCOPE, Device

JOULES_PER_MILLIJOULE = 1e-3
WATTS_PER_MILLIWATT = 1e-3
_MIB = 1 << 20
AVERAGE, INSTANT = 185, 186
"""Fields of power, in milliwatts."""
_GPU, _MODULE = 0, 1
_PROBE_S, _PROBE_EVERY_S, _ENOUGH_CHANGES = 3.0, 0.005, 12
_READ_EVERY_S = 0.1
READY_WITHIN_S = 5.0
_ARCHITECTURES = {
    2: "Kepler", 3: "Maxwell", 4: "Pascal", 5: "Volta", 6: "Turing", 7: "Ampere", 8: "Ada", 9: "Hopper",
    10: "Blackwell", 13: "Rubin",
}  # fmt: skip
INSTANT_WINDOW_S = {"Hopper": 0.025, "GA100": 0.025, "Volta": 0.01, "Pascal": 0.01}
"""Others: 0.1. From "Part-time Power Measurements" (SC24), drivers from 530 on."""
_GA100 = ("A100", "A800", "A30")
_VIRTUALIZATION: dict[int, Literal["none", "passthrough", "vgpu", "host"]] = {
    0: "none", 1: "passthrough", 2: "vgpu", 3: "host", 4: "host",
}  # fmt: skip


@dataclass(frozen=True)
class PowerSource:
    """Where a GPU's power is read: a field with its scope, or the older getter (field None)."""

    field: tuple[int, int] | None
    window_s: float

    def read(self, library: Library, handle: Any) -> float | None:
        """Watts, None where they cannot be read now."""
        if self.field is None:
            milliwatts = library.known("nvmlDeviceGetPowerUsage", handle)
        else:
            (milliwatts,) = library.fields(handle, [self.field])
        return None if milliwatts is None else milliwatts * WATTS_PER_MILLIWATT


@dataclass(frozen=True)
class Found:
    """A GPU with the handle to read it by."""

    device: Device
    handle: Any
    power: PowerSource | None
    counter_error: MeterError | None
    """Why its energy counter is not read."""


def survey(library: Library, handles: Mapping[str, Any]) -> list[Found]:
    """Look at every GPU and watch its counter move, up to 3 s; nothing is set."""
    ready_by_s = time.monotonic() + READY_WITHIN_S
    errors = {uuid: _counter_error(library, h, ready_by_s) for uuid, h in handles.items()}
    moving = {uuid: handle for uuid, handle in handles.items() if errors[uuid] is None}
    periods = update_periods(library, moving)
    return [
        _found(library, uuid, handles[uuid], periods.get(uuid), errors[uuid]) for uuid in handles
    ]


def update_periods(library: Library, handles: Mapping[str, Any]) -> dict[str, float | None]:
    """The mean time between changes of each counter; None for one that does not move."""
    changes: dict[str, list[float]] = {uuid: [] for uuid in handles}
    last: dict[str, int] = {}
    end_s = time.monotonic() + _PROBE_S
    while time.monotonic() < end_s and any(len(c) < _ENOUGH_CHANGES for c in changes.values()):
        for uuid, handle in handles.items():
            count = library.known("nvmlDeviceGetTotalEnergyConsumption", handle)
            if count is not None and count != last.setdefault(uuid, count):
                last[uuid] = count
                changes[uuid].append(time.monotonic())
        time.sleep(_PROBE_EVERY_S)
    return {uuid: mean_gap(times) for uuid, times in changes.items()}


def _counter_error(library: Library, handle: Any, ready_by_s: float) -> MeterError | None:
    def ask() -> None:
        library.call("nvmlDeviceGetTotalEnergyConsumption", handle)

    try:
        library.when_ready(ask, ready_by_s)
    except MeterError as error:
        return MeterError(f"{error} (energy counter)", error.code)
    return None


def _found(
    library: Library,
    uuid: str,
    handle: Any,
    period_s: float | None,
    error: MeterError | None,
) -> Found:
    known = library.known
    name = text(known("nvmlDeviceGetName", handle) or "unknown")
    architecture = _ARCHITECTURES.get(known("nvmlDeviceGetArchitecture", handle) or -1)
    mode = known("nvmlDeviceGetVirtualizationMode", handle)
    virtualization = None if mode is None else _VIRTUALIZATION.get(mode)
    mig_mode = known("nvmlDeviceGetMigMode", handle)
    mig = bool(mig_mode and mig_mode[0])
    module = _is_module(library, handle)
    power = _power_source(library, handle, generation(name, architecture), module=module)
    memory = known("nvmlDeviceGetMemoryInfo", handle)
    limit_mw = known("nvmlDeviceGetEnforcedPowerLimit", handle)
    driver = known("nvmlSystemGetDriverVersion")
    ecc = known("nvmlDeviceGetEccMode", handle)
    persistence = known("nvmlDeviceGetPersistenceMode", handle)
    stuck = error is None and period_s is None
    doubts = {
        "mig": mig, "vgpu": virtualization == "vgpu", "gpu_module": module, "counter_stuck": stuck,
    }  # fmt: skip
    device = Device(
        domain=f"gpu:{uuid}",
        name=name,
        architecture=architecture,
        driver=None if driver is None else text(driver),
        scope=MODULE_SCOPE if module else GPU_SCOPE,
        update_period_s=period_s,
        power_window_s=power.window_s if power else None,
        power_covered=bool(power and power.window_s >= _READ_EVERY_S),
        power_limit_w=None if limit_mw is None else limit_mw * WATTS_PER_MILLIWATT,
        memory_used_mib=None if memory is None else memory.used / _MIB,
        processes=_others(library, handle),
        mig_uuids=_mig_uuids(library, handle) if mig else (),
        virtualization=virtualization,
        persistence=None if persistence is None else bool(persistence),
        ecc=None if ecc is None else bool(ecc[0]),
        reasons=tuple(code for code, holds in doubts.items() if holds),
    )
    if stuck:
        error = MeterError(f"NVML: the energy counter of {name} does not move", "counter_stuck")
    return Found(device, handle, power, error)


def generation(name: str, architecture: str | None) -> str | None:
    """A key of INSTANT_WINDOW_S: GA100 is called Ampere and measures as the generation before did."""
    words = name.replace("-", " ").split()
    return "GA100" if architecture == "Ampere" and any(w in words for w in _GA100) else architecture


def power_sources(generation: str | None, *, module: bool = False) -> tuple[PowerSource, ...]:
    """The average over a second first: it misses nothing; else what the generation has."""
    scope = _MODULE if module else _GPU
    instant_s = INSTANT_WINDOW_S.get(generation or "", _READ_EVERY_S)
    usage_s = instant_s if generation in {"GA100", "Turing", "Volta", "Pascal"} else 1.0
    return (
        PowerSource((AVERAGE, scope), 1.0),
        PowerSource(None, usage_s),
        PowerSource((INSTANT, scope), instant_s),
    )


def _power_source(
    library: Library, handle: Any, generation: str | None, *, module: bool
) -> PowerSource | None:
    candidates = power_sources(generation, module=module)
    return next((each for each in candidates if each.read(library, handle) is not None), None)


def _is_module(library: Library, handle: Any) -> bool:
    """Grace and its GPU share a counter where they are linked chip to chip."""
    link = library.known("nvmlDeviceGetC2cModeInfoV", handle)
    return bool(link is not None and getattr(link, "isC2cEnabled", 0))


def _others(library: Library, handle: Any) -> int | None:
    """Compute processes that are there before ours begin."""
    listed = library.known("nvmlDeviceGetComputeRunningProcesses", handle)
    if listed is None:
        return None
    found = census((process.pid for process in listed), frozenset([os.getpid()]))
    return found.foreign + found.unknown


def _mig_uuids(library: Library, handle: Any) -> tuple[str, ...]:
    count = library.known("nvmlDeviceGetMaxMigDeviceCount", handle) or 0
    instances = (
        library.known("nvmlDeviceGetMigDeviceHandleByIndex", handle, at) for at in range(count)
    )
    uuids = (library.known("nvmlDeviceGetUUID", each) for each in instances if each is not None)
    return tuple(text(uuid) for uuid in uuids if uuid is not None)
