"""Ratios of sums: by-hand figures, invariants, and that intervals cover what they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import NAN, PATIENT, attempts

from costbench.analysis.ratio import Instrument, Ratio

T_1, T_2, T_3 = 12.7062047, 4.3026527, 3.1824463
"""Quantiles of Student's t at 97.5 % for 1, 2 and 3 degrees of freedom."""


def cost_per_correct(found):
    return Ratio.of(found.cost, found.correct, by_pass=True, successes=True)


def test_the_half_width_of_hand_made_costs_is_that_of_their_logarithm():
    found = Ratio.of(np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1))).estimate()
    # Pulls 1/6 - 1/3, 0, 1/2 - 1/3; variance 2/36 * 3/2.
    half = T_2 * math.sqrt(2 / 36 * 3 / 2)
    assert found.value == 2.0
    assert (found.low, found.high) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)))


def test_two_passes_that_differ_are_worth_one_degree_of_freedom():
    over = np.array([[1.0, 1.2]] * 400)
    found = Ratio.of(over, np.ones((400, 2)), by_pass=True).estimate()
    # Problems are alike; passes pull by 1/2.2 - 1/2 and the opposite.
    half = T_1 * math.sqrt(2 * (1 / 2.2 - 0.5) ** 2 * 2)
    assert found.high == pytest.approx(1.1 * math.exp(half), rel=1e-6)
    blind = Ratio.of(over, np.ones((400, 2))).estimate()
    assert (blind.low, blind.high) == pytest.approx((1.1, 1.1))


def test_a_meter_that_may_be_off_widens_a_figure_and_cancels_on_one_device():
    cost, ones = np.full((50, 1), 3.0), np.ones((50, 1))
    one, other = Instrument("gpu:a", 0.05, 0.01), Instrument("gpu:b", 0.05, 0.01)
    found = Ratio.of(cost, ones, instrument=one)
    assert found.estimate().high == pytest.approx(3 * math.exp(1.959964 * math.hypot(0.05, 0.01)))
    same = found.compared_with(Ratio.of(cost * 2, ones, instrument=one)).estimate()
    assert same.value == 0.5
    assert same.high == pytest.approx(0.5 * math.exp(1.959964 * math.hypot(0.01, 0.01)))
    apart = found.compared_with(Ratio.of(cost, ones, instrument=other)).estimate()
    assert apart.high == pytest.approx(math.exp(1.959964 * math.sqrt(2) * math.hypot(0.05, 0.01)))


def test_passes_made_in_turns_are_paired_and_those_of_another_run_are_not():
    slow_then_fast = np.tile([1.2, 1.0], (400, 1))
    found = Ratio.of(slow_then_fast, np.ones((400, 2)), by_pass=True)
    twin = Ratio.of(slow_then_fast * 2, np.ones((400, 2)), by_pass=True)
    together = twin.compared_with(found).estimate()
    assert (together.low, together.high) == pytest.approx((2, 2))
    apart = twin.compared_with(found.of_another_run(same_device=False)).estimate()
    half = T_1 * math.sqrt(2 * 2 * (1 / 2.2 - 0.5) ** 2 * 2)
    assert apart.high == pytest.approx(2 * math.exp(half), rel=1e-6)


def test_of_a_single_problem_there_is_a_value_and_no_interval():
    found = Ratio.of(np.array([[4.0, 6.0]]), np.ones((1, 2)), by_pass=True)
    assert found.estimate().value == 5.0
    assert (found.estimate().low, found.estimate().reason) == (None, "one_problem")
    assert found.compared_with(found).p_value() is None


def test_what_is_not_known_gives_its_reason_to_whatever_is_compared_with_it():
    ones = np.ones((2, 1))
    known, unknown = Ratio.of(ones, ones), Ratio.of(np.array([[1.0], [NAN]]), ones)
    assert unknown.estimate().reason == "not_measured"
    assert Ratio.of(ones, ones * 0).estimate().reason == "nothing_to_divide_by"
    for one, other in ((known, unknown), (unknown, known)):
        found = one.compared_with(other)
        assert (found.estimate().value, found.estimate().reason) == (None, "not_measured")
        assert found.p_value() is None
    nothing = known.compared_with(Ratio.of(ones * 0, ones))
    assert nothing.estimate().reason == "nothing_to_divide_by"


