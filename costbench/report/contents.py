"""What every page of a report is made of: tables and sentences, before they become Markdown or HTML."""

from collections.abc import Callable, Sequence
from typing import Any

from costbench.report import sentences
from costbench.report.budget_table import BUDGET_LINES, budget_table
from costbench.report.columns import Column
from costbench.report.contract import CellReport, E, Report
from costbench.report.cost_of_pass_table import (
    ABOUT_THE_COSTS,
    cost_of_pass_of,
    cost_of_pass_table,
    gain_line,
)
from costbench.report.cost_tables import (
    FOOTPRINT,
    RUN_ENERGY,
    TARIFFS,
    book_columns,
    footprint_columns,
    footprint_lines,
    run_columns,
    tariff_columns,
    tariff_lines,
)
from costbench.report.energy_lines import energy_columns, energy_lines
from costbench.report.length_tables import (
    EQUAL_LENGTH,
    LENGTH_CONTROL,
    equal_length,
    length_control,
)
from costbench.report.level_table import TOKENS_BY_LEVEL, tokens_by_level
from costbench.report.page import PageTable, page_table
from costbench.report.payback_lines import ABOUT_PAYBACK, payback_lines
from costbench.report.plot_budgets import budget_words
from costbench.report.plot_trace import trace_words
from costbench.report.savings_table import SAVINGS, savings_tables
from costbench.report.sections import Section, sections
from costbench.report.sentences import Footnotes
from costbench.report.serving_tables import (
    LOADS,
    SERVING,
    load_columns,
    serving_columns,
    serving_title,
    slo_lines,
    slo_words,
    unknown_lines,
)
from costbench.report.verdict import verdict
from costbench.report.wanted_lines import (
    ABOUT_DEMAND,
    decision_columns,
    decision_lines,
    demand_columns,
    demand_words,
    tier_columns,
    wanted_words,
)
from costbench.report.without_answers import result_columns
from costbench.report.wording import percent


def contents(report: Report) -> dict[str, Any]:
    """All tables and sentences of a page by their names in the templates, without any markup."""
    footnotes = Footnotes.to(report)
    parts = sections(report)
    return {
        "report": report,
        "graded": any(part.gradable for part in parts),
        "facts": _facts(report),
        "notes": sentences.notes(report),
        "verdict": verdict(report),
        "tables": [_results(report, part, footnotes) for part in parts],
        "signs": sentences.signs(report),
        "footnotes": footnotes.lines,
        "levels": [_levels(part) for part in parts if any(cell.by_level for cell in part.cells)],
        "level_tokens": [
            page_table(part.place, found) for part in parts if (found := tokens_by_level(part))
        ],
        "level_tokens_words": TOKENS_BY_LEVEL,
        "decision": wanted_words(report.decision) if report.decision else None,
        "decision_lines": decision_lines(report),
        "decided": [page_table(part.place, decision_columns(report, part)) for part in parts],
        "demand": demand_words(report.demand) if report.demand else None,
        "demand_about": ABOUT_DEMAND,
        "served": [
            *([page_table("By tier", tier_columns(report))] if report.demand else []),
            *(page_table(part.place, demand_columns(report, part)) for part in parts),
        ],
        "slo": slo_words(report.slo) if report.slo else None,
        "slo_lines": slo_lines(report),
        "serving": [
            page_table(serving_title(part), found)
            for part in parts
            if (found := serving_columns(report, part))
        ],
        "serving_words": SERVING,
        "serving_unknown": unknown_lines(report),
        "loads": _tables(parts, lambda part: load_columns(report, part)),
        "loads_words": LOADS,
        "comparisons": sentences.comparisons(report),
        "equal_length": [table for part in parts for table in _equal_length(report, part)],
        "equal_length_words": EQUAL_LENGTH,
        "savings": [
            page_table(f"Against {each.reference} in {each.place}", each.columns)
            for part in parts
            for each in savings_tables(report, part)
        ],
        "savings_words": SAVINGS,
        "budget_lines": [
            page_table(part.place, found) for part in parts if (found := budget_table(report, part))
        ],
        "budget_lines_words": BUDGET_LINES,
        "budgets_words": budget_words(report),
        "cost_of_pass": [
            (page_table(part.place, cost_of_pass_table(costs)), gain_line(costs))
            for part in parts
            if (costs := cost_of_pass_of(report, part))
        ],
        "cost_of_pass_words": ABOUT_THE_COSTS,
        "length_control": [
            page_table(part.place, found) for part in parts if (found := length_control(part))
        ],
        "length_control_words": LENGTH_CONTROL,
        "payback": payback_lines(report),
        "payback_words": ABOUT_PAYBACK,
        "energy": [_energy(part) for part in parts],
        "energy_lines": energy_lines(report),
        "trace_words": trace_words(report),
        "costs": _tables(parts, tariff_columns),
        "costs_words": TARIFFS,
        "costs_lines": tariff_lines(report),
        "run": page_table("Run", found) if (found := run_columns(report)) else None,
        "run_words": RUN_ENERGY,
        "footprint": _tables(parts, footprint_columns),
        "footprint_words": FOOTPRINT,
        "footprint_lines": footprint_lines(report),
        "books": _tables(parts, lambda part: book_columns(report, part)),
        "prices": sentences.prices(report),
        "left_out": sentences.left_out(report),
    }


def _facts(report: Report) -> list[tuple[str, str]]:
    known = report.machine
    versions = known.get("versions") or {}
    system = (known.get("system"), known.get("python") and f"Python {known['python']}")
    return [
        ("suite, run", f"{report.suite}, {report.run}"),
        ("machine", sentences.machine(report) + (", virtual" if known.get("virtual") else "")),
        ("system", ", ".join(str(part) for part in system if part)),
        ("started", report.started_at),
        ("protocol", f"{report.protocol}, {report.window} windows"),
        ("costbench", f"{report.costbench_version}, method {report.method_version}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]


def _results(report: Report, section: Section, footnotes: Footnotes) -> PageTable:
    return PageTable.of(section.title, result_columns(report, section, footnotes))


def _levels(section: Section) -> PageTable:
    levels = sorted({each.level for cell in section.cells for each in cell.by_level})
    shown = [Column("accuracy by level, %", "", tuple(map(section.name, section.cells)), 0, True)]
    shown += [
        Column(str(level), "", tuple(_at_level(cell, level) for cell in section.cells), 0)
        for level in levels
    ]
    return PageTable.of(section.place, shown)


def _energy(section: Section) -> PageTable:
    every = [
        Column(name, "", tuple(map(written, section.cells)), 0, is_text)
        for name, written, is_text in energy_columns(section)
    ]
    return page_table(section.place, every)


def _tables(
    parts: Sequence[Section], columns_of: Callable[[Section], Sequence[Column]]
) -> list[PageTable]:
    """Of the sections that have any."""
    return [page_table(part.place, found) for part in parts if (found := columns_of(part))]


def _equal_length(report: Report, section: Section) -> list[PageTable]:
    return [
        page_table(f"Against {each.reference} in {each.place}", each.columns)
        for each in equal_length(report, section)
    ]


def _at_level(cell: CellReport, level: int) -> str:
    found = (each.accuracy for each in cell.by_level if each.level == level)
    return percent(E(value=next(found, None)))
