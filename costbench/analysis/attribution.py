"""Each attempt's share of the window it ran in.

Energy and machine time belong to a window, not to a request: many are in flight at once. One rule gives each
attempt a share of its window; shares sum to 1, and the same shares divide joules and machine-seconds.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.phases import PhaseFit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rule = Literal["output_tokens", "phase_weighted", "equal"]


def shares(weights: Floats, window: Ints) -> Floats:
    """Shares in proportion to weights, in sum 1 in each window.

    `window` numbers the window of each attempt. Where no attempt of a window has a known, positive weight,
    its attempts share equally.
    """
    known = np.nan_to_num(weights, nan=0.0)
    size = int(window.max()) + 1 if window.size else 0
    totals = np.bincount(window, weights=known, minlength=size)
    counts = np.bincount(window, minlength=size)
    empty = totals[window] <= 0
    return np.where(empty, 1.0 / counts[window], known / np.where(empty, 1.0, totals[window]))


def output_token_shares(output_tokens: Floats, window: Ints) -> Floats:
    """Shares by sampled tokens (the rule of the ML.ENERGY benchmark: prefill is folded in)."""
    return shares(output_tokens, window)


def phase_weights(
    fit: PhaseFit, read: Floats, written: Floats, seconds: Floats, window: Ints
) -> Floats:
    """Joules by the fit: tokens read and written at their prices, the base shared by tokens written.

    `seconds` is the length of each window. They are weights: shares of them add up to the window exactly.
    """
    base = seconds[window] * fit.base_w * output_token_shares(written, window)
    tokens = fit.prefill_j * np.nan_to_num(read) + fit.decode_j * np.nan_to_num(written)
    return np.asarray(tokens + base)


def attribute(totals: Floats, shares: Floats, window: Ints) -> Floats:
    """Each attempt's part of its window's total; NaN where that total is not known."""
    return totals[window] * shares
