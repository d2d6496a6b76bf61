"""Whether a figure surely keeps a bound, surely breaks it, or cannot be told to do either."""

from collections.abc import Iterable

from costbench.analysis.stats import Estimate


def at_least(found: Estimate, bound: float) -> bool | None:
    """All of the interval on one side; None where it straddles the bound or is not known."""
    if found.low is not None and found.low >= bound:
        return True
    if found.high is not None and found.high < bound:
        return False
    return None


def all_kept(each: Iterable[bool | None]) -> bool | None:
    """One that is broken breaks all, whatever the others are."""
    known = tuple(each)
    if False in known:
        return False
    return None if None in known else True
