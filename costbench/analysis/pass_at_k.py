"""Whether any of k samples is correct, without bias, from n samples (Chen et al., arXiv 2107.03374)."""

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.over_samples import doublings, mean_share
from costbench.analysis.stats import Estimate, Resampling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def pass_at_k(samples: Ints, correct: Ints, k: int) -> Floats:
    """1 - C(n - c, k) / C(n, k) by problem, of n `samples` with c `correct`; NaN where n < k.

    Raises ValueError for counts that cannot be.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    if ((correct < 0) | (correct > samples)).any():
        raise ValueError("each problem's correct samples must be between 0 and all of them")
    none_correct = np.ones(np.broadcast(samples, correct).shape)
    for drawn in range(k):  # one after the other: the binomials themselves overflow
        left = np.maximum(samples - drawn, 1)
        none_correct *= np.maximum(samples - correct - drawn, 0) / left
    return np.where(samples < k, np.nan, 1 - none_correct)


def pass_at_k_estimates(
    samples: Ints, correct: Ints, resampling: Resampling
) -> dict[int, Estimate]:
    """The mean over problems for k = 1, 2, 4, ... up to the most samples of any, with problems resampled.

    Samples that nobody graded are none: leave them out of both counts.
    """
    most = int(samples.max(initial=0))
    return {k: mean_share(pass_at_k(samples, correct, k), resampling) for k in doublings(most)}
