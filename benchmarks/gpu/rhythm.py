"""What a load that goes on and off says about readings: what each covers, when it tells, what it misses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.gpu.analysis import (
    Fit,
    Wave,
    counter_energy,
    counter_power,
    fit_boxcar,
    on_time_s,
    ticks,
)
from benchmarks.gpu.verdicts import Judged, Word, below, in_ms, judged, unknown
from costbench.metering.trace import Floats, series_of

_NEAR = 0.1
_FOLLOWS, _FACTOR = 0.8, 1.5
_DELAY_S = 0.1
_COVERAGE = 0.02
_WINDOW_SHARE = (0.5, 0.8)
_LEAD_S, _TAIL_S = 0.15, 0.15
_RAMP_S = 0.1
"""By so much a window may seem longer than it is where the board itself smooths what it draws."""


def window_of(fit: Fit | None, expected_s: float) -> Judged:
    """A power reading is the mean of the time that costbench takes it for, within a factor of 1.5."""
    if fit is None or fit.explained < _FOLLOWS:
        return unknown("readings do not follow the load", explained=fit.explained if fit else None)
    fits = expected_s / _FACTOR <= fit.window_s <= expected_s * _FACTOR
    ramp = expected_s <= _RAMP_S and 0 < fit.window_s - expected_s * _FACTOR < _RAMP_S
    return judged(
        "holds" if fits else "contradicted",
        "or the board's power takes some 10 ms to follow the load" if ramp else "",
        window_ms=in_ms(fit.window_s), expected_ms=in_ms(expected_s), explained=fit.explained,
    )  # fmt: skip


def delay_of(waves: Sequence[Wave]) -> Judged:
    """Readings tell of the time right before them, not of one that is long past."""
    fit = fit_boxcar(waves)
    if fit is None or fit.explained < _FOLLOWS:
        return unknown("readings do not follow the load", explained=fit.explained if fit else None)
    return below(fit.delay_s, _DELAY_S, delay_ms=in_ms(fit.delay_s), window_ms=in_ms(fit.window_s))


def true_integral(waves: Sequence[Wave], update_s: float | None) -> Judged:
    """An update of the counter stands for all of the time since the one before, not for a part of it."""
    fit = fit_boxcar(waves)
    if fit is None or update_s is None or fit.explained < _FOLLOWS:
        return unknown(
            "the counter does not follow the load", explained=fit.explained if fit else None
        )
    share = fit.window_s / update_s
    word: Word = "open"
    if share >= _WINDOW_SHARE[1]:
        word = "holds"
    elif share <= _WINDOW_SHARE[0]:
        word = "contradicted"
    return judged(
        word,
        covered=share,
        window_ms=in_ms(fit.window_s),
        delay_ms=in_ms(fit.delay_s),
        explained=fit.explained,
    )


@dataclass(frozen=True)
class Beat:
    """One square wave: the readings of a counter (or of the average, as joules) and when the load was on."""

    period_s: float
    t_s: Floats
    joules: Floats
    spans_s: Floats

    smooth_s: float = 0.0
    """What each reading is a mean of; 0 for a counter, which tells all up to its last update."""

    def mean_w(self) -> tuple[float, float] | None:
        """Mean power and share of work of the time that is covered, but for its beginning."""
        window = self._whole_periods() if self.smooth_s else self._between_updates()
        energy = None if window is None else counter_energy(self.t_s, self.joules, window)
        if energy is None or window is None:
            return None
        on_s = float(np.diff(on_time_s(self.spans_s, np.array(window)))[0])
        return energy / (window[1] - window[0]), on_s / (window[1] - window[0])

    def rise_w(self) -> float | None:
        """From off to on, of a wave so slow that most updates see one or the other."""
        at_s, watts = counter_power(self.t_s, self.joules)
        begin_s, end_s = self._covered()
        inside = watts[(at_s >= begin_s) & (at_s <= end_s)]
        if not inside.size:
            return None
        low, high = np.nanpercentile(inside, (20, 80))
        return float(high - low)

    def _between_updates(self) -> tuple[float, float] | None:
        """From one update to another: between two updates a counter does not tell how the joules fell."""
        begin_s, end_s = self._covered()
        at_s = series_of(self.t_s, self.joules).t_s
        at_s = at_s[(at_s >= begin_s) & (at_s <= end_s)]
        return (float(at_s[0]), float(at_s[-1])) if at_s.size > 1 else None

    def _whole_periods(self) -> tuple[float, float] | None:
        """What is smoothed tells the same of each period, and nothing of where in it."""
        begin_s, end_s = self._covered()
        whole_s = float(np.floor((end_s - begin_s) / self.period_s)) * self.period_s
        return (begin_s, begin_s + whole_s) if whole_s > 0 else None

    def _covered(self) -> tuple[float, float]:
        begin_s = float(self.spans_s[0, 0]) + self.smooth_s + _LEAD_S
        return begin_s, float(self.spans_s[-1, 1]) - _TAIL_S


def coverage(
    beats: Mapping[float, Beat], update_s: float | None, rise_w: float | None = None
) -> Judged:
    """Half a load draws the same in whatever rhythm, also near that of the updates.

    Expected from the slowest wave; `rise_w` (its own by default) allows for a load that was not on exactly
    half of the time. Where waves near the updates' rhythm stand out from the one beside them, a part is
    missed; where all fast ones do alike, the load itself draws differently.
    """
    slowest = beats[max(beats)] if beats else None
    whole = slowest.mean_w() if slowest is not None else None
    rise_w = slowest.rise_w() if slowest is not None and rise_w is None else rise_w
    if whole is None or rise_w is None or update_s is None:
        return unknown("no slow wave to compare with, or no rhythm of updates")
    off: dict[float, float] = {}
    for period, beat in beats.items():
        found = beat.mean_w()
        if found is not None:
            off[period] = found[0] / (whole[0] + (found[1] - whole[1]) * rise_w) - 1
    return _from_deviations(off, update_s, max(beats))


def _from_deviations(off: Mapping[float, float], update_s: float, slowest: float) -> Judged:
    seen = {f"at_{1e3 * period:.4g}_ms": value for period, value in sorted(off.items())}
    near = [period for period in off if abs(period / update_s - 1) <= _NEAR]
    beside = [p for p in off if p not in near and p != slowest and not _locked(p, update_s)]
    if not near or not beside:
        return unknown("no wave near the updates", **seen)
    other = off[min(beside, key=lambda period: abs(period - update_s))]
    if all(abs(off[period]) <= _COVERAGE for period in near):
        return judged("holds", **seen)
    if any(
        abs(off[period] - other) > _COVERAGE and abs(off[period]) > _COVERAGE for period in near
    ):
        return judged("contradicted", "waves near the updates are counted wrong", **seen)
    return unknown("all fast waves differ alike: the load itself may draw differently", **seen)


def _locked(period: float, update_s: float) -> bool:
    """Whether updates always fall on the same few points of the wave."""
    ratio = max(period, update_s) / min(period, update_s)
    return abs(ratio - round(ratio)) < 0.05  # noqa: PLR2004 - a twentieth of the shorter one


def as_joules(t_s: Floats, watts: Floats, update_s: float | None = None) -> tuple[Floats, Floats]:
    """A power reading as a counter: what its updates would add up to."""
    at_s, values = ticks(t_s, watts, update_s)
    gaps = np.diff(at_s, prepend=at_s[:1])
    return at_s, np.cumsum(values * gaps)
