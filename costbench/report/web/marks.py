"""Letters for doubts, each beside the figure that it touches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, product
from string import ascii_lowercase

from costbench.metering.reasons import REASONS
from costbench.report.caveats import explain
from costbench.report.columns import Figure
from costbench.report.contract import CellReport
from costbench.report.sentences import Footnotes

_TOUCHED: Mapping[Figure, tuple[str, ...]] = {
    "accuracy": (
        "many_ungraded",
        "many_unclosed",
        "many_truncated",
        "graded_unclosed",
        "imported_without_verdicts",
    ),
    "tokens": (
        "many_unfinished",
        "estimated_tokens",
        "estimated_reasoning",
        "tokens_counted_on_import",
    ),
    "latency": ("late_arrivals", "retried_requests"),
    "machine": ("imported_without_times", "imported_overlap"),
    "usd": (
        "no_price_book",
        "no_machine_price",
        "assumed_price",
        "assumed_ownership",
        "assumed_api_price",
        "api_price_not_looked_up",
        "api_tier_by_request",
        "cached_tokens_unknown",
        "more_cached_than_read",
        "remote_machine",
        "imported_cost",
        "no_imported_cost",
        "imported_without_machine",
    ),
    "gco2e": ("no_grid_intensity", "assumed_grid"),
    "joules": tuple(REASONS),
}
_FIGURE_OF = {code: figure for figure, codes in _TOUCHED.items() for code in codes}


@dataclass(frozen=True)
class Mark:
    """A letter, and the sentence behind it."""

    letter: str
    sentence: str


class Marks:
    """Of all doubts of a report: those of some rows first, then those of every row."""

    def __init__(self, notes: Footnotes) -> None:
        self.everywhere = frozenset(notes.everywhere)
        self._marks = {
            code: Mark(letter, explain(code))
            for code, letter in zip((*notes.some, *notes.everywhere), _letters(), strict=False)
        }

    @property
    def all(self) -> tuple[tuple[Mark, bool], ...]:
        """Every mark, and whether it holds for all rows."""
        return tuple((mark, code in self.everywhere) for code, mark in self._marks.items())

    def of_cell(self, cell: CellReport, figure: Figure, shown: frozenset[Figure]) -> list[Mark]:
        """Doubts of one row about this figure; without a column for it they stand by the row's name."""
        codes = (code for code in cell.caveats if code not in self.everywhere)
        return [self._marks[code] for code in codes if _place(code, shown) == figure]

    def of_column(self, figure: Figure, shown: frozenset[Figure]) -> list[Mark]:
        """Doubts of every row about this figure."""
        return [
            mark
            for code, mark in self._marks.items()
            if code in self.everywhere and _place(code, shown) == figure
        ]


def _place(code: str, shown: frozenset[Figure]) -> Figure:
    figure = _FIGURE_OF.get(code, "name")
    return figure if figure in shown else "name"


def _letters() -> Iterator[str]:
    """a, b, ... z, aa, ab, ..."""
    for length in count(1):
        yield from map("".join, product(ascii_lowercase, repeat=length))
