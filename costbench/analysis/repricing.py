"""What a cell costs at other prices, with intervals, from a few sums of what it has used.

A cost is a weighted sum of components (unit-hours, kilowatt-hours, wrong answers, …). The pulls of a mix
are those of its components, each times its share of the cost, so every variance of `analysis.ratio` is a
quadratic form in the shares: small matrices, computed once (`analysis.usage`), are all that it takes. A page
that re-prices itself does as `reprice` does (report/templates/reprice.js).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from costbench.analysis.stats import Estimate

Matrix = tuple[tuple[float, ...], ...]
Weights = Mapping[str, float | None]
"""What one of each component costs; None: nobody said."""

_BEYOND = 100.0
"""As in `analysis.ratio`: half-widths that say nothing."""
_FEWEST = 2
"""Problems from which something can be said of the next."""


@dataclass(frozen=True)
class Assumptions:
    """What a reader may put in; the defaults are those of headline figures."""

    usd_per_unit_hour: float | None = None
    """Of a GPU, a vCPU or a machine, as `unit_hours` are counted; None: nobody said."""
    utilization: float = 1.0
    """Share of the paid hours that is useful: the rest is paid for by it."""
    usd_per_kwh: float = 0.0
    """On top of the hourly price; 0 where electricity is in it."""
    pue: float = 1.0
    """1: energy as metered."""
    gco2e_per_kwh: float | None = None
    usd_per_wrong_answer: float = 0.0


@dataclass(frozen=True)
class Squares:
    """Squares of half-widths of the logarithm, as quadratic forms in the components' shares of the cost."""

    problems: int
    """That count; of one there is no interval."""
    unseen: float
    between_problems: Matrix
    between_passes: Matrix
    """Counts where it is above 0."""


@dataclass(frozen=True)
class Per:
    """What a sum of components is divided by, and how sure the quotient is."""

    under: float
    components: tuple[str, ...]
    """The rows of the matrices: those that are known and not 0."""
    usual: Squares
    unless: Mapping[str, Squares] = field(default_factory=dict)
    """By the components that cost something, joined by "+", where other problems count for these."""
    unseen_wrong: float = 0.0
    """Where no wrong answer was seen: how many there may be, at most."""


@dataclass(frozen=True)
class Usage:
    """What all attempts of a cell have used together."""

    totals: Mapping[str, float | None]
    """`unit_hours` or `fixed_usd`, `kwh`, `wrong` (answers); None: not known."""
    meter: float
    """Half-width of the logarithm of energy that the meter alone gives."""
    per_attempt: Per | None
    per_correct: Per | None
    """None where nothing is correct, or graded."""
    correct_at_most: float | None = None
    """Where nothing is: as many as the highest success rate that fits gives."""


@dataclass(frozen=True)
class Repriced:
    """The figures that prices move."""

    usd_per_attempt: Estimate
    usd_per_correct: Estimate
    gco2e_per_attempt: Estimate
    gco2e_per_correct: Estimate


def reprice(usage: Usage, at: Assumptions) -> Repriced:
    """The figures of a cell at these prices; what needs something that is not known is not known.

    Where believing a wrong answer costs something, that makes nothing cheaper, and where none was seen there
    may be some all the same: the ends of the interval say so, as those of a decision.
    """
    usd = _usd_weights(usage, at)
    carbon = {"kwh": None if at.gco2e_per_kwh is None else at.pue * at.gco2e_per_kwh}
    return Repriced(
        usd_per_attempt=_with_wrong(usage, usage.per_attempt, usd),
        usd_per_correct=_with_wrong(usage, usage.per_correct, usd)
        if usage.correct_at_most is None
        else _bound(usage, usage.correct_at_most, usd),
        gco2e_per_attempt=_mixed(usage, usage.per_attempt, carbon),
        gco2e_per_correct=_mixed(usage, usage.per_correct, carbon)
        if usage.correct_at_most is None
        else _bound(usage, usage.correct_at_most, carbon),
    )


def _usd_weights(usage: Usage, at: Assumptions) -> Weights:
    """What one of each component costs; electricity is paid for beside hours, never beside tokens."""
    hour = at.usd_per_unit_hour
    return {
        "unit_hours": None if hour is None else hour / at.utilization,
        "fixed_usd": 1.0,
        "kwh": at.pue * at.usd_per_kwh if "unit_hours" in usage.totals else 0.0,
        "wrong": at.usd_per_wrong_answer,
    }


def _with_wrong(usage: Usage, per: Per | None, weights: Weights) -> Estimate:
    found = _mixed(usage, per, weights)
    if per is None or found.low is None:
        return found
    plain = _mixed(usage, per, {**weights, "wrong": 0.0})
    found = replace(found, low=max(found.low, plain.low or 0.0))
    if found.high is None:
        return found
    return replace(found, high=found.high + (weights["wrong"] or 0.0) * per.unseen_wrong)


def _mixed(usage: Usage, per: Per | None, weights: Weights) -> Estimate:
    """As `Ratio.of` the weighted sum of the tables has it."""
    costs = _costs(usage, weights)
    if per is None or costs is None:
        return Estimate(None, reason="not_measured")
    top = sum(costs.values())
    value = top / per.under
    squares = per.unless.get("+".join(costs), per.usual)
    if squares.problems < _FEWEST:
        return Estimate(value, reason="one_problem")
    shares = [costs.get(name, 0.0) / top if top else 0.0 for name in per.components]
    metered = usage.meter * costs.get("kwh", 0.0) / top if top else 0.0
    square = squares.unseen + _form(squares.between_problems, shares)
    square += max(0.0, _form(squares.between_passes, shares)) + metered**2
    half = math.sqrt(max(0.0, square))
    if half > _BEYOND:
        return Estimate(value, 0.0, reason="unbounded")
    return Estimate(value, value * math.exp(-half), value * math.exp(half))


def _bound(usage: Usage, correct_at_most: float, weights: Weights) -> Estimate:
    costs = _costs(usage, weights)
    if costs is None:
        return Estimate(None, reason="not_measured")
    return Estimate(None, low=sum(costs.values()) / correct_at_most, reason="none_correct")


def _costs(usage: Usage, weights: Weights) -> dict[str, float] | None:
    """Of each component that costs something; None where one is not known."""
    found = {}
    for name, total in usage.totals.items():
        weight = weights.get(name, 0.0)
        if weight == 0:
            continue
        if weight is None or total is None:
            return None
        if total:
            found[name] = weight * total
    return found


def _form(matrix: Matrix, shares: list[float]) -> float:
    rows = enumerate(matrix)
    return sum(shares[i] * shares[j] * each for i, row in rows for j, each in enumerate(row))
