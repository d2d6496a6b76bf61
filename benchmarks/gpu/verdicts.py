"""What was seen against what was assumed: pure functions of arrays, each with limits of its own.

"holds" and "contradicted" are said of what was measured; "open" where it was not, or lies between the limits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from benchmarks.gpu.analysis import (
    changes,
    counter_energy,
    integral,
    longest_pause,
    sharp_gaps,
    slope,
    variation,
)
from costbench.metering.trace import Floats

Word = Literal["holds", "contradicted", "open"]
Seen = Mapping[str, float | str | None]

_DIGITS = 5
_PERIOD_S = (0.08, 0.12)
_JITTER = 0.1
_SHARP = 0.1
PAUSE_S = 0.3
"""A busy machine that read nothing for longer: what it read is then no measure of the GPU."""
_CALL_S = 0.002
_CLOSE, _FAR = 0.02, 0.05
_CONTEXT_W = (26.0, 66.0)
_LISTING_W, _LISTING_MIB = 5.0, 50.0
_HEAT = 0.01
_REPEAT, _PASSES = 0.012, 3
_SAMPLER = 0.005
_JUMP = 1.2
_AT_LIMIT = 0.97
_POWER_CAP_BIT = 4.0


@dataclass(frozen=True)
class Judged:
    """A word, what it rests on, and why it is no other where that needs saying."""

    verdict: Word
    seen: Seen = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class Power:
    """A counter and a power reading of one stretch."""

    counter_t_s: Floats
    joules: Floats
    power_t_s: Floats
    watts: Floats
    shift_s: float
    """How long before it was read the power was drawn, on average."""


def rounded(value: float | None) -> float | None:
    """To five digits: more are noise, and differ from one machine's arithmetic to the next."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")


def judged(verdict: Word, why: str = "", /, **seen: float | str | None) -> Judged:
    """With figures rounded."""
    neat = {
        name: value if isinstance(value, str) else rounded(value) for name, value in seen.items()
    }
    return Judged(verdict, neat, why)


def unknown(why: str, /, **seen: float | str | None) -> Judged:
    """Nothing can be said."""
    return judged("open", why, **seen)


def below(value: float | None, limit: float, /, **seen: float | str | None) -> Judged:
    """Holds up to a limit."""
    if value is None or not math.isfinite(value):
        return unknown("not measured", **seen)
    return judged("holds" if value <= limit else "contradicted", **seen)


def counter_moves(t_s: Floats, joules: Floats, error: str | None) -> Judged:
    """There is a counter, and it moves under load."""
    if error or not t_s.size:
        return judged("contradicted", error or "no energy counter", changes=0)
    moved = changes(t_s, joules)[0].size
    why = "" if moved else "the energy counter does not move"
    return judged("holds" if moved else "contradicted", why, changes=moved)


def update_period(t_s: Floats, values: Floats) -> Judged:
    """About every 100 ms."""
    gaps = np.diff(changes(t_s, values)[0])
    if not gaps.size:
        return unknown("it did not change twice")
    median_s = float(np.median(gaps))
    word: Word = "holds" if _PERIOD_S[0] <= median_s <= _PERIOD_S[1] else "contradicted"
    return judged(word, period_ms=1e3 * median_s, updates=gaps.size + 1)


def update_jitter(t_s: Floats, values: Floats) -> Judged:
    """Evenly: 95 of 100 gaps within a tenth of the period, as smoothing over neighbors supposes."""
    gaps = sharp_gaps(t_s, values, _SHARP)  # what we were late to see says nothing of the counter
    if gaps.size < 5:  # noqa: PLR2004 - no 95th percentile of fewer
        return unknown("too few updates")
    median_s = float(np.median(gaps))
    off = float(np.percentile(np.abs(gaps / median_s - 1), 95))
    polls_ms = 1e3 * float(np.median(np.diff(t_s)))
    longest_ms = 1e3 * float(gaps.max())
    return below(off, _JITTER, jitter_p95=off, longest_gap_ms=longest_ms, polled_every_ms=polls_ms)


