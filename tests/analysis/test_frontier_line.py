"""The line through four budgets on a sheet of paper, each twice as dear as the one before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.frontier_line import (
    FrontierLine,
    Place,
    accuracy_at_equal_cost,
    saving_at_equal_accuracy,
)

PATIENT = settings(max_examples=60)
NAN = float("nan")

COST, ACCURACY = (1.0, 2.0, 4.0, 8.0), (0.2, 0.4, 0.3, 0.8)
"""The third is dearer and less accurate than the second: the line goes from the second to the fourth."""


def place(cost, accuracy, resamples=40):
    """What was measured, the same in every resample."""
    return Place(
        np.array([cost] * (resamples + 1), dtype=np.float64),
        np.array([accuracy] * (resamples + 1), dtype=np.float64),
    )


def drawn(cost, *accuracies):
    """One cost, and an accuracy as measured and in every resample."""
    return Place(np.full(len(accuracies), cost), np.array(accuracies))


LINE = place(COST, ACCURACY)


def saving(cost, accuracy, line=LINE):
    return saving_at_equal_accuracy(place(cost, accuracy), line)


def more(cost, accuracy, line=LINE):
    return accuracy_at_equal_cost(place(cost, accuracy), line, problems=100)


def test_on_the_line_nothing_is_saved_and_nothing_is_won():
    for cost, accuracy in (
        (1.0, 0.2),
        (2.0, 0.4),
        (8.0, 0.8),
        (4.0, 0.6),
    ):  # 4 is halfway from 2 to 8
        assert saving(cost, accuracy).value == pytest.approx(1.0)
        assert more(cost, accuracy).value == pytest.approx(0.0)


def test_a_saving_is_a_ratio_of_costs_at_the_same_accuracy():
    found = saving(1.0, 0.6)
    assert (found.value, found.low, found.high) == (
        pytest.approx(0.25),
        pytest.approx(0.25),
        pytest.approx(0.25),
    )
    assert found.reason is None
    assert saving(16.0, 0.6).value == pytest.approx(4.0)


def test_a_gain_is_a_difference_of_accuracies_at_the_same_cost():
    found = more(4.0, 0.7)
    assert found.value == pytest.approx(0.1)
    assert found.reason is None
    assert more(2.0, 0.3).value == pytest.approx(-0.1)


def test_a_budget_that_spends_in_vain_is_nothing_that_is_saved():
    """At an accuracy of 0.3 the cheapest is halfway from 1 to 2, not the third budget's 4."""
    assert saving(4.0, 0.3).value == pytest.approx(4 / 2**0.5)


def test_where_no_budget_is_as_accurate_there_is_only_an_upper_bound():
    found = saving(2.0, 0.9)
    assert (found.value, found.low, found.reason) == (None, None, "line_never_as_accurate")
    assert found.high == pytest.approx(2 / 8)


def test_the_dearest_budget_bounds_a_saving_though_a_cheaper_one_is_as_accurate():
    line = place((1.0, 4.0, 16.0), (0.2, 0.5, 0.5))
    assert saving(2.0, 0.6, line).high == pytest.approx(2 / 16)
    assert saving(2.0, 0.5, line).value == pytest.approx(2 / 4)


def test_where_all_budgets_are_more_accurate_there_is_only_a_lower_bound():
    found = saving(2.0, 0.1)
    assert (found.value, found.high, found.reason) == (None, None, "line_always_more_accurate")
    assert found.low == pytest.approx(2 / 1)


def test_resamples_in_which_the_line_is_not_as_accurate_reach_into_the_interval():
    accuracies = [0.6] * 30 + [0.9] * 10
    found = saving_at_equal_accuracy(drawn(1.0, 0.6, *accuracies), LINE)
    assert found.value == pytest.approx(1 / 4)
    assert (found.low, found.high) == (0.0, pytest.approx(1 / 4))
    assert found.reason == "partly_line_never_as_accurate"


def test_resamples_in_which_the_line_is_always_more_accurate_leave_no_upper_end():
    accuracies = [0.6] * 30 + [0.1] * 10
    found = saving_at_equal_accuracy(drawn(1.0, 0.6, *accuracies), LINE)
    assert (found.low, found.high) == (pytest.approx(1 / 4), None)
    assert found.reason == "partly_line_always_more_accurate"


