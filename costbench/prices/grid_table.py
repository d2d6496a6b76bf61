"""Carbon intensity of countries and regions, from the tables that CodeCarbon ships with.

Read as files: where it has no such place, CodeCarbon itself falls back to a world average without an error.
"""

import difflib
import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = Path("data", "private_infra")
_KG_PER_LB = 0.45359237
_KWH_PER_MWH = 1000
_G_PER_KG = 1000
_ZONES = {"SE": "SWE", "NO": "NOR", "FI": "FIN"}
"""Countries of bidding zones, by how these begin."""
_UNDATED = {"CAN": "a mix of fuels for its provinces, but neither an intensity nor a year"}


class PlaceError(Exception):
    """A place that the tables do not have, and the key that is to blame."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(
            f"{sentence}; or write `gco2e_per_kwh`, `place`, `year` and `source` yourself"
        )
        self.key = key


@dataclass(frozen=True)
class Intensity:
    """Of the average kilowatt-hour generated there."""

    gco2e_per_kwh: float
    place: str
    year: int
    source: str


def intensity(country: str, region: str | None = None) -> Intensity:
    """By the ISO code of three letters, as CodeCarbon has it; raises PlaceError."""
    countries = _table("global_energy_mix.json")
    if country not in countries:
        raise PlaceError("country", _no_country(country, countries))
    if region is not None:
        return _of_region(country, region)
    found = countries[country]
    if not found.get("carbon_intensity"):
        raise PlaceError("country", f"no carbon intensity of {country} in CodeCarbon's table")
    return Intensity(
        gco2e_per_kwh=float(found["carbon_intensity"]),
        place=country,
        year=int(found["year"]),
        source=_source("global_energy_mix.json", "Our World in Data / Ember"),
    )


def _no_country(country: str, countries: Mapping[str, Any]) -> str:
    names = {found["country_name"].lower(): code for code, found in countries.items()}
    code = names.get(country.lower()) or next(
        iter(difflib.get_close_matches(country.upper(), countries, n=1)), None
    )
    hint = f"; did you mean `{code}` ({countries[code]['country_name']})?" if code else ""
    return f"no country {country!r} in CodeCarbon's table (ISO codes of three letters){hint}"


def _of_region(country: str, region: str) -> Intensity:
    if country == "USA":
        return _of_state(region)
    if country == "CHN":
        return _of_province(region)
    if country in _ZONES.values():
        return _of_zone(country, region)
    if country in _UNDATED:
        raise PlaceError(
            "region", f"for {country} CodeCarbon has {_UNDATED[country]}; leave `region` out"
        )
    raise PlaceError(
        "region", f"no regions of {country} in CodeCarbon's tables; leave `region` out"
    )


def _of_state(region: str) -> Intensity:
    table = _table("2023", "usa_emissions.json")
    states = {name: row for name, row in table.items() if name[0] != "_"}
    names = {row["regionCode"].lower(): name for name, row in states.items()}
    name = names.get(region.lower(), region.lower())
    if name not in states:
        raise _no_region("USA", region, [*names.values()])
    rate = states[name]["emissions"] * _KG_PER_LB * _G_PER_KG / _KWH_PER_MWH
    said = table["_source"]
    return Intensity(
        gco2e_per_kwh=rate,
        place=f"{name.title()}, USA",
        year=int(said["year"]),
        source=_source("usa_emissions.json", said["name"]),
    )


def _of_province(region: str) -> Intensity:
    table = _table("2023", "china_provincial_emissions.json")
    named = {name: row for row in table["data"].values() for name in row["names"]}
    row = named.get(region.lower())
    if row is None:
        raise _no_region("CHN", region, [*named])
    return Intensity(
        gco2e_per_kwh=float(row["emission_factor"]),
        place=f"{row['description']}, CHN",
        year=int(row["year"]),
        source=_source("china_provincial_emissions.json", "MEE and NBS of China; CO2 alone"),
    )


def _of_zone(country: str, region: str) -> Intensity:
    zones = {
        name: row
        for name, row in _table("nordic_emissions.json")["data"].items()
        if _ZONES.get(name[:2]) == country
    }
    row = zones.get(region.upper())
    if row is None:
        raise _no_region(country, region, [*zones])
    return Intensity(
        gco2e_per_kwh=float(row["emission_factor"]),
        place=f"{region.upper()}, {country}",
        year=int(row["year"]),
        source=_source("nordic_emissions.json", "ENTSO-E, by bidding zone"),
    )


def _no_region(country: str, region: str, known: list[str]) -> PlaceError:
    matched = difflib.get_close_matches(region.lower(), map(str.lower, known), n=1)
    hint = f"; did you mean `{matched[0]}`?" if matched else f" (there are: {', '.join(known)})"
    return PlaceError("region", f"no {region!r} of {country} in CodeCarbon's tables{hint}")


def _table(*parts: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("codecarbon")
    if spec is None or spec.origin is None:
        raise PlaceError("country", "grids by country need CodeCarbon: pip install codecarbon")
    path = Path(spec.origin).parent / _TABLES / Path(*parts)
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        version = importlib.metadata.version("codecarbon")
        raise PlaceError("country", f"CodeCarbon {version} has no table {path.name}") from error
    return table


def _source(table: str, whose: str) -> str:
    return f"CodeCarbon {importlib.metadata.version('codecarbon')} {table} ({whose})"
