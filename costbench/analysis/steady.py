"""The steady part of a window: as many attempts in flight as the load says, all of them decoding.

The rule of the ML.ENERGY benchmark (arXiv 2505.06371): from when as many requests as may be in flight have
produced a token until the first of the last ones ends.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_FEWEST = 3


def steady_span(
    started_s: Floats, first_token_s: Floats, finished_s: Floats, concurrency: int
) -> tuple[float, float] | None:
    """Start and end of the steady part; None where there is none.

    Where an engine tells no first tokens, the first end of an attempt stands for them: a shorter part.
    """
    if started_s.size <= concurrency:
        return None
    told = np.sort(first_token_s[~np.isnan(first_token_s)])  # an attempt that failed has none
    start_s = float(told[concurrency - 1] if told.size >= concurrency else finished_s.min())
    last_start_s = float(started_s.max())
    later = finished_s[finished_s >= last_start_s]
    end_s = float(later.min()) if later.size else last_start_s
    return (start_s, end_s) if end_s > start_s else None


def arrival_span(arrived_s: Floats, finished_s: Floats) -> tuple[float, float] | None:
    """The same of an open loop: from when as many are in flight as on average, until the last arrives.

    The average is over the time in which any arrive. None where they are fewer than three, or it is never
    reached before the last one.
    """
    known = ~(np.isnan(arrived_s) | np.isnan(finished_s))
    arrived, finished = np.sort(arrived_s[known]), np.sort(finished_s[known])
    if arrived.size < _FEWEST:
        return None
    first_s, last_s = float(arrived[0]), float(arrived[-1])
    if last_s <= first_s:
        return None
    mean = float((np.minimum(finished, last_s) - arrived).sum() / (last_s - first_s))
    gone = np.searchsorted(finished, arrived, side="right")
    reached = np.flatnonzero(np.arange(1, arrived.size + 1) - gone >= mean)
    start_s = float(arrived[reached[0]]) if reached.size else last_s
    return (start_s, last_s) if last_s > start_s else None


def share_inside(begin_s: Floats, finished_s: Floats, span: tuple[float, float]) -> Floats:
    """Which share of each attempt's tokens falls in a span, if it wrote them evenly from begin to end."""
    length = finished_s - begin_s
    inside = np.minimum(finished_s, span[1]) - np.maximum(begin_s, span[0])
    at_once = (begin_s >= span[0]) & (begin_s < span[1])
    share = np.clip(inside / np.where(length > 0, length, 1.0), 0.0, 1.0)
    return np.where(length > 0, share, at_once.astype(np.float64))