def same_period(probed_s: float | None, t_s: Floats, values: Floats) -> Judged:
    """What costbench finds in its short look when it opens the GPU is what a long one finds."""
    gaps = np.diff(changes(t_s, values)[0])
    if probed_s is None or not gaps.size:
        return unknown("no period to compare")
    long_s = float(np.median(gaps))
    return below(
        abs(probed_s / long_s - 1), _JITTER, probed_ms=1e3 * probed_s, long_ms=1e3 * long_s
    )


def call_time(durations_s: Floats) -> Judged:
    """A call for the counter takes 2 ms at most, by the median that decides how often costbench asks."""
    if not durations_s.size:
        return unknown("no calls")
    middle, late = (float(np.percentile(durations_s, q)) for q in (50, 99))
    return below(middle, _CALL_S, p50_ms=1e3 * middle, p99_ms=1e3 * late, calls=durations_s.size)


def survives(
    before_j: float | None, after_j: float | None, apart_s: float, limit_w: float
) -> Judged:
    """A counter goes on when NVML is closed and opened again."""
    if before_j is None or after_j is None:
        return unknown("no counter")
    more = after_j - before_j
    word: Word = "holds" if 0 <= more <= _JUMP * limit_w * (apart_s + 1) else "contradicted"
    return judged(word, joules_more=more, seconds=apart_s)


def agreement(power: Power, window_s: tuple[float, float]) -> Judged:
    """Counter and integral of power in one window: 2 %, beyond 5 % the assumption is wrong."""
    pause_s = longest_pause(power.counter_t_s, window_s)
    if PAUSE_S < pause_s < math.inf:
        return unknown(f"readings paused for {pause_s:.2g} s")
    counted = counter_energy(power.counter_t_s, power.joules, window_s)
    summed = integral(power.power_t_s, power.watts, window_s, power.shift_s)
    if not counted or summed is None:
        return unknown("not covered by readings", counter_j=counted, integral_j=summed)
    off = summed / counted - 1
    return between(
        abs(off), _CLOSE, _FAR, integral_over_counter=off, counter_j=counted, integral_j=summed
    )


def sensors(readings: Mapping[str, float | None]) -> Judged:
    """Mean power of all readings under steady load, within 5 % of each other."""
    known = {
        name: watts
        for name, watts in readings.items()
        if watts is not None and math.isfinite(watts)
    }
    if len(known) < 2:  # noqa: PLR2004 - nothing to compare
        return unknown("fewer than two readings", **known)
    apart = max(known.values()) / min(known.values()) - 1
    return below(apart, _FAR, apart=apart, **known)


def context_power(bare_w: float | None, context_w: float | None) -> Judged:
    """What a CUDA context adds: 26 to 66 W were published for other cards."""
    if bare_w is None or context_w is None:
        return unknown("an idle power is missing", bare_w=bare_w, context_w=context_w)
    extra_w = context_w - bare_w
    word: Word = "holds" if _CONTEXT_W[0] <= extra_w <= _CONTEXT_W[1] else "contradicted"
    return judged(word, extra_w=extra_w, bare_w=bare_w, context_w=context_w)


def stays_bare(
    processes: tuple[int | None, int | None],
    memory_mib: tuple[float | None, float | None],
    watts: tuple[float | None, float | None],
) -> Judged:
    """Listing the GPUs with torch opens no context: before and during, of processes, memory and power."""
    pairs = {"processes": processes, "memory_mib": memory_mib, "watts": watts}
    limits = {"processes": 0.0, "memory_mib": _LISTING_MIB, "watts": _LISTING_W}
    more = {
        name: float(after) - float(before)
        for name, (before, after) in pairs.items()
        if before is not None and after is not None
    }
    if not more:
        return unknown("nothing could be read")
    wrong = [name for name, extra in more.items() if extra > limits[name]]
    why = f"more {', '.join(wrong)} while it was listing" if wrong else ""
    return judged(
        "contradicted" if wrong else "holds", why, **{f"more_{k}": v for k, v in more.items()}
    )


def alone(listed: int | None) -> Judged:
    """Nobody is on the GPU while its bare idle power is measured."""
    if listed is None:
        return unknown("processes cannot be listed")
    return below(float(listed), 0.0, processes=listed)


