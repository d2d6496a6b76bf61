"""From estimates of the analysis to those of the contract."""

from dataclasses import asdict, replace

from costbench.analysis.stats import Estimate
from costbench.report.contract import E


def to_e(estimate: Estimate, reason: str | None = None) -> E:
    """An estimate in the contract's form; a more telling reason replaces "not_measured"."""
    found = asdict(estimate)
    if estimate.reason == "not_measured" and reason:
        found["reason"] = reason
    return E(**found)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """In another unit: its value and both ends times a factor that is not below 0."""
    value, low, high = (
        None if end is None else end * factor
        for end in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)
