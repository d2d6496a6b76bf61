"""The columns of the results table, the same on the console and in Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from costbench.printable import clean
from costbench.report import wording
from costbench.report.contract import CellReport, E, FrontierMetric, OnFrontier, Report, Spread
from costbench.report.sections import Section
from costbench.report.sentences import Footnotes
from costbench.report.wording import NA, Scale
from costbench.types import Provenance

Cells = Sequence[CellReport]

Figure = Literal[
    "name", "accuracy", "tokens", "latency", "joules", "usd", "gco2e", "machine", "frontier"
]
"""What a column is about."""

ON_FRONTIER = "●"

_FRONTIER_NAMES: dict[FrontierMetric, str] = {
    "usd": "USD",
    "joules": "joules",
    "output_tokens": "tokens",
}


@dataclass(frozen=True)
class Column:
    """A column as written: its header in two lines, a cell per row, and how gladly it is given up."""

    name: str
    unit: str
    cells: tuple[str, ...]
    dispensable: int
    """0 always stays; where room is short, the highest goes first."""
    is_text: bool = False
    figure: Figure = "name"
    source: Provenance | None = None
    """Where all figures of the column come from, whose sign stands before its name."""

    @property
    def is_unknown(self) -> bool:
        """Nothing but "n/a"."""
        return all(cell == NA for cell in self.cells)


@dataclass(frozen=True)
class Scales:
    """One unit per column for the whole report, so that its tables can be compared."""

    latency: Scale
    joules: Scale
    usd: Scale
    gco2e: Scale
    machine_time: Scale

    @classmethod
    def of(cls, report: Report) -> Self:
        """The units that fit this report's figures."""
        cells = report.cells
        return cls(
            latency=wording.fitting((c.latency_s.p50 for c in cells), wording.SECONDS),
            joules=wording.fitting((c.joules_per_attempt.value for c in cells), wording.JOULES),
            usd=wording.fitting((c.usd_per_correct.value for c in cells), wording.USD),
            gco2e=wording.fitting((c.gco2e_per_correct.value for c in cells), wording.GCO2E),
            machine_time=wording.fitting(
                (c.machine_seconds_per_correct.value for c in cells), wording.SECONDS
            ),
        )


def columns(report: Report, section: Section, footnotes: Footnotes) -> tuple[Column, ...]:
    """Everything a table can show of a section, in order of reading."""
    scales = Scales.of(report)
    metric = frontier_metric(report)
    cells = section.cells
    time = scales.machine_time
    latency = tuple(spread(cell, scales.latency) for cell in cells)
    times = tuple(wording.center(c.machine_seconds_per_correct, time.factor) for c in cells)
    every = (
        Column("model", "", tuple(clean(c.model) for c in cells), 0, is_text=True),
        Column("policy", "@budget", tuple(map(section.policy, cells)), 0, is_text=True),
        Column("accuracy", "% [95 %]", _all(cells, _accuracy), 0, figure="accuracy"),
        Column("output", "tokens", _all(cells, _tokens), 3, figure="tokens"),
        Column("latency", f"p50 / p95 {scales.latency.unit}", latency, 5, figure="latency"),
        _joules(cells, scales.joules),
        _usd(cells, scales.usd),
        _gco2e(cells, scales.gco2e),
        Column("machine", time.per("correct"), times, 6, figure="machine"),
        Column(
            "frontier",
            _FRONTIER_NAMES[metric],
            tuple(_frontier(c, metric) for c in cells),
            2,
            is_text=True,
            figure="frontier",
        ),
        Column("notes", "", tuple(map(footnotes.of, cells)), 0, is_text=True),
    )
    return tuple(column for column in every if says_something(column, section))


def frontier_metric(report: Report) -> FrontierMetric:
    """Money where it is known, else energy, else tokens."""
    metrics: tuple[FrontierMetric, ...] = ("usd", "joules")
    for metric in metrics:
        if any(_place(cell, metric).now is not None for cell in report.cells):
            return metric
    return "output_tokens"


def says_something(column: Column, section: Section) -> bool:
    """Whether a column is worth its room."""
    if column.name == "model":
        return len(section.models) > 1  # a single model is named in the title
    return any(column.cells)


def _all(cells: Cells, written: Callable[[CellReport], str]) -> tuple[str, ...]:
    return tuple(map(written, cells))


def _accuracy(cell: CellReport) -> str:
    return wording.percent(cell.accuracy)


def _tokens(cell: CellReport) -> str:
    return wording.center(cell.output_tokens)


def spread(cell: CellReport, scale: Scale) -> str:
    """Median and 95th percentile of the latency."""
    found: Spread = cell.latency_s
    if found.p50 is None and found.p95 is None:
        return NA
    both = (E(value=found.p50), E(value=found.p95))
    return " / ".join(wording.center(each, scale.factor) for each in both)


def _joules(cells: Cells, scale: Scale) -> Column:
    texts = [
        wording.bounded(wording.center(cell.joules_per_attempt, scale.factor), cell.energy.bound)
        for cell in cells
    ]
    found = sourced(scale.per("attempt"), texts, [cell.energy.provenance for cell in cells])
    return replace(found, dispensable=4, figure="joules")


def _usd(cells: Cells, scale: Scale) -> Column:
    texts = [wording.estimate(cell.usd_per_correct, scale.factor) for cell in cells]
    found = sourced(scale.per("correct"), texts, [cell.usd.provenance for cell in cells])
    return replace(found, dispensable=1, figure="usd")


def _gco2e(cells: Cells, scale: Scale) -> Column:
    texts = [wording.center(cell.gco2e_per_correct, scale.factor) for cell in cells]
    found = sourced(scale.per("correct"), texts, [cell.gco2e.provenance for cell in cells])
    return replace(found, dispensable=7, figure="gco2e")


def sourced(unit: str, texts: Sequence[str], provenances: Sequence[Provenance]) -> Column:
    """A column whose figures say where they come from: once in the header where all agree."""
    pairs = list(zip(texts, provenances, strict=True))
    shared = {provenance for text, provenance in pairs if text != NA}
    name, _, per = unit.partition(" ")
    if len(shared) == 1:
        source = shared.pop()
        return Column(wording.marked(name, source), per, tuple(texts), 0, source=source)
    return Column(name, per, tuple(wording.marked(*pair) for pair in pairs), 0)


def _place(cell: CellReport, metric: FrontierMetric) -> OnFrontier:
    return cell.on_frontier.get(metric, OnFrontier(now=None, probability=None))


def _frontier(cell: CellReport, metric: FrontierMetric) -> str:
    place = _place(cell, metric)
    if place.now is None:
        return NA
    sure = "" if place.probability is None else f" {place.probability:.2f}"
    return (ON_FRONTIER if place.now else " ") + sure
