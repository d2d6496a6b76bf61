"""No answer hangs a grader or kills the run: what models write by accident, and what nobody would."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from costbench.graders.choice import ChoiceGrader
from costbench.graders.exact import ExactGrader
from costbench.graders.math import MathGrader
from costbench.graders.numeric import NumericGrader
from costbench.types import Answered, Grade

GradeAll = Callable[[Sequence[Answered]], list[Grade]]
LIMIT_S = 60
"""What hangs takes hours; what is ended by its deadline may take long on a busy machine."""
LIMIT_OF_OTHERS_S = 10

MATRIX = r"\begin{pmatrix}" + r" \\ ".join(["1 & 2"] * 250) + r"\end{pmatrix}"
LARGE_MATRIX = r"\begin{pmatrix}" + r" \\ ".join([" & ".join(["7"] * 500)] * 500) + r"\end{pmatrix}"


def nested(before: str, after: str, depth: int) -> str:
    return before * depth + "1" + after * depth


FORMULAS = {
    "exponent tower": "9^{9^{9^{9^{9}}}}",
    "10^10^10": "10^{10^{10}}",
    "10^10^10 in plain text": "10^10^10",
    "e notation": "1e999999999",
    "a million digits": "7" * 1_000_000,
    "a thousand digits": "7" * 1_900,
    "a million decimals": "0." + "3" * 1_000_000 + "...",
    "braces": nested("{", "}", 10_000),
    "open braces": "{" * 10_000,
    "braces within the limit": nested("{", "}", 900),
    "parentheses within the limit": nested("(", ")", 900),
    "fractions": nested(r"\frac{1}{", "}", 5_000),
    "fractions within the limit": nested(r"\frac{1}{", "}", 150),
    "roots": nested(r"\sqrt{", "}", 5_000),
    "roots within the limit": nested(r"\sqrt{", "}", 200),
    "factorial": "(10^{9})!",
    "factorial of a factorial": "((9!)!)!",
    "binomial": r"\binom{10^{12}}{10^{6}}",
    "sum": r"\sum_{n=1}^{10^{9}} \sin(n)",
    "integral": r"\int_0^1 \int_0^1 x^{y^{x^{y}}} \sin(e^{xy}) dx dy",
    "power of a sum": "(x+y+z+1)^{3000}",
    "roots of a polynomial": "x^{200} + x^{199} = x^{3} + 7",
    "matrix": MATRIX,
    "large matrix": LARGE_MATRIX,
    "null bytes": "1\x002\x00",
    "surrogate halves": "\ud8001\udfff",
    "right to left": "\u202e12\u202c",
    "combining marks": "1" + "\u0301" * 100_000,
    "percent signs": "1" + "%" * 100_000,
    "text": "\\text{" + "a" * 500_000 + "}",
    "spaces": "1" + " " * 1_000_000 + "2",
    "separators": "1" + ",111" * 100_000,
    "separators within the limit": "1" + ",111" * 450,
    "repeated digits": "0." + "12" * 900 + "...",
    "words within the limit": "5 " + "word " * 350 + "!",
    "inequalities": " or ".join(["x < 1"] * 200),
    "chains": " < ".join(["x"] * 400),
}
RESPONSES = {
    **{name: f"So we have $\\boxed{{{text}}}$." for name, text in FORMULAS.items()},
    "empty": "",
    "megabytes": "word " * 1_000_000,
    "a megabyte of one line": "a" * 1_000_000 + " The answer is 5",
    "1e5 boxes": r"\boxed{1} " * 100_000,
    "1e5 different boxes": " ".join(rf"\boxed{{{n}}}" for n in range(100_000)),
    "1e5 boxes in each other": nested(r"\boxed{", "}", 100_000),
    "1e5 blank boxes": r"\boxed{}" * 100_000,
    "1e5 answers": "The answer is 5. " * 100_000,
    "1e5 announcements": "answer: " * 100_000,
    "1e5 formulas": "the answer is $1$, $2$, " + "$3$, " * 100_000,
    "1e5 letters": "(A) (B) " * 100_000,
    "1e5 lines": "A) one\n" * 100_000,
    "letters of a list": "The answer is " + "A, " * 100_000,
    "stars": "*" * 500_000 + "A" + "*" * 500_000,
    "dollars": "$" * 500_000,
    "backslashes": "\\" * 500_001,
    "answer of stars": ("**answer" + "*" * 50) * 10_000,
    "new lines": "\n" * 1_000_000,
    "choose": "i would choose " * 50_000,
}  # fmt: skip


@pytest.fixture(scope="module")
def math() -> Iterator[GradeAll]:
    with MathGrader(deadline_s=1.5).open() as grade:
        grade([Answered(reference="0.5", answer=r"\boxed{\frac{1}{2}}")])  # the processes are there
        yield grade


def seconds(grade: GradeAll, answered: Sequence[Answered]) -> tuple[float, list[Grade]]:
    start = time.monotonic()
    grades = grade(answered)
    return time.monotonic() - start, grades


@pytest.mark.parametrize("name", RESPONSES)
def test_math_gives_each_a_verdict_in_time(math: GradeAll, name: str) -> None:
    took, (found,) = seconds(math, [Answered(reference=r"\frac{1}{2}", answer=RESPONSES[name])])
    assert took < LIMIT_S
    assert found.correct is not True


@pytest.mark.parametrize("name", FORMULAS)
def test_a_reference_of_the_kind_is_survived(math: GradeAll, name: str) -> None:
    took, _ = seconds(math, [Answered(reference=FORMULAS[name], answer=r"\boxed{\frac{1}{2}}")])
    assert took < LIMIT_S


def test_answers_beside_them_lose_nothing() -> None:
    good = Answered(reference=r"\frac{1}{2}", answer=r"\boxed{\frac{2}{4}}")
    bad = [Answered(reference=r"\frac{1}{2}", answer=text) for text in RESPONSES.values()]
    some = [one for each in bad[:8] for one in (good, each)]
    # A good one is asked again alone, maybe of a process that is new: its deadline must be long enough.
    with MathGrader(deadline_s=5).open() as grade:
        grades = grade(some)
    assert [one.correct for one in grades[::2]] == [True] * 8


@pytest.mark.parametrize("grader", [ChoiceGrader(options=26), NumericGrader(), ExactGrader()])
@pytest.mark.parametrize("name", RESPONSES)
def test_the_others_take_no_second_per_megabyte(
    grader: ChoiceGrader | NumericGrader | ExactGrader, name: str
) -> None:
    answered = Answered(reference="77", answer=RESPONSES[name])
    if isinstance(grader, ChoiceGrader):
        answered = answered.model_copy(update={"reference": "Z"})
    with grader.open() as grade:
        took, (found,) = seconds(grade, [answered])
    assert took < LIMIT_OF_OTHERS_S
    assert found.correct is not True
