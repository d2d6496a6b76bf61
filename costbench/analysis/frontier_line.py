"""A candidate against the line of a baseline's budgets: at equal accuracy, and at equal cost.

Both questions are asked of the line through those budgets that no other dominates, so that both get the same
answer, and what a baseline spends in vain is nothing that a candidate saves.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.budget_line import interpolated
from costbench.analysis.compare import Share, share_difference
from costbench.analysis.pareto import on_frontier
from costbench.analysis.stats import Estimate, percentile_interval

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

_OFTEN = 0.025
"""Share of resamples beyond the line from which an interval rests on them: one of its tails."""


@dataclass(frozen=True)
class Place:
    """A cost per attempt and an accuracy: what was measured, and then every resample (shared by problem).

    Of shape (1 + resamples,), or (1 + resamples, budgets) for a line. NaN is not known,
    and so is a cost of 0.
    """

    cost: Floats
    accuracy: Floats


@dataclass(frozen=True)
class FrontierLine:
    """Undominated points, rising in both; the last axis runs over points, the one before over resamples.

    Other points are replaced by the most accurate one. `log2_dearest` is the end of what was measured.
    """

    log2_cost: Floats
    accuracy: Floats
    log2_dearest: Floats

    @classmethod
    def through(cls, cost: Floats, accuracy: Floats) -> Self:
        """The line of points in any order, found anew in every resample; NaN where none is known."""
        x = _log2(cost)
        x = np.where(np.isnan(accuracy), np.nan, x)
        chosen = on_frontier(x, accuracy)
        return cls(
            _rising(x, chosen),
            _rising(accuracy, chosen),
            _largest(x, ~np.isnan(x)),
        )

    def covers(self, cost: Floats) -> Booleans:
        """Where costs were measured: from the cheapest point to the dearest, dominated or not."""
        x = _log2(cost)
        return np.asarray((self.log2_cost[..., 0] <= x) & (x <= self.log2_dearest))

    def at(self, cost: Floats) -> Floats:
        """Accuracy at a cost, linear in its logarithm between neighbors; level beyond the ends."""
        return interpolated(self.log2_cost, self.accuracy, _log2(cost))

    def reaching(self, accuracy: Floats) -> Floats:
        """The logarithm of the cheapest cost that reaches an accuracy, linear between neighbors.

        Beyond the line it is one of its ends, and not the cost: the cheapest where every point is more
        accurate, the dearest that was measured where none is as accurate.
        """
        inside = interpolated(self.accuracy, self.log2_cost, accuracy)
        return np.where(self.never(accuracy), self.log2_dearest, inside)

    def never(self, accuracy: Floats) -> Booleans:
        """Where no point is as accurate."""
        return np.asarray(accuracy > self.accuracy[..., -1])

    def always(self, accuracy: Floats) -> Booleans:
        """Where every point is more accurate."""
        return np.asarray(accuracy < self.accuracy[..., 0])


def saving_at_equal_accuracy(candidate: Place, line: Place) -> Estimate:
    """The candidate's cost over that of the line at the candidate's accuracy: below 1 is a saving.

    Where no budget is as accurate, the line's cost is above the dearest, so the ratio is above 0 and below
    the candidate's cost over that; where all are more accurate, it is above its cost over the cheapest.
    Resamples of either kind go into the interval with these bounds, and as a doubt beside the value
    (`partly_...`) if there are more than 2.5 % of them. If what was measured is of either kind, there is
    no value but one bound: `high` with `line_never_as_accurate`, `low` with `line_always_more_accurate`.
    """
    found = FrontierLine.through(line.cost, line.accuracy)
    ratio = np.exp2(_log2(candidate.cost) - found.reaching(candidate.accuracy))
    never, always = found.never(candidate.accuracy), found.always(candidate.accuracy)
    unknown = np.isnan(ratio)  # above all for the upper end, so below all for the lower one, too
    if unknown[0]:
        return Estimate(None, reason="not_measured")
    low, _ = percentile_interval(np.where(unknown | never, 0.0, ratio)[1:])
    _, high = percentile_interval(np.where(always, np.inf, ratio)[1:])
    if never[0]:
        return Estimate(None, low or None, high, reason="line_never_as_accurate")
    if always[0]:
        return Estimate(None, low, high, reason="line_always_more_accurate")
    doubt = _doubt(line_never_as_accurate=never, line_always_more_accurate=always)
    return Estimate(
        float(ratio[0]), low, high, reason=doubt or ("unbounded" if high is None else None)
    )


def accuracy_at_equal_cost(candidate: Place, line: Place, problems: int) -> Estimate:
    """The candidate's accuracy less that of the line at the candidate's cost.

    None where that is beyond the costs of the line (`outside_curve`); over 2.5 % of resamples there are
    a doubt (`partly_outside_curve`): the line goes on level there.
    """
    found = FrontierLine.through(line.cost, line.accuracy)
    reference, inside = found.at(candidate.cost), found.covers(candidate.cost)
    if np.isnan(reference[0]) or np.isnan(candidate.accuracy[0]):
        return Estimate(None, reason="not_measured")
    if not inside[0]:
        return Estimate(None, reason="outside_curve")
    return share_difference(
        Share(float(candidate.accuracy[0]), candidate.accuracy[1:]),
        Share(float(reference[0]), reference[1:], _doubt(outside_curve=~inside)),
        problems,
    )


def _doubt(**kinds: Booleans) -> str | None:
    """The most frequent kind of resample beyond the line, if it is frequent."""
    share, name = max((float(beyond[1:].mean()), name) for name, beyond in kinds.items())
    return f"partly_{name}" if share > _OFTEN else None


def _rising(values: Floats, chosen: Booleans) -> Floats:
    """Of the frontier, where both coordinates rise together, each can be sorted on its own."""
    top = _largest(values, chosen)[..., None]
    return np.sort(np.where(chosen, values, top), axis=-1)


def _largest(values: Floats, chosen: Booleans) -> Floats:
    top = np.where(chosen, values, -np.inf).max(axis=-1)
    return np.where(chosen.any(axis=-1), top, np.nan)


def _log2(cost: Floats) -> Floats:
    return np.asarray(np.log2(np.where(cost > 0, cost, np.nan)))
