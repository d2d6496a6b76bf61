"""What several samples of a problem give together: for which k, and the mean over problems."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Estimate, Resampling, accuracy_estimate

Floats = NDArray[np.float64]


def doublings(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... up to `most`; none where it is below 1."""
    return tuple(1 << power for power in range(max(0, most).bit_length()))


def mean_share(by_problem: Floats, resampling: Resampling) -> Estimate:
    """The mean of shares, one per problem, over those that are known, with problems resampled.

    NaN is a problem with too few samples. Some of them are a doubt beside the value: those left out may be
    harder than the others.
    """
    known = ~np.isnan(by_problem)
    if not known.any():
        return Estimate(None, reason="too_few_samples")
    found = accuracy_estimate(*share_tables(by_problem), resampling)
    return found if known.all() else replace(found, reason="some_with_too_few_samples")


def share_tables(by_problem: Floats) -> tuple[Floats, Floats]:
    """The sums that `mean_share` resamples, for `Resampling.prepare`: of many means at once."""
    known = ~np.isnan(by_problem)
    return np.where(known, by_problem, 0.0)[:, None], known.astype(np.float64)[:, None]
