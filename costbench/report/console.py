"""Columns and lists on a console, or in a pipe: what fits, and what no name can turn into markup."""

import re
from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap
from typing import TYPE_CHECKING

from costbench.report.columns import Column
from costbench.report.wording import short

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_GAP = 2
_NAME_LENGTHS = (40, 28, 20, 12)
"""How long a model's name may be: the first that leaves room for the columns below."""
_ESSENTIAL = 2
"""Up to this rank a column is worth a shortened name."""
_ASCII = str.maketrans({"·": "-", "●": "o", "…": "~"})
_NARROWEST = 20
_UNBROKEN = "\u00a0"


def fit(every: Sequence[Column], width: int) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
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


def print_columns(title: str, shown: Sequence[Column], console: "Console") -> None:
    """A table below its title."""
    from rich import box
    from rich.table import Table

    console.print(plain_text(title, console, "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_edge=False)
    for column in shown:
        header = plain_text(f"{column.name}\n{column.unit}", console, "bold")
        table.add_column(
            header, justify="left" if column.is_text else "right", no_wrap=True, overflow="ellipsis"
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*(plain_text(cell, console) for cell in row))
    console.print(table)
    console.print()


def print_list(lines: Sequence[tuple[str, str]], console: "Console") -> None:
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
        console.print(plain_text("\n".join(wrapped).replace(_UNBROKEN, " "), console))
    if lines:
        console.print()


def plain_text(text: str, console: "Console", style: str = "") -> "Text":
    """Text that is never read as markup, in characters that the output can encode."""
    from rich.text import Text

    if console.options.ascii_only:
        text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return Text(text, style=style)


def _width(columns: Sequence[Column]) -> int:
    from rich.cells import cell_len

    each = (max(map(cell_len, (c.name, c.unit, *c.cells))) for c in columns)
    return sum(each) + _GAP * (len(columns) - 1)


def _shortened(column: Column, longest: int) -> Column:
    if not column.is_text:
        return column
    limit = longest if column.name == "model" else _NAME_LENGTHS[0]
    return replace(column, cells=tuple(short(cell, limit) for cell in column.cells))
