"""Which samples of a problem gave the same answer: what majority@k and pass@k need, without new sampling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from costbench.grading import grader_of
from costbench.interfaces import Grader
from costbench.store import Store
from costbench.voting import normalized, speller

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_ANSWER, NO_SAMPLE = -1, -2

_RIGHT = None
"""What the one class of all right answers is called; the others are called by their text."""

_VERDICTS = """
SELECT p.ordinal, g.correct, g.extracted FROM attempts a
JOIN problems p ON p.dataset = :dataset AND p.id = a.problem
LEFT JOIN grades g ON g.attempt = a.id AND g.grader = :grader AND g.version = :version
WHERE a.cell = :cell ORDER BY p.ordinal, a.pass, a.round
"""

_Verdict = tuple[int | None, str | None]
"""Right or wrong, and the answer that was found; neither where an attempt failed or has no grade."""


@dataclass(frozen=True)
class AnswerClasses:
    """By problem, which samples agree; equal answers have the same number within their problem."""

    classes: Ints
    """(problems, samples): the class of each sample, numbered from 0 as they first appear; NO_ANSWER where a
    response holds none, NO_SAMPLE where there is no sample, or one that failed or has no verdict."""
    correct: Floats
    """(problems, classes): 1 right, 0 wrong; NaN where nobody could decide, and beyond the last class."""


def answer_classes(store: Store, cell: str, grader: Grader | None = None) -> AnswerClasses:
    """From the stored grades of this grader, or of the cell's own; nothing is graded.

    Samples are in the order of passes and rounds. Equal are texts that the grader spells alike, and all right
    answers. Wrong answers of equal value but other words stay apart: nobody has compared them.
    """
    spec = store.specs()[cell]
    grader = grader or grader_of(spec)
    key = {"cell": cell, "dataset": spec["dataset_sha256"]}
    key |= {"grader": grader.kind, "version": grader.version}
    rows = store.db.execute(_VERDICTS, key)
    found = {
        problem: _classed(grader, [(correct, text) for _, correct, text in verdicts])
        for problem, verdicts in groupby(rows, key=itemgetter(0))
    }
    problems = int(spec["problems"])
    classes = _table({at: numbers for at, (numbers, _) in found.items()}, problems, NO_SAMPLE)
    correct = _table({at: flags for at, (_, flags) in found.items()}, problems, np.nan)
    return AnswerClasses(classes.astype(np.int64), correct)


def answer_codes(texts: Sequence[str | None], grader: Grader) -> Ints:
    """A number from 0 for each extracted answer, one for all of one spelling; NO_ANSWER for none."""
    spelled: dict[str, int] = {}
    spell = speller(grader)
    codes: dict[str | None, int] = {None: NO_ANSWER}
    for text in dict.fromkeys(texts):
        if text is not None:
            codes[text] = spelled.setdefault(spell(text), len(spelled))
    return np.array([codes[text] for text in texts], dtype=np.int64)


def _classed(grader: Grader, verdicts: Sequence[_Verdict]) -> tuple[list[int], list[float]]:
    """The class of each sample of one problem, and of each class whether it is right."""
    texts = [None if text is None else normalized(grader, text) for _, text in verdicts]
    right = {text for text, (correct, _) in zip(texts, verdicts, strict=True) if correct}
    numbers: list[int] = []
    known: dict[str | None, int] = {}
    flags: list[float] = []
    for text, (correct, _) in zip(texts, verdicts, strict=True):
        if text is None and not correct:
            numbers.append(NO_SAMPLE if correct is None else NO_ANSWER)
            continue
        name = _RIGHT if text in right else text
        number = known.setdefault(name, len(known))
        if number == len(flags):
            flags.append(np.nan)
        if correct is not None or name is _RIGHT:
            flags[number] = float(name is _RIGHT)
        numbers.append(number)
    return numbers, flags


def _table(rows: Mapping[int, Sequence[float]], problems: int, fill: float) -> Floats:
    """Rows of different length in one array."""
    table = np.full((problems, max(map(len, rows.values()), default=0)), fill, dtype=np.float64)
    for at, row in rows.items():
        table[at, : len(row)] = row
    return table
