"""The frontier of accuracy against cost per attempt, and how sure a place on it is."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


def on_frontier(cost: Floats, accuracy: Floats) -> Booleans:
    """Which points no other point dominates: at least as accurate and as cheap, and better in one.

    The last axis runs over points; axes before it are resamples. A point with an unknown figure is on no
    frontier and dominates nothing.
    """
    known = ~(np.isnan(cost) | np.isnan(accuracy))
    cheap = np.where(known, cost, np.inf)
    right = np.where(known, accuracy, -np.inf)
    mine_cost, other_cost = cheap[..., :, None], cheap[..., None, :]
    mine_right, other_right = right[..., :, None], right[..., None, :]
    no_worse = (other_cost <= mine_cost) & (other_right >= mine_right)
    better = (other_cost < mine_cost) | (other_right > mine_right)
    dominated = np.any(no_worse & better, axis=-1)
    return np.asarray(known & ~dominated)


def frontier_probability(cost: Floats, accuracy: Floats) -> Floats:
    """Share of resamples in which each point is on the frontier; inputs are (resamples, points)."""
    return np.asarray(on_frontier(cost, accuracy).mean(axis=0))
