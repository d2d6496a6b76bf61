"""The report on a console, or in a pipe."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from costbench.report import sentences
from costbench.report.columns import Column, columns
from costbench.report.contract import Report
from costbench.report.sections import Section, sections
from costbench.report.sentences import Footnotes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_MOST_COMPARISONS = 10
_GAP = 2
_ASCII = str.maketrans({"·": "-", "●": "o", "…": "~"})


def print_table(report: Report, console: "Console") -> None:
    """A table per group and dataset, then what a reader has to know to trust it."""
    footnotes = Footnotes.to(report)
    hidden: dict[str, None] = {}
    for section in sections(report):
        fitting, dropped = _fitting(columns(report, section, footnotes), console.width)
        _print_section(report, section, fitting, console)
        hidden |= dict.fromkeys(f"{each.name} {each.unit}".strip() for each in dropped)
    if hidden:
        _print_line(f"Not shown at this width: {', '.join(hidden)}.", console)
    _print_list("", [*sentences.signs(report), *footnotes.lines], console)
    _print_comparisons(report, console)
    _print_list("", [("prices", sentences.prices(report)), *sentences.left_out(report)], console)
    _print_list("", [("note", note) for note in sentences.notes(report)], console)


def _fitting(
    every: Sequence[Column], width: int
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The columns that fit side by side, and those given up for them."""
    kept = list(every)
    while sum(_width(column) + _GAP for column in kept) - _GAP > width:
        least = max(kept, key=lambda column: column.dispensable)
        if least.dispensable == 0:
            break
        kept.remove(least)
    return tuple(kept), tuple(column for column in every if column not in kept)


def _width(column: Column) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, (column.name, column.unit, *column.cells)))


def _print_section(
    report: Report, section: Section, shown: Sequence[Column], console: "Console"
) -> None:
    from rich import box
    from rich.table import Table

    title = f"{section.title} · {report.window} windows · protocol {report.protocol}"
    console.print(_text(title, console, "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP, 0, 0), show_edge=False)
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
    total = 0
    for against in sentences.comparisons(report):
        shown = against.lines[:room]
        room -= len(shown)
        total += len(against.lines)
        if shown:
            title = f"Against {against.baseline} (95 % intervals, paired by problem):"
            _print_list(title, [("", line) for line in shown], console)
    if total > _MOST_COMPARISONS:
        _print_line(f"{total - _MOST_COMPARISONS} more are in report.md and report.json.", console)


def _print_list(title: str, lines: Iterable[tuple[str, str]], console: "Console") -> None:
    """A mark and a sentence per line; a sentence that needs more lines stays beside its mark."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for mark, sentence in lines:
        grid.add_row(_text(mark, console, "bold"), _text(sentence, console))
    if title:
        _print_line(title, console)
    if grid.row_count:
        console.print(grid)
        console.print()


def _print_line(line: str, console: "Console") -> None:
    console.print(_text(line, console))


def _text(text: str, console: "Console", style: str = "") -> "Text":
    """Text that is never read as markup, in characters that the output can encode."""
    from rich.text import Text

    if console.options.ascii_only:
        text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return Text(text, style=style)
