"""What a report shows of lines of budgets."""

from collections.abc import Callable
from typing import Any

from costbench.printable import clean
from costbench.report import wording
from costbench.report.columns import Column
from costbench.report.contract import BudgetLine, Report
from costbench.report.sections import Section, load_label

BUDGET_LINES = (
    "All budgets of one model and policy (s1, arXiv 2501.19393). Control: the share of budgets that the mean "
    "of what they count does not exceed. Scaling: accuracy gained per doubling of the tokens written "
    "(sampled and injected), and per 1,000 of them, the mean slope over all pairs of budgets. Performance: "
    "the best accuracy, picked afterwards, so more budgets make it higher. Intervals are 95 % and resample "
    "problems."
)


def budget_table(report: Report, section: Section) -> tuple[Column, ...]:
    """A row per line of several budgets; empty where there is none."""
    place = section.group, section.dataset
    lines = [
        each
        for each in report.budget_lines
        if (each.group, each.dataset) == place and len(each.cells) > 1
    ]
    if not lines:
        return ()

    def column(name: str, unit: str, written: Callable[[BudgetLine], str]) -> Column:
        return Column(name, unit, tuple(map(written, lines)), 0)

    loads = {load_label(load_of(each)) for each in lines}
    return (
        Column("line", "", tuple(_name(each, len(loads) > 1) for each in lines), 0, is_text=True),
        Column("counted", "", tuple(each.counts for each in lines), 0, is_text=True),
        column("budgets", "", lambda each: str(len(each.cells))),
        column("control", "%", lambda each: wording.percent(each.control)),
        column("scaling", "points / doubling", lambda e: wording.change(e.scaling_per_doubling)),
        column("linear", "points / 1k tokens", lambda e: wording.change(e.scaling_per_1000_tokens)),
        column("performance", "%", lambda each: wording.percent(each.performance)),
    )


def load_of(line: BudgetLine) -> dict[str, Any]:
    """Reports of older versions have no loads but of a closed loop."""
    return line.load or {"concurrency": line.concurrency}


def _name(line: BudgetLine, several_loads: bool) -> str:
    name = clean(line.line.replace("/", " "))
    return f"{name} {load_label(load_of(line))}" if several_loads else name
