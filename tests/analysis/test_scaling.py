"""s1's metrics against its paper (arXiv 2501.19393): table 3 from tables 11 to 13 and points of figures.

Accuracies on AIME24 are right answers of 30. Rows of BF and of rejection sampling are points of figures.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.scaling import control, performance, scaling_linear, scaling_per_doubling

PATIENT = settings(max_examples=60)
NAN = float("nan")

FORCING = (500, 1000, 2000, 3933, 5300, 6657, 7320), (0, 4, 9, 13, 15, 16, 17)
TOKENS = (7939, 7158, 8263, 7108, 7500), (8, 9, 10, 10, 12)
TOKENS_FORCED = (1024, 2048, 4031, 5664, 6330), (1, 9, 10, 10, 12)
STEPS = (7252, 6277, 5396, 5552, 7551), (10, 7, 10, 11, 10)
STEPS_FORCED = (1517, 2963, 4636, 5409, 7551), (7, 7, 10, 11, 10)
CLASSES = (8033, 9651), (9, 11)
REJECTION = (2974, 3703, 4344, 4734, 5193, 5293), (12, 11, 10, 9, 8, 7)

ASKED_TOKENS = np.array([1024.0, 2048, 4096, 8192, 16384])
ASKED_STEPS = 100 * np.array([16.0, 32, 64, 128, 256])
DEFAULT = 6109.0
"""Thinking tokens of the model on AIME24 where nothing is asked for."""


def arrays(row):
    tokens, right = row
    return np.array(tokens, dtype=np.float64), 100 * np.array(right) / 30


@pytest.mark.parametrize(
    ("row", "exactly", "printed"),
    [
        (FORCING, 14.82, 15),
        (TOKENS, -23.77, -24),
        (TOKENS_FORCED, 13.16, 13),
        (STEPS, 2.93, 3),
        (STEPS_FORCED, 6.41, 6),
        (CLASSES, 25.18, 25),
    ],
)
def test_scaling_per_doubling_is_that_of_table_3(row, exactly, printed):
    found = float(scaling_per_doubling(*arrays(row)))
    assert found == pytest.approx(exactly, abs=0.005)
    assert round(found) == printed


def test_the_seventh_row_of_table_3_has_its_scaling_and_its_performance_from_different_points():
    """-35 is the scaling of the last five points of the figure, 40.0 the accuracy of the first."""
    tokens, accuracy = arrays(REJECTION)
    assert float(scaling_per_doubling(tokens, accuracy)) == pytest.approx(-28.62, abs=0.005)
    assert round(float(scaling_per_doubling(tokens[1:], accuracy[1:]))) == -35
    assert float(performance(accuracy)) == pytest.approx(40.0)
    assert float(performance(accuracy[1:])) == pytest.approx(36.67, abs=0.005)


@pytest.mark.parametrize(
    ("row", "per_1k"),
    [
        (FORCING, 8.7),
        (TOKENS, -4.8),
        (TOKENS_FORCED, 6.7),
        (STEPS, 0.6),
        (STEPS_FORCED, 2.5),
        (CLASSES, 4.1),
        (REJECTION, -9.0),
    ],
)
def test_scaling_as_printed_is_not_that_of_table_3(row, per_1k):
    assert float(scaling_linear(*arrays(row))) == pytest.approx(per_1k, abs=0.05)


@pytest.mark.parametrize(
    ("row", "best"),
    [(FORCING, 56.7), (TOKENS, 40.0), (TOKENS_FORCED, 40.0), (STEPS, 36.7), (CLASSES, 36.7)],
)
def test_performance_is_that_of_table_3(row, best):
    assert round(float(performance(arrays(row)[1])), 1) == best


@pytest.mark.parametrize(
    ("row", "limits", "percent"),
    [
        (TOKENS, ASKED_TOKENS, 40),
        (TOKENS_FORCED, ASKED_TOKENS, 100),
        (STEPS, ASKED_STEPS, 60),
        (STEPS_FORCED, ASKED_STEPS, 100),
    ],
)
def test_control_is_that_of_table_3(row, limits, percent):
    assert 100 * float(control(arrays(row)[0], limits)) == percent


def test_short_thinking_is_to_fall_below_the_default_and_long_to_rise_above_it():
    found = control(arrays(CLASSES)[0], np.array([DEFAULT, np.inf]), np.array([0.0, DEFAULT]))
    assert 100 * float(found) == 50


def test_a_limit_that_is_just_reached_is_kept():
    assert float(control(np.array([64.0, 65.0]), np.array([64.0, 64.0]))) == 0.5
    assert float(control(np.array([64.0, 65.0]), np.array([99.0, 99.0]), 65.0)) == 0.5


def test_every_resample_has_its_own_figures():
    tokens = np.array([[1.0, 2.0, 4.0], [1.0, 4.0, 16.0]])
    accuracy = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    assert scaling_per_doubling(tokens, accuracy) == pytest.approx([0.1, 0.05])
    # 0.1 per 1, 0.2 per 3 and 0.1 per 2 tokens; then per 3, 15 and 12.
    assert scaling_linear(tokens, accuracy) == pytest.approx([1000 * 0.65 / 9, 1000 * 0.055 / 3])
    assert performance(accuracy).tolist() == [0.3, 0.3]
    assert control(tokens, np.array([2.0, 3.0, 4.0])) == pytest.approx([1, 1 / 3])


def test_pairs_of_equal_tokens_have_no_slope_and_are_left_out():
    tokens, accuracy = np.array([1.0, 1.0, 2.0]), np.array([0.0, 0.2, 0.4])
    assert float(scaling_per_doubling(tokens, accuracy)) == pytest.approx((0.4 + 0.2) / 2)
    alike = np.array([8.0, 8.0])
    assert np.isnan(scaling_per_doubling(alike, np.array([0.1, 0.9])))
    assert np.isnan(scaling_linear(alike[:1], np.array([0.1])))


def test_what_is_unknown_in_a_resample_leaves_no_figure_there():
    tokens = np.array([[1.0, 2.0], [NAN, 2.0], [1.0, 2.0], [0.0, 2.0]])
    accuracy = np.array([[0.0, 0.5], [0.0, 0.5], [NAN, 0.5], [0.0, 0.5]])
    assert np.isnan(scaling_per_doubling(tokens, accuracy)).tolist() == [False, True, True, True]
    assert np.isnan(scaling_linear(tokens, accuracy)).tolist() == [False, True, True, False]
    assert np.isnan(performance(accuracy)).tolist() == [False, False, True, False]
    assert np.isnan(control(tokens, np.array([2.0, 2.0]))).tolist() == [False, True, False, False]
    assert np.isnan(control(tokens[0], np.array([2.0, NAN])))


BUDGETS = st.lists(
    st.tuples(st.integers(1, 10_000), st.integers(0, 100)),
    min_size=2,
    max_size=7,
    unique_by=lambda x: x[0],
)


@PATIENT
@given(BUDGETS, st.data())
def test_neither_the_order_of_budgets_nor_the_unit_of_tokens_changes_the_slope_per_doubling(
    budgets, data
):
    tokens, accuracy = np.array(budgets, dtype=np.float64).T
    order = data.draw(st.permutations(range(len(budgets))))
    found = scaling_per_doubling(tokens, accuracy)
    assert scaling_per_doubling(tokens[order], accuracy[order]) == pytest.approx(found, abs=1e-9)
    assert scaling_per_doubling(tokens * 8, accuracy) == pytest.approx(found, rel=1e-6, abs=1e-6)


@PATIENT
@given(st.lists(st.floats(1, 1e5), min_size=2, max_size=7, unique=True), st.floats(-50, 50))
def test_accuracy_that_rises_by_so_much_with_every_doubling_has_that_slope(tokens, slope):
    x = np.log2(np.array(tokens))
    if np.diff(np.sort(x)).min() > 1e-3:
        assert scaling_per_doubling(np.array(tokens), 3 + slope * x) == pytest.approx(
            slope, abs=1e-6
        )
