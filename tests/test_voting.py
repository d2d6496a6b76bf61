"""Whose answer wins: classes, ties, and what is asked of a grader to tell."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.graders.exact import ExactGrader
from costbench.graders.math import MathGrader
from costbench.types import Answered, Component, Grade
from costbench.voting import elect

HANGS = r"\sum_{n=1}^{10^{9}} \sin(n)"


def responses(reference: str, answers: Sequence[str]) -> list[Answered]:
    """An empty answer is none."""
    return [
        Answered(reference=reference, answer=f"\\boxed{{{answer}}}" if answer else "")
        for answer in answers
    ]


def by_exact(*attempts: Sequence[Answered]) -> list[Grade]:
    grader = ExactGrader()
    with grader.open() as grade:
        return elect(grader, grade, attempts)


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (["a"], "a"),
        (["a", "b", "b"], "b"),
        (["a", "b", "b", "a"], "a"),  # of a tie the class that came first
        (["b", "a", "a", "b"], "b"),
        (["c", "b", "a", "A.", " b"], "b"),  # two each, and b came before a
        (["", "", "", "a"], "a"),  # what has no answer has no vote
        (["", ""], None),
    ],
)
def test_most_votes_win(answers: list[str], winner: str | None) -> None:
    (found,) = by_exact(responses("a", answers))
    assert found.extracted == winner
    assert found.correct is (winner == "a")
    assert found.reason == ("boxed" if winner else "no_answer")


def test_a_class_is_called_by_its_first_answer() -> None:
    (found,) = by_exact(responses("x", ["B", "a.", "A", "a"]))
    assert found.extracted == "a."


ANSWERS = st.lists(st.sampled_from(["a", "A", "b", "b.", "c", ""]), min_size=1, max_size=9)


@given(st.lists(ANSWERS, max_size=5), st.sampled_from(["a", "b", "zzz"]))
def test_attempts_are_elected_together_as_they_are_alone(
    attempts: list[list[str]], reference: str
) -> None:
    ballots = [responses(reference, answers) for answers in attempts]
    together = by_exact(*ballots)
    assert together == [found for ballot in ballots for found in by_exact(ballot)]
    for answers, found in zip(attempts, together, strict=True):
        texts = [answer.lower().rstrip(".") for answer in answers if answer]
        most = Counter(texts).most_common(1)  # equal counts are in order of first appearance
        assert (found.extracted or "").lower().rstrip(".") == (most[0][0] if most else "")


@given(ANSWERS)
def test_an_attempt_of_one_response_is_graded_as_ever(answers: list[str]) -> None:
    single = responses("a", answers)
    with ExactGrader().open() as grade:
        assert by_exact(*([one] for one in single)) == grade(single)


@given(ANSWERS, st.sampled_from("abc"), st.sampled_from("abc"))
def test_the_reference_has_no_part_in_the_choice(answers: list[str], one: str, other: str) -> None:
    (found,), (again,) = by_exact(responses(one, answers)), by_exact(responses(other, answers))
    assert found.extracted == again.extracted


def test_equal_values_are_one_class_and_what_cannot_be_decided_is_not_asked_about_again() -> None:
    grader = MathGrader(deadline_s=5)
    asked: list[Sequence[Answered]] = []

    with grader.open() as grade:

        def counting(answered: Sequence[Answered]) -> list[Grade]:
            asked.append(answered)
            return grade(answered)

        halves = responses("0.5", ["3", HANGS, "1/2", "7", HANGS, "0.5", "\\frac{2}{4}", "7"])
        undecided = responses("0.5", ["3", HANGS, HANGS])
        integers = responses("1234", ["8", "1,234", "8.", "1234"])
        found = elect(grader, counting, [halves, undecided, integers])
    assert [(one.correct, one.extracted) for one in found] == [
        (True, "1/2"),
        (None, HANGS),  # it has the votes, and nobody knows whether it is right
        (False, "8"),
    ]
    assert found[1].reason == "timeout"
    first, *others = asked
    assert len(first) == 8 + 3 + 4
    assert not any(HANGS in one.reference + one.answer for more in others for one in more)
    # First 3 against the four other texts, and 8 against 1234 (one number in two spellings) and "8.";
    # then 1/2 against the three that are left. 7 is left alone.
    assert [len(more) for more in others] == [4 + 2, 3]


def test_a_grader_without_spelling_of_its_own_tells_answers_apart_by_their_words() -> None:
    class Letters(Component):
        kind: Literal["letters"] = "letters"

    def same_letters(answered: Sequence[Answered]) -> list[Grade]:
        return [
            Grade(correct=sorted(one.answer) == sorted(one.reference), extracted=one.answer)
            for one in answered
        ]

    votes = [Answered(reference="x", answer=text) for text in ("x", "ab", "ba", "x y", "ab")]
    (found,) = elect(Letters(), same_letters, [votes])
    assert found.extracted == "ab"
