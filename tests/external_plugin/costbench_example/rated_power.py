"""A meter: what is printed on the power supply, times time."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import Field

from costbench.types import Component, MeterFacts


class RatedPower(Component):
    """Constant power; `assumed`, for nothing is measured."""

    kind: Literal["rated_power"] = "rated_power"
    watts: Annotated[float, Field(gt=0)]

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        """Start the clock."""
        yield _Open(self.watts)


class _Open:
    def __init__(self, watts: float) -> None:
        self._watts = watts
        self._began_s = time.monotonic()
        self.facts = MeterFacts(
            name="rated_power",
            provenance="assumed",
            method="rated_power_x_time",
            scope="machine_rated",
            period_s=0.2,
            settle_s=0.5,
            headline=("supply",),
        )

    def read(self) -> Mapping[str, float | None]:
        """Joules so far."""
        return {"supply": self._watts * (time.monotonic() - self._began_s)}
