import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import NAN, PATIENT, attempts

from costbench.analysis.compare import resampled_ratio, verdict
from costbench.analysis.stats import (
    Estimate,
    Resampling,
    bound_without_correct,
    percentile_interval,
    percentiles,
    ratio_estimate,
    table_of,
)

FEW = 400


def ends(estimate):
    """Both ends as numbers: an end that is not there is infinitely far away."""
    low = -math.inf if estimate.low is None else estimate.low
    return low, math.inf if estimate.high is None else estimate.high


@pytest.mark.parametrize("problems", [1, 7, 600])
def test_resamples_are_the_same_however_many_are_drawn_at_once(problems):
    drawn = Resampling.draw(problems, 3, 2000).counts
    rng = np.random.default_rng([3, problems])
    one_by_one = [
        np.bincount(rng.integers(problems, size=problems), minlength=problems) for _ in range(2000)
    ]
    assert (drawn == one_by_one).all()


@PATIENT
@given(attempts())
def test_an_interval_contains_its_value(found):
    drawn = Resampling.draw(len(found.cost), 0, FEW)
    for table in (found.correct, found.cost):
        estimate = ratio_estimate(table, found.counted, drawn)
        low, high = ends(estimate)
        assert low <= estimate.value * (1 + 1e-12)
        assert high >= estimate.value * (1 - 1e-12)


@PATIENT
@given(attempts(some_correct=False))
def test_without_a_right_answer_there_is_no_value_but_a_bound_from_below(found):
    estimate = bound_without_correct(found.cost, found.counted)
    assert (estimate.value, estimate.high, estimate.reason) == (None, None, "none_correct")
    assert estimate.low > found.cost.mean()


def test_the_bound_is_the_mean_cost_over_the_highest_rate_that_is_still_likely():
    found = bound_without_correct(np.full((10, 3), 2.0), np.ones((10, 3)))
    # 1 - 0.05^(1/10) = 0.258866: with 10 failures the rate is below that with a confidence of 95 %.
    assert found.low == pytest.approx(2.0 / 0.2588656, rel=1e-6)


def test_the_bound_counts_problems_that_were_tried_and_not_their_repeats():
    tried = np.zeros((10, 3))
    tried[:4] = 1
    found = bound_without_correct(tried * 2.0, tried)
    assert found.low == pytest.approx(2.0 / (1 - 0.05 ** (1 / 4)))


def test_a_cost_that_was_not_measured_gives_a_reason_and_no_number():
    cost, ones = np.array([[1.0], [NAN]]), np.ones((2, 1))
    unknown = Estimate(None, reason="not_measured")
    assert bound_without_correct(cost, ones) == unknown
    assert ratio_estimate(cost, ones, Resampling.draw(2, 0, FEW)) == unknown


def test_one_unknown_cost_leaves_every_resample_unknown():
    drawn = Resampling.draw(3, 0, FEW)
    cost, ones = np.array([[1.0, 2.0], [NAN, 1.0], [1.0, 1.0]]), np.ones((3, 2))
    assert np.isnan(drawn.ratio(cost, ones)).all()
    assert np.isnan(drawn.ratio(cost, ones, drawn.passes(2))).all()
    assert (drawn.ratio(ones, ones) == 1).all()


def test_nothing_tried_and_nothing_to_divide_by_are_told_apart():
    none, drawn = np.zeros((2, 1)), Resampling.draw(2, 0, FEW)
    assert bound_without_correct(none, none).reason == "no_attempts"
    assert ratio_estimate(none, none, drawn).reason == "nothing_to_divide_by"


@pytest.mark.parametrize("passes", [1, 4])
def test_resampled_weights_keep_the_number_of_problems_and_of_passes(passes):
    drawn = Resampling.draw(7, 0, FEW)
    assert (drawn.counts.sum(axis=1) == 7).all()
    assert (drawn.passes(passes).sum(axis=1) == passes).all()


def test_the_ratio_of_hand_made_tables_is_a_ratio_of_sums():
    cost = np.array([[1.0, 2.0], [3.0, 4.0]])
    correct = np.array([[1.0, 0.0], [1.0, 1.0]])
    drawn = Resampling(np.array([[1, 1], [2, 0], [0, 2]], dtype=np.uint16), 0)
    assert drawn.ratio(cost, correct).tolist() == pytest.approx([10 / 3, 6 / 2, 14 / 4])
    # The second pass twice: 6 over 1 where all passes are 10 over 3, a factor of 1.8 for every resample.
    second_pass_twice = np.array([[0.0, 2.0]] * 3)
    assert drawn.ratio(cost, correct, second_pass_twice).tolist() == pytest.approx(
        [1.8 * 10 / 3, 1.8 * 3, 1.8 * 3.5]
    )


