"""After how many correct answers something that was spent once has paid back."""

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Estimate, percentile_interval

Floats = NDArray[np.float64]


def answers_to_pay_back(
    total: float, candidate: Estimate, baseline: Estimate, saved: Floats
) -> Estimate:
    """`total` over what each correct answer saves; both in the same unit, `total` taken as exact.

    `saved` are resampled savings. Where they do not exclude that nothing is saved, there is no figure.
    """
    if candidate.value is None or baseline.value is None:
        unknown = candidate if candidate.value is None else baseline
        return Estimate(None, reason=unknown.reason)
    saving = baseline.value - candidate.value
    # A resample in which neither has anything correct speaks for no saving.
    least, most = percentile_interval(np.where(np.isnan(saved), -np.inf, saved))
    if saving <= 0 or least is None or least <= 0:
        return Estimate(None, reason="no_saving_shown")
    low = None if most is None else total / most
    return Estimate(total / saving, low, total / least, reason="unbounded" if low is None else None)
