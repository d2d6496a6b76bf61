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
    cost_per_correct,
    percentile_interval,
    percentiles,
    ratio_estimate,
    table_of,
)

FEW = 400


def resampling_of(found, seed=0):
    problems, passes = found.cost.shape
    drawn = Resampling.draw(problems, seed, FEW)
    return drawn, drawn.passes(passes)


def per_correct(found, drawn, passes=None):
    return cost_per_correct(found.cost, found.correct, found.counted, drawn, passes)


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
@given(attempts(), st.data())
def test_the_order_of_the_problems_changes_no_estimate(found, data):
    drawn, passes = resampling_of(found)
    order = data.draw(st.permutations(range(len(found.cost))))
    before = per_correct(found, drawn, passes)
    after = per_correct(found.reordered(order), Resampling(drawn.counts[:, order], 0), passes)
    assert after.value == pytest.approx(before.value, rel=1e-12)
    assert ends(after) == pytest.approx(ends(before), rel=1e-9)


@PATIENT
@given(attempts(), st.floats(1e-6, 1e6))
def test_cost_per_correct_scales_with_the_cost(found, factor):
    drawn, passes = resampling_of(found)
    one = per_correct(found, drawn, passes)
    dearer = cost_per_correct(found.cost * factor, found.correct, found.counted, drawn, passes)
    assert dearer.value == pytest.approx(one.value * factor)
    assert ends(dearer) == pytest.approx(tuple(end * factor for end in ends(one)))


@PATIENT
@given(attempts())
def test_an_interval_contains_its_value(found):
    drawn, passes = resampling_of(found)
    for weights in (None, passes):
        estimates = (
            per_correct(found, drawn, weights),
            ratio_estimate(found.correct, found.counted, drawn, weights),
            ratio_estimate(found.cost, found.counted, drawn, weights),
        )
        for estimate in estimates:
            low, high = ends(estimate)
            assert low <= estimate.value * (1 + 1e-12)
            assert high >= estimate.value * (1 - 1e-12)


@PATIENT
@given(st.integers(1, 40), st.integers(1, 4), st.floats(0.01, 1e6))
def test_constant_data_give_an_interval_of_no_width(problems, passes, cost):
    drawn = Resampling.draw(problems, 0, FEW)
    table, ones = np.full((problems, passes), cost), np.ones((problems, passes))
    found = cost_per_correct(table, ones, ones, drawn, drawn.passes(passes))
    assert [found.value, found.low, found.high] == pytest.approx([cost] * 3)


@PATIENT
@given(attempts(some_correct=False))
def test_without_a_right_answer_there_is_no_value_but_a_bound_from_below(found):
    estimate = per_correct(found, *resampling_of(found))
    assert (estimate.value, estimate.high, estimate.reason) == (None, None, "none_correct")
    assert estimate.low > found.cost.mean()


def test_the_bound_is_the_mean_cost_over_the_highest_rate_that_is_still_likely():
    cost, none, ones = np.full((10, 3), 2.0), np.zeros((10, 3)), np.ones((10, 3))
    found = cost_per_correct(cost, none, ones, Resampling.draw(10, 0, FEW))
    # 1 - 0.05^(1/10) = 0.258866: with 10 failures the rate is below that with a confidence of 95 %.
    assert found.low == pytest.approx(2.0 / 0.2588656, rel=1e-6)


def test_the_bound_counts_problems_that_were_tried_and_not_their_repeats():
    tried = np.zeros((10, 3))
    tried[:4] = 1
    found = cost_per_correct(tried * 2.0, np.zeros((10, 3)), tried, Resampling.draw(10, 0, FEW))
    assert found.low == pytest.approx(2.0 / (1 - 0.05 ** (1 / 4)))


def test_a_cost_that_was_not_measured_gives_a_reason_and_no_number():
    cost, ones = np.array([[1.0], [NAN]]), np.ones((2, 1))
    unknown = Estimate(None, reason="not_measured")
    assert cost_per_correct(cost, ones, ones, Resampling.draw(2, 0, FEW)) == unknown
    assert ratio_estimate(cost, ones, Resampling.draw(2, 0, FEW)) == unknown


def test_nothing_tried_and_nothing_to_divide_by_are_told_apart():
    none, drawn = np.zeros((2, 1)), Resampling.draw(2, 0, FEW)
    assert cost_per_correct(none, none, none, drawn).reason == "no_attempts"
    assert ratio_estimate(none, none, drawn).reason == "nothing_to_divide_by"


def test_an_interval_without_an_upper_end_says_so():
    correct, ones = np.zeros((3, 1)), np.ones((3, 1))
    correct[0] = 1
    found = cost_per_correct(ones, correct, ones, Resampling.draw(3, 0, FEW))
    assert (found.value, found.high, found.reason) == (3.0, None, "unbounded")


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
    second_pass_twice = np.array([[0.0, 2.0]] * 3)
    assert drawn.ratio(cost, correct, second_pass_twice).tolist() == pytest.approx(
        [12 / 2, math.inf, 16 / 4]
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


def coverage_of_95_percent_intervals(data_sets, resampled_passes, seed):
    """How often an interval covers the truth, at accuracy 0.8, with 60 problems of 4 samples each.

    Samples of one problem share its difficulty, and hard problems cost more: a problem that is solved with
    probability p costs 100 (2 - p) per attempt on average. The truth is 120 / 0.8 = 150 per correct answer.
    """
    rng = np.random.default_rng(seed)
    covered = np.zeros(2)
    for _ in range(data_sets):
        rate = rng.beta(4, 1, size=(60, 1))
        correct = (rng.random((60, 4)) < rate).astype(float)
        cost = 100 * (2 - rate) * rng.gamma(4, 1 / 4, size=(60, 4))
        drawn, ones = Resampling.draw(60, int(rng.integers(1 << 32)), FEW), np.ones((60, 4))
        passes = drawn.passes(4) if resampled_passes else None
        accuracy = ratio_estimate(correct, ones, drawn)
        price = cost_per_correct(cost, correct, ones, drawn, passes)
        covered += [accuracy.low <= 0.8 <= accuracy.high, price.low <= 150 <= price.high]
    return covered / data_sets


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    accuracy, price = coverage_of_95_percent_intervals(300, resampled_passes=False, seed=0)
    assert 0.90 <= accuracy <= 0.98
    assert 0.90 <= price <= 0.98


def test_resampling_passes_too_makes_intervals_wider_and_never_too_narrow():
    _, price = coverage_of_95_percent_intervals(300, resampled_passes=True, seed=0)
    assert price >= 0.95


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


@PATIENT
@given(attempts(), st.floats(0.05, 0.9))
def test_a_candidate_at_a_fixed_share_of_the_baseline_is_that_share_without_any_doubt(found, share):
    drawn, passes = resampling_of(found)
    base = per_correct(found, drawn, passes)
    cheap = cost_per_correct(found.cost * share, found.correct, found.counted, drawn, passes)
    draws = drawn.ratio(found.cost, found.correct, passes)
    ratio = resampled_ratio(cheap, base, draws * share, draws)
    assert ratio.value == pytest.approx(share)
    if ratio.high is not None:  # else too few right answers for some of the resamples
        assert [ratio.low, ratio.high] == pytest.approx([share, share])
        assert verdict(ratio, None) == "lower"


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
