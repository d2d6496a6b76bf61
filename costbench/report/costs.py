"""A cell by every way of paying for it: machine time at each tariff, and its tokens at an API's price."""

from collections.abc import Mapping

from costbench.analysis.break_even import break_even
from costbench.analysis.stats import Estimate
from costbench.prices import Deployment, Tariff, tariffs
from costbench.report.contract import ApiFacts, BreakEvenFacts, E, GhgCategories, TariffFacts
from costbench.report.estimates import scaled, to_e
from costbench.report.figures import CellFigures
from costbench.report.token_costs import TokenCost, token_cost
from costbench.units import SECONDS_PER_HOUR, SECONDS_PER_MONTH

_CAPITAL_GOODS = "scope 3, category 2 (capital goods)"
_SERVICE = "scope 3, category 1 (purchased services)"
GHG: Mapping[Deployment, GhgCategories] = {
    "owned": GhgCategories(
        operational="scope 2, location-based and market-based", embodied=_CAPITAL_GOODS
    ),
    "colocated": GhgCategories(
        operational="scope 2, location-based and market-based, where you control the machines; "
        "else, and for what the building adds, scope 3, category 8 (upstream leased assets)",
        embodied=_CAPITAL_GOODS,
    ),
    "rented": GhgCategories(operational=_SERVICE, embodied=_SERVICE),
    "api": GhgCategories(operational=_SERVICE, embodied=_SERVICE),
}
"""By the GHG Protocol: Corporate Standard (control), Scope 2 Guidance, Scope 3 Standard."""


def tariff_facts(figures: CellFigures, api: ApiFacts | None) -> tuple[TariffFacts, ...]:
    """Every tariff that fits, the headline first: the machine-seconds of the cell, scaled."""
    priced = figures.priced
    if priced.machine is None:
        return ()
    found = tariffs(priced.book, priced.machine, priced.gpus)
    if not found:
        return ()
    seconds = figures.machine_seconds
    attempt, correct = figures.mean(seconds, by_pass=True), figures.per_correct(seconds)
    return tuple(_facts(tariff, attempt, correct, api) for tariff in found)


def _facts(
    tariff: Tariff, attempt: Estimate, correct: Estimate, api: ApiFacts | None
) -> TariffFacts:
    allocated = tariff.usd_per_s_allocated
    return TariffFacts(
        deployment=tariff.deployment,
        provider=tariff.provider,
        provenance=tariff.provenance,
        usd_per_machine_hour=tariff.usd_per_s * SECONDS_PER_HOUR,
        usd_per_attempt=to_e(scaled(attempt, tariff.usd_per_s)),
        usd_per_correct=to_e(scaled(correct, tariff.usd_per_s)),
        usd_per_correct_allocated=E(value=None, reason="no_utilization")
        if allocated is None
        else to_e(scaled(correct, allocated)),
        basis=tariff.basis,
        ghg=GHG[tariff.deployment],
        break_even=None if api is None else _break_even(tariff, attempt, api),
    )


def _break_even(tariff: Tariff, seconds: Estimate, api: ApiFacts) -> BreakEvenFacts:
    usd_per_month = tariff.usd_per_s * SECONDS_PER_MONTH
    price = api.usd_per_attempt
    theirs = Estimate(price.value, price.low, price.high, reason=price.reason)
    found = break_even(usd_per_month, theirs, seconds)
    return BreakEvenFacts(
        usd_per_month=usd_per_month,
        attempts_per_month=to_e(found.attempts_per_month),
        capacity_per_month=to_e(found.capacity_per_month),
        within_capacity=found.within_capacity,
    )


def api_facts(figures: CellFigures) -> ApiFacts | None:
    """The cell's attempts at the price of its model; None where the book has none."""
    record, book = figures.record, figures.priced.book
    cost = token_cost(record.columns, book, record.spec["model"]["name"])
    if cost is None:
        return None
    price = cost.price
    return ApiFacts(
        provider=price.provider if price else None,
        provenance=price.provenance if price else "unavailable",
        usd_per_attempt=_bounded(figures, cost, per_correct=False),
        usd_per_correct=_bounded(figures, cost, per_correct=True),
        basis=price.basis if price else None,
        ghg=GHG["api"],
    )


def _bounded(figures: CellFigures, cost: TokenCost, *, per_correct: bool) -> E:
    estimate = figures.per_correct if per_correct else figures.mean
    found = to_e(estimate(figures.table(cost.usd)), cost.reason)
    if found.value is not None or cost.at_most is None:
        return found
    most = estimate(figures.table(cost.at_most)).value
    return found.model_copy(update={"high": most})  # not known, but no more than this
