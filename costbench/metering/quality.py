"""What limits the trust in the joules of a window, decided from the stored trace alone.

Pure functions: the same trace gives the same codes on any machine. Thresholds and where they come from:
docs/measurement.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from costbench.metering.sampler import CLOCK, GAP, WALL
from costbench.metering.trace import Samples, Trace
from costbench.metering.window_energy import (
    INTEGRAL,
    GpuTrace,
    WindowEnergy,
    power_integral,
    window_energy,
)

_ENOUGH_UPDATES, _FEW_UPDATES = 100, 20
_CHECKED_FROM_S = {True: 10.0, False: 30.0}
_AGREES = {True: (0.02, 0.05), False: (0.03, 0.08)}
"""By whether power readings cover all of the time: what difference is fine, and what is bearable."""
_SHORT_CHECK_S = 10.0
_STALL_S = 1.0
_LATE_UPDATES = 2
_DRIFT_C, _FAR_C = 3.0, 8.0
_CAPPED_SHARE = 0.01
_BELOW_IDLE, _ABOVE_LIMIT = 0.8, 1.05
_CLOCK_STEP_S = 0.5
_FREE_MIB = 1024.0
_LOW_RESOLUTION_S, _UNRELIABLE_S = 10.0, 2.0
_SHARED = frozenset({"mig", "shared_gpu"})


def judged_energy(
    gpu: GpuTrace, window: tuple[float, float], idle_w: float | None = None
) -> WindowEnergy:
    """A window of one GPU with every doubt about it; `idle_w` is its bare idle power.

    Where other instances' or other processes' energy is in it, it is an upper bound.
    """
    found = window_energy(gpu, *window)
    codes = judge_gpu(gpu, window, found, idle_w)
    if found.joules is None or "vgpu_unproven" in codes:
        return WindowEnergy(None, found.method, reasons=codes)
    if _SHARED.isdisjoint(codes):
        return replace(found, reasons=codes)
    if found.bound == "partial":  # part of it, and others' in it: a bound of nothing
        return WindowEnergy(None, found.method, reasons=codes)
    return replace(found, bound="upper", reasons=codes)


def judge_gpu(
    gpu: GpuTrace, window: tuple[float, float], found: WindowEnergy, idle_w: float | None
) -> tuple[str, ...]:
    """Codes of `reasons.REASONS` for one GPU in one window; `idle_w` is its bare idle power."""
    codes = [*gpu.device.reasons, *found.reasons]
    if found.joules is not None and found.bound != "partial":
        codes += _resolution(gpu, window, found)
        codes += _cross_check(gpu, window, found)
        if "vgpu" in codes and not _agrees(gpu, window, found):
            codes.append("vgpu_unproven")
        codes += _plausible(gpu, window, found.joules, idle_w)
    codes += _throttled(gpu, window)
    codes += _heat(gpu, window)
    codes += _sharing(gpu, window)
    return tuple(dict.fromkeys(codes))


def judge_sampler(
    trace: Trace, window: tuple[float, float], update_period_s: float
) -> tuple[str, ...]:
    """Pauses of the sampler in a window, and steps of the machine's clock."""
    start_s, end_s = window
    codes = []
    gaps = trace.gauge(CLOCK, GAP)
    for at, length in zip(gaps.t_s, gaps.values, strict=True):
        began = at - length
        if at < start_s or began > end_s:
            continue
        at_edge = began < start_s < at or began < end_s < at
        if length > _STALL_S or (at_edge and length > _LATE_UPDATES * update_period_s):
            codes.append("sampler_stalled")
        elif length > _LATE_UPDATES * update_period_s:
            codes.append("sampler_late")
    wall = trace.gauge(CLOCK, WALL).inside(start_s, end_s)
    if wall.size and np.ptp(wall) > _CLOCK_STEP_S:
        codes.append("clock_step")
    return tuple(dict.fromkeys(codes))


def judge_length(seconds: float) -> tuple[str, ...]:
    """Whether windows are long enough in all."""
    if seconds >= _LOW_RESOLUTION_S:
        return ()
    return ("unreliable_window",) if seconds < _UNRELIABLE_S else ("low_resolution",)


def judge_repeats(joules_per_token: Sequence[float]) -> tuple[str, ...]:
    """How much a cell's windows differ among each other, as the coefficient of variation."""
    values = np.array(joules_per_token)
    if values.size < 2 or not np.isfinite(values).all() or values.mean() <= 0:  # noqa: PLR2004
        return ()
    scatter = float(values.std(ddof=1) / values.mean())
    if scatter > 0.05:  # noqa: PLR2004 - thresholds read best where they are compared
        return ("repeats_scatter",)
    return ("repeats_vary",) if scatter > 0.02 else ()  # noqa: PLR2004


