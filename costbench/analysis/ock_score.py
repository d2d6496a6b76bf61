"""OckScore: accuracy less a penalty for tokens, in one number (OckBench, arXiv 2511.05722)."""

from typing import overload

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@overload
def ock_score(accuracy: float, total_tokens: float) -> float: ...
@overload
def ock_score(accuracy: Floats, total_tokens: Floats) -> Floats: ...
def ock_score(accuracy: float | Floats, total_tokens: float | Floats) -> float | Floats:
    """Accuracy in percent - 10 ln(total_tokens / 10000 + 1); single figures, or one of each per resample.

    `accuracy` is a share, as everywhere here. `total_tokens` is the mean per attempt of all tokens, those of
    the prompt included: the authors' code feeds these (OckBench/OckBench src/core/scoring.py), though
    their pages speak of output tokens. Their accuracy is over all problems, errors being wrong.
    """
    return 100 * accuracy - 10 * np.log1p(total_tokens / 10_000)
