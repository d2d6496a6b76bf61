"""The joules of one GPU in one window: from its counter, and from its power where the counter fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from costbench.metering.trace import Samples, Series, Trace
from costbench.types import Device

Bound = Literal["exact", "upper", "partial"]
"""What is printed is the energy; more than it (others' energy is in it); less than it (part is missing)."""

COUNTER, INTEGRAL = "counter_interpolated", "power_integral"
LONGEST_POWER_GAP_S, _POWER_ALL_THE_TIME_S = 1.0, 0.3
_STUCK_UPDATES = 5
_LONGEST_BRIDGE_S = 2.0
_JUMP = 1.2
RESOLVED_UPDATES = 2
LOST = ("gpu_lost", "driver_gone")


@dataclass(frozen=True)
class GpuTrace:
    """What was read of one GPU in one session."""

    device: Device
    counter: Series | None
    power: Samples
    """Watts, each the average of the `device.power_window_s` before it was read."""
    gauges: Mapping[str, Samples]
    """Temperature, clocks, throttling and processes, by quantity."""
    lost: tuple[str, float] | None = None
    """The reason's code and the time from which nothing more was read."""

    @classmethod
    def of(cls, trace: Trace, device: Device, lost: tuple[str, float] | None = None) -> "GpuTrace":
        """The part of a session's trace that is about one GPU."""
        return cls(
            device=device,
            counter=trace.counters.get(device.domain),
            power=trace.gauge(device.domain, "power_w"),
            gauges={q: s for (domain, q), s in trace.gauges.items() if domain == device.domain},
            lost=lost,
        )


@dataclass(frozen=True)
class WindowEnergy:
    """Joules of one domain in one window; None where not known, with the reasons either way."""

    joules: float | None
    method: str | None = None
    bound: Bound = "exact"
    reasons: tuple[str, ...] = ()


def window_energy(gpu: GpuTrace, start_s: float, end_s: float) -> WindowEnergy:
    """Cut a window out of a GPU's trace.

    The counter counts; the integral of power stands in where there is no counter or it stood still, and
    bridges a reset of up to 2 s. After a loss only what was read before it is given, as a partial figure.
    """
    if gpu.lost is not None and gpu.lost[1] < end_s:
        return _until_lost(gpu, (start_s, end_s), gpu.lost[0])
    if gpu.counter is None or gpu.device.update_period_s is None:
        return _integrated(gpu, start_s, end_s, "power_integral")
    gone = resets(gpu, gpu.counter, start_s, end_s)
    if gone:
        return _around(gpu, gpu.counter, gone, (start_s, end_s))
    if _stood_still(gpu, gpu.counter, start_s, end_s):
        return _integrated(gpu, start_s, end_s, "counter_stuck")
    return counter_energy(gpu.counter, start_s, end_s, COUNTER, updates=RESOLVED_UPDATES)


def counter_energy(
    counter: Series | None, start_s: float, end_s: float, method: str, *, updates: int = 0
) -> WindowEnergy:
    """The plain difference of a counter; null in a window shorter than so many of its updates.

    One that was seen to move only once has no rhythm to tell that by: it resolves nothing.
    """
    if counter is not None and updates:
        period_s = counter.update_period_s
        if period_s is None or end_s - start_s < updates * period_s:
            return WindowEnergy(None, reasons=("below_resolution",))
    joules = counter.energy(start_s, end_s) if counter is not None else None
    if joules is None:
        return WindowEnergy(None, reasons=("energy_uncovered",))
    return WindowEnergy(joules, method)


def power_integral(gpu: GpuTrace, start_s: float, end_s: float) -> float | None:
    """Joules from power readings; a reading tells of the time half its window before it."""
    shift_s = (gpu.device.power_window_s or 0.0) / 2
    return gpu.power.integral(start_s + shift_s, end_s + shift_s, LONGEST_POWER_GAP_S)


def _integrated(gpu: GpuTrace, start_s: float, end_s: float, reason: str) -> WindowEnergy:
    joules = power_integral(gpu, start_s, end_s)
    if joules is None or joules <= 0:
        unknown = "energy_uncovered" if gpu.power.t_s.size else "counter_unsupported"
        return WindowEnergy(None, reasons=(reason, unknown))
    return WindowEnergy(joules, INTEGRAL, reasons=(reason,))


def _until_lost(gpu: GpuTrace, window: tuple[float, float], code: str) -> WindowEnergy:
    """What was counted before; nothing is extrapolated."""
    start_s, end_s = window
    if gpu.counter is not None:
        last_s = min(end_s, float(gpu.counter.t_s[-1]))
        joules, method = gpu.counter.energy(start_s, last_s), COUNTER
    elif gpu.power.t_s.size:
        shift_s = (gpu.device.power_window_s or 0.0) / 2
        last_s = min(end_s, float(gpu.power.t_s[-1]) - shift_s)
        joules, method = power_integral(gpu, start_s, last_s), INTEGRAL
    else:
        joules, method = None, INTEGRAL
    if joules is None:
        return WindowEnergy(None, reasons=(code,))
    return WindowEnergy(joules, method, "partial", (code,))


def _stood_still(gpu: GpuTrace, counter: Series, start_s: float, end_s: float) -> bool:
    """Seen not to change for more than five updates, while power was read all of that time and was there."""
    period_s = gpu.device.update_period_s or 0.0
    begins_s, ends_s = counter.unmoved(start_s, end_s, pause_s=period_s)
    longest = int((ends_s - begins_s).argmax())
    still = float(begins_s[longest]), float(ends_s[longest])
    watched = gpu.power.longest_read(*still, _POWER_ALL_THE_TIME_S)
    if watched[1] - watched[0] <= _STUCK_UPDATES * period_s:
        return False
    joules = gpu.power.integral(*watched, _POWER_ALL_THE_TIME_S)
    return joules is not None and joules > 0


def resets(
    gpu: GpuTrace, counter: Series, start_s: float, end_s: float
) -> list[tuple[float, float]]:
    """Stretches in which the counter went back, or forward faster than the GPU can draw power."""
    near = counter.between(start_s, end_s)
    steps, gaps = np.diff(near.joules), np.diff(near.t_s)
    wrong = steps < 0
    if gpu.device.power_limit_w:
        # A change is seen up to a poll late, so a step alone may look too steep: two updates may not.
        slack_s = gpu.device.update_period_s or 0.0
        wrong |= steps > _JUMP * gpu.device.power_limit_w * (gaps + slack_s)
    return [(float(near.t_s[at]), float(near.t_s[at + 1])) for at in np.flatnonzero(wrong)]


def _around(
    gpu: GpuTrace, counter: Series, resets: list[tuple[float, float]], window: tuple[float, float]
) -> WindowEnergy:
    """The pieces between resets by the counter, the resets themselves by the integral of power."""
    total, begin_s = 0.0, window[0]
    for gone_s, back_s in resets:
        bridge_s = max(gone_s, window[0]), min(back_s, window[1])
        bridged = power_integral(gpu, *bridge_s) if back_s - gone_s <= _LONGEST_BRIDGE_S else None
        piece = _piece(counter, begin_s, gone_s)
        if piece is None or bridged is None:
            return WindowEnergy(None, reasons=("counter_reset", "energy_uncovered"))
        total, begin_s = total + piece + bridged, back_s
    last = _piece(counter, begin_s, window[1])
    if last is None or total + last <= 0:
        return WindowEnergy(None, reasons=("counter_reset", "energy_uncovered"))
    return WindowEnergy(total + last, f"{COUNTER}+{INTEGRAL}", reasons=("counter_reset",))


def _piece(counter: Series, start_s: float, end_s: float) -> float | None:
    """Joules between two changes of the counter with no reset between them."""
    return 0.0 if end_s <= start_s else counter.energy(start_s, end_s)
