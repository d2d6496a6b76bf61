"""Grades for stored attempts. Old grades are kept: a verdict belongs to a grader and its version."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self

from costbench.interfaces import Grader
from costbench.plugins import build_component
from costbench.store import Store
from costbench.types import Answered, Grade

_UNGRADED = """
SELECT a.id, p.answer FROM attempts a JOIN problems p ON p.dataset = ? AND p.id = a.problem
WHERE a.cell = ? AND a.error IS NULL AND NOT EXISTS
    (SELECT 1 FROM grades g WHERE g.attempt = a.id AND g.grader = ? AND g.version = ?)
"""


class Grading:
    """Graders at work, in `with`; each is opened when the first cell needs it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stack = ExitStack()
        self._open: dict[str, Callable[[Sequence[Answered]], list[Grade]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def grade_all(self) -> int:
        """Grade what lacks a grade; how many attempts that were."""
        cells = [
            cell for (cell,) in self._store.db.execute("SELECT id FROM cells ORDER BY ordinal")
        ]
        return sum(self.grade_cell(cell) for cell in cells)

    def grade_cell(self, cell: str) -> int:
        """Grade the attempts of one cell that lack a grade; how many that were."""
        spec = _spec(self._store, cell)
        grader = grader_of(spec)
        waiting = self._store.db.execute(
            _UNGRADED, (spec["dataset_sha256"], cell, grader.kind, grader.version)
        ).fetchall()
        close = spec["model"]["thinking"]["close"]
        grades = [
            (key, Grade(correct=None, reason="no_reference")) for key, ref in waiting if ref is None
        ]
        known = [(key, reference) for key, reference in waiting if reference is not None]
        answered = [
            Answered(reference=reference, answer=answer_part(self._text(key), close))
            for key, reference in known
        ]
        if answered:
            verdicts = self._opened(grader)(answered)
            grades += [(key, grade) for (key, _), grade in zip(known, verdicts, strict=True)]
        if grades:
            self._store.add_grades(grader.kind, grader.version, grades)
        return len(grades)

    def _text(self, attempt: int) -> str:
        rows = self._store.db.execute(
            "SELECT text FROM pieces WHERE attempt = ? ORDER BY ordinal", (attempt,)
        )
        return "".join(text for (text,) in rows)

    def _opened(self, grader: Grader) -> Callable[[Sequence[Answered]], list[Grade]]:
        key = repr(grader)
        if key not in self._open:
            self._open[key] = self._stack.enter_context(grader.open())
        return self._open[key]


def answer_part(text: str, close: str) -> str:
    """What stands after the end of thinking; nothing where thinking never ended."""
    return text.rpartition(close)[2] if close in text else ""


def grader_of(spec: dict[str, Any]) -> Grader:
    """The grader that a stored cell asks for."""
    grader: Grader = build_component("graders", spec["grader"])
    return grader


def graders_in_use(store: Store) -> dict[str, tuple[str, str]]:
    """By cell: the grader and version whose grades count."""
    rows = store.db.execute("SELECT id, spec FROM cells")
    graders = {cell: grader_of(json.loads(spec)) for cell, spec in rows}
    return {cell: (grader.kind, grader.version) for cell, grader in graders.items()}


def cell_accuracy(store: Store, cell: str) -> float | None:
    """Share of correct answers among graded ones; None where nothing is graded."""
    grader = grader_of(_spec(store, cell))
    graded, correct = store.db.execute(
        "SELECT COUNT(g.correct), SUM(g.correct) FROM attempts a JOIN grades g ON g.attempt = a.id"
        " WHERE a.cell = ? AND g.grader = ? AND g.version = ?",
        (cell, grader.kind, grader.version),
    ).fetchone()
    return correct / graded if graded else None


def _spec(store: Store, cell: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(
        store.db.execute("SELECT spec FROM cells WHERE id = ?", (cell,)).fetchone()[0]
    )
    return spec