def test_a_few_resamples_beyond_the_line_are_no_doubt():
    accuracies = [0.6] * 198 + [0.9, 0.1]
    found = saving_at_equal_accuracy(
        drawn(1.0, 0.6, *accuracies), place(COST, ACCURACY, resamples=200)
    )
    assert (found.low, found.high, found.reason) == (
        pytest.approx(1 / 4),
        pytest.approx(1 / 4),
        None,
    )


def test_where_most_resamples_reach_it_the_bound_is_of_all_of_them():
    """As measured it is beyond the line; in 39 of 40 resamples it costs the line 4."""
    found = saving_at_equal_accuracy(drawn(1.0, 0.9, *[0.6] * 39, 0.9), LINE)
    assert (found.value, found.reason) == (None, "line_never_as_accurate")
    assert found.high == pytest.approx(1 / 4)


def test_resamples_draw_the_line_anew_and_in_pairs_with_the_candidate():
    cost = np.array([[1.0, 4.0], [1.0, 4.0], [2.0, 8.0]])
    accuracy = np.array([[0.2, 0.8], [0.4, 1.0], [0.2, 0.8]])
    candidate = Place(np.array([1.0, 1.0, 2.0]), np.array([0.5, 0.7, 0.5]))
    found = saving_at_equal_accuracy(candidate, Place(cost, accuracy))
    assert (found.low, found.value, found.high) == pytest.approx((0.5, 0.5, 0.5))
    higher = accuracy_at_equal_cost(candidate, Place(cost, accuracy), problems=100)
    assert higher.value == pytest.approx(0.3)
    assert (higher.low, higher.high) == pytest.approx((0.3, 0.3), abs=0.06)  # all alike: widened


def test_beyond_the_measured_costs_accuracies_are_not_compared():
    for cost in (0.5, 9.0):
        assert more(cost, 0.5).reason == "outside_curve"
        assert more(cost, 0.5).value is None


def test_between_the_best_budget_and_the_dearest_the_line_is_level():
    line = place((1.0, 4.0, 16.0), (0.2, 0.5, 0.4))
    assert more(8.0, 0.6, line).value == pytest.approx(0.1)
    assert more(16.0, 0.6, line).value == pytest.approx(0.1)


def test_resamples_beyond_the_measured_costs_are_a_doubt():
    cost = np.array([4.0, *[4.0] * 30, *[9.0] * 10])
    candidate = Place(cost, np.full(41, 0.6))
    found = accuracy_at_equal_cost(candidate, LINE, problems=100)
    assert (found.value, found.reason) == (pytest.approx(0.0), "partly_outside_curve")
    assert found.low == pytest.approx(-0.2)  # level at 0.8


def test_what_is_not_known_gives_no_figure_and_a_point_of_it_no_line():
    for one in (saving, more):
        assert one(NAN, 0.5).reason == "not_measured"
        assert one(4.0, NAN).reason == "not_measured"
        assert one(4.0, 0.5, place((NAN, 2.0), (0.5, NAN))).reason == "not_measured"
        assert one(0.0, 0.5).reason == "not_measured"  # a price of 0 is not known
    with_gap = place((1.0, 2.0, NAN, 3.0, 8.0), (0.2, 0.4, 0.9, NAN, 0.8))
    assert saving(1.0, 0.6, with_gap).value == pytest.approx(0.25)
    assert more(4.0, 0.6, with_gap).value == pytest.approx(0.0)
    unsure_end = place((*COST, 16.0), (*ACCURACY, NAN))
    assert more(9.0, 0.6, unsure_end).reason == "outside_curve"


def test_unknown_resamples_take_away_both_ends():
    accuracies = [0.6] * 30 + [NAN] * 10
    found = saving_at_equal_accuracy(drawn(1.0, 0.6, *accuracies), LINE)
    assert (found.value, found.low, found.high) == (pytest.approx(0.25), 0.0, None)
    assert found.reason == "unbounded"


