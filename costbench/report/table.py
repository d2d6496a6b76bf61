"""The report on a console, or in a pipe."""

import re
from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap
from typing import TYPE_CHECKING

from costbench.report import sentences
from costbench.report.columns import Column, columns
from costbench.report.contract import Report
from costbench.report.energy_lines import energy_lines
from costbench.report.length_tables import EQUAL_LENGTH, equal_length
from costbench.report.payback_lines import ABOUT_PAYBACK, payback_lines
from costbench.report.sections import Section, sections
from costbench.report.sentences import Footnotes
from costbench.report.wording import short

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_MOST_COMPARISONS = 10
_GAP = 2
_NAME_LENGTHS = (40, 28, 20, 12)
"""How long a model's name may be: the first that leaves room for the columns below."""
_ESSENTIAL = 2
"""Up to this rank a column is worth a shortened name."""
_ASCII = str.maketrans({"·": "-", "●": "o", "…": "~"})
_NARROWEST = 20
_UNBROKEN = "\u00a0"


def print_table(report: Report, console: "Console") -> None:
    """A table per group and dataset, then what a reader has to know to trust it."""
    footnotes = Footnotes.to(report)
    hidden: dict[str, None] = {}
    for section in sections(report):
        fitting, dropped = _fitting(columns(report, section, footnotes), console.width)
        _print_section(report, section, fitting, console)
        hidden |= dict.fromkeys(f"{each.name} {each.unit}".strip() for each in dropped)
    if hidden:
        listed = ", ".join(hidden)
        _print_list(
            [("", f"Not shown at this width: {listed}. All figures: --format csv.")], console
        )
    _print_list([*sentences.signs(report), *footnotes.lines], console)
    _print_comparisons(report, console)
    _print_equal_length(report, console)
    _print_payback(report, console)
    rest = [*energy_lines(report), ("prices", sentences.prices(report))]
    rest += sentences.left_out(report)
    _print_list([*rest, *(("note", note) for note in sentences.notes(report))], console)


def _fitting(every: Sequence[Column], width: int) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The columns that fit side by side, and those given up for them."""
    kept = list(every)
    for longest in _NAME_LENGTHS:
        kept = [_shortened(column, longest) for column in every]
        if _width([column for column in kept if column.dispensable <= _ESSENTIAL]) <= width:
            break
    dropped = []
    while _width(kept) > width:
        least = max(kept, key=lambda column: (column.is_unknown, column.dispensable))
        if least.dispensable == 0:
            break
        kept.remove(least)
        dropped.append(least)
    return tuple(kept), tuple(dropped)


def _width(columns: Sequence[Column]) -> int:
    from rich.cells import cell_len

    each = (max(map(cell_len, (c.name, c.unit, *c.cells))) for c in columns)
    return sum(each) + _GAP * (len(columns) - 1)


def _shortened(column: Column, longest: int) -> Column:
    if not column.is_text:
        return column
    limit = longest if column.name == "model" else _NAME_LENGTHS[0]
    return replace(column, cells=tuple(short(cell, limit) for cell in column.cells))


def _print_section(
    report: Report, section: Section, shown: Sequence[Column], console: "Console"
) -> None:
    title = f"{section.title} · {report.window} windows · protocol {report.protocol}"
    _print_columns(title, shown, console)


def _print_columns(title: str, shown: Sequence[Column], console: "Console") -> None:
    from rich import box
    from rich.table import Table

    console.print(_text(title, console, "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_edge=False)
    for column in shown:
        header = _text(f"{column.name}\n{column.unit}", console, "bold")
        table.add_column(
            header, justify="left" if column.is_text else "right", no_wrap=True, overflow="ellipsis"
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*(_text(cell, console) for cell in row))
    console.print(table)
    console.print()


def _print_comparisons(report: Report, console: "Console") -> None:
    room = _MOST_COMPARISONS
    found = sentences.comparisons(report)
    for against in found:
        shown, room = against.lines[:room], room - min(room, len(against.lines))
        if shown:
            title = f"Against {against.baseline} (95 % intervals, paired by problem):"
            console.print(_text(title, console))
            _print_list(shown, console)
    more = sum(len(against.lines) for against in found) - _MOST_COMPARISONS
    if more > 0:
        _print_list([("", f"{more} more comparisons: --format md.")], console)


def _print_equal_length(report: Report, console: "Console") -> None:
    room = _MOST_COMPARISONS
    found = [table for section in sections(report) for table in equal_length(report, section)]
    hidden: dict[str, None] = {}
    for table in found:
        shown = [replace(column, cells=column.cells[:room]) for column in table.columns]
        if room:
            fitting, dropped = _fitting(shown, console.width)
            title = f"At equal length against {table.reference} · {table.place}"
            _print_columns(title, fitting, console)
            hidden |= dict.fromkeys(f"{each.name} {each.unit}" for each in dropped)
        room -= min(room, table.rows)
    more = sum(table.rows for table in found) - _MOST_COMPARISONS
    lines = [EQUAL_LENGTH] if found else []
    lines += [f"Not shown at this width: {', '.join(hidden)}: --format md."] if hidden else []
    lines += [f"{more} more rows: --format md."] if more > 0 else []
    _print_list([("", line) for line in lines], console)


def _print_payback(report: Report, console: "Console") -> None:
    if lines := payback_lines(report):
        console.print(_text("Payback of training:", console))
        _print_list([*lines, ("", ABOUT_PAYBACK)], console)


def _print_list(lines: Sequence[tuple[str, str]], console: "Console") -> None:
    """A mark and a sentence per line; a sentence that needs more lines stays beside its mark."""
    marks = [short(mark, _NAME_LENGTHS[0]) for mark, _ in lines]
    indent = max(map(len, marks), default=0) + _GAP
    for mark, (_, sentence) in zip(marks, lines, strict=True):
        wrapped = wrap(
            # Intervals stay in one piece, and so do figures in percent.
            re.sub(r"(?<=,) (?=[^\[\]]*\])| (?=%)", _UNBROKEN, sentence),
            width=max(console.width, indent + _NARROWEST),
            initial_indent=mark.ljust(indent) if mark else "",
            subsequent_indent=" " * indent if mark else "",
            break_on_hyphens=False,
        )
        console.print(_text("\n".join(wrapped).replace(_UNBROKEN, " "), console))
    if lines:
        console.print()


def _text(text: str, console: "Console", style: str = "") -> "Text":
    """Text that is never read as markup, in characters that the output can encode."""
    from rich.text import Text

    if console.options.ascii_only:
        text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return Text(text, style=style)
