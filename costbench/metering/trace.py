"""Time series of energy counters and of what was read beside them.

A counter is kept as cumulative joules by domain ("gpu:GPU-…", "cpu", "ram"), at the times it changed. The
energy of a window is the difference of two interpolated values, so it does not depend on when a poll fell.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from costbench.metering.sampler import JOULES, Reading
from costbench.metering.settling import MAX_GAP_S

Floats = NDArray[np.float64]

_NEIGHBORS = 21
"""Changes that a change's time is smoothed over: two seconds of a 100 ms counter."""
_RHYTHM = 3
"""Changes from which on a median time between them means something."""


@dataclass(frozen=True)
class Series:
    """One counter: times it changed at, on the monotonic clock, and its cumulative joules there."""

    t_s: Floats
    joules: Floats
    seen_s: Floats | None = None
    """For each value the last reading of the one before it and the first of its own; None: not known."""

    def energy(self, start_s: float, end_s: float) -> float | None:
        """Joules between two times.

        None where that is not known: readings do not cover the window, the counter was reset in it, or it
        did not move (the window is below its resolution).
        """
        if end_s <= start_s or not self._covers(start_s, end_s):
            return None
        if np.any(np.diff(self.between(start_s, end_s).joules) < 0):
            return None
        low, high = np.interp([start_s, end_s], self.t_s, self.joules)
        return float(high - low) if high > low else None

    @cached_property
    def update_period_s(self) -> float | None:
        """The median time between changes; None where there are too few to tell."""
        gaps = np.diff(self.t_s[1:])  # the first time is that of the first reading, not of a change
        return float(np.median(gaps)) if gaps.size else None

    def between(self, start_s: float, end_s: float) -> "Series":
        """The changes in a stretch, with the last one before and the first one after it."""
        first = max(0, int(np.searchsorted(self.t_s, start_s, side="right")) - 1)
        last = int(np.searchsorted(self.t_s, end_s, side="left")) + 1
        seen_s = None if self.seen_s is None else self.seen_s[first:last]
        return Series(self.t_s[first:last], self.joules[first:last], seen_s)

    def unmoved(self, start_s: float, end_s: float, pause_s: float) -> tuple[Floats, Floats]:
        """Where each stretch between two changes begins and ends, cut to a window.

        What falls into a pause of our own readings of more than `pause_s` is left out: nobody saw it stand.
        """
        near = self.between(start_s, end_s)
        before, after = near.t_s, near.t_s
        if near.seen_s is not None:
            paused = near.seen_s[:, 1] - near.seen_s[:, 0] > pause_s
            before = np.where(paused, near.seen_s[:, 0], before)
            after = np.where(paused, near.seen_s[:, 1], after)
        edges = np.append(start_s, after), np.append(before, end_s)
        return np.clip(edges[0], start_s, end_s), np.clip(edges[1], start_s, end_s)

    def _covers(self, start_s: float, end_s: float) -> bool:
        if not self.t_s.size or start_s < self.t_s[0] or end_s > self.t_s[-1]:
            return False
        gaps = np.diff(self.between(start_s, end_s).t_s)
        return gaps.size > 0 and bool(gaps.max() <= MAX_GAP_S)


