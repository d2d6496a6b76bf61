"""Accuracy as a function of length: a line through the measured budgets of one model and policy."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class BudgetLine:
    """Points by rising tokens; the last axis runs over points, the one before it over resamples."""

    log2_tokens: Floats
    accuracy: Floats

    @classmethod
    def through(cls, tokens: Floats, accuracy: Floats) -> Self:
        """A line through points in any order, ordered anew in every resample.

        A larger budget need not have used more tokens. Points of the very same tokens stand for one, with
        their mean accuracy.
        """
        order = np.argsort(tokens, axis=-1, kind="stable")
        x = _log2(np.take_along_axis(tokens, order, axis=-1))
        y = np.take_along_axis(accuracy, order, axis=-1)
        alike = x[..., :, None] == x[..., None, :]
        with np.errstate(invalid="ignore"):  # nothing known: not even like itself
            mean = np.where(alike, y[..., None, :], 0.0).sum(axis=-1) / alike.sum(axis=-1)
        return cls(x, mean)

    def covers(self, tokens: Floats) -> Booleans:
        """Where the line was measured: from its fewest to its most tokens, both included."""
        x = _log2(tokens)
        return np.asarray((self.log2_tokens[..., 0] <= x) & (x <= self.log2_tokens[..., -1]))

    def at(self, tokens: Floats) -> Floats:
        """Accuracy at so many tokens, linear in their logarithm between neighboring points.

        Beyond its ends the line goes on level: a slope between two points says nothing about what is there.
        """
        return interpolated(self.log2_tokens, self.accuracy, _log2(tokens))


def _log2(tokens: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(tokens))


def interpolated(x: Floats, y: Floats, at: Floats) -> Floats:
    """Values of y at `at`, linear between neighboring points of rising x and level beyond its ends.

    The last axis of x and y runs over points; `at` has the axes before it, and NaN gives NaN.
    """
    below = (x < at[..., None]).sum(axis=-1)
    left, right = np.maximum(below - 1, 0), np.minimum(below, x.shape[-1] - 1)
    start, end = _taken(x, left), _taken(x, right)
    part = np.zeros_like(at)
    with np.errstate(invalid="ignore"):
        np.divide(at - start, end - start, out=part, where=left != right)
    found = (1 - part) * _taken(y, left) + part * _taken(y, right)
    return np.where(np.isnan(at), np.nan, found)


def _taken(values: Floats, at: NDArray[np.int64]) -> Floats:
    return np.asarray(np.take_along_axis(values, at[..., None], axis=-1)[..., 0])
