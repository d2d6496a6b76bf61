"""What a report shows of savings: variants against the line of a baseline's own budgets."""

from costbench.printable import clean
from costbench.report import wording
from costbench.report.columns import Column
from costbench.report.contract import CellReport, E, FrontierMetric, Report, Saving
from costbench.report.length_tables import LengthTable
from costbench.report.sections import Section
from costbench.report.wording import NA

SAVINGS = (
    "Each variant against the line through all budgets of the baseline, which ends at the baseline without a "
    "budget. At equal accuracy: its cost per attempt over the least that the line needs to be as accurate, "
    "below 1 is a saving; < x: the line is nowhere as accurate, the saving at least that large; > x: it is "
    "more accurate everywhere. At equal cost: its accuracy less the line's; outside: the line was measured "
    "at no such cost; (end): some resamples lie beyond an end of the line."
)
_SHOWN: tuple[tuple[FrontierMetric, str], ...] = (
    ("usd", "USD"),
    ("output_tokens", "tokens"),
    ("joules", "joules"),
)
_Key = tuple[str, FrontierMetric]


def savings_tables(report: Report, section: Section) -> tuple[LengthTable, ...]:
    """A table per baseline line, for the freest cells of each variant."""
    variants = [cell for cell in section.freest if cell.role == "variant"]
    names = {cell.cell for cell in variants}
    found: dict[str, dict[_Key, Saving]] = {}
    for each in report.savings:
        if each.candidate in names:
            found.setdefault(each.reference, {})[each.candidate, each.metric] = each
    return tuple(
        LengthTable(
            reference=clean(reference.replace("/", " ")),
            place=section.place,
            columns=_columns(section, variants, savings),
        )
        for reference, savings in found.items()
    )


def _columns(
    section: Section, variants: list[CellReport], savings: dict[_Key, Saving]
) -> tuple[Column, ...]:
    cells = [cell for cell in variants if (cell.cell, "usd") in savings]
    columns = [Column("variant", "", tuple(map(section.name, cells)), 0, is_text=True)]
    for rank, (metric, name) in enumerate(_SHOWN):
        mine = [savings[cell.cell, metric] for cell in cells]
        ratios = tuple(_ratio(each.cost_ratio_at_equal_accuracy) for each in mine)
        points = tuple(_points(each.accuracy_at_equal_cost) for each in mine)
        columns += [
            Column(f"{name} at equal accuracy", "ratio", ratios, 2 * rank),
            Column(f"accuracy at equal {name}", "points", points, 2 * rank + 1),
        ]
    return tuple(columns)


def _ratio(figure: E) -> str:
    if figure.reason == "line_never_as_accurate" and figure.high is not None:
        return f"< {wording.number(figure.high)}"
    return wording.estimate(figure) + _end(figure)


def _points(figure: E) -> str:
    if figure.reason == "outside_curve":
        return "outside"
    written = wording.change(figure)
    return written if written == NA else written + _end(figure)


def _end(figure: E) -> str:
    return " (end)" if (figure.reason or "").startswith("partly_") else ""
