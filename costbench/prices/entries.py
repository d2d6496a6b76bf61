"""Entries of a price book that say what is paid: for machines, electricity, tokens and people."""

import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from costbench.types import Count, Frozen, Provenance

Deployment = Literal["rented", "owned", "colocated", "api"]
"""A way of paying."""


def _paid(price: float, info: ValidationInfo) -> float:
    if price < 0:
        raise PydanticCustomError("below_0", "Input should be greater than 0")
    if price == 0 and not info.data.get("free"):
        raise PydanticCustomError(
            "price_of_0",
            "Input should be greater than 0, for unknown is not free "
            "(where nothing is paid, say `free: true`)",
        )
    return price


Price = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_paid)]
"""Above 0, unless its entry says `free: true`."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Text = Annotated[str, Field(min_length=1)]


class Entry(Frozen):
    """An entry of a book. What it does not say is left out where it is stored or printed."""

    figures: ClassVar[tuple[str, ...]] = ()
    """Keys that `--set` may change."""

    @model_serializer(mode="wrap")
    def _said(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        said: dict[str, Any] = serialize(self)
        return {
            key: value
            for key, value in said.items()
            if value is not None or fields[key].is_required()
        }


class Converted(Entry):
    """How a figure stands in the book, where that is in another currency."""

    written: float | dict[str, float]
    currency: str
    usd: Positive
    """What one unit of it was worth."""
    as_of: datetime.date
    source: Text


class Paid(Entry):
    """An entry with prices in it."""

    free: bool | None = None
    """A price of 0 is what is paid, not what nobody knew."""
    converted: dict[str, Converted] | None = None
    """By the key in USD."""


class ExchangeRate(Entry):
    """What one unit of a currency is worth."""

    figures = ("usd",)

    usd: Positive
    as_of: datetime.date
    source: Text


class MachinePrice(Paid):
    """What an hour of a machine costs to rent, electricity included."""

    figures = ("usd_per_hour",)

    match: str
    """Part of a GPU's name, or "cpu" for machines without one; empty for any machine."""
    per: Literal["gpu", "vcpu", "machine"]
    usd_per_hour: Price
    provider: str
    source: Text
    as_of: datetime.date
    provenance: Provenance = "assumed"
    provider_class: Literal["hyperscaler", "specialized", "marketplace"] | None = None
    region: Text | None = None
    commitment: Literal["on_demand", "spot", "reserved_1y", "reserved_3y"] | None = None


class OwnedMachine(Paid):
    """What a machine costs whoever has bought it: `gpus` to a machine, 0 for one without."""

    figures = (
        *("usd_capital", "residual_share", "life_years", "maintenance_share_per_year"),
        *("cost_of_capital", "usd_space_per_hour", "active_w", "idle_w", "utilization"),
    )

    match: str
    gpus: Annotated[int, Field(ge=0, strict=True)]
    usd_capital: Price
    """Of the whole machine, network and installation included."""
    residual_share: Annotated[float, Field(ge=0, lt=1)]
    """What it is worth at the end of its life, as a share of what it cost."""
    life_years: Positive
    maintenance_share_per_year: NotNegative
    """Staff too, as a share of what it cost."""
    cost_of_capital: Positive | None = None
    """Per year."""
    usd_space_per_hour: Price | None = None
    """For a machine in somebody else's building."""
    space_includes_power: bool | None = None
    active_w: Positive | None = None
    """Of the whole machine."""
    idle_w: Positive | None = None
    utilization: Share | None = None
    """Share of its hours that do useful work; None: the book's."""
    source: Text
    as_of: datetime.date
    provider: Text = "owned machine"
    provenance: Provenance = "assumed"

    @property
    def deployment(self) -> Deployment:
        """Colocated where the space is paid for by the hour."""
        return "owned" if self.usd_space_per_hour is None else "colocated"

    @model_validator(mode="after")
    def _pays_for_its_power(self) -> Self:
        if self.space_includes_power:
            if self.usd_space_per_hour is None:
                raise ValueError(
                    "`space_includes_power` needs `usd_space_per_hour`: what the space costs"
                )
        elif self.active_w is None or self.idle_w is None:
            raise ValueError(
                "needs `active_w` and `idle_w` (watts of the whole machine, at work and idle), "
                "or `usd_space_per_hour` with `space_includes_power: true`"
            )
        return self


class Electricity(Paid):
    """For machines one owns; never added to a rental price."""

    figures = ("usd_per_kwh",)

    usd_per_kwh: Price
    place: str
    year: int | None
    source: Text


class Utilization(Entry):
    """How much of the time that a machine is reserved it does useful work."""

    figures = ("share",)

    share: Share
    source: Text
    as_of: datetime.date | None = None
    """None: the book's date."""


class ApiTier(Paid):
    """Prices of a request with more input tokens than this: of all its tokens, not of those above."""

    above_input_tokens: Count
    usd_per_million_input: Price
    usd_per_million_cached_input: Price | None = None
    usd_per_million_output: Price


class ApiEntry(Paid):
    """What tokens cost where a model is served by somebody else: figures, or where to look them up."""

    figures = (
        *("usd_per_million_input", "usd_per_million_cached_input"),
        "usd_per_million_output",
    )

    match: Text
    """A glob over the names of models in a suite."""
    provider: Text
    model: Text | None = None
    """What genai-prices calls it."""
    usd_per_million_input: Price | None = None
    usd_per_million_cached_input: Price | None = None
    """None: cached tokens cost as much as others."""
    usd_per_million_output: Price | None = None
    tiers: tuple[ApiTier, ...] | None = None
    not_priced: tuple[str, ...] | None = None
    """What genai-prices has a price for besides, and we have no count of."""
    source: Text | None = None
    as_of: datetime.date | None = None
    provenance: Provenance = "assumed"

    @property
    def looked_up(self) -> bool:
        """Whether the figures are there."""
        return self.usd_per_million_input is not None

    @model_validator(mode="after")
    def _has_figures_or_a_place_for_them(self) -> Self:
        needed = ("usd_per_million_input", "usd_per_million_output", "source", "as_of")
        missing = [key for key in needed if getattr(self, key) is None]
        if missing and (self.model is None or self.looked_up):
            raise ValueError(
                f"`{missing[0]}` is missing; an api has {', '.join(needed)}, "
                "or a `model` of genai-prices to look them up"
            )
        above = [tier.above_input_tokens for tier in self.tiers or ()]
        if above != sorted(set(above)):
            raise ValueError("`tiers` go from fewer input tokens to more")
        return self


class Human(Paid):
    """What a person is paid for a problem of a dataset."""

    usd_per_problem: dict[str, Price]
    """By a glob over the names of datasets."""
    source: Text
    as_of: datetime.date | None = None
    """None: the book's date."""
