"""Is one cost lower than another? Paired by problem, with "inconclusive" as an allowed answer."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Estimate, highest_unseen_rate, percentile_interval

Floats = NDArray[np.float64]
Verdict = Literal["lower", "higher", "equivalent within margin", "inconclusive"]


@dataclass(frozen=True)
class Share:
    """An accuracy with its resampled values; None where not known, with the reason.

    A reason beside a value is a doubt, which goes on to whatever is computed from it.
    """

    value: float | None
    draws: Floats
    reason: str | None = None


def resampled_ratio(
    candidate: Estimate, baseline: Estimate, candidate_draws: Floats, baseline_draws: Floats
) -> Estimate:
    """Candidate over baseline from draws that share their resampled problems."""
    if candidate.value is None or not baseline.value:
        reason = candidate.reason or baseline.reason or "nothing_to_divide_by"
        return Estimate(None, reason=reason)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = percentile_interval(candidate_draws / baseline_draws)
    return Estimate(
        candidate.value / baseline.value,
        low,
        high,
        reason=None if high is not None else "unbounded",
    )


def verdict(ratio: Estimate, margin: float | None) -> Verdict:
    """What the interval of a ratio allows to say; `margin` is the share within which two costs are equal."""
    if ratio.value is None or ratio.low is None:
        return "inconclusive"
    low, high = ratio.low, math.inf if ratio.high is None else ratio.high
    if margin is not None and low > 1 / (1 + margin) and high < 1 + margin:
        return "equivalent within margin"
    if high < 1:
        return "lower"
    return "higher" if low > 1 else "inconclusive"


def share_difference(candidate: Share, baseline: Share, problems: int) -> Estimate:
    """Candidate minus baseline, from draws that share their resamples of `problems`."""
    reason = candidate.reason or baseline.reason
    if candidate.value is None or baseline.value is None:
        return Estimate(None, reason=reason)
    difference = candidate.value - baseline.value
    low, high = percentile_interval(candidate.draws - baseline.draws)
    if low is not None and low == high:  # alike on every problem seen, but the next may differ
        unseen = highest_unseen_rate(problems)
        low, high = max(-1.0, difference - unseen), min(1.0, difference + unseen)
    return _around_value(Estimate(difference, low, high, reason=reason))


def share_ratio(candidate: Share, baseline: Share, problems: int) -> Estimate:
    """The part of the baseline's accuracy that the candidate has, above 1 where it has more."""
    reason = candidate.reason or baseline.reason
    if candidate.value is None or baseline.value is None:
        return Estimate(None, reason=reason)
    if baseline.value == 0:
        return Estimate(None, reason="none_correct")
    values = Estimate(candidate.value), Estimate(baseline.value)
    found = resampled_ratio(*values, candidate.draws, baseline.draws)
    if found.low is not None and found.low == found.high:  # as above
        unseen = highest_unseen_rate(problems)
        low = max(0.0, candidate.value - unseen) / baseline.value
        found = replace(found, low=low, high=min(1.0, candidate.value + unseen) / baseline.value)
    return _around_value(replace(found, reason=reason or found.reason))


def _around_value(found: Estimate) -> Estimate:
    """Wide enough to hold its value: at a bend of a line nearly all resamples can lie on one side of it."""
    if found.value is None:
        return found
    low, high = (
        end if end is None else pick(end, found.value)
        for end, pick in ((found.low, min), (found.high, max))
    )
    return replace(found, low=low, high=high)
