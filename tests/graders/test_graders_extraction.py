import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.graders.extraction import MAX_LINE, Extracted, final_answer


def found(answer: str) -> Extracted | None:
    return final_answer(answer, last_resort="last_number")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (r"So \boxed{42}.", "42"),
        (r"\boxed{1} and then \boxed{2}", "2"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\left\{ 1, \frac{2}{3} \right\}}", r"\left\{ 1, \frac{2}{3} \right\}"),
        (r"\boxed{\{1}", r"\{1"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"an unclosed \boxed{1, then \boxed{5}", "5"),
        (r"stray }} braces {{ \boxed{5} }", "5"),
        (r"\boxed{5}}}}", "5"),
        (r"x \\\boxed{5}", "5"),
        (r"escaped twice: \\boxed{5}", "5"),
        ("\\boxed{\n 5 \n}", "5"),
        (r"\boxed{5}. Put the answer in \boxed{}.", "5"),
        (r"The answer is 3. No: \boxed{4}. The answer is 5.", "4"),
    ],
)
def test_last_box(answer: str, text: str) -> None:
    assert found(answer) == (text, "boxed")


@pytest.mark.parametrize(
    "answer",
    [r"\boxed{12", r"\boxed{1} \boxed{2", r"The answer is \boxed{\frac{1}{2", r"\boxed{\{1\}"],
)
def test_answer_cut_off_inside_its_box_is_none(answer: str) -> None:
    assert found(answer) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("The answer is 42.", "42"),
        ("the final answer is 42", "42"),
        ("THE ANSWER IS: 42\nGoodbye 7", "42"),
        ("Final Answer: 42", "42"),
        ("**Final Answer:** 42", "42"),
        ("**Final Answer**: **42**.", "42"),
        ("The final answer is:\n\n42", "42"),
        ("The answer is 3. Wait. The answer is 4.", "4"),
        ("The answer is 3.5.", "3.5"),
        ("The answer is 1/2, because 1 + 1 = 2.", "1/2"),
        ("The answer is 1, 2, and 3.", "1, 2, and 3"),
        ("The answer is $x = 5$. It follows from 3.", "x = 5"),
        (r"The answer is $\frac{1}{2}$, since 7", r"\frac{1}{2}"),
        (r"The answer is \(\frac{1}{2}\).", r"\frac{1}{2}"),
        ("The answer is\n$$\n5\n$$\n", "5"),
        ("The final answer is:\n\\[ 5 \\]\n", "5"),
        (r"The answer is $\$18$.", r"\$18"),
        ("The answer is $5 per egg, or $6.", "$5 per egg, or $6"),
        ("The answer is 18 dollars per day.", "18 dollars per day"),
        ("The answer is 5. And now: the answer is", "5"),
    ],
)
def test_phrase(answer: str, text: str) -> None:
    assert found(answer) == (text, "phrase")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("She has 3 eggs, then 12", "12"),
        ("#### 1,234", "1,234"),
        ("12,34", "34"),
        ("it costs $3.50.", "3.50"),
        ("x=-5", "-5"),
        ("x = −5", "-5"),  # noqa: RUF001 - a real minus sign
        ("5-3", "3"),
        ("3/4 of it", "3/4"),
        ("so 50% of them", "50%"),
        (".5", ".5"),
        ("12 of x_1 and h2o", "12"),
    ],
)
def test_last_number_is_the_last_resort(answer: str, text: str) -> None:
    assert found(answer) == (text, "last_number")


@pytest.mark.parametrize("answer", ["", "   ", "no idea", "\\boxed", "{}", "The answer is"])
def test_nothing(answer: str) -> None:
    assert found(answer) is None


def test_line_as_last_resort() -> None:
    assert final_answer("  Paris \n", last_resort="line") == ("Paris", "line")
    assert final_answer("one\ntwo", last_resort="line") is None
    assert final_answer("x" * (MAX_LINE + 1), last_resort="line") is None
    assert final_answer(" \n ", last_resort="line") is None


@pytest.mark.parametrize(
    "unit",
    [
        *("{", "}", "{}", "\\", "\\(", "\\boxed{", "\\boxed{}", "\\boxed "),
        *("the answer is ", "the answer is $", "the answer is. ", "final answer", "the "),
        *("1", "1,", "1,111", "1/", "-", " ", "\n"),
    ],
)
def test_linear_on_a_hostile_megabyte(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = unit * (characters // len(unit))
        start = time.process_time()
        final_answer(text, last_resort="last_number")
        final_answer("\\boxed{" + text, last_resort="line")
        return time.process_time() - start

    # A busy machine may spoil one comparison; what is quadratic spoils all of them.
    linear = (seconds(1_000_000) < 0.3 + 40 * seconds(100_000) for _ in range(3))
    assert any(linear), "quadratic would be 100 times"
    assert seconds(1_000_000) < 4


@given(st.text(alphabet="\\{}$boxedfthanswri 12.,/-\n", max_size=300))
def test_any_text_is_survived_and_what_is_found_is_not_blank(text: str) -> None:
    extracted = final_answer(text, last_resort="last_number")
    assert extracted is None or extracted.text.strip() == extracted.text != ""


@given(st.text(alphabet="ab1 ", min_size=1).filter(str.strip), st.text(alphabet="ab1{}\\ ."))
def test_a_last_box_is_found_behind_anything_that_is_no_escape(inside: str, before: str) -> None:
    assert found(before + " \\boxed{" + inside + "}") == (inside.strip(), "boxed")
