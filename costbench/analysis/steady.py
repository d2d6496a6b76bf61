"""The steady part of a window: as many attempts in flight as the load says, all of them decoding.

The rule of the ML.ENERGY benchmark (arXiv 2505.06371): from when as many requests as may be in flight have
produced a token until the first of the last ones ends.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def steady_span(
    started_s: Floats, first_token_s: Floats, finished_s: Floats, concurrency: int
) -> tuple[float, float] | None:
    """Start and end of the steady part; None where there is none.

    Where an engine tells no first tokens, the first end of an attempt stands for them: a shorter part.
    """
    if started_s.size <= concurrency:
        return None
    if np.isnan(first_token_s).any():
        start_s = float(finished_s.min())
    else:
        start_s = float(np.sort(first_token_s)[concurrency - 1])
    last_start_s = float(started_s.max())
    later = finished_s[finished_s >= last_start_s]
    end_s = float(later.min()) if later.size else last_start_s
    return (start_s, end_s) if end_s > start_s else None


def share_inside(begin_s: Floats, finished_s: Floats, span: tuple[float, float]) -> Floats:
    """Which share of each attempt's tokens falls in a span, if it wrote them evenly from begin to end."""
    length = np.maximum(finished_s - begin_s, 1e-9)
    inside = np.minimum(finished_s, span[1]) - np.maximum(begin_s, span[0])
    return np.clip(inside / length, 0.0, 1.0)
