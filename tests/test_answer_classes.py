"""Which samples agree, from what is stored: numbers that can be told by eye."""

from pathlib import Path

import numpy as np
import pytest

from costbench.answer_classes import NO_ANSWER, NO_SAMPLE, answer_classes
from costbench.graders.exact import ExactGrader
from costbench.graders.math import MathGrader
from costbench.interfaces import Grader
from costbench.store import Attempt, PlannedCell, Store
from costbench.types import Grade, Problem

Found = tuple[bool | None, str | None]
"""What a grade says: right or wrong, and the answer."""


def store_of(folder: Path, grader: Grader, samples: list[list[Found | None]]) -> Store:
    """A cell with these grades by problem and pass; None is an attempt that failed."""
    spec = {"dataset_sha256": "d", "problems": len(samples), "grader": grader.model_dump()}
    problems = [
        Problem(id=f"p{n}", question="?", prompt="?", answer="1") for n in range(len(samples))
    ]
    store = Store.create(folder / "run", {}, [PlannedCell("cell", spec, problems)])
    store.begin_session({})
    for number, passes in enumerate(samples):
        for at, found in enumerate(passes):
            error = None if found else "refused"
            store.add_attempts([Attempt("cell", f"p{number}", at, 1, 0, 1, (), None, error)], [])
            (key,) = store.db.execute("SELECT MAX(id) FROM attempts").fetchone()
            if found:
                grade = Grade(correct=found[0], extracted=found[1])
                store.add_grades(grader.kind, grader.version, [(key, grade)])
    return store


RIGHT, WRONG, UNKNOWN = 1.0, 0.0, np.nan


def test_equal_spellings_are_one_class_numbered_as_they_appear(tmp_path: Path) -> None:
    with store_of(
        tmp_path,
        ExactGrader(),
        [
            [(False, "Rome"), (True, "Paris"), (False, "rome."), (True, " PARIS"), (False, None)],
            [(True, "Paris"), (False, "Rome"), (False, "Oslo")],
            [],
        ],
    ) as store:
        found = answer_classes(store, "cell")
    assert found.classes.tolist() == [
        [0, 1, 0, 1, NO_ANSWER],
        [0, 1, 2, NO_SAMPLE, NO_SAMPLE],
        [NO_SAMPLE] * 5,
    ]
    assert found.classes.dtype == np.int64
    np.testing.assert_array_equal(
        found.correct,
        [[WRONG, RIGHT, UNKNOWN], [RIGHT, WRONG, WRONG], [UNKNOWN] * 3],
    )


def test_right_answers_are_one_class_whatever_their_words(tmp_path: Path) -> None:
    samples: list[Found | None] = [
        (True, "1/2"), (False, "1/3"), (True, "0.5"), (False, "\\frac13"), (False, "1,000"), (False, "1000"),
    ]  # fmt: skip
    with store_of(tmp_path, MathGrader(), [samples]) as store:
        found = answer_classes(store, "cell")
    assert found.classes.tolist() == [[0, 1, 0, 2, 3, 3]]  # wrong ones were never compared
    assert found.correct.tolist() == [[RIGHT, WRONG, WRONG, WRONG]]


def test_what_failed_or_was_not_graded_is_no_sample_and_what_was_undecided_has_no_flag(
    tmp_path: Path,
) -> None:
    samples: list[Found | None] = [
        None, (None, "x^x"), (None, None), (False, "2"), (None, "x^x"), (None, "2"), (True, "1"),
    ]  # fmt: skip
    with store_of(tmp_path, ExactGrader(), [samples]) as store:
        found = answer_classes(store, "cell")
    assert found.classes.tolist() == [[NO_SAMPLE, 0, NO_SAMPLE, 1, 0, 1, 2]]
    np.testing.assert_array_equal(found.correct, [[UNKNOWN, WRONG, RIGHT]])


def test_another_graders_classes_are_by_its_own_grades(tmp_path: Path) -> None:
    with store_of(tmp_path, ExactGrader(), [[(True, "a"), (False, "b")]]) as store:
        nobody = answer_classes(store, "cell", MathGrader())
        store.add_grades(
            "math", MathGrader().version, [(key, Grade(correct=True, extracted="c")) for key in (1, 2)]
        )  # fmt: skip
        math = answer_classes(store, "cell", MathGrader())
        own = answer_classes(store, "cell")
    assert nobody.classes.tolist() == [[NO_SAMPLE, NO_SAMPLE]]
    assert nobody.correct.shape == (1, 0)
    assert math.classes.tolist() == [[0, 0]]
    assert own.classes.tolist() == [[0, 1]]


def test_a_cell_that_has_not_begun_has_problems_and_no_samples(tmp_path: Path) -> None:
    with store_of(tmp_path, ExactGrader(), [[], []]) as store:
        found = answer_classes(store, "cell")
    assert (found.classes.shape, found.correct.shape) == ((2, 0), (2, 0))


def test_shares_of_classes_give_majority_and_pass_at_k(tmp_path: Path) -> None:
    """The use it is made for: of four samples the first class of most votes, and whether any is right."""
    samples: list[list[Found | None]] = [
        [(True, "a"), (False, "b"), (True, "A"), (False, "c")],
        [(False, "b"), (False, "B"), (True, "a"), (False, None)],
    ]
    with store_of(tmp_path, ExactGrader(), samples) as store:
        found = answer_classes(store, "cell")
    votes = np.stack([(found.classes == n).sum(axis=1) for n in range(found.correct.shape[1])], 1)
    majority = np.take_along_axis(found.correct, votes.argmax(axis=1)[:, None], axis=1)
    assert majority.ravel() == pytest.approx([1, 0])
    assert np.nanmax(found.correct, axis=1) == pytest.approx([1, 1])
