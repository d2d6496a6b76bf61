"""Cost-of-Pass: what a correct answer costs on each problem, and what a set of models adds.

Erol et al., arXiv 2504.13359. A mean over problems of cost over success rate is biased upward
where the rate is from a few samples, and infinite as soon as no model solves one problem. So a ratio of means
stands beside it, and a person's cost caps it where one is given.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.ratio import Ratio
from costbench.analysis.stats import Estimate, Resampling, bound_without_correct, ratio_estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SetCost:
    """What correct answers cost with a set of models, on the best of them for each problem."""

    by_problem: Floats
    """The frontier: inf where nobody solves a problem."""
    mean: Estimate
    ratio_of_means: Estimate
    """Mean cost over mean rate, each problem going to where it is cheapest, or if unsolved cheapest to try.

    The choice is made on the same samples, which flatters it (as it does the frontier).
    """
    unsolved: int
    """Problems that no model solved, whether or not a person is asked."""


def cost_of_pass(cost: Floats, rate: Floats) -> Floats:
    """Expected cost until a correct answer: of one attempt over its success rate; inf where that is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rate == 0, np.where(np.isnan(cost), np.nan, np.inf), cost / rate)


def frontier(values: Floats, expert: Floats | float | None = None) -> Floats:
    """The lowest cost of pass by problem, of (models, problems) and of a person's, who is always right.

    `expert` is the person's cost of an answer, for all problems or for each. NaN where a model's is unknown:
    it might have been the lowest. No model at all is one that solves nothing.
    """
    lowest = values.min(axis=0, initial=np.inf)
    return np.asarray(lowest if expert is None else np.minimum(lowest, expert))


def cost_of_set(
    costs: Floats,
    rates: Floats,
    resampling: Resampling,
    expert: Floats | float | None = None,
) -> SetCost:
    """The frontier of a set and its means over problems.

    `costs` of an attempt and success `rates` are (models, problems), `expert` is as in `frontier`. The
    mean has no value where a problem stays infinite (`some_never_solved`).
    """
    values = cost_of_pass(costs, rates)
    unsolved = int(np.isinf(frontier(values)).sum())
    by_problem = frontier(values, expert)
    if expert is not None:  # one model more, that is always right
        of_expert = np.broadcast_to(expert, (1, costs.shape[1]))
        costs, rates = np.vstack([costs, of_expert]), np.vstack([rates, np.ones_like(of_expert)])
    reason = _why_none(by_problem)
    mean = Estimate(None, reason=reason) if reason else _mean(by_problem, resampling)
    return SetCost(by_problem, mean, _routed(costs, rates), unsolved)


def gain(before: Floats, after: Floats, resampling: Resampling) -> Estimate:
    """What a larger set of models saves per problem: both are frontiers by problem, `after` of the larger."""
    reason = _why_none(before, after)
    if reason:
        return Estimate(None, reason=reason)
    return _mean(before - after, resampling)


def essentialness(without: Floats, every: Floats, resampling: Resampling) -> Estimate:
    """How much of the cost without a family of models the family saves: 0 for nothing, up to 1.

    Both are frontiers by problem, `every` with the family. Give them a person's cost: what only the
    family solves is else infinite without it, and there is no value.
    """
    reason = _why_none(without, every)
    if reason:
        return Estimate(None, reason=reason)
    return ratio_estimate((without - every)[:, None], without[:, None], resampling)


def _routed(costs: Floats, rates: Floats) -> Estimate:
    values = cost_of_pass(costs, rates)
    if np.isnan(values).any():
        return Estimate(None, reason="not_measured")
    best = np.lexsort((costs, values), axis=0)[:1]
    cost, rate = (np.take_along_axis(table, best, axis=0).T for table in (costs, rates))
    if not rate.sum() > 0:
        return bound_without_correct(cost, np.ones_like(cost))
    return Ratio.of(cost, rate).estimate()


def _mean(by_problem: Floats, resampling: Resampling) -> Estimate:
    return ratio_estimate(by_problem[:, None], np.ones((len(by_problem), 1)), resampling)


def _why_none(*by_problem: Floats) -> str | None:
    if any(np.isnan(values).any() for values in by_problem):
        return "not_measured"
    if any(np.isinf(values).any() for values in by_problem):
        return "some_never_solved"
    return None
