"""What a page needs to re-price a cell by itself: `analysis.repricing` in the form of the contract."""

from typing import Any, Literal

from pydantic import Field, field_validator

from costbench.report.contract.estimates import Facts, to_digits

_DIGITS = 12
"""So that what is computed from them has the ten of all other figures; they come from exact sums."""

PaidBy = Literal["with_gpus", "without_gpus"]
"""Which cells have an hourly price together."""
Unit = Literal["gpu", "vcpu", "machine"]


class _Precise(Facts):
    @field_validator("*", mode="after")
    @classmethod
    def _rounded(cls, value: Any) -> Any:
        return to_digits(value, _DIGITS)


class SquareFacts(_Precise):
    """Squares of half-widths of a 95 % interval of a logarithm, as quadratic forms in shares of the cost."""

    problems: int
    """That count; of one there is no interval."""
    unseen: float
    between_problems: tuple[tuple[float, ...], ...]
    between_passes: tuple[tuple[float, ...], ...]
    """Counts where it is above 0."""


class PerFacts(_Precise):
    """What a sum of components is divided by, and how sure the quotient is."""

    under: float
    components: tuple[str, ...]
    """The rows of the matrices: those that are known and not 0."""
    usual: SquareFacts
    unless: dict[str, SquareFacts] = Field(default_factory=dict)
    """By the components that cost something, joined by "+", where other problems count for these."""
    unseen_wrong: float = 0.0
    """Where no wrong answer was seen: how many there may be, at most, of each one below."""


class UsageFacts(_Precise):
    """What all attempts of a cell have used together, and how sure costs made of it are."""

    paid_by: PaidBy | None
    """Which hourly price counts; None: paid by tokens or by what a file says, or not known."""
    totals: dict[str, float | None]
    """`unit_hours` or `fixed_usd`, `kwh` (metered), `wrong` (answers); null: not known."""
    meter: float
    """Half-width of the logarithm of energy that the meter alone gives."""
    per_attempt: PerFacts | None
    per_correct: PerFacts | None
    """None where nothing is correct, or graded."""
    correct_at_most: float | None = None
    """Where nothing is: as many as the highest success rate that fits gives."""


class AssumptionFacts(Facts):
    """What a reader may put in, as headline figures have it."""

    units: dict[PaidBy, Unit]
    """What is paid for by the hour: `unit_hours` of these cells are its hours."""
    usd_per_unit_hour: dict[PaidBy, float | None]
    """Electricity included; null: nobody said."""
    utilization: float = 1.0
    """Share of the paid hours that is useful; headlines are on the usage basis."""
    usd_per_kwh: float = 0.0
    """On top of the hourly price, which has electricity in it."""
    pue: float = 1.0
    """Headlines have energy as metered."""
    gco2e_per_kwh: float | None
    usd_per_wrong_answer: float = 0.0
    """Headlines have none; `decision` has its own figure for it."""