def _resolution(gpu: GpuTrace, window: tuple[float, float], found: WindowEnergy) -> Iterator[str]:
    if found.method == INTEGRAL or gpu.counter is None:
        return
    times = gpu.counter.t_s
    updates = int(((times >= window[0]) & (times <= window[1])).sum())
    if updates < _FEW_UPDATES:
        yield "few_updates"
    elif updates < _ENOUGH_UPDATES:
        yield "some_updates"


def _cross_check(gpu: GpuTrace, window: tuple[float, float], found: WindowEnergy) -> Iterator[str]:
    """The counter beside the integral of power."""
    difference = _difference(gpu, window, found)
    fine, bearable = _AGREES[gpu.device.power_covered]
    if difference is None or difference <= fine:
        return
    yield "counter_disagrees" if difference > bearable else "counter_differs"


def _agrees(gpu: GpuTrace, window: tuple[float, float], found: WindowEnergy) -> bool:
    difference = _difference(gpu, window, found)
    return difference is not None and difference <= _AGREES[gpu.device.power_covered][1]


def _difference(gpu: GpuTrace, window: tuple[float, float], found: WindowEnergy) -> float | None:
    """Relative; half of it counts in a window that is short for it; None where they cannot be compared."""
    length_s = window[1] - window[0]
    if length_s < _SHORT_CHECK_S or found.method == INTEGRAL:
        return None
    integral = power_integral(gpu, *window)
    if integral is None or not found.joules:
        return None
    allowance = 1.0 if length_s >= _CHECKED_FROM_S[gpu.device.power_covered] else 0.5
    return allowance * abs(integral / found.joules - 1)


def _plausible(
    gpu: GpuTrace, window: tuple[float, float], joules: float, idle_w: float | None
) -> Iterator[str]:
    watts = joules / (window[1] - window[0])
    limit_w = gpu.device.power_limit_w
    if (idle_w and watts < _BELOW_IDLE * idle_w) or (limit_w and watts > _ABOVE_LIMIT * limit_w):
        yield "power_implausible"


def _throttled(gpu: GpuTrace, window: tuple[float, float]) -> Iterator[str]:
    if _grew(gpu, "hardware_slowdown_s", window) > 0:
        yield "hardware_slowdown"
    length_s = window[1] - window[0]
    if _grew(gpu, "power_capped_s", window) > _CAPPED_SHARE * length_s:
        yield "power_capped"
    if _grew(gpu, "software_slowdown_s", window) > _CAPPED_SHARE * length_s:
        yield "software_throttled"


def _grew(gpu: GpuTrace, quantity: str, window: tuple[float, float]) -> float:
    """How much a cumulative gauge rose in a window."""
    samples = gpu.gauges.get(quantity)
    if samples is None or not samples.t_s.size:
        return 0.0
    low, high = np.interp(window, samples.t_s, samples.values)
    return float(high - low)


def _heat(gpu: GpuTrace, window: tuple[float, float]) -> Iterator[str]:
    found = gpu.gauges.get("temperature_c")
    inside = found.inside(*window) if found is not None else np.empty(0)
    drift = float(np.ptp(inside)) if inside.size else 0.0
    if drift > _FAR_C:
        yield "temperature_far"
    elif drift > _DRIFT_C:
        yield "temperature_drift"


def _sharing(gpu: GpuTrace, window: tuple[float, float]) -> Iterator[str]:
    """Only processes that are not ours count; where they are hidden, memory tells of those before us."""
    listed, ours = (_highest(gpu, name, window) for name in ("processes", "own_processes"))
    if listed is None or ours is None:
        if "memory_used_mib" in gpu.gauges:  # everything else could be read
            yield "processes_hidden"
        return
    if _highest(gpu, "foreign_processes", window):
        yield "shared_gpu"
    elif _highest(gpu, "unknown_processes", window):
        before = (gpu.device.processes or 0) > 0 or (gpu.device.memory_used_mib or 0) > _FREE_MIB
        yield "shared_gpu" if before else "processes_hidden"


def _highest(gpu: GpuTrace, quantity: str, window: tuple[float, float]) -> float | None:
    samples = gpu.gauges.get(quantity)
    if samples is None:
        return None
    inside = samples.inside(*window)
    if inside.size:
        return float(inside.max())
    return _nearest(samples, window[0])


def _nearest(samples: Samples, t_s: float) -> float | None:
    """For a window shorter than the time between two readings."""
    if not samples.t_s.size:
        return None
    return float(samples.values[np.abs(samples.t_s - t_s).argmin()])
