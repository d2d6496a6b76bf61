"""From how many attempts a month on a machine of one's own costs no more than an API."""

from dataclasses import dataclass

from costbench.analysis.stats import Estimate
from costbench.units import SECONDS_PER_MONTH


@dataclass(frozen=True)
class BreakEven:
    """Attempts per month at which both cost the same, beside those that the machine has time for."""

    attempts_per_month: Estimate
    capacity_per_month: Estimate
    """At the measured machine-seconds per attempt, all month long."""
    within_capacity: bool | None
    """Whether the machine can serve the attempts at which it pays; None: not known."""


def break_even(usd_per_month: float, api_usd: Estimate, machine_seconds: Estimate) -> BreakEven:
    """The month's fixed cost over the API's price of an attempt; estimates are per attempt.

    The intervals are those of the two estimates; the month's cost counts as exact.
    """
    attempts = _over(usd_per_month, api_usd, "api_is_free")
    capacity = _over(SECONDS_PER_MONTH, machine_seconds, "nothing_to_divide_by")
    known = attempts.value is not None and capacity.value is not None
    return BreakEven(
        attempts_per_month=attempts,
        capacity_per_month=capacity,
        within_capacity=(attempts.value or 0) <= (capacity.value or 0) if known else None,
    )


def _over(total: float, each: Estimate, reason_of_zero: str) -> Estimate:
    """How many of `each` there are in `total`; the most of each are the fewest of them."""
    if each.value is None:
        return Estimate(None, reason=each.reason)
    if each.value <= 0:
        return Estimate(None, reason=reason_of_zero)
    low = total / each.high if each.high else None
    high = total / each.low if each.low else None
    return Estimate(total / each.value, low, high, reason=each.reason)