def warmth(temperature_c: Floats, watts: Floats, limit_w: float | None) -> Judged:
    """Hotter silicon draws more: watts per degree under full load, unless a power limit holds them down."""
    known = np.isfinite(temperature_c) & np.isfinite(watts)
    rise = slope(temperature_c[known], watts[known])
    span_c = float(np.ptp(temperature_c[known])) if known.any() else None
    if rise is None or span_c is None or span_c < 2:  # noqa: PLR2004 - degrees: less is the sensor's own step
        return unknown("it did not get warmer by 2 °C", span_c=span_c)
    seen = {"watts_per_c": rise, "span_c": span_c, "watts": float(watts[known].mean())}
    if limit_w is not None and seen["watts"] > _AT_LIMIT * limit_w:
        return unknown("the power limit holds it down", **seen)
    return judged("holds" if rise > 0 else "contradicted", **seen)


def heat_row(joules: Floats, chunks: Floats) -> Judged:
    """Joules of the same work after a cooldown: within 1 %, one standard deviation."""
    each = joules / chunks
    return below(
        variation(each), _HEAT, variation=variation(each), windows=int(np.isfinite(each).sum())
    )


def repeatability(joules: Floats, chunks: Floats) -> Judged:
    """Of three passes 1.2 %: the variation of the same work over the root of three."""
    varies = variation(joules / chunks)
    of_three = None if varies is None else varies / math.sqrt(_PASSES)
    return below(of_three, _REPEAT, of_three=of_three, variation=varies, windows=joules.size)


def sampler_cost(rate_with: Floats, rate_without: Floats) -> Judged:
    """Less than 0.5 % of throughput, by an interval of the median of pairs."""
    if rate_with.size < 3:  # noqa: PLR2004 - no interval of fewer
        return unknown("too few pairs")
    lost = 1 - rate_with / rate_without
    drawn = np.random.default_rng(0).choice(lost, (2000, lost.size))
    low, high = (float(q) for q in np.percentile(np.median(drawn, axis=1), (2.5, 97.5)))
    word: Word = "holds" if high <= _SAMPLER else "contradicted" if low > _SAMPLER else "open"
    return judged(
        word,
        "" if word != "open" else "the interval spans the limit",
        lost=float(np.median(lost)),
        low=low,
        high=high,
    )


def throttling(seconds: Mapping[str, Floats], event_reasons: Floats, spans_s: float) -> Judged:
    """Cumulative fields are there, never fall, and grow where event reasons name the power cap."""
    if not seconds:
        return judged("contradicted", "no field of throttled time can be read")
    grown = {name: float(values[-1] - values[0]) for name, values in seconds.items() if values.size}
    if any(np.any(np.diff(values) < 0) for values in seconds.values()):
        return judged("contradicted", "a field went back", **grown)
    capped = (
        float(np.mean((event_reasons.astype(int) & int(_POWER_CAP_BIT)) > 0))
        if event_reasons.size
        else None
    )
    seen = grown | {"capped_share_of_reasons": capped, "load_s": spans_s}
    if capped is None:
        return unknown("no event reasons to compare with", **seen)
    if capped > 0.1 and grown.get("power_cap", 0.0) <= 0:  # noqa: PLR2004 - more than a passing moment
        return judged("contradicted", "the power cap is named, and its field stands still", **seen)
    return judged(
        "holds" if capped > 0 else "open", "" if capped > 0 else "no power cap was reached", **seen
    )


def visible(seen: Mapping[str, bool | None], one: int | None, two: int | None) -> Judged:
    """The driver lists our processes under the numbers that they have here."""
    counted = {"listed_with_one": one, "listed_with_two": two}
    if one is None or two is None:
        return unknown("processes cannot be listed", **counted)
    found = sum(bool(each) for each in seen.values())
    why = "" if found == len(seen) else "hidden, or numbered otherwise (a container)"
    return judged("holds" if found == len(seen) else "contradicted", why, found=found, **counted)


def between(value: float, close: float, far: float, /, **seen: float | str | None) -> Judged:
    """Holds up to one limit, is contradicted beyond another, open in between."""
    word: Word = "holds" if value <= close else "contradicted" if value > far else "open"
    return judged(word, "" if word != "open" else "between both limits", **seen)


def in_ms(seconds: float | None) -> float | None:
    """Of seconds."""
    return None if seconds is None else 1e3 * seconds
