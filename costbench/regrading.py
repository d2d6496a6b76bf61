"""One `costbench grade`: other graders over stored responses, and all verdicts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from costbench.grading import Grading, graders_in_use, parse_grader
from costbench.interfaces import Grader
from costbench.printable import clean
from costbench.store import Store

_PIPE_WIDTH = 140

# For each cell and stored grader, beside the one that counts for the cell.
_VERDICTS = """
SELECT g.grader, g.version, COUNT(g.correct), SUM(g.correct),
    SUM(own.correct IS NOT NULL AND g.correct IS NOT NULL AND own.correct != g.correct)
FROM attempts a
JOIN grades g ON g.attempt = a.id
LEFT JOIN grades own ON own.attempt = a.id AND own.grader = ? AND own.version = ?
WHERE a.cell = ? GROUP BY g.grader, g.version ORDER BY g.grader, g.version
"""


@dataclass(frozen=True)
class Verdicts:
    """What one version of a grader says of one cell."""

    cell: str
    grader: str
    version: str
    counts: bool
    """Whether reports go by it."""
    attempts: int
    graded: int
    correct: int
    differs: int
    """Attempts that it calls right and the grader that counts calls wrong, or the other way."""

    @property
    def accuracy(self) -> float | None:
        """Of what it could decide."""
        return self.correct / self.graded if self.graded else None


def grade_again(folder: Path, graders: Sequence[str]) -> tuple[Verdicts, ...]:
    """Grade with each of these, or with each cell's own where none is named; every verdict stored so far.

    What a grader could not decide before is tried again.
    Raises StoreError, SuiteError, PluginError, GradeError.
    """
    wanted: list[Grader | None] = [parse_grader(text) for text in graders]
    with Store.open(folder) as store:
        with Grading(store, retry=True) as grading:
            for grader in wanted or [None]:
                grading.grade_all(grader)
        return tuple(
            found
            for cell, own in graders_in_use(store).items()
            for found in _verdicts(store, cell, own)
        )


def _verdicts(store: Store, cell: str, own: tuple[str, str]) -> list[Verdicts]:
    query = "SELECT COUNT(*) FROM attempts WHERE cell = ? AND error IS NULL"
    attempts = int(store.db.execute(query, (cell,)).fetchone()[0])
    rows = store.db.execute(_VERDICTS, (*own, cell))
    return [
        Verdicts(cell, grader, version, (grader, version) == own, attempts, graded, correct or 0, differs)
        for grader, version, graded, correct, differs in rows
    ]  # fmt: skip


def print_verdicts(verdicts: Sequence[Verdicts]) -> None:
    """A row per cell and version of a grader, to stdout."""
    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    table = Table("cell", "grader", "version", box=None, pad_edge=False)
    for name in ("accuracy %", "graded", "ungraded", "differs"):
        table.add_column(name, justify="right")
    for found in verdicts:
        accuracy = found.accuracy
        table.add_row(
            *(escape(clean(text)) for text in (found.cell, found.grader, found.version)),
            ("n/a" if accuracy is None else f"{100 * accuracy:.1f}")
            + ("*" if found.counts else " "),
            f"{found.graded:,}",
            f"{found.attempts - found.graded:,}",
            "" if found.counts else f"{found.differs:,}",
        )
    console.print(table)
    console.print(
        "* reports go by this one; differs: right for one of the two and wrong for the other"
    )
