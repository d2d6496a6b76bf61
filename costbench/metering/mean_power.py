"""Power over time from counters: mean watts of stretches side by side, so that no joule is lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.metering.settling import MAX_GAP_S
from costbench.metering.trace import Samples, Series
from costbench.metering.window_energy import (
    COUNTER,
    INTEGRAL,
    LONGEST_POWER_GAP_S,
    RESOLVED_UPDATES,
    GpuTrace,
    resets,
)

Floats = NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """Cumulative joules of one domain by one method; steps marked unknown are resets and pauses."""

    series: Series
    unknown: NDArray[np.bool_]
    """One per step from change to change."""
    method: str

    @property
    def span(self) -> Span:
        """From the first to the last that is known of it."""
        return float(self.series.t_s[0]), float(self.series.t_s[-1])

    def mean_watts(self, edges_s: Floats) -> Floats:
        """Between each two edges: the counter's difference over the time, NaN where it is not known."""
        t_s = self.series.t_s
        watts = np.diff(np.interp(edges_s, t_s, self.series.joules)) / np.diff(edges_s)
        first = np.searchsorted(t_s, edges_s[:-1], side="right") - 1
        beyond = np.searchsorted(t_s, edges_s[1:], side="left")
        before = np.concatenate(([0], np.cumsum(self.unknown)))
        outside = (first < 0) | (beyond >= t_s.size)
        lost = before[np.minimum(beyond, t_s.size - 1)] > before[np.maximum(first, 0)]
        return np.where(outside | lost, np.nan, watts)


@dataclass(frozen=True)
class DomainPower:
    """One domain's curves, the best first: what one does not know, the next one may."""

    curves: tuple[Curve, ...]

    @property
    def span(self) -> Span:
        """From the first to the last that is known of it."""
        starts, ends = zip(*(curve.span for curve in self.curves), strict=True)
        return min(starts), max(ends)

    @property
    def resolution_s(self) -> float:
        """The shortest stretch worth telling from the next one."""
        return RESOLVED_UPDATES * (self.curves[0].series.update_period_s or 0.0)

    def mean_watts(self, edges_s: Floats) -> tuple[Floats, tuple[str, ...]]:
        """Between each two edges, NaN where nothing knows it; and the methods that were needed."""
        watts = np.full(edges_s.size - 1, np.nan)
        methods = []
        for curve in self.curves:
            more = np.where(np.isnan(watts), curve.mean_watts(edges_s), np.nan)
            if not np.isnan(more).all():
                watts = np.where(np.isnan(watts), more, watts)
                methods.append(curve.method)
        return watts, tuple(methods)


def counter_power(counter: Series | None, method: str) -> DomainPower | None:
    """Of a counter alone; None where it never moved."""
    if counter is None or counter.t_s.size < 2:  # noqa: PLR2004 - two ends
        return None
    gaps, steps = np.diff(counter.t_s), np.diff(counter.joules)
    return DomainPower((Curve(counter, (gaps > MAX_GAP_S) | (steps < 0), method),))


def gpu_power(gpu: GpuTrace) -> DomainPower | None:
    """Of a GPU's counter, and where that is not known of its power readings, as windows are cut."""
    curves = []
    counter = gpu.counter
    if counter is not None and counter.t_s.size > 1 and gpu.device.update_period_s is not None:
        unknown = np.diff(counter.t_s) > MAX_GAP_S
        for start_s, _ in resets(gpu, counter, float(counter.t_s[0]), float(counter.t_s[-1])):
            unknown[np.searchsorted(counter.t_s, start_s)] = True
        curves.append(Curve(counter, unknown, COUNTER))
    if gpu.power.t_s.size > 1:
        curves.append(_integral(gpu.power, (gpu.device.power_window_s or 0.0) / 2))
    return DomainPower(tuple(curves)) if curves else None


def _integral(power: Samples, shift_s: float) -> Curve:
    """The area below the readings, each of which tells of the time before it."""
    gaps = np.diff(power.t_s)
    areas = gaps * (power.values[1:] + power.values[:-1]) / 2
    joules = np.concatenate(([0.0], np.cumsum(areas)))
    return Curve(Series(power.t_s - shift_s, joules), gaps > LONGEST_POWER_GAP_S, INTEGRAL)
