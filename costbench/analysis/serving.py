"""Which attempts kept what a service promises; the figures themselves are in docs/serving.md."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Which = NDArray[np.bool_]


def kept(
    limits: Mapping[str, float], figures: Mapping[str, Floats], answered: Which
) -> tuple[Which, tuple[str, ...]]:
    """Which attempts are within all limits, and the figures that are known of none of them.

    What was not `answered` keeps nothing, and neither does what has no figure where others have one.
    """
    found, unknown = answered.copy(), []
    for name, limit in limits.items():
        values = figures[name]
        if answered.any() and np.isnan(values[answered]).all():
            unknown.append(name)
        found &= values <= limit
    return found, tuple(unknown)


def as_promised(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Figures to hold against limits: in seconds, infinite where a user waits in vain.

    A response of one token has no time between tokens, which keeps any limit (as in vLLM's goodput); one
    that never came out of its thinking has no answer.
    """
    written = columns["output_tokens"]
    only_thought = (written > 0) & (columns["reasoning_tokens"] == written)
    late = np.isnan(columns["ttfat_s"]) & only_thought
    return {
        "ttft_s": columns["ttft_s"],
        "ttfat_s": np.where(late, np.inf, columns["ttfat_s"]),
        "tpot_s": np.where(written <= 1, 0.0, columns["tpot_s"]),
        "latency_s": columns["latency_s"],
    }
