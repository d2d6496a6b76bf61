"""Prices: dated books, every figure with its source. Money and carbon exist only where one is named."""

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from costbench.errors import SuiteError
from costbench.hardware import Machine
from costbench.types import Frozen, Provenance
from costbench.units import SECONDS_PER_HOUR
from costbench.yaml_file import read_yaml

Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Above 0: a price of 0 means that nobody knew it."""
SET_BY_USER = "user"
"""The provider of a price from `--set`: that of the run's machine, whatever it is."""


class MachinePrice(Frozen):
    """What an hour of a machine costs to rent, electricity included."""

    match: str
    """Part of a GPU's name, or "cpu" for machines without one; empty for any machine."""
    per: Literal["gpu", "vcpu", "machine"]
    usd_per_hour: Price
    provider: str
    source: str
    as_of: datetime.date
    provenance: Provenance = "assumed"


class Electricity(Frozen):
    """For machines one owns; never added to a rental price."""

    usd_per_kwh: Price
    place: str
    year: int
    source: str


class Grid(Frozen):
    """Location-based average carbon intensity."""

    gco2e_per_kwh: Price
    place: str
    year: int | None
    source: str


class PriceBook(Frozen):
    """A dated set of prices."""

    date: datetime.date
    currency: Literal["USD"] = "USD"
    machines: tuple[MachinePrice, ...] = ()
    electricity: Electricity | None = None
    grid: Grid | None = None


class Rate(Frozen):
    """What the machine of a run costs."""

    usd_per_hour: float
    price: MachinePrice

    @property
    def usd_per_s(self) -> float:
        """Per second."""
        return self.usd_per_hour / SECONDS_PER_HOUR


def load_prices(path: Path) -> PriceBook:
    """Read a price book; raises SuiteError that names every wrong figure."""
    file = read_yaml(path)
    try:
        return PriceBook.model_validate(file.content)
    except ValidationError as error:
        raise SuiteError(file.explain(error)) from error


def machine_rate(book: PriceBook | None, machine: Machine, gpus: int) -> Rate | None:
    """The price of the machine while `gpus` of its GPUs work for us; None where the book has none."""
    if book is None:
        return None
    names = [gpu.name for gpu in machine.gpus] if gpus else ["cpu"]
    for price in book.machines:
        units = {"gpu": gpus, "vcpu": machine.cores, "machine": 1}[price.per]
        if units and any(price.match.lower() in name.lower() for name in names):
            return Rate(usd_per_hour=price.usd_per_hour * units, price=price)
    return None


def with_changes(book: PriceBook, changes: dict[str, str]) -> PriceBook:
    """The book with figures replaced by the user's (`--set grid.gco2e_per_kwh=50`); raises SuiteError."""
    content: dict[str, Any] = book.model_dump(mode="json")
    for key, value in changes.items():
        source = f"--set {key}={value}"
        if key == "machine.usd_per_hour":
            # The user means the machine of the run, whether the book knows it or not.
            machine = {
                "match": "",
                "usd_per_hour": value,
                "per": "machine",
                "provider": SET_BY_USER,
            }
            content["machines"] = [machine | {"source": source, "as_of": content["date"]}]
        elif key == "grid.gco2e_per_kwh":
            content["grid"] = {
                "gco2e_per_kwh": value,
                "place": "as set",
                "year": None,
                "source": source,
            }
        else:
            raise SuiteError(
                f"--set {key}: no such figure; there are machine.usd_per_hour and grid.gco2e_per_kwh"
            )
    try:
        return PriceBook.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise SuiteError(f"--set: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
