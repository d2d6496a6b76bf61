"""The report as a Markdown page."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from costbench.printable import clean
from costbench.report import sentences
from costbench.report.columns import Column, columns
from costbench.report.contract import CellReport, E, Report
from costbench.report.energy_lines import energy_columns, energy_lines
from costbench.report.length_tables import (
    EQUAL_LENGTH,
    LENGTH_CONTROL,
    equal_length,
    length_control,
)
from costbench.report.level_table import TOKENS_BY_LEVEL, tokens_by_level
from costbench.report.payback_lines import ABOUT_PAYBACK, payback_lines
from costbench.report.sections import Section, sections
from costbench.report.sentences import Footnotes
from costbench.report.wording import percent

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TEMPLATE = Path(__file__).parent / "templates" / "report.md.j2"
_ESCAPES = {ord(char): f"\\{char}" for char in "\\`*|~$"} | {
    ord("<"): "&lt;",
    ord("&"): "&amp;",
}
_LINKS = re.compile(r"^\[|\](?=[(\[:])|(?<!\w)_|_(?!\w)")
"""What would start a link, or slant a name; the brackets of an interval and budget_forcing stay."""


@dataclass(frozen=True)
class _Table:
    title: str
    header: tuple[str, ...]
    rule: "tuple[Markup, ...]"
    rows: tuple[tuple[str, ...], ...]


def render_markdown(report: Report, plot_file: str | None, levels_file: str | None = None) -> str:
    """The page; the files are pictures beside it: the frontier, and tokens by level."""
    footnotes = Footnotes.to(report)
    parts = sections(report)
    page = _template().render(
        report=report,
        facts=_facts(report),
        notes=sentences.notes(report),
        plot_file=_raw(quote(plot_file)) if plot_file else None,
        levels_file=_raw(quote(levels_file)) if levels_file else None,
        tables=[_results(report, part, footnotes) for part in parts],
        signs=sentences.signs(report),
        footnotes=footnotes.lines,
        levels=[_levels(part) for part in parts if any(cell.by_level for cell in part.cells)],
        level_tokens=[
            _table(part.place, found) for part in parts if (found := tokens_by_level(part))
        ],
        level_tokens_words=TOKENS_BY_LEVEL,
        comparisons=sentences.comparisons(report),
        equal_length=[table for part in parts for table in _equal_length(report, part)],
        equal_length_words=EQUAL_LENGTH,
        length_control=[
            _table(part.place, found) for part in parts if (found := length_control(part))
        ],
        length_control_words=LENGTH_CONTROL,
        payback=payback_lines(report),
        payback_words=ABOUT_PAYBACK,
        energy=[_energy(part) for part in parts],
        energy_lines=energy_lines(report),
        prices=sentences.prices(report),
        left_out=sentences.left_out(report),
    )
    return page.strip() + "\n"


@cache
def _template() -> "Template":
    from jinja2 import Environment

    # Everything that is written goes through `finalize`, so no name can be forgotten.
    environment = Environment(  # noqa: S701 - this is Markdown: HTML's escapes would be wrong
        finalize=_escaped, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.globals["row"] = _row
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _escaped(value: object) -> str:
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    return _LINKS.sub(r"\\\g<0>", clean(str(value)).translate(_ESCAPES))


def _row(cells: Sequence[str]) -> "Markup":
    return _raw(f"| {' | '.join(_escaped(cell) for cell in cells)} |")


def _raw(text: str) -> "Markup":
    """Markdown of our own, or escaped already."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - not HTML


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


def _results(report: Report, section: Section, footnotes: Footnotes) -> _Table:
    shown = columns(report, section, footnotes)
    return _Table(
        title=section.title,
        header=tuple(f"{column.name} {column.unit}".strip() for column in shown),
        rule=_rule(shown),
        rows=tuple(zip(*(column.cells for column in shown), strict=True)),
    )


def _levels(section: Section) -> _Table:
    levels = sorted({each.level for cell in section.cells for each in cell.by_level})
    shown = [Column("accuracy by level, %", "", tuple(map(section.name, section.cells)), 0, True)]
    shown += [
        Column(str(level), "", tuple(_at_level(cell, level) for cell in section.cells), 0)
        for level in levels
    ]
    return _Table(
        title=section.place,
        header=tuple(column.name for column in shown),
        rule=_rule(shown),
        rows=tuple(zip(*(column.cells for column in shown), strict=True)),
    )


def _energy(section: Section) -> _Table:
    every = [
        Column(name, "", tuple(map(written, section.cells)), 0, is_text)
        for name, written, is_text in energy_columns(section)
    ]
    shown = [column for column in every if not column.is_unknown]
    return _Table(
        title=section.place,
        header=tuple(column.name for column in shown),
        rule=_rule(shown),
        rows=tuple(zip(*(column.cells for column in shown), strict=True)),
    )


def _equal_length(report: Report, section: Section) -> list[_Table]:
    return [
        _table(f"Against {each.reference} in {each.place}", each.columns)
        for each in equal_length(report, section)
    ]


def _table(title: str, columns: Sequence[Column]) -> _Table:
    """What is known nowhere in a column is left out."""
    shown = [column for column in columns if not column.is_unknown]
    return _Table(
        title=title,
        header=tuple(f"{column.name} {column.unit}".strip() for column in shown),
        rule=_rule(shown),
        rows=tuple(zip(*(column.cells for column in shown), strict=True)),
    )


def _at_level(cell: CellReport, level: int) -> str:
    found = (each.accuracy for each in cell.by_level if each.level == level)
    return percent(E(value=next(found, None)))


def _rule(shown: Iterable[Column]) -> "tuple[Markup, ...]":
    return tuple(_raw("---" if column.is_text else "--:") for column in shown)
