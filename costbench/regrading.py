"""One `costbench grade`: other graders over stored responses, and all verdicts side by side."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from costbench.changes_of_grades import Changes, Rule, as_json, changes_between, print_changes
from costbench.grading import NO_RESPONSE, Grading, graders_in_use, parse_grader
from costbench.interfaces import Grader
from costbench.printable import clean
from costbench.store import Store
from costbench.types import NO_REFERENCE

_PIPE_WIDTH = 140
MOST_CHANGES = 20
"""Of each cell in the table; `--format json` has all."""

# For each cell and stored grader, beside the one that counts for the cell.
_VERDICTS = """
SELECT g.grader, g.version, COUNT(g.correct), SUM(g.correct),
    SUM(own.correct IS NOT NULL AND g.correct IS NOT NULL AND own.correct != g.correct),
    COALESCE(SUM(g.correct IS NULL AND g.reason = ?), 0),
    COALESCE(SUM(g.correct IS NULL AND g.reason = ?), 0)
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
    without_response: int
    """Attempts that it could not judge, as their responses are not stored."""
    without_reference: int
    """Attempts that it could not judge, as nobody has said what is right."""

    @property
    def accuracy(self) -> float | None:
        """Of what it could decide."""
        return self.correct / self.graded if self.graded else None


@dataclass(frozen=True)
class Regraded:
    """All verdicts that are stored now, and the answers that were judged otherwise before, or by another."""

    verdicts: tuple[Verdicts, ...]
    changes: tuple[Changes, ...]


def grade_again(
    folder: Path, graders: Sequence[str], *, most_changes: int | None = MOST_CHANGES
) -> Regraded:
    """Grade with each of these, or with each cell's own where none is named.

    What a grader could not decide before is tried again. Changes are, of a grader that is named, what it says
    otherwise than the one that counts for the cell; of the one that counts, what it says otherwise than its
    earlier versions. Of each cell and pair at most `most_changes` are listed.
    Raises StoreError, SuiteError, PluginError, GradeError.
    """
    wanted: list[Grader | None] = [parse_grader(text) for text in graders]
    with Store.open(folder) as store:
        with Grading(store, retry=True) as grading:
            for grader in wanted or [None]:
                grading.grade_all(grader)
        named = {(grader.kind, grader.version) for grader in wanted if grader}
        verdicts: list[Verdicts] = []
        changes: list[Changes] = []
        for cell, own in graders_in_use(store).items():
            found = _verdicts(store, cell, own)
            verdicts += found
            for old, new in _pairs(found, own, named):
                changes.append(changes_between(store, cell, old, new, most_changes))
        return Regraded(tuple(verdicts), tuple(changes))


def _pairs(found: Sequence[Verdicts], own: Rule, named: set[Rule]) -> list[tuple[Rule, Rule]]:
    """Old and new of what is worth comparing."""
    others = [(one.grader, one.version) for one in found if not one.counts]
    if not any(one.counts for one in found):
        return []
    return [
        (own, other) if other in named else (other, own)
        for other in others
        if other in named or other[0] == own[0]
    ]


def _verdicts(store: Store, cell: str, own: tuple[str, str]) -> list[Verdicts]:
    query = "SELECT COUNT(*) FROM attempts WHERE cell = ? AND error IS NULL"
    attempts = int(store.db.execute(query, (cell,)).fetchone()[0])
    rows = store.db.execute(_VERDICTS, (NO_RESPONSE, NO_REFERENCE, *own, cell))
    return [
        Verdicts(cell, grader, version, (grader, version) == own, attempts, graded, correct or 0, *others)
        for grader, version, graded, correct, *others in rows
    ]  # fmt: skip


def print_regraded(found: Regraded, form: str = "table") -> None:
    """To stdout: a row per cell and version of a grader, then the answers that changed; or all as JSON."""
    if form == "json":
        verdicts = [{**asdict(one), "accuracy": one.accuracy} for one in found.verdicts]
        print(json.dumps({"verdicts": verdicts, "changes": as_json(found.changes)}, indent=2))  # noqa: T201
        return
    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    _print_verdicts(found.verdicts, console)
    print_changes(found.changes, console)


def _print_verdicts(verdicts: Sequence[Verdicts], console: Console) -> None:
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
    for found in verdicts:
        whose, grader = escape(clean(found.cell)), escape(clean(found.grader))
        missing = {"response": found.without_response, "reference answer": found.without_reference}
        for what, count in missing.items():
            if count:
                console.print(
                    f"{whose}: {count:,} of {found.attempts:,} attempts have no {what} in this run, so that "
                    f"{grader} cannot judge them",
                    soft_wrap=True,
                )
