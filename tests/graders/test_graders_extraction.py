import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.graders.extraction import (
    DEFAULT_ORDER,
    MAX_LINE,
    Extracted,
    Place,
    final_answer,
)

LINE: tuple[Place, ...] = ("boxed", "phrase", "line")


def found(answer: str) -> Extracted | None:
    return final_answer(answer, DEFAULT_ORDER)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (r"So \boxed{42}.", "42"),
        (r"\fbox{7}", "7"),
        (r"\boxed {7}", "7"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\left\{ 1, \frac{2}{3} \right\}}", r"\left\{ 1, \frac{2}{3} \right\}"),
        (r"\boxed{\{1}", r"\{1"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{2} and then \boxed{ 2 }", "2"),
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
    ("answer", "text"),
    [
        (r"The probability is $\frac{3}{4}$.", r"\frac{3}{4}"),
        (r"We get $ \frac{3}{4} $", r"\frac{3}{4}"),
        (r"so \(x = -\frac32\) then", r"-\frac32"),
        ("Then $m + n = 5 + 7 = 12$.", "12"),
        ("So \\[\n f(x) = x^2 + 1\n\\]", "x^2 + 1"),
        ("They are $x = 1$ and $x = 2$.", "x = 1, x = 2"),
        ("With $a = 3$, $b = 5$ we have $a + b = 8$.", "8"),
        ("$x = 1, y = 2$", "x = 1, y = 2"),
        ("Since $n = 5$, there are 12", "12"),
        ("It was $20 - $5 = $15", "15"),
        ("from $5 to $7", "7"),
        ("一共有42个", "42"),
        ("v2a is no number, 3 is", "3"),
        ("in $x$\n\nthere are 3 and $y$", "3"),
    ],
)
def test_the_last_number_comes_with_its_formula(answer: str, text: str) -> None:
    assert found(answer) == (text, "last_number")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("The answers are 1 and 2.", "1 and 2"),
        ("The answer is 42 because 6*7=42.", "42"),
        ("The answer is 42 (since 6*7=42).", "42"),
        ("答案是42。因为6*7", "42"),
        ("答案：$42$", "42"),  # noqa: RUF001 - full-width
    ],
)
def test_a_statement_ends_before_its_reason(answer: str, text: str) -> None:
    assert found(answer) == (text, "phrase")


@pytest.mark.parametrize(
    ("answer", "text", "how"),
    [
        (r"\boxed{1} and then \boxed{2}", "2", "boxed_of_several"),
        (r"\boxed{1}, so \boxed{2}", "2", "boxed_of_several"),
        (r"\boxed{1} \boxed{2}", "2", "boxed_of_several"),
        (r"\boxed{3}. Now $x = \boxed{-2}$ or $x = \boxed{1}$.", "-2, 1", "boxed_together"),
        (r"\boxed{-2} \quad \text{and} \quad \boxed{1}", "-2, 1", "boxed_together"),
        (r"\boxed{2}, \boxed{2}", "2", "boxed"),
    ],
)
def test_several_boxes(answer: str, text: str, how: str) -> None:
    assert found(answer) == (text, how)


@pytest.mark.parametrize(
    ("order", "answer", "text", "how"),
    [
        (("phrase", "boxed"), r"\boxed{1}. The answer is 2.", "2", "phrase"),
        (("phrase", "boxed"), r"\boxed{1}. That is 2.", "1", "boxed"),
        (("last_number",), r"\boxed{1} The answer is 2. Or 3", "3", "last_number"),
        (("phrase", "boxed"), r"The answer is 2. \boxed{1", "2", "phrase"),
        (("line", "last_number"), "only 4", "only 4", "line"),
    ],
)
def test_the_order_is_a_setting(order: tuple[Place, ...], answer: str, text: str, how: str) -> None:
    assert final_answer(answer, order) == (text, how)


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
        ("The answer is $3$, $4$ and $5$.", "3, 4, 5"),
        ("The answer is $3$, since $4$.", "3"),
        ("Answer: 42", "42"),
        ("So 7.\n\n**Answer:** 42\n", "42"),
        ("My answer is 42. I answered 7 before", "42"),
        ("The correct answer is 42, as 7 is not", "42"),
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
        ("about 6.02e23 of them", "6.02e23"),
        ("that is 6.02 \\times 10^{23}", "6.02 \\times 10^{23}"),
    ],
)
def test_last_number_is_the_last_resort(answer: str, text: str) -> None:
    assert found(answer) == (text, "last_number")


@pytest.mark.parametrize("answer", ["", "   ", "no idea", "\\boxed", "{}", "The answer is"])
def test_nothing(answer: str) -> None:
    assert found(answer) is None


def test_line_as_last_resort() -> None:
    assert final_answer("  Paris \n", LINE) == ("Paris", "line")
    assert final_answer("one\ntwo", LINE) is None
    assert final_answer("x" * (MAX_LINE + 1), LINE) is None
    assert final_answer(" \n ", LINE) is None


@pytest.mark.parametrize(
    "unit",
    [
        *("{", "}", "{}", "\\", "\\(", "\\boxed{", "\\boxed{}", "\\boxed "),
        *("\\boxed{1}", "\\boxed{1},", "answer:", "\nanswer: $", "$1$, ", "1e", "1 \\times 10^"),
        *("the answer is ", "the answer is $", "the answer is. ", "final answer", "the "),
        *("1", "1,", "1,111", "1/", "-", " ", "\n"),
    ],
)
def test_linear_on_a_hostile_megabyte(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = unit * (characters // len(unit))
        start = time.process_time()
        final_answer(text, DEFAULT_ORDER)
        final_answer("\\boxed{" + text, LINE)
        return time.process_time() - start

    # A busy machine may spoil one comparison; what is quadratic spoils all of them.
    linear = (seconds(1_000_000) < 0.3 + 40 * seconds(100_000) for _ in range(3))
    assert any(linear), "quadratic would be 100 times"
    assert seconds(1_000_000) < 4


@given(st.text(alphabet="\\{}$boxedfthanswri 12.,/-\n", max_size=300))
def test_any_text_is_survived_and_what_is_found_is_not_blank(text: str) -> None:
    extracted = final_answer(text, DEFAULT_ORDER)
    assert extracted is None or extracted.text.strip() == extracted.text != ""


@given(st.text(alphabet="ab1 ", min_size=1).filter(str.strip), st.text(alphabet="ab1{}\\ ."))
def test_a_last_box_is_found_behind_anything_that_is_no_escape(inside: str, before: str) -> None:
    assert found(before + " \\boxed{" + inside + "}") == (inside.strip(), "boxed")
