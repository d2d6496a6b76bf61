"""Many comparisons in one report: p-values from resamples, and what they are worth together."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bootstrap_p(draws: Floats) -> Floats:
    """Two-sided p-values of no difference, from resampled differences or log ratios.

    The last axis is resamples. Twice the smaller share of them at or beyond 0, at most 1, with one more that
    speaks for no difference, so that p is never 0 (Davison and Hinkley 1997, section 4.2). A difference of
    exactly 0, or one that is not known in a resample, counts on both sides; NaN where none is known. It
    agrees with the percentile interval, which excludes 0 where p is below 1 - confidence. With few
    problems both are too sure of themselves.
    """
    unsure = np.isnan(draws)
    beyond = np.minimum(((draws <= 0) | unsure).sum(axis=-1), ((draws >= 0) | unsure).sum(axis=-1))
    p = np.minimum(1.0, 2 * (beyond + 1) / (draws.shape[-1] + 1))
    return np.where(unsure.all(axis=-1), np.nan, p)


def holm(p: Floats) -> Floats:
    """Adjusted p-values that control the chance of any false finding, however they depend on each other.

    Holm 1979. NaN is a comparison that could not be made: it stays NaN and does not count.
    """
    return _adjusted(p, _step_down)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values that control the expected share of false ones among the findings.

    Benjamini and Hochberg 1995: for p-values that are independent or depend positively, as those against one
    baseline do. NaN as in `holm`.
    """
    from scipy.stats import false_discovery_control

    return _adjusted(p, false_discovery_control)


def simultaneous_level(count: int, confidence: float) -> float:
    """The level of each of `count` intervals so that all hold together with `confidence` (Bonferroni).

    An end of such an interval is the quantile (1 - level) / 2: have resamples for some tens beyond it.
    """
    if count < 1:
        raise ValueError(f"a level is for at least one interval, found {count}")
    return 1 - (1 - confidence) / count


def _adjusted(p: Floats, adjust: Callable[[Floats], Floats]) -> Floats:
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise ValueError("p-values must be between 0 and 1")
    found = np.full(p.shape, np.nan)
    found[known] = adjust(p[known])
    return found


def _step_down(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    found = np.empty_like(p)
    found[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return found
