"""A price book: what there is in it, and what has to be there together."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from costbench.prices.entries import (
    ApiEntry,
    Deployment,
    Electricity,
    ExchangeRate,
    Human,
    MachinePrice,
    OwnedMachine,
    Utilization,
)
from costbench.prices.site import Embodied, Grid, Host, Pue, Water
from costbench.types import Frozen

Currency = Annotated[str, Field(pattern="^[a-z]{3}$")]
_ALWAYS_STORED = ("date", "currency", "machines", "electricity", "grid")


def _has_a_price_of_power(owned: OwnedMachine, info: ValidationInfo) -> OwnedMachine:
    if owned.space_includes_power:
        return owned
    absent = [key for key in ("electricity", "pue") if info.data.get(key, "?") is None]
    if absent:
        raise ValueError(
            f"pays for its own power, and the book has no `{'` and no `'.join(absent)}`; "
            f"{' and '.join(_POWER_HELP[key] for key in absent)}"
        )
    return owned


_POWER_HELP = {
    "electricity": "add `electricity: {usd_per_kwh: …, place: …, year: …, source: …}`",
    "pue": "say with `pue: {value: …, place: …, year: …, source: …}` what cooling adds "
    "(1.0 where nothing does)",
}


class PriceBook(Frozen):
    """A dated set of prices, all in USD by now; `load_prices` reads other currencies, too."""

    date: datetime.date
    currency: Literal["USD"] = "USD"
    machines: tuple[MachinePrice, ...] = ()
    electricity: Electricity | None = None
    grid: Grid | None = None
    exchange: dict[Currency, ExchangeRate] = Field(default_factory=dict)
    utilization: Utilization | None = None
    pue: Pue | None = None
    owned: tuple[Annotated[OwnedMachine, AfterValidator(_has_a_price_of_power)], ...] = ()
    embodied: tuple[Embodied, ...] = ()
    water: Water | None = None
    host: Host | None = None
    api: tuple[ApiEntry, ...] = ()
    human: Human | None = None
    deployment: Deployment | None = None
    """The way of paying that headlines go by; None: the first that fits of rented, owned, colocated."""

    @field_validator("deployment")
    @classmethod
    def _is_in_the_book(cls, named: Deployment | None, info: ValidationInfo) -> Deployment | None:
        read = info.data
        if named is None or not {"machines", "owned", "api"} <= read.keys():
            return named
        there = {
            *(["rented"] if read["machines"] else []),
            *(owned.deployment for owned in read["owned"]),
            *(["api"] if read["api"] else []),
        }
        if named not in there:
            raise ValueError(f"{named}, but nothing in the book is; {_DEPLOYMENT_HELP[named]}")
        return named

    @model_serializer(mode="wrap")
    def _said(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = serialize(self)
        return {key: value for key, value in said.items() if value or key in _ALWAYS_STORED}


_DEPLOYMENT_HELP = {
    "rented": "add the machine to `machines`",
    "owned": "add the machine to `owned`, without `usd_space_per_hour`",
    "colocated": "add the machine to `owned`, with `usd_space_per_hour`",
    "api": "add the model to `api`",
}