@dataclass(frozen=True)
class Samples:
    """Something that was read now and then, as it was read; between two readings it is taken as linear."""

    t_s: Floats
    values: Floats

    def inside(self, start_s: float, end_s: float) -> Floats:
        """What was read in a stretch."""
        return self.values[(self.t_s >= start_s) & (self.t_s <= end_s)]

    def at(self, t_s: float) -> float | None:
        """The value at a time, None outside of what was read."""
        if not self.t_s.size or not self.t_s[0] <= t_s <= self.t_s[-1]:
            return None
        return float(np.interp(t_s, self.t_s, self.values))

    def longest_read(
        self, start_s: float, end_s: float, longest_gap_s: float
    ) -> tuple[float, float]:
        """The longest part of a stretch without a wider gap between readings; empty where there is none."""
        first = max(0, int(np.searchsorted(self.t_s, start_s, side="right")) - 1)
        last = int(np.searchsorted(self.t_s, end_s, side="left")) + 1
        near_s = self.t_s[first:last]
        if not near_s.size:
            return start_s, start_s
        breaks = np.flatnonzero(np.diff(near_s) > longest_gap_s)
        begins_s = np.clip(near_s[np.append(0, breaks + 1)], start_s, end_s)
        ends_s = np.clip(near_s[np.append(breaks, near_s.size - 1)], start_s, end_s)
        at = int((ends_s - begins_s).argmax())
        return float(begins_s[at]), float(ends_s[at])

    def integral(self, start_s: float, end_s: float, longest_gap_s: float) -> float | None:
        """The area below the values; None where readings do not cover the stretch closely enough."""
        first = int(np.searchsorted(self.t_s, start_s, side="right")) - 1
        last = int(np.searchsorted(self.t_s, end_s, side="left"))
        if end_s <= start_s or first < 0 or last >= self.t_s.size:
            return None
        if np.diff(self.t_s[first : last + 1]).max() > longest_gap_s:
            return None
        inner = self.t_s[first + 1 : last]
        t_s = np.concatenate(([start_s], inner, [end_s]))
        return float(np.trapezoid(np.interp(t_s, self.t_s, self.values), t_s))


NOTHING = Samples(np.empty(0), np.empty(0))


@dataclass(frozen=True)
class Trace:
    """All that the meters of one session gave."""

    counters: Mapping[str, Series]
    """By domain."""
    gauges: Mapping[tuple[str, str], Samples]
    """By domain and quantity."""

    def last_reading_s(self, domain: str) -> float | None:
        """When anything was last read of a domain; None for never."""
        mine = [samples.t_s for (name, _), samples in self.gauges.items() if name == domain]
        mine += [self.counters[domain].t_s] if domain in self.counters else []
        return max((float(t_s[-1]) for t_s in mine if t_s.size), default=None)

    def gauge(self, domain: str, quantity: str) -> Samples:
        """Readings of one quantity; empty where there are none."""
        return self.gauges.get((domain, quantity), NOTHING)


def build_trace(readings: Iterable[Reading]) -> Trace:
    """A trace from readings in order of time."""
    return trace_of(_columns(readings))


def trace_of(columns: Mapping[tuple[str, str], tuple[Floats, Floats]]) -> Trace:
    """A trace from times and values by domain and quantity."""
    return Trace(
        {domain: series_of(*pair) for (domain, name), pair in columns.items() if name == JOULES},
        {key: Samples(*pair) for key, pair in columns.items() if key[1] != JOULES},
    )


def series_of(t_s: Floats, joules: Floats) -> Series:
    """A series from all readings of one counter, in order of time.

    A counter that is updated now and then is read many times between: it changed after the last reading of
    the old value and before the first of the new one. Where changes come evenly, their rhythm tells more. One
    that has moved at every reading moves more often than it is read: each value is that of its reading.
    """
    changed = np.flatnonzero(np.diff(joules) != 0) + 1
    firsts = np.concatenate(([0], changed))
    seen_s = np.column_stack((t_s[np.maximum(firsts - 1, 0)], t_s[firsts])) if t_s.size else None
    if changed.size == t_s.size - 1:
        return Series(t_s, joules, seen_s)
    at = _in_rhythm(t_s[changed - 1], t_s[changed])
    first_s = t_s[:1]
    if at.size >= _NEIGHBORS:  # the first value was there before it was read
        first_s = np.minimum(first_s, at[0] - np.median(np.diff(at)))
    return Series(
        np.concatenate((first_s, at)), np.concatenate((joules[:1], joules[changed])), seen_s
    )


