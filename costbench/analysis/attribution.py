"""Each attempt's share of the window it ran in.

Energy and machine time belong to a window, not to a request: many are in flight at once. One rule gives each
attempt a share of its window; shares sum to 1, and the same shares divide joules and machine-seconds.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def output_token_shares(output_tokens: Floats, window: Ints) -> Floats:
    """Shares by sampled tokens (the rule of the ML.ENERGY benchmark: prefill is folded in).

    `window` numbers the window of each attempt. Where no attempt of a window has a known, positive count, its
    attempts share equally.
    """
    weights = np.nan_to_num(output_tokens, nan=0.0)
    size = int(window.max()) + 1 if window.size else 0
    totals = np.bincount(window, weights=weights, minlength=size)
    counts = np.bincount(window, minlength=size)
    empty = totals[window] <= 0
    return np.where(empty, 1.0 / counts[window], weights / np.where(empty, 1.0, totals[window]))


def attribute(totals: Floats, shares: Floats, window: Ints) -> Floats:
    """Each attempt's part of its window's total; NaN where that total is not known."""
    return totals[window] * shares