def test_a_line_of_one_budget_is_a_point():
    point = place((4.0,), (0.5,))
    assert saving(2.0, 0.5, point).value == pytest.approx(0.5)
    assert saving(2.0, 0.6, point).reason == "line_never_as_accurate"
    assert more(4.0, 0.7, point).value == pytest.approx(0.2)
    assert more(4.1, 0.7, point).reason == "outside_curve"


GRID = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 20)), min_size=1, max_size=6).map(
    lambda points: np.array(points, dtype=np.float64) * [1, 0.05]
)
"""Costs and accuracies, with ties and dominated ones."""


def at(points, cost, accuracy):
    """A candidate, and the line of `points`, both alike in every resample."""
    return place(cost, accuracy, 3), place(*points.T, 3)


@PATIENT
@given(GRID, st.floats(0, 1))
def test_any_place_on_the_line_saves_nothing_and_wins_nothing(points, part):
    line = FrontierLine.through(*points.T)
    ends = line.log2_cost[0], line.log2_cost[-1]
    cost = 2 ** (ends[0] + part * (ends[1] - ends[0]))
    cost = float(np.clip(cost, 2 ** ends[0], 2 ** ends[1]))
    candidate, whole = at(points, cost, float(line.at(np.array(cost))))
    ratio = saving_at_equal_accuracy(candidate, whole)
    if ratio.value is not None:  # else beyond an end by the last digit
        assert ratio.value == pytest.approx(1.0, abs=1e-6)
    higher = accuracy_at_equal_cost(candidate, whole, 100)
    if higher.value is not None:
        assert higher.value == pytest.approx(0.0, abs=1e-9)


@PATIENT
@given(GRID)
def test_each_budget_of_the_frontier_compared_with_its_own_line_is_exactly_itself(points):
    line = FrontierLine.through(*points.T)
    for cost, accuracy in points:
        candidate, whole = at(points, cost, accuracy)
        ratio = saving_at_equal_accuracy(candidate, whole)
        higher = accuracy_at_equal_cost(candidate, whole, 100)
        if np.log2(cost) in line.log2_cost and accuracy in line.accuracy:
            assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)
            assert higher.value == 0.0
        else:  # dominated
            assert ratio.value is None or ratio.value >= 1.0
            assert higher.value < 1e-12


@PATIENT
@given(GRID, st.floats(1, 500), st.floats(0, 1), st.integers(-8, 8))
def test_in_another_unit_of_cost_both_answers_are_the_same(points, cost, accuracy, power):
    one = at(points, cost, accuracy)
    other = at(points * [2.0**power, 1], cost * 2.0**power, accuracy)
    before, after = (saving_at_equal_accuracy(*each) for each in (one, other))
    assert before.reason == after.reason
    for name in ("value", "low", "high"):
        expected = getattr(before, name)
        assert getattr(after, name) == (None if expected is None else pytest.approx(expected))
    before, after = (accuracy_at_equal_cost(*each, 100) for each in (one, other))
    assert before.reason == after.reason
    assert after.value == (None if before.value is None else pytest.approx(before.value, abs=1e-9))


@PATIENT
@given(GRID, st.floats(0, 1), st.floats(0, 1))
def test_who_saves_is_also_more_accurate_at_the_same_cost(points, dear, right):
    line = FrontierLine.through(*points.T)
    cost = 2 ** np.interp(dear, [0, 1], line.log2_cost[[0, -1]])
    accuracy = float(np.interp(right, [0, 1], line.accuracy[[0, -1]]))
    pair = at(points, cost, accuracy)
    ratio, higher = saving_at_equal_accuracy(*pair), accuracy_at_equal_cost(*pair, 100)
    if ratio.value is not None and higher.value is not None:  # else beyond an end by a digit
        assert ratio.value > 1 - 1e-9 or higher.value > -1e-12
        assert ratio.value < 1 + 1e-9 or higher.value < 1e-12


@PATIENT
@given(GRID, st.data())
def test_the_order_of_the_budgets_does_not_matter(points, data):
    order = data.draw(st.permutations(range(len(points))))
    one, other = (FrontierLine.through(*each.T) for each in (points, points[order]))
    assert one.log2_cost.tolist() == other.log2_cost.tolist()
    assert one.accuracy.tolist() == other.accuracy.tolist()
    assert one.log2_dearest == other.log2_dearest
    assert (np.diff(one.accuracy) >= 0).all()
