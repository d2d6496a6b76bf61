"""Arithmetic on traces: when a reading changed, what a load's rhythm makes of it, energy of a window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.metering.trace import Floats, Samples, series_of

LONGEST_GAP_S = 1.0
"""Readings further apart do not cover a window."""
_WINDOWS_S = np.geomspace(0.005, 2.0, 28)
_DELAYS_S = np.arange(0.0, 0.401, 0.01)
_FINE = 0.25
_FEW = 8
_SAME_RHYTHM = 1.5
"""Updates that are told from elsewhere and come more seldom than that are not this reading's."""


@dataclass(frozen=True)
class Wave:
    """Points of a reading that is a mean of what was before each, and when the load was on."""

    t_s: Floats
    watts: Floats
    spans_s: Floats
    """Rows of beginning and end."""


@dataclass(frozen=True)
class Fit:
    """The mean over `window_s`, told `delay_s` later, that comes closest to what was read."""

    window_s: float
    delay_s: float
    off_w: float
    on_w: float
    explained: float
    """Share of the variance."""


def changes(t_s: Floats, values: Floats) -> tuple[Floats, Floats]:
    """When a reading took a new value (halfway between two polls), and which."""
    at = np.flatnonzero(np.diff(values) != 0) + 1
    return (t_s[at - 1] + t_s[at]) / 2, values[at]


def period_s(t_s: Floats, values: Floats) -> float | None:
    """The median time between changes."""
    gaps = np.diff(changes(t_s, values)[0])
    return float(np.median(gaps)) if gaps.size else None


def ticks(t_s: Floats, values: Floats, update_s: float | None = None) -> tuple[Floats, Floats]:
    """One point per update: changes, and within a stretch of one value the updates that changed nothing.

    How many fit into a stretch is told by `update_s`, where the reading is known to change so often under a
    steady load: under the load of this stretch it may change seldom, and its own rhythm is a rough guess.
    """
    at_s, new = changes(t_s, values)
    if at_s.size < 2:  # noqa: PLR2004 - no gap to tell a rhythm by
        return at_s, new
    rhythm_s = float(np.median(np.diff(at_s)))
    if update_s is not None and update_s < _SAME_RHYTHM * rhythm_s:
        rhythm_s = update_s
    gaps = np.diff(np.append(at_s, t_s[-1]))
    count = np.maximum(1, np.ceil(gaps / rhythm_s - 0.5).astype(np.int64))
    apart_s = np.append(gaps[:-1] / count[:-1], rhythm_s)  # the last stretch ends with no change
    steps = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    seen = np.repeat(_seen_at_once(t_s, values), count)
    points_s = np.repeat(at_s, count) + steps * np.repeat(apart_s, count)
    return points_s[seen], np.repeat(new, count)[seen]


def counter_power(t_s: Floats, joules: Floats) -> tuple[Floats, Floats]:
    """Each update of a counter as the power that it stands for."""
    at_s, new = changes(t_s, joules)
    seen = _seen_at_once(t_s, joules)
    both = seen[1:] & seen[:-1]
    return at_s[1:][both], np.diff(new)[both] / np.diff(at_s)[both]


def _seen_at_once(t_s: Floats, values: Floats) -> NDArray[np.bool_]:
    """Whether each change was noticed within two polls' usual time; others may be any time before."""
    at = np.flatnonzero(np.diff(values) != 0) + 1
    usual_s = float(np.median(np.diff(t_s)))
    return np.asarray(t_s[at] - t_s[at - 1] <= 2 * usual_s)


def on_time_s(spans_s: Floats, until_s: Floats) -> Floats:
    """Seconds of work before each of these times."""
    edges = spans_s.reshape(-1)
    done = np.concatenate(([0.0], np.cumsum(np.diff(edges) * (np.arange(edges.size - 1) % 2 == 0))))
    return np.asarray(np.interp(until_s, edges, done))


def on_share(spans_s: Floats, ends_s: Floats, window_s: float) -> Floats:
    """The share of work in so long a time before each of these."""
    return (on_time_s(spans_s, ends_s) - on_time_s(spans_s, ends_s - window_s)) / window_s


