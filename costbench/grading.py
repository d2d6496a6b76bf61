"""Grades for stored attempts. Old grades are kept: a verdict belongs to a grader and its version."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, Self

import yaml
from pydantic import ValidationError

from costbench.datasets.prompting import options_shown
from costbench.errors import SuiteError
from costbench.interfaces import Grader
from costbench.plugins import build_component
from costbench.store import Store
from costbench.types import NO_REFERENCE, Answered, Grade
from costbench.voting import GradeAll, elect

_UNGRADED = """
SELECT a.id, p.answer, {options}, p.question
FROM attempts a JOIN problems p ON p.dataset = :dataset AND p.id = a.problem
WHERE a.cell = :cell AND a.error IS NULL AND NOT EXISTS
    (SELECT 1 FROM grades g WHERE g.attempt = a.id AND g.grader = :grader AND g.version = :version
     AND (g.correct IS NOT NULL OR NOT :retry))
"""
_OPTIONS = "(SELECT options FROM problem_facts f WHERE f.dataset = p.dataset AND f.id = p.id)"
_KNOWS_OPTIONS = "SELECT 1 FROM sqlite_master WHERE name = 'problem_facts'"
"""Older run folders don't."""
NO_RESPONSE = "no_response"
"""Reason of an undecided grade: what was answered is not known."""
_AT_ONCE = 1_000
"""Responses in memory, whose grades are one transaction."""


class _Waiting(NamedTuple):
    attempt: int
    reference: str | None
    options: int | None
    question: str

    @property
    def texts(self) -> tuple[str, ...]:
        """Of its options; the question of an imported run may be any text."""
        found = options_shown(self.question) if self.options else ()
        return found if len(found) == self.options else ()


