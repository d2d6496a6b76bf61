"""Entries of a price book about the site: its power, its grid, its water, the making of its machines."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from costbench.prices.entries import Entry, NotNegative, Positive, Share, Text
from costbench.types import Count


class Pue(Entry):
    """Power usage effectiveness: what a building draws over what its machines do."""

    figures = ("value",)

    value: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    profile: Text | None = None
    """A kind of building it is typical of."""
    place: Text | None = None
    source: Text
    year: int | None

    @model_validator(mode="after")
    def _is_of_something(self) -> Self:
        if self.profile is None and self.place is None:
            raise ValueError("needs `place` (whose it is) or `profile` (what it is typical of)")
        return self


class Grid(Entry):
    """Average carbon intensity of electricity: location-based, and market-based beside it."""

    figures = ("gco2e_per_kwh", "market_based_gco2e_per_kwh")

    gco2e_per_kwh: Positive
    """Location-based."""
    place: str
    year: int | None
    source: Text
    market_based_gco2e_per_kwh: NotNegative | None = None
    """By contracts; 0 is a claim that some make."""
    country: Text | None = None
    """As asked for of CodeCarbon's table; the figures are what it said."""
    region: Text | None = None


class Embodied(Entry):
    """What making a GPU, or the rest of a machine, has emitted."""

    figures = ("kgco2e", "life_years", "utilization")

    match: str
    per: Literal["gpu", "machine"]
    gpus: Count | None = None
    """GPUs that share such a machine; None: as many as the machine has."""
    kgco2e: Positive
    life_years: Positive
    utilization: Share
    source: Text
    as_of: datetime.date

    @model_validator(mode="after")
    def _is_shared_by_gpus_of_a_machine(self) -> Self:
        if self.gpus is not None and self.per == "gpu":
            raise ValueError("`gpus` says how many share a machine; it goes with `per: machine`")
        return self


class Water(Entry):
    """Liters for a kilowatt-hour: of the machines at the site, of the building at the power plants."""

    figures = ("site_l_per_kwh", "grid_l_per_kwh")

    site_l_per_kwh: NotNegative
    grid_l_per_kwh: NotNegative
    source: Text
    as_of: datetime.date | None = None
    """None: the book's date."""


class Host(Entry):
    """Watts of the rest of the machine, where only its GPUs are metered."""

    figures = ("w_per_gpu",)

    w_per_gpu: Positive
    source: Text
    as_of: datetime.date | None = None
    """None: the book's date."""
