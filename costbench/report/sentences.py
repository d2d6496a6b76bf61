"""What a report says in words: doubts, comparisons, prices, machine; the same in every rendering."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from costbench.printable import clean
from costbench.report import wording
from costbench.report.caveats import explain
from costbench.report.contract import CellReport, Comparison, E, Report
from costbench.report.sections import sections
from costbench.report.wording import PROVENANCE
from costbench.types import Provenance

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_COST_NAMES = {
    "usd_per_correct": "USD per correct",
    "joules_per_correct": "J per correct",
    "machine_seconds_per_correct": "machine-seconds per correct",
    "output_tokens": "output tokens",
}
"""Costs worth comparing in words; the first one that is known is used."""

_SOURCES = {
    "joules": ("modelled_not_measured",),
    "usd": ("assumed_price", "assumed_ownership", "assumed_api_price"),
    "gco2e": ("assumed_grid",),
}


@dataclass(frozen=True)
class Footnotes:
    """Doubts about every row, said once, and doubts about some, by letter."""

    everywhere: tuple[str, ...]
    some: tuple[str, ...]

    @classmethod
    def to(cls, report: Report) -> Self:
        """The caveats of a report in the order of their first row."""
        codes = dict.fromkeys(code for cell in report.cells for code in cell.caveats)
        everywhere = tuple(c for c in codes if all(c in cell.caveats for cell in report.cells))
        return cls(everywhere, tuple(code for code in codes if code not in everywhere))

    @property
    def letters(self) -> dict[str, str]:
        """Letter of a caveat code."""
        return dict(zip(self.some, _LETTERS, strict=False))

    def of(self, cell: CellReport) -> str:
        """The letters of one row."""
        return " ".join(letter for code, letter in self.letters.items() if code in cell.caveats)

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """A mark and its sentence, each doubt once."""
        some = tuple((letter, explain(code)) for code, letter in self.letters.items())
        return (*some, *(("all", explain(code)) for code in self.everywhere))


@dataclass(frozen=True)
class Against:
    """Comparisons with one baseline, in words."""

    baseline: str
    lines: tuple[tuple[str, str], ...]
    """A candidate, and how it compares."""


def signs(report: Report) -> tuple[tuple[str, str], ...]:
    """The signs of provenance that this report uses, and their meaning."""
    used: set[Provenance] = set()
    for cell in report.cells:
        used |= {cell.energy.provenance, cell.usd.provenance, cell.gco2e.provenance}
    return tuple(
        (mark.sign, f"{word}: {mark.meaning}")
        for word, mark in PROVENANCE.items()
        if word in used and mark.sign
    )


def comparisons(report: Report) -> tuple[Against, ...]:
    """Each candidate against its baseline: its cost per correct answer, accuracy and tokens."""
    parts = sections(report)
    names = {cell.cell: part.name(cell) for part in parts for cell in part.cells}
    places = {cell.cell: f" in {part.place}" for part in parts for cell in part.cells}
    cost = _cost_metric(report.comparisons)
    found: dict[str, list[tuple[str, str]]] = {}
    for baseline, candidate in dict.fromkeys((c.baseline, c.candidate) for c in report.comparisons):
        words = _compared(report.comparisons, (baseline, candidate), cost)
        place = places.get(baseline, "") if len(parts) > 1 else ""
        against = names.get(baseline, clean(baseline)) + place
        found.setdefault(against, []).append((names.get(candidate, clean(candidate)), words))
    return tuple(Against(baseline, tuple(lines)) for baseline, lines in found.items())


def prices(report: Report) -> str:
    """Where money and carbon come from, in one line."""
    book = report.prices
    if not book:
        return "none: no price book was named"
    rents = [_rent(cell.usd.basis) for cell in report.cells if cell.usd.basis]
    grids = [_grid(cell.gco2e.basis) for cell in report.cells if cell.gco2e.basis]
    parts = [*(rents or ["no price for this machine"]), *(grids or ["no grid intensity used"])]
    return clean(f"book of {book.get('date')}: " + "; ".join(dict.fromkeys(parts)))


def machine(report: Report) -> str:
    """A few words for it: 1x NVIDIA H200, or 2-core AMD EPYC (no GPU)."""
    return clean(str(report.machine["label"]))


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    head, stop, _ = text.partition(". ")
    return clean(head + "." if stop else text)


def source_caveats(report: Report, cost: str) -> tuple[str, ...]:
    """What the caveats say of where a cost comes from, for a caption."""
    said = {code for cell in report.cells for code in cell.caveats}
    return tuple(explain(code) for code in _SOURCES.get(cost, ()) if code in said)


def left_out(report: Report) -> tuple[tuple[str, str], ...]:
    """Groups without figures: skipped or failed, the group, and why."""
    skipped = [("skipped", f"{each.group}: {each.reason}") for each in report.skipped]
    failed = [("failed", f"{each.group}: {each.reason}") for each in report.failed]
    return tuple((kind, clean(text)) for kind, text in (*skipped, *failed))


def notes(report: Report) -> tuple[str, ...]:
    """The report's own sentences, and whether it is whole."""
    unfinished = "The run is not complete: figures cover what is there."
    return tuple(map(clean, (*(() if report.complete else (unfinished,)), *report.notes)))


