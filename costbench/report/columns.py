"""The columns of the results table, the same on the console and in Markdown."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from costbench.report import wording
from costbench.report.contract import CellReport, E, FrontierMetric, OnFrontier, Report, Spread
from costbench.report.sections import Section
from costbench.report.sentences import Footnotes
from costbench.report.wording import NA, Scale

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

    def column(
        name: str, unit: str, write: Callable[[CellReport], str], dispensable: int, *, text: bool = False
    ) -> Column:
        cells = tuple(write(cell) for cell in section.cells)
        unknown = dispensable and all(cell == NA for cell in cells)
        return Column(name, unit, cells, dispensable + 10 if unknown else dispensable, text)

    every = (
        column("model", "", lambda c: wording.clean(c.model), 0, text=True),
        column("policy", "@budget", section.policy, 0, text=True),
        column("accuracy", "% [95 %]", lambda c: wording.percent(c.accuracy), 0),
        column("output", "tokens", lambda c: wording.center(c.output_tokens), 3),
        column("latency", f"p50 / p95 {scales.latency.unit}", partial(_latency, scales.latency), 5),
        column(scales.joules.unit, "/ attempt", partial(_joules, scales.joules), 4),
        column(*_header(scales.usd, "correct"), partial(_usd, scales.usd), 1),
        column(*_header(scales.gco2e, "correct"), partial(_gco2e, scales.gco2e), 7),
        column("machine", scales.machine_time.per("correct"), partial(_time, scales.machine_time), 6),
        column("frontier", _FRONTIER_NAMES[metric], partial(_frontier, metric), 2, text=True),
        column("notes", "", footnotes.of, 0, text=True),
    )
    return tuple(column for column in every if _says_something(column, section))


def frontier_metric(report: Report) -> FrontierMetric:
    """Money where it is known, else energy, else tokens."""
    metrics: tuple[FrontierMetric, ...] = ("usd", "joules")
    for metric in metrics:
        if any(_place(cell, metric).now is not None for cell in report.cells):
            return metric
    return "output_tokens"


def _says_something(column: Column, section: Section) -> bool:
    if column.name == "model":
        return len(section.models) > 1  # a single model is named in the title
    return any(column.cells)


def _header(scale: Scale, per: str) -> tuple[str, str]:
    name, _, unit = scale.per(per).partition(" ")
    return name, unit


def _latency(scale: Scale, cell: CellReport) -> str:
    spread: Spread = cell.latency_s
    if spread.p50 is None and spread.p95 is None:
        return NA
    both = (E(value=spread.p50), E(value=spread.p95))
    return " / ".join(wording.center(each, scale.factor) for each in both)


def _joules(scale: Scale, cell: CellReport) -> str:
    text = wording.center(cell.joules_per_attempt, scale.factor)
    return wording.marked(text, cell.energy.provenance)


def _usd(scale: Scale, cell: CellReport) -> str:
    text = wording.estimate(cell.usd_per_correct, scale.factor)
    return wording.marked(text, cell.usd.provenance)


def _gco2e(scale: Scale, cell: CellReport) -> str:
    text = wording.center(cell.gco2e_per_correct, scale.factor)
    return wording.marked(text, cell.gco2e.provenance)


def _time(scale: Scale, cell: CellReport) -> str:
    return wording.center(cell.machine_seconds_per_correct, scale.factor)


def _place(cell: CellReport, metric: FrontierMetric) -> OnFrontier:
    return cell.on_frontier.get(metric, OnFrontier(now=None, probability=None))


def _frontier(metric: FrontierMetric, cell: CellReport) -> str:
    place = _place(cell, metric)
    if place.now is None:
        return NA
    sure = "" if place.probability is None else f" {place.probability:.2f}"
    return (ON_FRONTIER if place.now else " ") + sure
