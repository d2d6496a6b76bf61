import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.cost_of_pass import (
    cost_of_pass,
    cost_of_set,
    essentialness,
    frontier,
    gain,
)
from costbench.analysis.stats import Resampling

PATIENT = settings(max_examples=60)
NAN, INF = float("nan"), float("inf")

# Two models on three problems: the first is cheap and solves two of them, the second all but the last.
COSTS = np.array([[0.01, 0.01, 0.01], [0.10, 0.10, 0.10]])
RATES = np.array([[0.25, 0.00, 0.00], [1.00, 0.50, 0.00]])


def drawn(problems=3):
    return Resampling.draw(problems, 0, 400)


def test_one_in_four_right_costs_four_attempts():
    assert float(cost_of_pass(np.array(0.01), np.array(0.25))) == pytest.approx(0.04)


def test_what_is_never_right_costs_without_end_or_what_a_person_costs():
    never = cost_of_pass(np.array([[0.01]]), np.array([[0.0]]))
    assert frontier(never).tolist() == [INF]
    assert frontier(never, 20.0).tolist() == [20.0]


def test_what_is_not_known_is_neither_free_nor_endless():
    found = cost_of_pass(np.array([NAN, NAN, 1.0]), np.array([0.5, 0.0, NAN]))
    assert np.isnan(found).all()
    assert np.isnan(frontier(np.array([[1.0], [NAN]]), 20.0)).all()


def test_the_frontier_is_the_cheapest_model_for_each_problem():
    values = cost_of_pass(COSTS, RATES)
    assert frontier(values) == pytest.approx([0.04, 0.20, INF])
    assert frontier(values, 0.15) == pytest.approx([0.04, 0.15, 0.15])
    assert frontier(values, np.array([0.03, 1.0, 2.0])) == pytest.approx([0.03, 0.20, 2.0])


def test_a_set_that_leaves_a_problem_unsolved_has_no_mean_but_a_ratio_of_means():
    found = cost_of_set(COSTS, RATES, drawn())
    assert (found.mean.value, found.mean.reason) == (None, "some_never_solved")
    assert found.unsolved == 1
    # By 0.01 at 1/4, 0.10 at 1/2, and 0.01, the cheaper try, in vain.
    assert found.ratio_of_means.value == pytest.approx(0.12 / 0.75)


def test_a_person_makes_the_mean_finite_and_what_no_model_solved_is_still_counted():
    found = cost_of_set(COSTS, RATES, drawn(), expert=0.5)
    assert found.by_problem == pytest.approx([0.04, 0.20, 0.50])
    assert found.mean.value == pytest.approx(0.74 / 3)
    assert found.mean.low <= found.mean.value <= found.mean.high
    assert found.unsolved == 1
    assert found.ratio_of_means.value == pytest.approx((0.01 + 0.10 + 0.50) / (0.25 + 0.5 + 1))


def test_the_interval_resamples_problems():
    by_hand = Resampling(np.array([[3, 0, 0], [0, 3, 0]], dtype=np.uint16), 0)
    found = cost_of_set(COSTS, RATES, by_hand, expert=0.5)
    assert (found.mean.low, found.mean.high) == (pytest.approx(0.04), pytest.approx(0.20))
    assert found.ratio_of_means.low < found.ratio_of_means.value < found.ratio_of_means.high


def test_where_nothing_is_solved_there_is_a_bound_and_no_ratio():
    found = cost_of_set(COSTS, np.zeros_like(RATES), drawn())
    assert found.unsolved == 3
    assert (found.ratio_of_means.value, found.ratio_of_means.reason) == (None, "none_correct")
    assert found.ratio_of_means.low == pytest.approx(0.01 / (1 - 0.05 ** (1 / 3)))


def test_a_cost_that_was_not_measured_leaves_no_figure():
    found = cost_of_set(np.where(COSTS == 0.01, NAN, COSTS), RATES, drawn(), expert=0.5)
    assert found.mean.reason == found.ratio_of_means.reason == "not_measured"
    none = np.full(3, NAN)
    assert gain(none, none, drawn()).reason == "not_measured"
    assert essentialness(none, none, drawn()).reason == "not_measured"


def test_no_model_at_all_costs_what_a_person_costs():
    nobody = np.empty((0, 3))
    found = cost_of_set(nobody, nobody, drawn(), expert=20.0)
    assert (found.mean.value, found.unsolved) == (20.0, 3)
    assert found.ratio_of_means.value == 20.0
    alone = cost_of_set(nobody, nobody, drawn())
    assert alone.mean.reason == "some_never_solved"
    assert alone.ratio_of_means.reason == "no_attempts"


def test_the_gain_of_a_second_model_is_what_it_saves_per_problem():
    values = cost_of_pass(COSTS, RATES)
    before, after = frontier(values[:1], 0.5), frontier(values, 0.5)
    found = gain(before, after, drawn())
    assert found.value == pytest.approx((0 + 0.30 + 0) / 3)
    assert found.low == 0.0
    assert essentialness(before, after, drawn()).value == pytest.approx(0.30 / (0.04 + 0.5 + 0.5))


def test_a_family_that_is_all_there_is_saves_what_a_person_would_have_cost():
    values = cost_of_pass(COSTS[:, :2], RATES[:, :2])
    found = essentialness(frontier(values[:0], 2.0), frontier(values, 2.0), drawn(2))
    assert found.value == pytest.approx(1 - (0.04 + 0.20) / 4)


def test_an_endless_cost_has_no_gain_and_no_essentialness_in_figures():
    values = cost_of_pass(COSTS[:, :2], RATES[:, :2])
    before, after = frontier(values[:1]), frontier(values)
    for found in (gain(before, after, drawn(2)), essentialness(before, after, drawn(2))):
        assert (found.value, found.reason) == (None, "some_never_solved")


def test_a_free_set_has_nothing_to_be_saved():
    free = np.zeros(3)
    assert essentialness(free, free, drawn()).reason == "nothing_to_divide_by"


@st.composite
def sets(draw):
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    size = shape[0] * shape[1]
    costs = draw(st.lists(st.floats(0.01, 100), min_size=size, max_size=size))
    right = draw(st.lists(st.integers(0, 8), min_size=size, max_size=size))
    return np.reshape(costs, shape), np.reshape(right, shape) / 8


@PATIENT
@given(sets(), st.floats(0.01, 1000))
def test_one_model_more_never_costs_more(found, expert):
    values = cost_of_pass(*found)
    for limit in (None, expert):
        assert (frontier(values, limit) <= frontier(values[:-1], limit)).all()
    saved = essentialness(
        frontier(values[:-1], expert), frontier(values, expert), drawn(values.shape[1])
    )
    assert 0 <= saved.value <= 1


@PATIENT
@given(sets(), st.floats(0.01, 1000), st.floats(0.001, 1000))
def test_in_another_currency_costs_are_scaled_and_essentialness_is_not(found, expert, rate):
    costs, rates = found
    one = cost_of_set(costs, rates, drawn(costs.shape[1]), expert)
    other = cost_of_set(costs * rate, rates, drawn(costs.shape[1]), expert * rate)
    assert other.mean.value == pytest.approx(one.mean.value * rate)
    assert other.unsolved == one.unsolved
    without = frontier(cost_of_pass(costs[1:], rates[1:]), expert)
    before = essentialness(without, one.by_problem, drawn(costs.shape[1]))
    after = essentialness(without * rate, other.by_problem, drawn(costs.shape[1]))
    assert after.value == pytest.approx(before.value, abs=1e-9)
