"""CodeCarbon's joules of the GPUs beside ours, over a whole session: other code on the same driver."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costbench.metering.codecarbon import GPUS
from costbench.metering.settling import MAX_GAP_S
from costbench.metering.trace import Series, Trace

GATE = 0.05
"""A larger difference, relative to ours, and the second opinion is not used."""
DROPPED = "second_opinion_dropped"
_SHORTEST_S = 5.0
"""In less the uncertainty of the edges is as large as the gate."""
_LATE_S = 0.1
"""How far from its own reading of the counters a change of CodeCarbon's figure may seem to be."""


@dataclass(frozen=True)
class SecondOpinion:
    """Joules of all GPUs in the span that both have seen."""

    joules: float
    ours_joules: float
    difference: float
    """Theirs over ours, less 1."""
    used: bool
    reason: str | None = None
    """Why it is not used."""


def second_opinion(
    trace: Trace, domains: Sequence[str], gate: float = GATE
) -> SecondOpinion | None:
    """Compare CodeCarbon's GPU joules with the sum of our counters; None where either is missing.

    `domains` are all GPUs of the machine: CodeCarbon's figure cannot be split. It moves every half second
    only, so the span begins and ends at its own changes, where ours is interpolated.
    """
    theirs = trace.counters.get(GPUS)
    ours = [trace.counters[domain] for domain in domains if domain in trace.counters]
    if theirs is None or not ours or len(ours) < len(domains):
        return None
    start_s, end_s = _span(theirs, ours)
    counted = [series.energy(start_s, end_s) for series in ours]
    known = [joules for joules in counted if joules is not None]
    if end_s - start_s < _SHORTEST_S or len(known) < len(ours):
        return None
    joules, ours_joules = _joules(theirs, start_s, end_s), sum(known)
    off = abs(joules - _nearest(joules, ours, start_s, end_s))
    used = joules > 0 and off <= gate * ours_joules
    return SecondOpinion(
        joules, ours_joules, joules / ours_joules - 1, used, None if used else DROPPED
    )


def _span(theirs: Series, ours: Sequence[Series]) -> tuple[float, float]:
    """From their first change to their last, as far as all of ours reach; empty where there is none.

    A figure that stands still while our counters go on is compared up to where they end.
    """
    first_s = max(float(series.t_s[0]) for series in ours)
    last_s = min(float(series.t_s[-1]) for series in ours)
    changes = theirs.t_s[1:]  # the first time is that of the first reading, not of a change
    inside = changes[(changes >= first_s) & (changes <= last_s)]
    start_s = float(inside[0]) if inside.size else max(first_s, float(theirs.t_s[0]))
    end_s = float(inside[-1]) if inside.size else start_s
    return start_s, last_s if last_s - float(theirs.t_s[-1]) > MAX_GAP_S else end_s


def _nearest(joules: float, ours: Sequence[Series], start_s: float, end_s: float) -> float:
    """What ours may be that comes closest to `joules`, given that both edges are uncertain.

    CodeCarbon reads what the counter last showed, up to an update ago, and tells of it a little later.
    """
    slack_s = _LATE_S + max(series.update_period_s or 0.0 for series in ours)
    least = sum(_joules(series, start_s + slack_s, end_s - slack_s) for series in ours)
    most = sum(_joules(series, start_s - slack_s, end_s + slack_s) for series in ours)
    return min(max(joules, least), most)


def _joules(series: Series, start_s: float, end_s: float) -> float:
    """The gain between two times, which ends where the series does."""
    low, high = np.interp([start_s, end_s], series.t_s, series.joules)
    return float(high - low)