def _in_rhythm(earliest: Floats, latest: Floats) -> Floats:
    """When each change came: by a line through its neighbors, and never outside of its own two readings.

    A poll every 20 ms alone leaves 1 s of a 100 ms counter uncertain by 2.4 %, with its rhythm by 1.8 %
    (95th percentile, docs/measurement.md).
    """
    middle = (earliest + latest) / 2
    if middle.size < _RHYTHM:
        return middle
    period_s = float(np.median(np.diff(middle)))
    earliest = np.maximum(earliest, latest - period_s)  # after a pause of the polls
    middle = (earliest + latest) / 2
    if middle.size < _NEIGHBORS:
        return middle
    count = np.concatenate(([0.0], np.cumsum(np.rint(np.diff(middle) / period_s))))
    line = _local_lines(count, middle)
    return np.where((line >= earliest) & (line <= latest), line, middle)


def _local_lines(x: Floats, y: Floats) -> Floats:
    """At each point the value of the least-squares line through the points around it."""
    x, first = x - x[0], y[0]
    near_x, near_y = (
        np.lib.stride_tricks.sliding_window_view(v, _NEIGHBORS) for v in (x, y - first)
    )
    mean_x, mean_y = near_x.mean(axis=1), near_y.mean(axis=1)
    spread = near_x - mean_x[:, None]
    slope = (spread * near_y).sum(axis=1) / (spread**2).sum(axis=1)
    # The points at both ends have their neighbors on one side only.
    own = np.clip(np.arange(x.size) - _NEIGHBORS // 2, 0, x.size - _NEIGHBORS)
    return np.asarray(first + mean_y[own] + slope[own] * (x - mean_x[own]))


def mean_gap(times: Sequence[float]) -> float | None:
    """The mean time between changes: looks that come every 5 ms know a single gap only to as much.

    A gap far above the others, where nobody looked for a while, counts as so many updates as fit into it;
    where that look came late, it has a part of the next gap, which is short of that.
    """
    gaps = [after - before for before, after in pairwise(times)]
    if not gaps:
        return None
    usual = statistics.median(gaps)
    whole: list[float] = []
    for gap in gaps:
        if whole and gap < usual / 2:
            whole[-1] += gap
        else:
            whole.append(gap)
    return sum(whole) / sum(max(1, round(gap / usual)) for gap in whole)


def without_repeats(t_s: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The first and the last reading of every run of equal values; a trace needs no others."""
    if t_s.size < 3:  # noqa: PLR2004 - two ends, nothing between
        return t_s, values
    moved = np.diff(values) != 0
    keep = np.concatenate(([True], moved[1:] | moved[:-1], [True]))
    return t_s[keep], values[keep]


def chunks_of(readings: Iterable[Reading]) -> Iterator[tuple[str, str, bytes, bytes]]:
    """Readings as they are stored: domain, quantity, and times and values as little-endian doubles."""
    for (domain, quantity), column in _columns(readings).items():
        t_s, values = without_repeats(*column) if quantity == JOULES else column
        yield domain, quantity, _blob(t_s), _blob(values)


def _columns(readings: Iterable[Reading]) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    found: dict[tuple[str, str], list[Reading]] = {}
    for reading in readings:
        found.setdefault((reading.domain, reading.quantity), []).append(reading)
    return {
        key: (np.array([r.t_s for r in series]), np.array([r.value for r in series]))
        for key, series in found.items()
    }


def _blob(values: Floats) -> bytes:
    return values.astype("<f8").tobytes()


def window_joules(
    counters: Mapping[str, Series], domains: Iterable[str], start_s: float, end_s: float
) -> dict[str, float | None]:
    """Joules of each domain in a window; None for a domain that is not known there."""
    return {
        domain: counters[domain].energy(start_s, end_s) if domain in counters else None
        for domain in domains
    }


def total_joules(by_domain: Mapping[str, float | None]) -> float | None:
    """The sum, or None when there is nothing to sum or any part is unknown."""
    known = [joules for joules in by_domain.values() if joules is not None]
    return sum(known) if known and len(known) == len(by_domain) else None
