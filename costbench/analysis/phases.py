"""What a token costs in each phase: a fit of window energies on time, tokens read and tokens written.

`E = base_w * T + prefill_j * tokens read + decode_j * tokens written`, each at least 0: non-negative least
squares over windows of one model on one device (reference: how ML.ENERGY and others share energy among
requests in a batch, where no phase is ever measured alone).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_WINDOWS = 6
_WORST_CONDITION = 1e4


@dataclass(frozen=True)
class PhaseFit:
    """Watts that flow in any case, joules per token read and per token written, and how well they fit."""

    base_w: float
    prefill_j: float
    decode_j: float
    residual: float
    """Root mean square of what the fit misses, as a share of the mean window."""
    windows: int


def fit_phases(joules: Floats, seconds: Floats, read: Floats, written: Floats) -> PhaseFit | None:
    """The fit over windows; None where they are too few or too much alike to tell the phases apart."""
    from scipy.optimize import nnls

    columns = np.column_stack([seconds, read, written])
    known = np.isfinite(columns).all(axis=1) & np.isfinite(joules)
    columns, joules = columns[known], joules[known]
    if len(joules) < FEWEST_WINDOWS or (columns.max(axis=0) <= 0).any():
        return None
    scale = columns.max(axis=0)
    scaled = columns / scale
    if np.linalg.cond(scaled) > _WORST_CONDITION:
        return None
    found, missed = nnls(scaled, joules)
    base_w, prefill_j, decode_j = (float(value) for value in found / scale)
    residual = float(missed) / np.sqrt(len(joules)) / float(joules.mean())
    return PhaseFit(base_w, prefill_j, decode_j, residual, len(joules))