class Grading:
    """Graders at work, in `with`; each is opened when the first cell needs it."""

    def __init__(self, store: Store, *, retry: bool = False) -> None:
        """With `retry`, attempts that a grader could not decide on are given to it again."""
        self._store = store
        known = store.db.execute(_KNOWS_OPTIONS).fetchone()
        self._query = _UNGRADED.format(options=_OPTIONS if known else "NULL")
        self._retry = retry
        self._stack = ExitStack()
        self._open: dict[str, GradeAll] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def grade_all(self, grader: Grader | None = None) -> int:
        """Grade what lacks a grade of this grader, else of each cell's own; how many attempts that were."""
        return sum(
            self._grade_cell(cell, spec, grader or grader_of(spec))
            for cell, spec in self._store.specs().items()
        )

    def grade_cell(self, cell: str) -> int:
        """Grade the attempts of one cell that lack a grade; how many that were."""
        spec = self._store.specs()[cell]
        return self._grade_cell(cell, spec, grader_of(spec))

    def _grade_cell(self, cell: str, spec: dict[str, Any], grader: Grader) -> int:
        rows = self._store.db.execute(
            self._query,
            {
                "dataset": spec["dataset_sha256"],
                "cell": cell,
                "grader": grader.kind,
                "version": grader.version,
                "retry": self._retry,
            },
        ).fetchall()
        waiting = [_Waiting(*row) for row in rows]
        at_once = max(1, _AT_ONCE // (spec.get("votes") or 1))
        for start in range(0, len(waiting), at_once):
            some = waiting[start : start + at_once]
            grades = self._grades(some, grader, spec)
            self._store.add_grades(grader.kind, grader.version, grades)
        return len(waiting)

    def _grades(
        self, waiting: list[_Waiting], grader: Grader, spec: dict[str, Any]
    ) -> list[tuple[int, Grade]]:
        """By attempt."""
        undecided: list[tuple[int, Grade]] = []
        known: list[tuple[int, list[Answered]]] = []
        for one in waiting:
            pieces = self._pieces(one)
            if why := _why_not(one, pieces, spec):
                undecided.append((one.attempt, Grade(correct=None, reason=why)))
            else:
                known.append((one.attempt, self._answered(one, pieces, spec)))
        answered = [responses for _, responses in known]
        verdicts = elect(grader, self._opened(grader), answered) if answered else []
        return undecided + [
            (attempt, _told(grade, responses))
            for (attempt, responses), grade in zip(known, verdicts, strict=True)
        ]

    def _pieces(self, one: _Waiting) -> list[tuple[str, str]]:
        """Origin and text, in their order."""
        return self._store.db.execute(
            "SELECT origin, text FROM pieces WHERE attempt = ? ORDER BY ordinal", (one.attempt,)
        ).fetchall()

    def _answered(
        self, one: _Waiting, pieces: Sequence[tuple[str, str]], spec: dict[str, Any]
    ) -> list[Answered]:
        """What is graded: the response, or each that has a vote."""
        begins = spec.get("answer_begins")  # older run folders have neither this nor votes
        if begins is not None:
            parts = [(answer_from(pieces, begins), True)]
        else:
            texts = [text for _, text in pieces]
            responses = texts if spec.get("votes") else ["".join(texts)]
            parts = [answer_of(text, spec["model"]) for text in responses]
        asked = Answered(
            reference=one.reference or "", answer="", options=one.options, texts=one.texts
        )
        return [
            asked.model_copy(update={"answer": text, "closed": closed}) for text, closed in parts
        ]

    def _opened(self, grader: Grader) -> GradeAll:
        key = repr(grader)
        if key not in self._open:
            self._open[key] = self._stack.enter_context(grader.open())
        return self._open[key]


def _why_not(one: _Waiting, pieces: Sequence[tuple[str, str]], spec: dict[str, Any]) -> str | None:
    """Why there is nothing to judge; an imported file may lack a response, which is no silence."""
    if one.reference is None:
        return NO_REFERENCE
    return NO_RESPONSE if not pieces and "imported" in spec else None


def answer_of(text: str, model: Mapping[str, Any]) -> tuple[str, bool]:
    """The part of a response that is graded, by what its cell says of the model; whether thinking ended."""
    thinking = model["thinking"]
    closed = thinking["close"] in text
    if not model.get("thinks", True) or (not closed and model.get("unclosed") == "graded"):
        return text, True
    return answer_part(text, thinking["close"]), closed


def _told(grade: Grade, responses: Sequence[Answered]) -> Grade:
    """Why there is no answer, where the reason is not in what is left to grade."""
    if grade.extracted is None and not any(one.closed for one in responses):
        return grade.model_copy(update={"reason": "thinking_never_closed"})
    return grade


def answer_part(text: str, close: str) -> str:
    """What stands after the end of thinking; nothing where thinking never ended."""
    return text.rpartition(close)[2] if close in text else ""


def answer_from(pieces: Sequence[tuple[str, str]], begins: str) -> str:
    """What stands from the injected piece `begins` on; nothing where nothing was written after it.

    The piece is part of it, since its words may be how a grader finds the answer. The same words sampled by
    the model begin nothing.
    """
    beginning = ("injected", begins)
    if beginning not in pieces:
        return ""
    answer = "".join(text for _, text in pieces[pieces.index(beginning) + 1 :])
    return begins + answer if answer.strip() else ""


def grader_of(spec: dict[str, Any]) -> Grader:
    """The grader that a stored cell asks for."""
    grader: Grader = build_component("graders", spec["grader"])
    return grader


def parse_grader(text: str) -> Grader:
    """A grader as a command line names it: "math", or with settings "{kind: math, deadline_s: 20}".

    Raises SuiteError or PluginError for what is none.
    """
    try:
        grader: Grader = build_component("graders", yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError) as error:
        raise SuiteError(f"--grader {text!r}: not a name and not YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SuiteError(f"--grader {text!r}: {place}: {first['msg']}") from error
    return grader


def graders_in_use(store: Store, grader: Grader | None = None) -> dict[str, tuple[str, str]]:
    """By cell: the grader and version whose grades count; each cell's own unless another is given."""
    graders = {cell: grader or grader_of(spec) for cell, spec in store.specs().items()}
    return {cell: (grader.kind, grader.version) for cell, grader in graders.items()}


def cell_accuracy(store: Store, cell: str) -> float | None:
    """Share of correct answers among graded ones; None where nothing is graded."""
    grader = grader_of(store.specs()[cell])
    graded, correct = store.db.execute(
        "SELECT COUNT(g.correct), SUM(g.correct) FROM attempts a JOIN grades g ON g.attempt = a.id"
        " WHERE a.cell = ? AND g.grader = ? AND g.version = ?",
        (cell, grader.kind, grader.version),
    ).fetchone()
    return correct / graded if graded else None