def _compared(found: Iterable[Comparison], pair: tuple[str, str], cost: str | None) -> str:
    about = {each.metric: each for each in found if (each.baseline, each.candidate) == pair}
    parts = [_cost_words(about[cost])] if cost in about else []
    parts += [_accuracy_words(about["accuracy"])] if "accuracy" in about else []
    parts += _kept_words(about.get("accuracy"), about.get("tokens_per_attempt"))
    return "; ".join(parts) or wording.NA


def _cost_metric(found: Iterable[Comparison]) -> str | None:
    known = {each.metric for each in found if each.ratio.value is not None}
    return next((metric for metric in _COST_NAMES if metric in known), None)


def _cost_words(found: Comparison) -> str:
    name = _COST_NAMES[found.metric]
    if found.ratio.value is None:
        reason = found.ratio.reason or "not known"
        return f"{name} {wording.NA} ({clean(reason).replace('_', ' ')})"
    return f"{name} {times(found.ratio)} ({_verdict(found)})"


def times(ratio: E) -> str:
    """As "0.610x [0.550, 0.680]"."""
    value, space, interval = wording.estimate(ratio).partition(" ")
    return f"{value}x{space}{interval}"


def _verdict(found: Comparison) -> str:
    if found.verdict == "equivalent within margin" and found.margin is not None:
        return f"equivalent within {100 * found.margin:g} %"
    return found.verdict


def _accuracy_words(found: Comparison) -> str:
    change = found.difference
    text = f"accuracy {wording.points(change)}"
    if change.low is None or change.high is None or not change.low < 0 < change.high:
        return text
    return f"{text}, a loss above {-100 * change.low:.1f} is excluded"


def _kept_words(accuracy: Comparison | None, tokens: Comparison | None) -> list[str]:
    """What is kept of the baseline's accuracy with how many tokens; nothing where one is not known."""
    if not (accuracy and tokens) or accuracy.ratio.value is None or tokens.ratio.value is None:
        return []
    verb = "reaches" if accuracy.ratio.value > 1 else "keeps"
    kept = f"{verb} {wording.part(accuracy.ratio)} of the baseline's accuracy"
    return [f"{kept} with {_saved(tokens.ratio)} tokens"]


def _saved(ratio: E) -> str:
    """As "55.0 % [53.0, 57.0] fewer", or "more"; an end below zero is the other of the two."""
    value, low, high = (
        None if end is None else end - 1 for end in (ratio.value, ratio.low, ratio.high)
    )
    if value is None or value > 0:
        return f"{wording.part(E(value=value, low=low, high=high))} more"
    low, high = (None if end is None else -end for end in (high, low))
    return f"{wording.part(E(value=-value, low=low, high=high))} fewer"


def _rent(price: dict[str, Any]) -> str:
    """Of machine time, or of a model's tokens on somebody else's machine."""
    what = price["match"] or "this machine"
    if "usd_per_hour" in price:
        amount = f"{wording.number(price['usd_per_hour'])} USD per {price['per']} and hour"
    else:
        read, written = (
            wording.number(price[f"usd_per_million_{name}"]) for name in ("input", "output")
        )
        amount = f"{read} USD per million input tokens, {written} per million output tokens"
    source = f"{price['provider']}; {price['source']}, {price['as_of']}"
    return f"{what} {amount}, {price.get('provenance', 'assumed')} ({source})"


def _grid(grid: dict[str, Any]) -> str:
    return (
        f"grid {wording.number(grid['gco2e_per_kwh'])} gCO2e/kWh, "
        f"{grid['place']}{' ' + str(grid['year']) if grid['year'] else ''} ({grid['source']})"
    )
