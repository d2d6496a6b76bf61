"""How well test-time compute is controlled, and what it is worth (s1, arXiv 2501.19393, section 3.2).

Tables are those of one model and policy: the last axis runs over its budgets, axes before it over resamples.
`tokens` are means per attempt; the paper counts those of thinking. What is unknown makes its resample NaN.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def control(tokens: Floats, limits: Floats, least: Floats | float = 0.0) -> Floats:
    """Share of budgets whose mean tokens lie between `least` and `limits`, both included (paper: x 100).

    By budget, not by attempt: a mean may keep a limit that many attempts break. A limit of inf is none.
    The paper takes 100 tokens as the limit of a step. Where a model is only asked for short or long
    thinking, short has what it uses unasked as its limit, and long has that as its least.
    """
    known = ~(np.isnan(tokens) | np.isnan(limits) | np.isnan(least)).any(axis=-1)
    kept = ((least <= tokens) & (tokens <= limits)).mean(axis=-1)
    return np.where(known, kept, np.nan)


def scaling_per_doubling(tokens: Floats, accuracy: Floats) -> Floats:
    """Accuracy gained per doubling of tokens: the mean slope over all pairs of budgets, x = log2 tokens.

    In the unit of `accuracy`. This form gives Table 3 of the paper, its Eq. 2 with plain tokens does not.
    Pairs of equal tokens have no slope and are left out. NaN where no pair is left, and where some tokens
    are not above 0.
    """
    return _mean_slope(np.log2(np.where(tokens > 0, tokens, np.nan)), accuracy)


def scaling_linear(tokens: Floats, accuracy: Floats) -> Floats:
    """Accuracy gained per 1000 tokens: the same mean with x = tokens, as Eq. 2 is printed."""
    return _mean_slope(tokens / 1000, accuracy)


def performance(accuracy: Floats) -> Floats:
    """The best accuracy of all budgets. It is picked afterwards, so more budgets make it higher."""
    return np.asarray(accuracy.max(axis=-1))


def _mean_slope(x: Floats, y: Floats) -> Floats:
    left, right = np.triu_indices(x.shape[-1], 1)
    run, rise = x[..., right] - x[..., left], y[..., right] - y[..., left]
    apart = run != 0
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(apart, rise / run, 0.0)
        return np.asarray(slopes.sum(axis=-1) / apart.sum(axis=-1))
