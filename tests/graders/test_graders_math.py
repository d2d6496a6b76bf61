import json
import multiprocessing
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from costbench.graders.math import MAX_LENGTH, MathGrader
from costbench.interfaces import Grader
from costbench.types import Answered, Grade

DATA = Path(__file__).parents[3] / "shared" / "data"
HANGS = ("9^{9^{9^{9}}}", r"\sum_{n=1}^{10^{9}} \sin(n)")
"""Sympy works on these for hours, the first in C code that no Python handler interrupts."""

GradeAll = Callable[[Sequence[Answered]], list[Grade]]


@pytest.fixture(scope="module")
def grade_all() -> Iterator[GradeAll]:
    """One pair of workers for the module: starting them takes seconds."""
    with MathGrader(deadline_s=3).open() as function:
        yield function


def boxed(reference: str, answer: str) -> Answered:
    return Answered(reference=reference, answer=f"So we have $\\boxed{{{answer}}}$.")


def children() -> set[int]:
    return {child.pid for child in multiprocessing.active_children() if child.pid}


def test_is_a_grader_with_the_library_in_its_version() -> None:
    assert isinstance(MathGrader(), Grader)
    assert re.fullmatch(r"math-3\+math-verify-[0-9.]+", MathGrader().version)


EQUAL = [
    ("1/2", "0.5"),
    (r"\frac{1}{2}", "0.5"),
    ("0.5", r"\dfrac12"),
    ("1,234", "1234"),
    ("1234", r"1{,}234"),
    ("1234", r"1\,234"),
    ("10000", r"10,\!000"),
    (r"\dfrac{1}{20,\!000}", "1/20000"),
    ("18", r"\$18"),
    ("18", "18 dollars"),
    ("18", r"18\text{ dollars}"),
    ("18", "18 dollars per day."),
    ("10", "10 cm"),
    ("50", r"50\%"),
    ("0.5", "50%"),
    ("5", "x = 5"),
    ("5", "5."),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("(x+1)^2", "x^2 + 2x + 1"),
    ("1, 2, 3", r"\{3, 2, 1\}"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
    (r"\text{Evelyn}", "Evelyn"),
    (r"\text{(C)}", "C"),
]
DIFFERENT = [
    ("1/2", "0.51"),
    ("1234", "1235"),
    ("3", "3 million"),
    ("2", r"2\sin\theta"),
    ("2", "2 sin theta"),
    ("12", "1 2"),
    ("2", "(1, 2)"),
    ("2", r"{1, 2"),
    ("5", r"\frac{1}{0}"),
    ("5", r"\notacommand{"),
    ("(1, 2)", "(2, 1)"),
    ("1234", r"1,\,234"),
]


def test_the_order_of_places_is_in_the_version_unless_it_is_the_usual_one() -> None:
    other = MathGrader(extract=("phrase", "boxed"))
    assert other.version == MathGrader().version + "+phrase-boxed"
    assert MathGrader(extract=("boxed", "phrase", "last_number")).version == MathGrader().version
    with pytest.raises(ValidationError, match="twice"):
        MathGrader(extract=("boxed", "boxed"))
    with pytest.raises(ValidationError, match="at least 1"):
        MathGrader(extract=())
    with other.open() as grade:
        (found,) = grade([Answered(reference="2", answer=r"\boxed{1}. The answer is 2.")])
    assert (found.correct, found.reason) == (True, "phrase")


@pytest.mark.parametrize(("pairs", "correct"), [(EQUAL, True), (DIFFERENT, False)])
def test_value_decides(grade_all: GradeAll, pairs: list[tuple[str, str]], correct: bool) -> None:
    responses = [
        Answered(reference=reference, answer=f"The answer is ${answer}$.")
        for reference, answer in pairs
    ]
    grades = grade_all(responses)
    assert [one.extracted for one in grades] == [answer for _, answer in pairs]
    assert [
        pair for pair, one in zip(pairs, grades, strict=True) if one.correct is not correct
    ] == []


def test_order_duplicates_and_reasons(grade_all: GradeAll) -> None:
    grades = grade_all(
        [
            boxed("0.5", "1/2"),
            Answered(reference="5", answer=""),
            Answered(reference="0.5", answer="The answer is 1/3."),
            boxed("0.5", "1/2"),
            Answered(reference="0.5", answer="so we get 1/2 of it"),
            Answered(reference="1", answer=r"\boxed{1"),
            Answered(reference="0.5", answer=r"\boxed{2} so \boxed{1/2}"),
            Answered(reference="1,2", answer=r"\boxed{2} or \boxed{1}"),
            boxed("0.5", r"\notacommand{"),
        ]
    )
    assert grades == [
        Grade(correct=True, extracted="1/2", reason="boxed"),
        Grade(correct=False, extracted=None, reason="no_answer"),
        Grade(correct=False, extracted="1/3", reason="phrase"),
        Grade(correct=True, extracted="1/2", reason="boxed"),
        Grade(correct=True, extracted="1/2", reason="last_number"),
        Grade(correct=False, extracted=None, reason="no_answer"),
        Grade(correct=True, extracted="1/2", reason="boxed_of_several"),
        Grade(correct=True, extracted="2, 1", reason="boxed_together"),
        Grade(correct=False, extracted=None, reason="no_answer"),
    ]
    assert grade_all([]) == []


def test_an_unreadable_reference_is_not_held_against_the_answer(grade_all: GradeAll) -> None:
    grades = grade_all(
        [boxed("t(0,4]", "5"), boxed("05:00", "x"), boxed("t(0,4]", "t(0,4]")],
    )
    assert [(one.correct, one.reason) for one in grades] == [
        (None, "unparsed_reference"),
        (None, "unparsed_reference"),
        (True, "boxed"),
    ]


def test_what_is_too_long_is_not_asked_unless_it_is_the_reference(grade_all: GradeAll) -> None:
    long = "7" * (MAX_LENGTH + 1)
    grades = grade_all([boxed("7", long), boxed(long, "7"), boxed(long, long)])
    assert [(one.correct, one.reason) for one in grades] == [
        (None, "too_long"),
        (None, "too_long"),
        (True, "boxed"),
    ]


def test_integers_and_identical_texts_start_no_process() -> None:
    before = children()
    with MathGrader().open() as grade:
        grades = grade([boxed("1234", "1,234"), boxed("7", "8"), boxed("  x^2", "x^2")])
        assert [one.correct for one in grades] == [True, False, True]
        assert children() == before


INTEGERS = [
    ("7", "007"),
    ("7", "+7"),
    ("0", "-0"),
    ("-1234", "-1,234"),
    ("1234", "1,234"),
    ("1,234,567", "1234567"),
    ("123456789012345678", "123,456,789,012,345,678"),
    ("123456789012345678", "123456789012345679"),
    ("-5", "5"),
    ("100", "1000"),
    ("+3", "3"),
    ("999999999999999999", "999999999999999998"),
]


def test_the_fast_path_for_integers_gives_the_verdict_of_the_library(grade_all: GradeAll) -> None:
    # A full stop after the answer is enough to keep it off the fast path.
    pairs = INTEGERS + [(reference, reference) for reference, _ in INTEGERS]
    fast = grade_all([boxed(reference, answer) for reference, answer in pairs])
    library = grade_all([boxed(reference, answer + ".") for reference, answer in pairs])
    assert [one.correct for one in fast] == [one.correct for one in library]
    assert {one.correct for one in fast} == {True, False}


def test_only_the_answer_that_hangs_is_lost(grade_all: GradeAll) -> None:
    good = [boxed(f"{n}/7", f"\\frac{{{2 * n}}}{{14}}") for n in range(1, 6)]
    start = time.monotonic()
    grades = grade_all([*good, *(boxed("5", hang) for hang in HANGS), *good])
    seconds = time.monotonic() - start
    assert [one.correct for one in grades] == [True] * 5 + [None] * 2 + [True] * 5
    assert [one.reason for one in grades[5:7]] == ["timeout"] * 2
    assert 3 < seconds < 60


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set on Linux only")
def test_memory_of_workers_is_limited(grade_all: GradeAll) -> None:
    grade_all([boxed("0.5", "1/2")])
    limits = [Path(f"/proc/{pid}/limits").read_text() for pid in children()]
    assert limits
    # A worker that has not worked yet may not have set its limit.
    assert any(
        "unlimited" not in re.findall("Max address space +([0-9]+|unlimited)", text)
        for text in limits
    )


@given(st.integers(-(10**20), 10**20))
@settings(max_examples=60)
def test_an_integer_is_correct_with_and_without_commas(grade_all: GradeAll, value: int) -> None:
    grades = grade_all(
        [
            Answered(reference=str(value), answer=f"The answer is \\boxed{{{value}}}."),
            Answered(reference=str(value), answer=f"The answer is \\boxed{{{value:,}}}."),
            Answered(reference=str(value), answer=f"The answer is \\boxed{{{value + 1}}}."),
        ]
    )
    assert [one.correct for one in grades] == [True, True, False]


@given(st.integers(-999, 999), st.integers(2, 999))
@settings(max_examples=40)
def test_a_fraction_is_correct_in_every_notation(
    grade_all: GradeAll, top: int, bottom: int
) -> None:
    reference = f"\\frac{{{top}}}{{{bottom}}}"
    reduced = Fraction(top, bottom)
    grades = grade_all(
        [
            Answered(reference=reference, answer=f"The answer is \\boxed{{{text}}}.")
            for text in (reference, f"{top}/{bottom}", str(reduced), str(reduced + 1))
        ]
    )
    assert [one.correct for one in grades] == [True, True, True, False]


def references(dataset: str) -> list[str]:
    path = DATA / dataset / "test.jsonl"
    if not path.exists():
        pytest.skip(f"{dataset} is not here")
    return [json.loads(line)["answer"] for line in path.read_text(encoding="utf-8").splitlines()]


def not_correct(grade_all: GradeAll, responses: list[Answered]) -> list[tuple[str, Grade]]:
    grades = grade_all(responses)
    return [
        (response.reference, one)
        for response, one in zip(responses, grades, strict=True)
        if not one.correct
    ]


def test_gsm8k_answers_are_equal_to_themselves(grade_all: GradeAll) -> None:
    answers = references("gsm8k")
    assert not_correct(grade_all, [boxed(answer, answer) for answer in answers]) == []
    with_commas = [boxed(answer, f"{int(answer):,}") for answer in answers]
    assert not_correct(grade_all, with_commas) == []


def test_math500_answers_are_equal_to_themselves(grade_all: GradeAll) -> None:
    answers = references("math500")
    failed = not_correct(grade_all, [boxed(answer, answer) for answer in answers])
    assert len(failed) <= 0.01 * len(answers), failed


def test_math500_answers_are_equal_to_themselves_in_the_library_too(grade_all: GradeAll) -> None:
    answers = references("math500")
    failed = not_correct(grade_all, [boxed(answer, answer + ".") for answer in answers])
    assert len(failed) <= 0.01 * len(answers), failed
