import pytest

from costbench.graders.numeric import MAX_LENGTH, NumericGrader
from costbench.interfaces import Grader, Normalizing
from costbench.types import Answered, Grade
from costbench.voting import elect


def grade(reference: str, answer: str, **settings: object) -> Grade:
    with NumericGrader.model_validate(settings).open() as grade_all:
        return grade_all([Answered(reference=reference, answer=f"\\boxed{{{answer}}}")])[0]


def test_is_a_grader_whose_version_tells_its_settings() -> None:
    assert isinstance(NumericGrader(), Grader)
    assert isinstance(NumericGrader(), Normalizing)
    assert NumericGrader().version == "numeric-2+1e-06+0+unit"
    other = NumericGrader(
        relative_tolerance=0.01, percent="hundredth", ignore_units=False, extract=("phrase",)
    )
    assert other.version == "numeric-2+0.01+0+hundredth+units+phrase"


@pytest.mark.parametrize(
    ("settings", "reference", "answer", "correct"),
    [
        ({}, "1000000", "1000001", True),
        ({}, "1000000", "1000002", False),
        ({"relative_tolerance": 0}, "1000000", "1000000.0", True),
        ({"relative_tolerance": 0}, "1000000", "1000000.0000001", False),
        ({"relative_tolerance": 0.01}, "-200", "-202", True),
        ({"relative_tolerance": 0.01}, "-200", "-203", False),
        ({"absolute_tolerance": 0.5}, "0", "0.5", True),
        ({"absolute_tolerance": 0.5}, "0", "-0.51", False),
        ({"percent": "hundredth"}, "0.5", "50 %", True),
        ({"ignore_units": False}, "5", "5 km", False),
        ({"relative_tolerance": 0}, "0.3", "0.1", False),
        ({"relative_tolerance": 0}, "12345678901234567890123", "12345678901234567890124", False),
    ],
)
def test_tolerances_and_settings(
    settings: dict[str, object], reference: str, answer: str, correct: bool
) -> None:
    assert grade(reference, answer, **settings).correct is correct


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "Infinity", r"\infty", "sNaN"])
def test_what_is_not_finite_equals_nothing(text: str) -> None:
    assert grade("1", text) == Grade(correct=False, extracted=text, reason="unparsed_answer")
    assert grade(text, text) == Grade(correct=None, extracted=text, reason="unparsed_reference")


def test_what_is_too_long_and_what_is_too_large() -> None:
    assert grade("1", "1" * (MAX_LENGTH + 1)).reason == "too_long"
    assert grade("1", "1e999999").correct is False
    assert grade("1e999999", "1e999999").correct is True
    assert grade("1", "1/0").reason == "unparsed_answer"


def test_votes_are_counted_by_value() -> None:
    grader = NumericGrader()
    texts = ["7", "1,000", r"1\times 10^3", "1e3 dollars", "8"]
    with grader.open() as grade_all:
        votes = [Answered(reference="1000", answer=f"\\boxed{{{text}}}") for text in texts]
        (found,) = elect(grader, grade_all, [votes])
    assert (found.extracted, found.correct) == ("1,000", True)
    assert grader.normalized("1e3") == grader.normalized("1,000.0") == "1E+3"
    assert grader.normalized(" no  number ") == "no number"