def test_a_table_has_zero_where_there_is_no_attempt():
    table = table_of(np.array([5.0, 7.0]), np.array([0, 2]), np.array([1, 0]), (3, 2))
    assert table.tolist() == [[0, 5], [0, 0], [7, 0]]


@PATIENT
@given(st.lists(st.one_of(st.floats(0, 1e6), st.just(NAN)), max_size=50))
def test_percentiles_ignore_what_is_not_known(values):
    known = [value for value in values if not math.isnan(value)]
    found = percentiles(np.array(values))
    if not known:
        assert set(found.values()) == {None}
        return
    assert min(known) <= found["p50"] <= found["p95"] <= found["p99"] <= max(known)
    assert found["mean"] == pytest.approx(np.mean(known))


def test_a_bootstrap_over_attempts_instead_of_problems_would_be_too_narrow():
    solved = (np.arange(60) < 48).astype(float)  # each problem always solved, or never
    by_problem = np.repeat(solved[:, None], 4, axis=1)
    honest = ratio_estimate(by_problem, np.ones((60, 4)), Resampling.draw(60, 0, 2000))
    by_attempt = by_problem.reshape(-1, 1)
    naive = ratio_estimate(by_attempt, np.ones((240, 1)), Resampling.draw(240, 0, 2000))
    assert honest.value == naive.value == 0.8
    assert (honest.high - honest.low) / (naive.high - naive.low) == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(
    ("low", "high", "margin", "said"),
    [
        (0.70, 0.90, None, "lower"),
        (1.10, 1.30, None, "higher"),
        (0.90, 1.10, None, "inconclusive"),
        (0.97, 1.04, 0.05, "equivalent within margin"),
        (0.97, 0.99, 0.05, "equivalent within margin"),  # lower, but by less than anyone cares for
        (0.94, 1.04, 0.05, "inconclusive"),
        (0.96, 1.06, 0.05, "inconclusive"),
        (0.50, 0.80, 0.05, "lower"),
        (0.90, 1.00, None, "inconclusive"),
        (1.00, 1.10, None, "inconclusive"),
        (0.50, None, 0.05, "inconclusive"),
        (1.50, None, 0.05, "higher"),  # no upper end, but surely above 1
        (None, None, 0.05, "inconclusive"),
    ],
)
def test_the_verdict_follows_from_the_interval_and_the_margin(low, high, margin, said):
    assert verdict(Estimate(1.0, low, high), margin) == said


@PATIENT
@given(st.floats(0.01, 10), st.floats(0.01, 10), st.floats(0.001, 1))
def test_the_verdict_is_turned_round_when_both_sides_change_places(one, other, margin):
    low, high = sorted((one, other))
    said = verdict(Estimate(1.0, low, high), margin)
    back = verdict(Estimate(1.0, 1 / high, 1 / low), margin)
    opposite = {"lower": "higher", "higher": "lower"}
    assert back == opposite.get(said, said)


def test_a_ratio_of_hand_made_draws_pairs_them_one_by_one():
    base, candidate = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.5, 1.0, 2.0, 4.0])
    ratio = resampled_ratio(Estimate(1.5), Estimate(3.0), candidate, base)
    assert ratio == Estimate(0.5, 0.5, 0.5)
    apart = resampled_ratio(Estimate(1.5), Estimate(3.0), candidate[::-1], base)
    assert (apart.low, apart.high) == (0.0625, 4.0)


def test_a_ratio_with_an_unknown_side_gives_the_reason_of_that_side():
    draws = np.ones(4)
    unknown, nothing = Estimate(None, reason="not_measured"), Estimate(0.0)
    assert resampled_ratio(unknown, Estimate(1.0), draws, draws).reason == "not_measured"
    assert resampled_ratio(Estimate(1.0), unknown, draws, draws).reason == "not_measured"
    assert resampled_ratio(Estimate(1.0), nothing, draws, draws).reason == "nothing_to_divide_by"


def test_a_ratio_that_may_be_endless_has_no_upper_end_and_says_so():
    draws = np.array([1.0, np.inf, np.nan, 2.0])
    ratio = resampled_ratio(Estimate(1.5), Estimate(1.0), draws, np.ones(4))
    assert (ratio.low, ratio.high, ratio.reason) == (1.0, None, "unbounded")
    assert verdict(ratio, 0.05) == "inconclusive"


@PATIENT
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_an_interval_is_made_of_resampled_values_themselves(values):
    low, high = percentile_interval(np.array(values))
    assert low in values
    assert high in values
    assert low <= high


def test_a_problem_that_came_more_often_in_a_pass_counts_no_more_than_others():
    """A window may end within a round: then early problems were tried once more."""
    right = np.array([1.0, 1.0, 0.0])
    table = table_of(right, np.array([0, 0, 1]), np.array([0, 0, 0]), (2, 1))
    assert table.tolist() == [[1.0], [0.0]]
