"""What an hour of a machine costs whoever owns it, from its price, its life, its use and its power."""

import math
from dataclasses import dataclass

from costbench.units import HOURS_PER_YEAR

_WATTS_PER_KW = 1000


@dataclass(frozen=True)
class Power:
    """Of a whole machine, and what a kilowatt-hour of it costs at the building's meter."""

    active_w: float
    idle_w: float
    pue: float
    usd_per_kwh: float


@dataclass(frozen=True)
class Capital:
    """A whole machine as it stands in the books: network and installation included."""

    usd: float
    residual_usd: float
    life_years: float
    cost_of_capital: float | None = None
    """Per year; None: straight line, money that costs nothing."""

    @property
    def usd_per_year(self) -> float:
        """The same every year, so that after its life the machine is paid for."""
        rate = self.cost_of_capital
        if rate is None:
            return (self.usd - self.residual_usd) / self.life_years
        growth = math.expm1(self.life_years * math.log1p(rate))  # (1 + rate) ** life_years - 1
        recovery = rate * (1 + growth) / growth
        return self.usd * recovery - self.residual_usd * rate / growth


@dataclass(frozen=True)
class Ownership:
    """All that owning a machine costs."""

    capital: Capital
    maintenance_usd_per_year: float
    units: int
    """What is delivered by the hour: its GPUs, or 1 for the machine itself."""
    space_usd_per_hour: float = 0.0
    power: Power | None = None
    """None: it is in what the space costs."""

    def usd_per_unit_hour(self, utilization: float) -> float:
        """Of one unit, per hour of useful work, where this share of the hours is useful; 1: all of them.

        What stands still is paid for by what works, its idle power too.
        """
        return self._usd_per_hour(utilization) / (self.units * utilization)

    @property
    def usd_per_unit_hour_idle(self) -> float:
        """Of one unit, per hour in which it does nothing."""
        return self._usd_per_hour(0.0) / self.units

    def _usd_per_hour(self, utilization: float) -> float:
        yearly = self.capital.usd_per_year + self.maintenance_usd_per_year
        fixed = yearly / HOURS_PER_YEAR + self.space_usd_per_hour
        return fixed + self._electricity_usd_per_hour(utilization)

    def _electricity_usd_per_hour(self, utilization: float) -> float:
        power = self.power
        if power is None:
            return 0.0
        mean_w = utilization * power.active_w + (1 - utilization) * power.idle_w
        return mean_w / _WATTS_PER_KW * power.pue * power.usd_per_kwh