def fit_boxcar(waves: Sequence[Wave]) -> Fit | None:
    """By trying: windows from 5 ms to 2 s, delays up to 0.4 s; None where readings do not move enough."""
    if sum(wave.t_s.size for wave in waves) < _FEW:
        return None
    best = _best(waves, _WINDOWS_S, _DELAYS_S)
    if best is None:
        return None
    near = max(0.005, _FINE * best.window_s)
    windows = np.unique(
        np.clip(np.linspace(best.window_s - near, best.window_s + near, 17), 0.002, None)
    )
    delays = np.clip(np.linspace(best.delay_s - 0.01, best.delay_s + 0.01, 9), 0.0, None)
    return _best(waves, windows, np.unique(delays))


def _best(waves: Sequence[Wave], windows_s: Floats, delays_s: Floats) -> Fit | None:
    watts = np.concatenate([wave.watts for wave in waves])
    total = float(((watts - watts.mean()) ** 2).sum())
    if total <= 0:
        return None
    best: Fit | None = None
    for window_s in windows_s:
        for delay_s in delays_s:
            share = np.concatenate([on_share(w.spans_s, w.t_s - delay_s, window_s) for w in waves])
            found = _line(share, watts, total)
            if found is not None and (best is None or found[2] > best.explained):
                off_w, rise_w, explained = found
                best = Fit(float(window_s), float(delay_s), off_w, off_w + rise_w, explained)
    return best


def _line(x: Floats, y: Floats, total: float) -> tuple[float, float, float] | None:
    """Intercept, slope and what they explain; None where x does not move."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    spread = float(((x - mean_x) ** 2).sum())
    if spread <= 0:
        return None
    slope = float(((x - mean_x) * (y - mean_y)).sum()) / spread
    return mean_y - slope * mean_x, slope, slope * slope * spread / total


def slope(x: Floats, y: Floats) -> float | None:
    """Of the least-squares line; None where x does not move."""
    found = _line(x, y, 1.0) if x.size > 1 else None
    return None if found is None else found[1]


def longest_pause(t_s: Floats, window_s: tuple[float, float]) -> float:
    """Between two readings that cover a stretch, or a part of it; infinite where they do not."""
    first = int(np.searchsorted(t_s, window_s[0], side="right")) - 1
    last = int(np.searchsorted(t_s, window_s[1], side="left"))
    if first < 0 or last >= t_s.size or last <= first:
        return float("inf")
    return float(np.diff(t_s[first : last + 1]).max())


def sharp_gaps(t_s: Floats, values: Floats, sharpness: float) -> Floats:
    """Times between changes of which both are known to so small a part of the median one."""
    at = np.flatnonzero(np.diff(values) != 0) + 1
    gaps = np.diff((t_s[at - 1] + t_s[at]) / 2)
    if not gaps.size:
        return gaps
    sharp = t_s[at] - t_s[at - 1] <= sharpness * float(np.median(gaps))
    return gaps[sharp[1:] & sharp[:-1]]


def counter_energy(t_s: Floats, joules: Floats, window_s: tuple[float, float]) -> float | None:
    """As costbench cuts a window out of a counter."""
    return series_of(t_s, joules).energy(*window_s) if t_s.size > 1 else None


def integral(
    t_s: Floats, watts: Floats, window_s: tuple[float, float], shift_s: float
) -> float | None:
    """As costbench integrates power, which tells of a time `shift_s` before."""
    start_s, end_s = window_s[0] + shift_s, window_s[1] + shift_s
    return Samples(t_s, watts).integral(start_s, end_s, LONGEST_GAP_S) if t_s.size > 1 else None


def span_mean(t_s: Floats, values: Floats, spans_s: Floats) -> Floats:
    """The mean of a gauge in each span; NaN where it was not read."""
    found = [values[(t_s >= start) & (t_s <= end)] for start, end in spans_s]
    return np.array([float(each.mean()) if each.size else np.nan for each in found])


def span_energy(t_s: Floats, joules: Floats, spans_s: Floats) -> Floats:
    """Joules by a counter in each span; NaN where it does not tell."""
    series = series_of(t_s, joules)
    found = [series.energy(float(start), float(end)) for start, end in spans_s]
    return np.array([np.nan if each is None else each for each in found])


def variation(values: Floats) -> float | None:
    """Standard deviation of a sample over its mean."""
    known: NDArray[np.float64] = values[np.isfinite(values)]
    if known.size < 2 or not known.mean():  # noqa: PLR2004 - one value does not vary
        return None
    return float(known.std(ddof=1) / known.mean())
