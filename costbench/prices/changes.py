"""`--set KEY=VALUE`: any single figure of a book replaced by the user's."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from costbench.errors import SuiteError
from costbench.prices.book import PriceBook
from costbench.prices.entries import (
    ApiEntry,
    Electricity,
    Entry,
    ExchangeRate,
    MachinePrice,
    OwnedMachine,
    Utilization,
)
from costbench.prices.exchange import as_written, same_figure
from costbench.prices.loading import BookError, book_of
from costbench.prices.site import Embodied, Grid, Host, Pue, Water
from costbench.yaml_file import sentence

SET_BY_USER = "user"
"""The provider of a price from `--set`: that of the run's machine, whatever it is."""

_ONE: dict[str, type[Entry]] = {
    "grid": Grid,
    "electricity": Electricity,
    "pue": Pue,
    "utilization": Utilization,
    "host": Host,
    "water": Water,
}
_MANY: dict[str, type[Entry]] = {
    "machines": MachinePrice,
    "owned": OwnedMachine,
    "embodied": Embodied,
    "api": ApiEntry,
    "exchange": ExchangeRate,
}
_OF_A_PLACE = ("grid", "electricity", "pue")
_RENT, _PER_PROBLEM = "usd_per_hour", "usd_per_problem"
_WHOLE = ("machine", "grid.gco2e_per_kwh", "grid.country")
"""What replaces all of an entry, and so has to come before other keys of it."""
_HEAD = (f"machine.{_RENT}", "deployment", "grid.country", "grid.region")

Content = dict[str, Any]


def with_changes(book: PriceBook, changes: dict[str, str], others: Sequence[str] = ()) -> PriceBook:
    """The book with figures replaced by the user's (`--set grid.gco2e_per_kwh=50`); raises SuiteError.

    `others` are keys of `--set` that are of no book: whoever mistyped one is told of it here.
    What is changed names the option as its source: alone, or behind that of the figures beside it.
    """
    rates = {key: value for key, value in changes.items() if key.startswith("exchange.")}
    if rates and len(rates) < len(changes):
        remaining = {key: value for key, value in changes.items() if key not in rates}
        return with_changes(with_changes(book, rates, others), remaining, others)
    stored = book.model_dump(mode="json")
    content = as_written(stored) if rates else stored
    for key, value in sorted(changes.items(), key=lambda change: not change[0].startswith(_WHOLE)):
        section, _, rest = key.partition(".")
        change = _Change(section, rest, value, f"--set {key}={value}")
        changed = change.of_all(content)
        if changed is None:
            raise SuiteError(f"--set {key}: no such figure{_hint(content, key, others)}")
        content |= changed
    try:
        return book_of(content, stored=True)
    except BookError as error:
        raise SuiteError(f"--set: {sentence(error.problems[0])}") from error


@dataclass(frozen=True)
class _Change:
    """One `--set`."""

    section: str
    rest: str
    value: str
    source: str

    def of_all(self, content: Content) -> Content | None:
        """The sections that are another now; None where the book has no such figure."""
        if self.section == "machine":
            return self._machine(content) if same_figure(self.rest, _RENT) else None
        if self.section == "deployment" and not self.rest:
            return {"deployment": self.value}
        if self.section == "grid" and self.rest in {"country", "region"}:
            return {"grid": self._place(content.get("grid") or {})}
        found = content.get(self.section)
        if self.section in _ONE:
            return self._one(found or {})
        if self.section in _MANY and found:
            return self._many(found, str(content["date"]))
        return self._human(found) if self.section == "human" and found else None

    def _machine(self, content: Content) -> Content:
        # The user means the machine of the run, whether the book knows it or not.
        machine = {
            "match": "",
            self.rest: self.value,
            "per": "machine",
            "provider": SET_BY_USER,
            "source": self.source,
            "as_of": content["date"],
        }
        way = {"deployment": "rented"} if content.get("deployment") else {}
        return {"machines": [machine], **way}

    def _place(self, grid: Content) -> Content:
        """Of a country all of the entry is looked up anew."""
        country = {"country": grid["country"]} if "country" in grid else {}
        if self.rest == "region" and not country:
            raise SuiteError(f"{self.source}: of which country? Set grid.country, too")
        kept = country if self.rest == "region" else {}
        earlier = [str(grid["source"])] if grid.get("source", "").startswith("--set") else []
        said = "; ".join([*earlier, self.source]) if kept else self.source
        return {**kept, self.rest: self.value, "source": said}

    def _one(self, entry: Content) -> Content | None:
        model = _ONE[self.section]
        if not _is_figure(model, self.rest):
            return None
        if self.rest != "gco2e_per_kwh" and self._others(model, entry):
            return {self.section: self._among(entry)}
        where = {"place": "as set", "year": None} if self.section in _OF_A_PLACE else {}
        return {self.section: {self.rest: self.value, "source": self.source, **where}}

    def _many(self, rows: Any, date: str) -> Content | None:
        name, _, key = self.rest.partition(".")
        by_name = dict(_named(rows))
        model = _MANY[self.section]
        if name not in by_name or not _is_figure(model, key):
            return None
        inner = replace(self, rest=key)
        row = inner._among(by_name[name])
        if not inner._others(model, by_name[name]):
            row |= {"source": self.source, "as_of": date}
        changed = by_name | {name: row}
        return {self.section: changed if isinstance(rows, dict) else [*changed.values()]}

    def _human(self, entry: Content) -> Content | None:
        key, _, dataset = self.rest.partition(".")
        if not same_figure(key, _PER_PROBLEM) or not dataset or key not in entry:
            return None
        changed = entry | {key: entry[key] | {dataset: self.value}, "converted": None}
        return {"human": changed | {"source": f"{entry['source']}; {self.source}"}}

    def _among(self, entry: Content) -> Content:
        """The entry with one of its figures changed."""
        kept = self._without(entry)
        if "converted" in kept:
            kept["converted"] = self._without(kept["converted"]) or None
        return kept | {self.rest: self.value, "source": f"{entry['source']}; {self.source}"}

    def _without(self, entry: Content) -> Content:
        return {key: value for key, value in entry.items() if not same_figure(key, self.rest)}

    def _others(self, model: type[Entry], entry: Content) -> list[str]:
        """Its other figures, whatever the currency."""
        return [k for k in entry if _is_figure(model, k) and not same_figure(k, self.rest)]


def _is_figure(model: type[Entry], key: str) -> bool:
    return any(same_figure(key, figure) for figure in model.figures)


def _named(rows: Any) -> Iterator[tuple[str, Content]]:
    """Rows by their number, or by their key."""
    for at, row in rows.items() if isinstance(rows, dict) else enumerate(rows):
        yield str(at), row


def _hint(content: Content, key: str, others: Sequence[str]) -> str:
    single = [f"{name}.{figure}" for name, model in _ONE.items() for figure in model.figures]
    rows = [
        f"{section}.{name}.{figure}"
        for section, model in _MANY.items()
        for name, _ in _named(content.get(section) or ())
        for figure in model.figures
    ]
    people = (content.get("human") or {}).get(_PER_PROBLEM, {})
    human = [f"human.{_PER_PROBLEM}.{dataset}" for dataset in people]
    near = difflib.get_close_matches(key, [*_HEAD, *single, *rows, *human, *others], n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    there = ", ".join([*_HEAD, *single, *others])
    return f"{meant}{'' if near else ';'} there are {there}, and in lists owned.0.life_years"
