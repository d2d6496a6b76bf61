"""What every Markdown page is made of: a template in which no name can be markup, and tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from costbench.printable import clean
from costbench.report.columns import Column

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"
_ESCAPES = {ord(char): f"\\{char}" for char in "\\`*|~$"} | {
    ord("<"): "&lt;",
    ord("&"): "&amp;",
}
_LINKS = re.compile(r"^\[|\](?=[(\[:])|(?<!\w)_|_(?!\w)")
"""What would start a link, or slant a name; the brackets of an interval and budget_forcing stay."""


@dataclass(frozen=True)
class PageTable:
    """A table as written."""

    title: str
    header: tuple[str, ...]
    texts: tuple[bool, ...]
    """Which columns are texts, to the left; figures are to the right."""
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, title: str, shown: Sequence[Column]) -> Self:
        """These columns, as written."""
        return cls(
            title=title,
            header=tuple(f"{column.name} {column.unit}".strip() for column in shown),
            texts=tuple(column.is_text for column in shown),
            rows=tuple(zip(*(column.cells for column in shown), strict=True)),
        )

    @property
    def rule(self) -> "tuple[Markup, ...]":
        """The line below a header, in Markdown."""
        return tuple(raw("---" if text else "--:") for text in self.texts)


@cache
def template(name: str) -> "Template":
    """Of that file beside the report; what is filled in is escaped."""
    from jinja2 import Environment

    # Everything that is written goes through `finalize`, so no name can be forgotten.
    environment = Environment(  # noqa: S701 - this is Markdown: HTML's escapes would be wrong
        finalize=_escaped, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.globals["row"] = _row
    return environment.from_string((_TEMPLATES / name).read_text(encoding="utf-8"))


def page_table(title: str, columns: Sequence[Column]) -> PageTable:
    """What is known nowhere in a column is left out."""
    return PageTable.of(title, [column for column in columns if not column.is_unknown])


def raw(text: str) -> "Markup":
    """Markdown of our own, or escaped already."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - not HTML


def _escaped(value: object) -> str:
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    return _LINKS.sub(r"\\\g<0>", clean(str(value)).translate(_ESCAPES))


def _row(cells: Sequence[str]) -> "Markup":
    return raw(f"| {' | '.join(_escaped(cell) for cell in cells)} |")
