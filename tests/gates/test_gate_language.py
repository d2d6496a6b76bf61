"""The language of --fail-if: what it reads, and how it refuses the rest."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costbench.gates.figures import read_gate
from costbench.gates.language import (
    Both,
    Comparison,
    Either,
    Gate,
    GateSyntaxError,
    Name,
    Not,
    Number,
    comparisons_in,
    names_in,
    parse_gate,
)
from costbench.gates.subjects import known_figures
from tests.properties.strategies import PATIENT

KNOWN = known_figures()


def less(name, value):
    return Comparison(Name(name), "<", Number(value))


def test_a_comparison_of_a_figure_with_a_number():
    assert parse_gate("accuracy.low<0.9") == Gate(
        "accuracy.low<0.9", less("accuracy.low", 0.9), None
    )


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_every_sign_of_comparison(sign):
    compared = parse_gate(f"errors {sign} 1").condition
    assert compared.sign == sign
    assert compared.holds(1, 1) is ("=" in sign and sign != "!=")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.9", 0.9), ("90%", 0.9), (".5", 0.5), ("-0.02", -0.02), ("-2%", -0.02), ("1e-3", 0.001)],
)
def test_numbers_and_percent(text, value):
    assert parse_gate(f"a < {text}").condition == less("a", pytest.approx(value))


def test_two_figures_are_compared_in_either_order_with_a_number_too():
    assert parse_gate("a < b").condition == Comparison(Name("a"), "<", Name("b"))
    assert parse_gate("1 < a").condition == Comparison(Number(1), "<", Name("a"))


def test_not_binds_before_and_and_and_before_or_as_in_python():
    assert parse_gate("not a < 1 and b < 2 or c < 3").condition == Either(
        Both(Not(less("a", 1)), less("b", 2)), less("c", 3)
    )
    assert parse_gate("not (a < 1 or b < 2)").condition == Not(Either(less("a", 1), less("b", 2)))


@pytest.mark.parametrize(
    "pattern", ["*/abacus-alpha-0.2/*", "'*/abacus-alpha-0.2/*'", '"*/abacus-alpha-0.2/*"']
)
def test_cells_are_named_behind_in(pattern):
    assert parse_gate(f"a < 1 in {pattern}").cells == "*/abacus-alpha-0.2/*"


def test_a_cell_may_be_called_like_a_word_of_the_language():
    assert parse_gate("a < 1 in or/in/and").cells == "or/in/and"


REFUSED = {
    "": "expected a figure or a number where it ends",
    "a": "expected one of < <= > >= == != where it ends",
    "a <": "expected a figure or a number where it ends",
    "a = 1": "expected one of < <= > >= == !=, found '=' at character 3",
    "a < 1 & b < 2": "expected and, or, in, or the end, found '&' at character 7",
    "a < 1 b < 2": "expected and, or, in, or the end, found 'b' at character 7",
    "(a < 1": "expected a closing parenthesis where it ends",
    "a < 1)": "expected and, or, in, or the end, found ')' at character 6",
    "0 < a < 1": "compares twice; write it with `and`, found '<' at character 7",
    "1 < 2": "compares two numbers; one of them should be a figure",
    "a < 1e999": "expected a number that is finite, found '1e999' at character 5",
    "a < nan.": "expected and, or, in, or the end, found '.' at character 8",
    "a < not": "expected a figure or a number, found 'not' at character 5",
    "a() < 1": "expected one of < <= > >= == !=, found '(' at character 2",
    "__import__('os') < 1": "expected one of < <= > >= == !=, found '(' at character 11",
    "a < 1 in": "`in` takes one pattern",
    "a < 1 in x y": "`in` takes one pattern",
    "a < 1 in 'x' or b < 2": "`in` takes one pattern",
    "(a < 1 in x)": "expected a closing parenthesis, found 'in' at character 8",
    "a < 1 " * 200: "is longer than 1000 characters",
    "(" * 30 + "a < 1" + ")" * 30: "is nested deeper than 20 levels",
    "not " * 30 + "a < 1": "is nested deeper than 20 levels",
    "a < \u0661": "expected a figure or a number, found '\u0661' at character 5",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place(text):
    with pytest.raises(GateSyntaxError) as error:
        parse_gate(text)
    assert str(error.value).startswith(REFUSED[text])


PIECES = st.sampled_from(
    ["accuracy", "accuracy.low", "latency_s.p95", "errors", "and", "or", "not", "in", "(", ")", "<",
     ">=", "==", "0.9", "95%", "-1", "1e9", "1e999", "*/x/*", "'", '"', " ", "\0", "\n", ".", "e"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map(" ".join)))
@example("a < " + "9" * 400)
@example("(" * 999)
@example("\ud800 < 1")
@PATIENT
def test_no_text_breaks_the_reader(text):
    for names in KNOWN.values():
        try:
            gate = read_gate(text, names, {})
        except GateSyntaxError:
            continue
        assert set(names_in(gate.condition)) <= set(names)
        assert list(comparisons_in(gate.condition))


def written(condition):
    """A condition as text again, with every parenthesis."""
    if isinstance(condition, Comparison):
        sides = [each.name if isinstance(each, Name) else repr(each.value)
                 for each in (condition.left, condition.right)]  # fmt: skip
        return f"{sides[0]} {condition.sign} {sides[1]}"
    if isinstance(condition, Not):
        return f"not ({written(condition.inner)})"
    word = "and" if isinstance(condition, Both) else "or"
    return f"({written(condition.left)}) {word} ({written(condition.right)})"


NAMES = st.sampled_from(["accuracy", "accuracy.low", "errors", "latency_s.p95"]).map(Name)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).map(Number)
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
COMPARISONS = st.one_of(
    st.builds(Comparison, NAMES, SIGNS, NUMBERS), st.builds(Comparison, NAMES, SIGNS, NAMES)
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(Not, inner), st.builds(Both, inner, inner), st.builds(Either, inner, inner)
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.sampled_from([None, "g/*/truncation@*"]))
@PATIENT
def test_what_is_written_is_what_is_read(condition, cells):
    text = written(condition) + ("" if cells is None else f" in {cells}")
    assert parse_gate(text) == Gate(text, condition, cells)


def test_an_expression_over_several_lines_is_told_in_one():
    assert parse_gate("a < 1\n  or b < 2\n").text == "a < 1 or b < 2"
