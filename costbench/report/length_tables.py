"""What a report shows of lengths: variants against baselines at equal length, and how budgets were kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from costbench.printable import clean
from costbench.report import wording
from costbench.report.columns import Column
from costbench.report.contract import CellReport, E, LengthComparison, LengthControl, Report
from costbench.report.sections import Section
from costbench.report.wording import NA

EQUAL_LENGTH = (
    "Accuracy against the baseline's, with 95 % intervals paired by problem. Same budget: the same nominal "
    "number, which counts what each policy counts. Same tokens: as many measured tokens per attempt (sampled "
    "and injected), where the baseline is taken from the line through its own budgets, linear in the "
    "logarithm of the tokens; outside: it was measured at none so short or so long; (end): near an end of "
    "the line, which goes on level in the resamples beyond it."
)
LENGTH_CONTROL = (
    "Sampled tokens of each attempt against its budget; for budget forcing those of the thinking. A "
    "violation is an attempt that is longer than its budget."
)

_OUTSIDE, _AT_END = "outside", " (end)"
_Rows = Sequence[tuple[CellReport, dict[str, LengthComparison]]]
_Found = Sequence[LengthComparison | None]


@dataclass(frozen=True)
class LengthTable:
    """All variants of a section against the line of one baseline."""

    reference: str
    place: str
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """How many variants there are."""
        return len(self.columns[0].cells)


def equal_length(report: Report, section: Section) -> tuple[LengthTable, ...]:
    """A table per baseline and policy; baselines against each other are in the JSON only."""
    variants = {cell.cell: cell for cell in section.cells if cell.role == "variant"}
    found: dict[str, dict[str, dict[str, LengthComparison]]] = {}
    for each in report.length_comparisons:
        if each.candidate in variants:
            found.setdefault(each.reference, {}).setdefault(each.candidate, {})[each.at] = each
    return tuple(
        LengthTable(
            reference=clean(reference.replace("/", " ")),
            place=section.place,
            columns=_columns(section, [(variants[name], at) for name, at in rows.items()]),
        )
        for reference, rows in found.items()
    )


def length_control(section: Section) -> tuple[Column, ...]:
    """How each budget of a section was kept; empty where there is none."""
    cells = [(cell, cell.length_control) for cell in section.cells]
    kept = [(cell, control) for cell, control in cells if control is not None]
    if not kept:
        return ()

    def column(name: str, written: Callable[[LengthControl], str]) -> Column:
        return Column(name, "", tuple(written(control) for _, control in kept), 0)

    return (
        Column("length control", "", tuple(section.name(cell) for cell, _ in kept), 0, True),
        Column("counted", "", tuple(control.counts for _, control in kept), 0, True),
        column("budget, tokens", lambda c: f"{c.target:,}"),
        column(
            "mean absolute error, tokens", lambda c: wording.number(c.mean_absolute_error_tokens)
        ),
        column("of the budget, %", lambda c: _percent(c.mean_absolute_error_relative)),
        column("violations, %", lambda c: _percent(c.violation_rate)),
    )


def _columns(section: Section, rows: _Rows) -> tuple[Column, ...]:
    cells = [cell for cell, _ in rows]
    nominal = [at.get("nominal_budget") for _, at in rows]
    measured = [at.get("measured_tokens") for _, at in rows]
    tokens = tuple(wording.number(each.tokens if each else None) for each in measured)
    return (
        Column("model", "", tuple(clean(cell.model) for cell in cells), 0, is_text=True),
        Column("policy", "@budget", tuple(map(section.policy, cells)), 0, is_text=True),
        Column("accuracy", "%", tuple(_percent(cell.accuracy.value) for cell in cells), 3),
        Column("tokens", "/ attempt", tokens, 2),
        _points("same budget", nominal, 1),
        _ratios("same budget", nominal, 5),
        _points("same tokens", measured, 0),
        _ratios("same tokens", measured, 4),
    )


def _points(name: str, found: _Found, dispensable: int) -> Column:
    cells = (_written(each.difference if each else None, wording.change) for each in found)
    return Column(name, "points", tuple(cells), dispensable)


def _ratios(name: str, found: _Found, dispensable: int) -> Column:
    cells = (_written(each.ratio if each else None, wording.estimate) for each in found)
    return Column(name, "ratio", tuple(cells), dispensable)


def _written(figure: E | None, written: Callable[[E], str]) -> str:
    if figure is None:
        return NA
    if figure.reason == "outside_curve":
        return _OUTSIDE
    return written(figure) + (_AT_END if figure.reason == "partly_outside_curve" else "")


def _percent(share: float | None) -> str:
    return wording.percent(E(value=share))
