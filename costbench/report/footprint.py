"""Energy of the building, emissions, water and SCI of a cell: what a book says of the site, on joules."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costbench.prices import PriceBook, embodied_entries, embodied_gco2e_per_s
from costbench.prices.site import Embodied
from costbench.report.caveats import missing_of
from costbench.report.contract import E, Footprint
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures
from costbench.types import GPU_SCOPE, MODULE_SCOPE
from costbench.units import JOULES_PER_KWH

Floats = NDArray[np.float64]

_PARTS = frozenset({MODULE_SCOPE, "cpu_package"})
"""Scopes beside GPU_SCOPE that are not the whole machine, and the book has nothing to complete them."""


def host_watts(book: PriceBook | None, scope: str | None, gpus: int) -> float:
    """Of the rest of the machine, where only GPUs are metered; 0 where the book says nothing of it."""
    host = book.host if book else None
    return host.w_per_gpu * gpus if host and scope == GPU_SCOPE else 0.0


def footprint(figures: CellFigures) -> Footprint:
    """By attempt and by correct answer; what the book does not say is null with a reason.

    The meter's error is taken for that of assumed parts, too: intervals are rather too wide.
    """
    site = _Site(figures)
    facility = _both(figures, "kwh_facility", site.facility_kwh, site.no_pue)
    carbon = {
        "gco2e_market_based": (site.kwh * site.market, site.no_market),
        "gco2e_facility": (site.facility_kwh * site.location, site.no_pue or site.no_grid),
        "gco2e_facility_market_based": (
            site.facility_kwh * site.market,
            site.no_pue or site.no_market,
        ),
        "water_l": (site.water_l, site.no_water),
    }
    found = {k: e for name, how in carbon.items() for k, e in _both(figures, name, *how).items()}
    return Footprint(
        includes=site.includes,
        assumed=site.assumed,
        **facility,
        **found,
        gco2e_embodied_per_attempt=to_e(
            figures.mean(site.embodied_g, by_pass=True), site.no_embodied
        ),
        gco2e_embodied_per_correct=to_e(figures.per_correct(site.embodied_g), site.no_embodied),
        **_sci(figures, site),
    )


def _both(figures: CellFigures, name: str, table: Floats, reason: str | None) -> dict[str, E]:
    reason = reason or figures.unknown_energy_reason
    return {
        f"{name}_per_attempt": to_e(figures.mean(table, joules=True), reason),
        f"{name}_per_correct": to_e(figures.per_correct(table, joules=True), reason),
    }


def _sci(figures: CellFigures, site: "_Site") -> dict[str, E]:
    """ISO/IEC 21031: location-based only, and only where each of its terms is there."""
    missing = site.missing_of_sci
    table = site.facility_kwh * site.location + site.embodied_g
    if missing:
        table = np.full_like(table, np.nan)
    reason = f"sci_without_{'_and_'.join(missing)}" if missing else figures.unknown_energy_reason
    return {
        "sci_gco2e_per_correct": to_e(figures.per_correct(table, joules=True), reason),
        "sci_gco2e_per_output_token": to_e(figures.per_output_token(table), reason),
    }


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


@dataclass(frozen=True)
class _Site:
    """The book's figures on a cell's tables by problem and pass, NaN where there is none."""

    figures: CellFigures

    @property
    def _book(self) -> PriceBook | None:
        return self.figures.priced.book

    @property
    def _scope(self) -> str | None:
        return self.figures.energy.scope

    @property
    def _host_w(self) -> float:
        return host_watts(self._book, self._scope, self.figures.priced.gpus)

    @cached_property
    def kwh(self) -> Floats:
        """Metered."""
        return self.figures.joules / JOULES_PER_KWH

    @cached_property
    def machine_kwh(self) -> Floats:
        """With the host's, where it was not metered."""
        return self.kwh + self._host_w * self.figures.machine_seconds / JOULES_PER_KWH

    @property
    def facility_kwh(self) -> Floats:
        """At the building's meter."""
        return self.machine_kwh * self._pue

    @property
    def _pue(self) -> float:
        return self._book.pue.value if self._book and self._book.pue else np.nan

    @property
    def location(self) -> float:
        """gCO2e per kWh, of the grid."""
        return self._book.grid.gco2e_per_kwh if self._book and self._book.grid else np.nan

    @property
    def market(self) -> float:
        """gCO2e per kWh, by contracts."""
        grid = self._book.grid if self._book else None
        return _or_nan(grid.market_based_gco2e_per_kwh if grid else None)

    @property
    def water_l(self) -> Floats:
        """At the site, and at the plants that feed the building."""
        water = self._book.water if self._book else None
        if water is None:
            return np.full_like(self.kwh, np.nan)
        return self.machine_kwh * water.site_l_per_kwh + self.facility_kwh * water.grid_l_per_kwh

    @cached_property
    def embodied_g(self) -> Floats:
        """The seconds' share of what making the machine has emitted."""
        priced = self.figures.priced
        rate = None
        if priced.machine is not None:
            rate = embodied_gco2e_per_s(priced.book, priced.machine, priced.gpus)
        return self.figures.machine_seconds * _or_nan(rate)

    @cached_property
    def _embodied(self) -> tuple[Embodied, ...]:
        priced = self.figures.priced
        if priced.machine is None:
            return ()
        return embodied_entries(priced.book, priced.machine, priced.gpus)

    @property
    def no_pue(self) -> str | None:
        """A reason each, None where the figure is there."""
        return missing_of(self._book, "no_pue") if np.isnan(self._pue) else None

    @property
    def no_grid(self) -> str | None:
        return missing_of(self._book, "no_grid_intensity") if np.isnan(self.location) else None

    @property
    def no_market(self) -> str | None:
        if not np.isnan(self.market):
            return None
        return missing_of(self._book, "no_market_based_intensity")

    @property
    def no_water(self) -> str | None:
        there = self._book is not None and self._book.water is not None
        return self.no_pue if there else missing_of(self._book, "no_water_factors")

    @property
    def no_embodied(self) -> str | None:
        return None if self._embodied else missing_of(self._book, "no_embodied")

    @property
    def missing_of_sci(self) -> tuple[str, ...]:
        """Terms that nobody has measured or named."""
        whole = self._scope != GPU_SCOPE or bool(self._host_w)
        scopes = set((self._scope or "").split("+"))
        whole = (
            whole and not scopes & _PARTS and (self._scope == GPU_SCOPE or GPU_SCOPE not in scopes)
        )
        terms = {
            "host_energy": whole,
            "pue": self.no_pue is None,
            "grid_intensity": self.no_grid is None,
            # Of GPUs alone the rest of the machine is missing.
            "embodied": any(entry.per == "machine" for entry in self._embodied),
        }
        return tuple(name for name, known in terms.items() if not known)

    @property
    def includes(self) -> tuple[str, ...]:
        """What the building's energy is made of."""
        parts = (self._scope, "host" if self._host_w else None, None if self.no_pue else "pue")
        return tuple(part for part in parts if part)

    @property
    def assumed(self) -> dict[str, dict[str, Any]]:
        """Entries of the book by name, one of several embodied ones by what it is per."""
        book = self._book
        if book is None:
            return {}
        entries = {
            "pue": book.pue,
            "host": book.host if self._host_w else None,
            "grid": book.grid,
            "water": book.water,
            **{f"embodied_{entry.per}": entry for entry in self._embodied},
        }
        return {
            name: entry.model_dump(mode="json")
            for name, entry in entries.items()
            if entry is not None
        }
