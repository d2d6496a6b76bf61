"""A line through measured budgets says what was measured, and between it nothing that was not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import PATIENT

from costbench.analysis.budget_line import BudgetLine

POINTS = st.lists(
    st.tuples(st.floats(1.0, 1e5), st.floats(0.0, 1.0)),
    min_size=1,
    max_size=6,
    unique_by=lambda point: point[0],
)
"""Tokens and accuracy of each budget."""


def line(points):
    tokens, accuracy = np.array(points, dtype=np.float64).T
    return BudgetLine.through(tokens, accuracy)


def at(points, tokens):
    return float(line(points).at(np.array(tokens, dtype=np.float64)))


@PATIENT
@given(POINTS)
def test_at_a_measured_point_the_line_is_that_point(points):
    for tokens, accuracy in points:
        assert at(points, tokens) == accuracy
        assert line(points).covers(np.array(tokens))


@PATIENT
@given(POINTS, st.floats(0.5, 2e5))
def test_between_points_it_is_linear_in_the_logarithm_and_level_beyond_them(points, tokens):
    x, y = zip(*sorted(points), strict=True)
    expected = np.interp(np.log2(tokens), np.log2(x), y)
    # Where two points nearly coincide, all that is between them is as near.
    assert at(points, tokens) == pytest.approx(expected, abs=1e-6) or np.diff(np.log2(x)).min() < (
        1e-9
    )
    assert bool(line(points).covers(np.array(tokens))) == (x[0] <= tokens <= x[-1])


@PATIENT
@given(POINTS.flatmap(lambda points: st.tuples(st.just(points), st.permutations(points))))
def test_the_order_of_the_points_does_not_matter(both):
    points, shuffled = both
    middle = float(np.mean([tokens for tokens, _ in points]))
    assert at(points, middle) == at(shuffled, middle)


@PATIENT
@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4), st.permutations(range(4)))
def test_points_of_the_same_tokens_stand_for_one(accuracies, order):
    points = [(64.0, accuracy) for accuracy in accuracies] + [(16.0, 0.0), (256.0, 1.0)]
    mean = np.mean(accuracies)
    shuffled = [points[at] for at in order] + points[4:]
    assert at(shuffled, 64.0) == pytest.approx(np.mean([y for x, y in shuffled if x == 64.0]))
    assert at(points, 64.0) == pytest.approx(mean)
    assert at(points, 32.0) == pytest.approx(mean / 2)  # halfway between 16 and 64
    assert at(points, 128.0) == pytest.approx((mean + 1) / 2)


def test_every_resample_has_its_own_order():
    tokens = np.array([[8.0, 32.0], [32.0, 8.0], [8.0, 8.0]])
    accuracy = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    drawn = BudgetLine.through(tokens, accuracy)
    assert drawn.at(np.array([16.0, 16.0, 8.0])).tolist() == [0.5, 0.5, 0.5]
    assert drawn.at(np.array([8.0, 8.0, 16.0])).tolist() == [0.0, 1.0, 0.5]
    assert drawn.covers(np.array([8.0, 33.0, 9.0])).tolist() == [True, False, False]


def test_what_is_not_known_in_a_resample_stays_unknown():
    tokens, accuracy = np.array([[8.0, 32.0], [8.0, np.nan]]), np.array([[0.0, np.nan], [0.0, 1.0]])
    drawn = BudgetLine.through(tokens, accuracy)
    assert np.isnan(drawn.at(np.array([16.0, 16.0]))).all()
    assert np.isnan(drawn.at(np.array([np.nan, np.nan]))).all()
    assert drawn.at(np.array([8.0, 8.0])).tolist() == [0.0, 0.0]
