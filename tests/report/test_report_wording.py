import math
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costbench.printable import clean, csv_safe
from costbench.report import wording
from costbench.report.contract import E
from costbench.report.wording import number

figures = st.floats(min_value=1e-300, max_value=1e300) | st.floats(
    min_value=-1e300, max_value=-1e-300
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "n/a"),
        (0.0, "0"),
        (0.0410, "0.0410"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (123.4, "123"),
        (1234.0, "1,230"),
        (1.234e-7, "1.23e-07"),
        (-2.5, "-2.50"),
        (math.inf, "inf"),
        (math.nan, "n/a"),
    ],
)
def test_numbers_have_three_significant_digits_and_unknown_is_never_zero(value, written):
    assert number(value) == written


@given(figures)
def test_a_written_number_is_within_half_a_unit_of_its_third_digit(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.00501)


@given(figures)
def test_a_written_number_has_three_significant_digits(value):
    digits = number(value).partition("e")[0].replace(",", "").replace(".", "").strip("-")
    assert len(digits.lstrip("0")) >= 3
    assert len(digits.strip("0")) <= 3


@pytest.mark.parametrize(
    ("figure", "written"),
    [
        (E(value=0.912, low=0.894, high=0.928), "0.912 [0.894, 0.928]"),
        (E(value=3.1), "3.10"),
        (E(value=3.1, low=2.0, reason="unbounded"), "3.10 [2.00, inf]"),
        (E(value=None, low=3.1, reason="none_correct"), "> 3.10"),
        (E(value=None, reason="not_measured"), "n/a"),
    ],
)
def test_an_estimate_is_written_with_its_interval_or_its_bound(figure, written):
    assert wording.estimate(figure) == written


def test_an_estimate_is_scaled_with_its_interval():
    figure = E(value=0.000912, low=0.000894, high=0.000928)
    assert wording.estimate(figure, 1e6) == "912 [894, 928]"
    assert wording.center(figure, 1e6) == "912"


def test_shares_are_written_in_percent_and_their_differences_in_points():
    assert wording.percent(E(value=0.451, low=0.433, high=0.469)) == "45.1 [43.3, 46.9]"
    assert wording.percent(E(value=None)) == "n/a"
    change = E(value=-0.004, low=-0.021, high=0.013)
    assert wording.points(change) == "-0.4 points [-2.1, +1.3]"
    assert wording.points(E(value=-0.0001)) == "0.0 points"


@pytest.mark.parametrize(
    ("costs", "unit"),
    [
        ([2.0, 3.0], "USD / correct"),
        ([0.002, None], "USD / 1k correct"),
        ([2e-6, 3e-7, 9e-6], "USD / 1M correct"),
        ([1e-9], "USD / 1M correct"),
        ([None, None], "USD / correct"),
    ],
)
def test_one_scale_fits_a_whole_column(costs, unit):
    assert wording.fitting(costs, wording.USD).per("correct") == unit


def test_provenance_is_a_sign_before_a_figure_but_not_before_an_unknown_one():
    assert wording.marked("1.00", "modelled") == "~1.00"
    assert wording.marked("1.00", "assumed") == "*1.00"
    assert wording.marked("1.00", "measured") == "1.00"
    assert wording.marked("n/a", "modelled") == "n/a"


@given(st.text())
@example("\x1b[31m\u202e\u200b\ufeff\u2066\x00\r\n\u3164\ufe0f\ud800")
def test_a_clean_name_holds_nothing_that_cannot_be_seen(name):
    shown = clean(name)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert clean(shown) == shown


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"], max_codepoint=0x2FF)))
def test_a_harmless_name_stays_as_it_is(name):
    assert clean(name) == name


def test_what_is_removed_stays_visible():
    assert clean("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"


@given(st.text(), st.sampled_from(["", "=", "+", "-", "@", "\t", "\r"]))
@example("5", "-")
@example("5)+1", "-")
def test_no_text_in_a_csv_starts_a_formula(text, start):
    cell = csv_safe(start + text)
    is_number = re.fullmatch(r"[-+]([0-9]+\.?[0-9]*|\.[0-9]+)", str(cell))
    assert is_number or not str(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert str(cell).removeprefix("'") == (start + text).removeprefix("'")


@given(st.floats() | st.integers() | st.none() | st.booleans())
def test_numbers_in_a_csv_are_left_alone(value):
    assert csv_safe(value) is value


def test_a_long_name_keeps_both_its_ends():
    assert wording.short("abcdefghij", 10) == "abcdefghij"
    assert wording.short("abcdefghijk", 10) == "abcd…ghijk"
