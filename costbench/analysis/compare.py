"""Is one cost lower than another? Paired by problem, with "inconclusive" as an allowed answer."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Estimate, percentile_interval

Floats = NDArray[np.float64]
Verdict = Literal["lower", "higher", "equivalent within margin", "inconclusive"]


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
