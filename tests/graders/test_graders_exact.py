import pytest

from costbench.graders.exact import ExactGrader
from costbench.interfaces import Grader
from costbench.types import Answered, Grade


def grade(reference: str, answer: str) -> Grade:
    with ExactGrader().open() as grade_all:
        return grade_all([Answered(reference=reference, answer=answer)])[0]


def test_is_a_grader_with_a_version() -> None:
    assert isinstance(ExactGrader(), Grader)
    assert ExactGrader().version == "exact-3"


@pytest.mark.parametrize(
    ("reference", "answer", "how"),
    [
        ("Paris", r"It is \boxed{paris}.", "boxed"),
        ("Paris", "The answer is  PARIS.", "phrase"),
        ("New York", "new\tyork.", "line"),
        ("B", "\n b \n", "line"),
        ("18.", "18", "line"),
    ],
)
def test_equal_but_for_case_spaces_and_full_stop(reference: str, answer: str, how: str) -> None:
    verdict = grade(reference, answer)
    assert verdict.correct is True
    assert verdict.reason == how


@pytest.mark.parametrize(
    ("reference", "answer"), [("0.5", r"\boxed{1/2}"), ("12", "1 2"), ("B", "The answer is (B)")]
)
def test_nothing_else_is_equal(reference: str, answer: str) -> None:
    assert grade(reference, answer).correct is False


@pytest.mark.parametrize("answer", ["", "I first add 3.\nThen 4.", r"\boxed{Paris"])
def test_no_answer(answer: str) -> None:
    assert grade("Paris", answer) == Grade(correct=False, reason="no_answer")


def test_order_is_kept() -> None:
    answers = ["1", "2", "1"]
    with ExactGrader().open() as grade_all:
        grades = grade_all([Answered(reference="1", answer=answer) for answer in answers])
    assert [one.correct for one in grades] == [True, False, True]
