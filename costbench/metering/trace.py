"""Time series of energy counters, and the energy of a stretch of them.

A counter is kept as cumulative joules by domain ("gpu:GPU-…", "cpu", "ram"), at the times it changed. The
energy of a window is the difference of two interpolated values, so it does not depend on when a poll fell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.metering.sampler import Reading

Floats = NDArray[np.float64]
Trace = Mapping[str, "Series"]
"""Series by domain."""

MAX_GAP_S = 5.0
"""A longer stretch without a change leaves a window uncovered: the counter or the sampler was gone."""


@dataclass(frozen=True)
class Series:
    """One counter: times it changed at, on the monotonic clock, and its cumulative joules there."""

    t_s: Floats
    joules: Floats

    def energy(self, start_s: float, end_s: float) -> float | None:
        """Joules between two times.

        None where that is not known: readings do not cover the window, the counter was reset in it, or it
        did not move (the window is below its resolution).
        """
        if end_s <= start_s or not self._covers(start_s, end_s):
            return None
        inside = (self.t_s >= start_s - MAX_GAP_S) & (self.t_s <= end_s + MAX_GAP_S)
        if np.any(np.diff(self.joules[inside]) < 0):
            return None
        low, high = np.interp([start_s, end_s], self.t_s, self.joules)
        return float(high - low) if high > low else None

    def _covers(self, start_s: float, end_s: float) -> bool:
        if not self.t_s.size or start_s < self.t_s[0] or end_s > self.t_s[-1]:
            return False
        first = np.searchsorted(self.t_s, start_s, side="right") - 1
        last = np.searchsorted(self.t_s, end_s, side="left")
        gaps = np.diff(self.t_s[first : last + 1])
        return gaps.size > 0 and bool(gaps.max() <= MAX_GAP_S)


def build_trace(readings: Iterable[Reading]) -> dict[str, Series]:
    """Series by domain from readings in order of time.

    A counter that is updated now and then is read many times between; its change is placed midway between the
    last reading of the old value and the first of the new one.
    """
    by_domain: dict[str, list[Reading]] = {}
    for reading in readings:
        by_domain.setdefault(reading.domain, []).append(reading)
    return {
        domain: series_of(np.array([r.t_s for r in found]), np.array([r.joules for r in found]))
        for domain, found in by_domain.items()
    }


def series_of(t_s: Floats, joules: Floats) -> Series:
    """A series from all readings of one counter, in order of time."""
    changed = np.flatnonzero(np.diff(joules) != 0) + 1
    at = (t_s[changed - 1] + t_s[changed]) / 2
    return Series(np.concatenate((t_s[:1], at)), np.concatenate((joules[:1], joules[changed])))


def window_joules(
    trace: Trace, domains: Iterable[str], start_s: float, end_s: float
) -> dict[str, float | None]:
    """Joules of each domain in a window; None for a domain that is not known there."""
    return {
        domain: trace[domain].energy(start_s, end_s) if domain in trace else None
        for domain in domains
    }


def total_joules(by_domain: Mapping[str, float | None]) -> float | None:
    """The sum, or None when there is nothing to sum or any part is unknown."""
    known = [joules for joules in by_domain.values() if joules is not None]
    return sum(known) if known and len(known) == len(by_domain) else None
