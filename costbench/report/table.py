"""The report on a console, or in a pipe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from costbench.report import sentences
from costbench.report.columns import Column
from costbench.report.console import fit, plain_text, print_columns, print_list
from costbench.report.contract import Report
from costbench.report.cost_tables import console_lines
from costbench.report.energy_lines import energy_lines
from costbench.report.length_tables import EQUAL_LENGTH, LengthTable, equal_length
from costbench.report.payback_lines import ABOUT_PAYBACK, payback_lines
from costbench.report.savings_table import SAVINGS, savings_tables
from costbench.report.sections import Section, sections
from costbench.report.sentences import Footnotes
from costbench.report.serving_tables import slo_lines, slo_words
from costbench.report.verdict import verdict
from costbench.report.wanted_lines import (
    ABOUT_DEMAND,
    decision_lines,
    demand_words,
    tier_columns,
    wanted_words,
)
from costbench.report.without_answers import result_columns

if TYPE_CHECKING:
    from rich.console import Console

_MOST_COMPARISONS = 10


def print_table(report: Report, console: "Console") -> None:
    """The verdict, a table per group and dataset, then what a reader has to know to trust it."""
    console.print(plain_text("Verdict:", console, "bold"))
    print_list(verdict(report).headline, console)
    footnotes = Footnotes.to(report)
    hidden: dict[str, None] = {}
    for section in sections(report):
        fitting, dropped = fit(result_columns(report, section, footnotes), console.width)
        _print_section(report, section, fitting, console)
        hidden |= dict.fromkeys(f"{each.name} {each.unit}".strip() for each in dropped)
    if hidden:
        listed = ", ".join(hidden)
        print_list(
            [("", f"Not shown at this width: {listed}. All figures: --format csv.")], console
        )
    print_list([*sentences.signs(report), *footnotes.lines], console)
    _print_wanted(report, console)
    _print_slo(report, console)
    _print_comparisons(report, console)
    parts = sections(report)
    spared = [table for part in parts for table in savings_tables(report, part)]
    _print_tables("Savings against", spared, SAVINGS, console)
    at_length = [table for part in parts for table in equal_length(report, part)]
    _print_tables("At equal length against", at_length, EQUAL_LENGTH, console)
    _print_payback(report, console)
    rest = [*energy_lines(report), *console_lines(report), ("prices", sentences.prices(report))]
    rest += sentences.left_out(report)
    print_list([*rest, *(("note", note) for note in sentences.notes(report))], console)


def _print_section(
    report: Report, section: Section, shown: Sequence[Column], console: "Console"
) -> None:
    title = f"{section.title} · {report.window} windows · protocol {report.protocol}"
    print_columns(title, shown, console)


def _print_wanted(report: Report, console: "Console") -> None:
    """The decision in a sentence for each place, and the demand by tier."""
    if report.decision is not None:
        console.print(plain_text(f"Decision ({wanted_words(report.decision)}):", console))
        print_list(decision_lines(report), console)
    if report.demand is not None:
        shown = [column for column in tier_columns(report) if not column.is_unknown]
        fitting, dropped = fit(shown, console.width)
        print_columns(f"Demand: {demand_words(report.demand)}", fitting, console)
        hidden = ", ".join(f"{each.name} {each.unit}".strip() for each in dropped)
        more = f" Not shown at this width: {hidden}." if hidden else ""
        print_list([("", f"{ABOUT_DEMAND} Every cell: --format md.{more}")], console)


def _print_slo(report: Report, console: "Console") -> None:
    if report.slo is not None:
        console.print(plain_text(f"SLO ({slo_words(report.slo)}):", console))
        print_list([*slo_lines(report), ("", "All figures of serving: --format md.")], console)


def _print_comparisons(report: Report, console: "Console") -> None:
    room = _MOST_COMPARISONS
    found = sentences.comparisons(report)
    for against in found:
        shown, room = against.lines[:room], room - min(room, len(against.lines))
        if shown:
            title = f"Against {against.baseline} (95 % intervals, paired by problem):"
            console.print(plain_text(title, console))
            print_list(shown, console)
    more = sum(len(against.lines) for against in found) - _MOST_COMPARISONS
    if more > 0:
        print_list([("", f"{more} more comparisons: --format md.")], console)


def _print_tables(title: str, found: Sequence[LengthTable], words: str, console: "Console") -> None:
    """Tables against baselines' lines, the first rows of them, and how to read them."""
    room = _MOST_COMPARISONS
    hidden: dict[str, None] = {}
    for table in found:
        shown = [replace(column, cells=column.cells[:room]) for column in table.columns]
        if room:
            fitting, dropped = fit(shown, console.width)
            print_columns(f"{title} {table.reference} · {table.place}", fitting, console)
            hidden |= dict.fromkeys(f"{each.name} {each.unit}" for each in dropped)
        room -= min(room, table.rows)
    more = sum(table.rows for table in found) - _MOST_COMPARISONS
    lines = [words] if found else []
    lines += [f"Not shown at this width: {', '.join(hidden)}: --format md."] if hidden else []
    lines += [f"{more} more rows: --format md."] if more > 0 else []
    print_list([("", line) for line in lines], console)


def _print_payback(report: Report, console: "Console") -> None:
    if lines := payback_lines(report):
        console.print(plain_text("Payback of training:", console))
        print_list([*lines, ("", ABOUT_PAYBACK)], console)
