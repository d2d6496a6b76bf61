"""What figures of the report are made of."""

from typing import Any, Literal

from pydantic import field_validator

from costbench.types import Frozen, LatencyBasis

SCHEMA_VERSION = 1
METHOD_VERSION = "4"
"""Changes whenever the same run would give other figures."""

FrontierMetric = Literal["usd", "joules", "output_tokens"]


_DIGITS = 10


class Facts(Frozen):
    """A part of the report: to the last bit the same on every machine, though processors add up differently.

    So figures have ten significant digits, three fewer than what is alike everywhere.
    """

    @field_validator("*", mode="after")
    @classmethod
    def _rounded(cls, value: Any) -> Any:
        return to_digits(value, _DIGITS)


def to_digits(value: Any, digits: int) -> Any:
    """With all floats in it rounded to so many significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: to_digits(each, digits) for key, each in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(to_digits(each, digits) for each in value)
    return value


class E(Facts):
    """An estimate: a value, its interval, and why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    reason: str | None = None


class Spread(Facts):
    """A distribution over attempts, in seconds."""

    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    basis: LatencyBasis
