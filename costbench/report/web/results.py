"""The results as a table of a page: every figure with its source and its doubts beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from costbench.report.columns import Column, Figure, Scales
from costbench.report.contract import CellReport, Report
from costbench.report.sections import Section
from costbench.report.sentences import Footnotes
from costbench.report.web.marks import Mark, Marks
from costbench.report.without_answers import result_columns
from costbench.report.wording import PROVENANCE
from costbench.types import Provenance


@dataclass(frozen=True)
class Head:
    """Of a column."""

    name: str
    unit: str
    is_text: bool
    source: Provenance | None
    sign: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Entry:
    """One figure as written. With a `figure` it is written anew for a reader's own prices."""

    text: str
    is_text: bool
    marks: Sequence[Mark]
    figure: Figure | None
    sign: str
    """Before the figure, where a column has several sources."""


@dataclass(frozen=True)
class Results:
    """Of one group and dataset."""

    title: str
    gradable: bool
    heads: tuple[Head, ...]
    rows: tuple[tuple[Entry, ...], ...]


REPRICED: tuple[Figure, ...] = ("usd", "gco2e", "frontier")


def results(report: Report, section: Section, marks: Marks) -> Results:
    """In the columns of every other form of the report; the first is the row's name."""
    named = tuple(map(section.name, section.cells))
    every = result_columns(report, section, Footnotes.to(report))
    shown = [column for column in every if column.name not in {"model", "policy", "notes"}]
    shown.insert(0, Column("configuration", "", named, 0, is_text=True))
    figures = frozenset(column.figure for column in shown)
    heads = tuple(
        Head(
            name=_unsigned(column),
            unit=column.unit,
            is_text=column.is_text,
            source=column.source,
            sign=_sign(column.source),
            marks=marks.of_column(column.figure, figures),
        )
        for column in shown
    )
    rows = tuple(
        tuple(_entry(column, at, cell, marks, figures) for column in shown)
        for at, cell in enumerate(section.cells)
    )
    return Results(section.title, section.gradable, heads, rows)


def factors(report: Report) -> dict[str, float]:
    """What figures per correct answer are multiplied by in the tables."""
    scales = Scales.of(report)
    return {"usd": scales.usd.factor, "gco2e": scales.gco2e.factor}


def _entry(
    column: Column, at: int, cell: CellReport, marks: Marks, figures: frozenset[Figure]
) -> Entry:
    return Entry(
        text=column.cells[at].strip(),
        is_text=column.is_text,
        marks=marks.of_cell(cell, column.figure, figures),
        figure=column.figure if column.figure in REPRICED and cell.gradable else None,
        sign="" if column.source else _sign(_source(cell, column.figure)),
    )


def _source(cell: CellReport, figure: Figure) -> Provenance | None:
    return {"usd": cell.usd.provenance, "gco2e": cell.gco2e.provenance}.get(figure)


def _sign(source: Provenance | None) -> str:
    return PROVENANCE[source].sign if source else ""


def _unsigned(column: Column) -> str:
    """The sign stands with its word, in a badge."""
    return column.name.removeprefix(_sign(column.source))