def test_nothing_spent_is_0_with_no_doubt():
    found = Ratio.of(np.zeros((5, 1)), np.ones((5, 1))).estimate()
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_cell_without_a_wrong_answer_is_not_taken_as_sure_to_have_none():
    cost, ones = np.full((40, 2), 3.0), np.ones((40, 2))
    found = Ratio.of(cost, ones, successes=True).estimate()
    assert found.low < 3.0 < found.high < 3.3


@PATIENT
@given(attempts(), st.data())
def test_the_order_of_problems_and_of_passes_changes_nothing(found, data):
    order = data.draw(st.permutations(range(len(found.cost))))
    passes = data.draw(st.permutations(range(found.cost.shape[1])))
    one = cost_per_correct(found).estimate()
    other = Ratio.of(
        found.cost[order][:, passes], found.correct[order][:, passes], by_pass=True, successes=True
    ).estimate()
    assert other.value == pytest.approx(one.value)
    if one.high is not None and one.high < 1e12:
        assert (other.low, other.high) == pytest.approx((one.low, one.high))


@PATIENT
@given(attempts(), st.floats(1e-6, 1e6))
def test_a_cost_in_another_unit_scales_value_and_interval(found, factor):
    one = cost_per_correct(found).estimate()
    other = Ratio.of(found.cost * factor, found.correct, by_pass=True, successes=True).estimate()
    assert other.value == pytest.approx(one.value * factor)
    if one.high is not None:
        assert other.high == pytest.approx(one.high * factor)


@PATIENT
@given(attempts(), st.floats(0.05, 0.9))
def test_at_a_fixed_share_of_the_baseline_only_what_was_not_drawn_is_in_doubt(found, share):
    base = Ratio.of(found.cost, found.counted)
    cheap = Ratio.of(found.cost * share, found.counted)
    ratio = cheap.compared_with(base).estimate()
    assert ratio.value == pytest.approx(share)
    if ratio.low is not None:
        assert (ratio.low, ratio.high) == pytest.approx((share, share))


@PATIENT
@given(st.integers(0, 10**6), st.floats(-0.5, 0.5))
def test_the_p_value_is_below_5_percent_exactly_where_the_interval_excludes_1(seed, effect):
    rng = np.random.default_rng(seed)
    one, other = rng.gamma(4, size=(2, 30, 3))
    ones = np.ones((30, 3))
    found = Ratio.of(one * math.exp(effect), ones, by_pass=True).compared_with(
        Ratio.of(other, ones, by_pass=True)
    )
    ratio, p = found.estimate(), found.p_value()
    assert 0 < p <= 1
    assert (p < 0.05) == (ratio.low > 1 or ratio.high < 1)


def world(rng, problems, *, passes=4, accuracy=0.6, noise=0.0):
    """Samples of a problem share its difficulty, hard ones cost more, passes have errors of their own."""
    rate = rng.beta(accuracy * 2, (1 - accuracy) * 2, size=(problems, 1))
    correct = (rng.random((problems, passes)) < rate).astype(float)
    cost = (2 - rate) * rng.gamma(4, 1 / 4, size=(problems, passes))
    cost *= np.exp(noise * rng.standard_normal((1, passes)))
    return cost, correct, (2 - accuracy) / accuracy * math.exp(noise**2 / 2)


@pytest.mark.parametrize(
    ("problems", "accuracy", "noise"),
    [(50, 0.6, 0.0), (50, 0.3, 0.05), (200, 0.1, 0.0), (200, 0.6, 0.05), (200, 0.9, 0.02)],
)
def test_intervals_cover_the_truth_as_often_as_they_say(problems, accuracy, noise):
    rng, covered = np.random.default_rng(1), 0
    for _ in range(1000):
        cost, correct, truth = world(rng, problems, accuracy=accuracy, noise=noise)
        found = Ratio.of(cost, correct, by_pass=True, successes=True).estimate()
        covered += found.low <= truth <= found.high
    assert 0.925 <= covered / 1000 <= 0.98


def test_pairs_are_told_apart_where_each_on_its_own_is_too_vague():
    rng = np.random.default_rng(3)
    hard = rng.gamma(1, size=(60, 1))
    base, cheap = hard * rng.gamma(90, 1 / 90, (60, 4)), 0.9 * hard * rng.gamma(90, 1 / 90, (60, 4))
    ones = np.ones((60, 4))
    one, other = Ratio.of(cheap, ones), Ratio.of(base, ones)
    assert one.estimate().high > other.estimate().value  # not apart by their own intervals
    found = one.compared_with(other)
    assert found.estimate().high < 1
    assert found.p_value() < 1e-3
