"""Rewards on hand-made groups: golden figures of papers and repositories, edges, and what is refused."""

import doctest
import math
from statistics import fmean, stdev

import pytest

from costbench.errors import TrainError
from trainers import rewards as package
from trainers.rewards import (
    LCPO_EXACT_ALPHA_PAPER,
    REWARDS,
    STATEFUL_REWARDS,
    THINKPRUNE_STAGES,
    alp,
    arora_sigmoid,
    cosine,
    dapo_soft_overlong,
    difficulty,
    groups,
    history,
    kimi_k1_5,
    kimi_length_term,
    laser,
    lcpo,
    lcpo_exact,
    lcpo_max,
    lcpo_max_paper,
    limits,
    pruner,
    relative,
    shorter_better,
    soft_overlong_term,
    thinkprune,
)

MODULES = (difficulty, groups, history, lcpo, limits, pruner, relative)
LENGTHS = [100, 200, 300]
ALL_RIGHT, ALL_WRONG = [True] * 3, [False] * 3

# What a recipe has to say beside the defaults.
NEEDED = {
    "kimi_k1_5": {"weight": 1.0},
    "thinkprune": {"limit_tokens": 4000},
    "cosine": {"limit_tokens": 16384},
    "laser_d": {"state": package.LaserDState(2048, 4096, 8192)},
}


def apply(name, output_tokens, correct, **changed):
    targets = [[1000] * len(output_tokens)] if name.startswith("lcpo") else []
    return REWARDS[name](output_tokens, correct, *targets, **{**NEEDED.get(name, {}), **changed})


def rloo(rewards):
    """Each against the mean of the others."""
    return [one - (sum(rewards) - one) / (len(rewards) - 1) for one in rewards]


def group_scaled(rewards):
    """Against the group's mean, in its standard deviations (ddof 1, epsilon 1e-6)."""
    return [(one - fmean(rewards)) / (stdev(rewards) + 1e-6) for one in rewards]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_example_in_a_docstring_comes_out_as_written(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_every_public_function_has_an_example_and_a_source():
    functions = [getattr(package, name) for name in package.__all__]
    functions = [one for one in functions if callable(one) and not isinstance(one, type)]
    assert len(functions) > 20
    assert not [
        one.__name__
        for one in functions
        if "state" not in one.__name__ and ">>>" not in one.__doc__
    ]
    named = [*REWARDS.values(), *STATEFUL_REWARDS.values()]
    assert not [one.__name__ for one in named if "Source:" not in one.__doc__]


def test_the_registry_names_every_reward_and_nothing_else():
    assert sorted(REWARDS) == [
        *("alp", "arora_sigmoid", "cosine", "dapo_soft_overlong", "kimi_k1_5", "laser", "laser_d"),
        *("lcpo_exact", "lcpo_max", "lcpo_max_paper", "shorter_better", "thinkprune"),
    ]
    assert sorted(STATEFUL_REWARDS) == ["dast", "hapo", "o1_pruner"]


def test_arora_of_three_correct_responses_is_the_golden_one():
    rewards = arora_sigmoid(LENGTHS, ALL_RIGHT, alpha=0.2)
    assert rewards == pytest.approx([0.9546, 0.9000, 0.8454], abs=5e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.1, 0.4, 0.99])
def test_arora_gives_one_minus_half_alpha_where_lengths_do_not_differ(alpha):
    assert arora_sigmoid([70], [True], alpha=alpha) == [1 - alpha / 2]
    assert arora_sigmoid([70, 70], [True, True], alpha=alpha) == [1 - alpha / 2] * 2
    assert arora_sigmoid([70, 900], [True, False], alpha=alpha) == [1 - alpha / 2, 0]


def test_arora_gives_zeros_where_nothing_is_correct():
    assert arora_sigmoid(LENGTHS, ALL_WRONG) == [0, 0, 0]


def test_arora_measures_against_correct_responses_only():
    alone = arora_sigmoid([100, 200], [True, True])
    assert arora_sigmoid([100, 9000, 200], [True, False, True]) == [alone[0], 0, alone[1]]


def test_arora_runs_with_alpha_of_a_tenth_unless_told():
    assert arora_sigmoid(LENGTHS, ALL_RIGHT) == arora_sigmoid(LENGTHS, ALL_RIGHT, alpha=0.1)


def test_arora_holds_for_one_outlier_among_very_many():
    rewards = arora_sigmoid([1] * 1_000_000 + [10**6, 0], [True] * 1_000_001 + [False], alpha=0.2)
    assert rewards[-2] == pytest.approx(0.8)
    assert rewards[-1] == 0


def test_scaling_by_the_groups_spread_cancels_alpha_and_leave_one_out_keeps_it():
    mild = arora_sigmoid(LENGTHS, ALL_RIGHT, alpha=0.05)
    harsh = arora_sigmoid(LENGTHS, ALL_RIGHT, alpha=0.4)
    assert group_scaled(mild) == pytest.approx(group_scaled(harsh), abs=1e-4)
    assert group_scaled(harsh) == pytest.approx([1, 0, -1], abs=1e-3)
    ratios = [ours / theirs for ours, theirs in zip(rloo(harsh)[::2], rloo(mild)[::2], strict=True)]
    assert ratios == pytest.approx([8, 8])


def test_lcpo_as_it_ran_is_the_golden_one():
    lengths, targets = [500, 1000, 1500], [1000] * 3
    assert lcpo_max(lengths, ALL_RIGHT, targets) == [1, 0.5, 0]
    exact = lcpo_exact(lengths, ALL_RIGHT, targets)
    assert exact == pytest.approx([0.8333, 1, 0.8333], abs=5e-5)


def test_lcpo_exact_as_printed_has_its_own_alpha():
    rewards = lcpo_exact([500, 1000], [True, False], [1000] * 2, alpha=LCPO_EXACT_ALPHA_PAPER)
    assert rewards == pytest.approx([0.85, 0])


def test_lcpo_exact_holds_wrong_responses_to_their_length_too():
    assert lcpo_exact([400, 1000], [False, False], [1000] * 2) == pytest.approx([-0.2, 0])


def test_lcpo_max_is_the_printed_equation_with_a_slope_of_one_thousandth():
    lengths = list(range(0, 3001, 125))
    correct, targets = [length > 0 for length in lengths], [1200] * len(lengths)
    printed = lcpo_max_paper(lengths, correct, targets, alpha=1 / 1000)
    assert lcpo_max(lengths, correct, targets) == pytest.approx(printed)
    assert {0, 1} < {round(one, 3) for one in printed}


def test_lcpo_max_gives_wrong_responses_nothing_whatever_their_length():
    assert lcpo_max([1, 1000, 5000], ALL_WRONG, [1000] * 3) == [0, 0, 0]
    assert lcpo_max_paper([1, 1000, 5000], ALL_WRONG, [1000] * 3) == [0, 0, 0]


def test_lcpo_takes_a_target_for_each_response():
    assert lcpo_exact([10, 20, 30], ALL_RIGHT, [10, 20, 30]) == [1, 1, 1]


def test_kimi_length_term_is_the_golden_one():
    assert kimi_length_term(LENGTHS, [True, False, False]) == [0.5, 0, -0.5]


def test_kimi_length_term_spans_wrong_responses_too():
    assert kimi_length_term([100, 150, 300], [False, True, True]) == [0, 0.25, -0.5]


def test_kimi_without_differences_in_length_is_correctness():
    assert kimi_k1_5([9, 9], [True, False], weight=1) == [1, 0]
    assert kimi_k1_5([9], [True], weight=1) == [1]


def test_kimi_starts_with_a_weight_of_zero():
    assert kimi_k1_5(LENGTHS, [True, False, True], weight=0) == [1, 0, 1]


def test_shorter_better_aims_at_the_shortest_correct_response():
    rewards = shorter_better([300, 200, 100], [True, True, False])
    assert rewards == pytest.approx([1.9, 2.0, -0.1])


def test_shorter_better_aims_at_the_mean_where_nothing_is_correct():
    assert shorter_better([100, 200, 600], ALL_WRONG) == pytest.approx([-0.2, -0.1, -0.3])


def test_shorter_better_of_one_length_is_twice_correctness():
    assert shorter_better([5, 5], [True, False]) == [2, 0]


@pytest.mark.parametrize(
    ("correct", "rate"), [([True] * 4, 1), ([True, False] * 2, 0.5), ([False] * 4, 0.25)]
)
def test_alp_charges_tokens_by_the_solve_rate_with_a_floor(correct, rate):
    rewards = alp([1000] * 4, correct, beta=1e-4)
    assert rewards == pytest.approx([right - 0.1 * rate for right in correct])


def test_alp_of_ten_thousand_tokens_costs_a_thousandth():
    assert alp([10_000], [True]) == pytest.approx([0.999])


def test_thinkprune_counts_what_is_right_within_each_stage():
    lengths, correct = [2000, 3000, 4000, 100], [True, True, True, False]
    found = [thinkprune(lengths, correct, limit_tokens=limit) for limit in THINKPRUNE_STAGES]
    assert found == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]


def test_laser_pays_its_bonus_up_to_the_target_and_for_correct_responses_only():
    rewards = laser([8192, 8193, 1], [True, True, False])
    assert rewards == [1.5, 1, -0.5]
    assert laser([1], [False], wrong_reward=0) == [0]


def test_soft_overlong_term_falls_in_a_line_through_the_cache():
    lengths = [0, 16384, 17408, 18432, 20480, 20481]
    assert soft_overlong_term(lengths) == [0, 0, -0.25, -0.5, -1, -1]
    assert soft_overlong_term([90], limit_tokens=100, cache_tokens=20) == [-0.5]


def test_dapo_adds_the_term_to_plus_and_minus_one():
    assert dapo_soft_overlong([100, 100, 20480], [True, False, True]) == [1, -1, 0]
    assert dapo_soft_overlong([100], [False], wrong_reward=0) == [0]


def test_cosine_goes_from_one_end_to_the_other():
    assert cosine([0, 1], [False, True], limit_tokens=10**9) == pytest.approx([-10, 2])
    assert cosine([999_999] * 2, [True, False], limit_tokens=10**6) == pytest.approx(
        [1, 0], abs=1e-9
    )
    quarter = cosine([250, 250], [True, False], limit_tokens=1000)
    assert quarter == pytest.approx([1.5 + math.sqrt(0.125), -5 - 5 * math.sqrt(0.5)])


def test_cosine_at_the_limit_does_not_ask_for_correctness():
    assert cosine([1000, 1000, 1001], [True, False, True], limit_tokens=1000) == [-10] * 3


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_a_reward_refuses_a_group_that_is_empty_or_uneven(name):
    with pytest.raises(TrainError, match="at least one response"):
        apply(name, [], [])
    with pytest.raises(TrainError, match="2 lengths, but 1 verdicts"):
        apply(name, [1, 2], [True])


@pytest.mark.parametrize("name", sorted(REWARDS))
@pytest.mark.parametrize("tokens", [-1, 2.5, math.nan, None])
def test_a_reward_refuses_lengths_that_are_none(name, tokens):
    with pytest.raises(TrainError, match="whole numbers from 0"):
        apply(name, [5, tokens], [True, False])


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_a_reward_refuses_a_verdict_that_is_not_known(name):
    with pytest.raises(TrainError, match="true or false, found None"):
        apply(name, [5, 6], [True, None])


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_a_reward_refuses_a_correct_response_without_a_token(name):
    with pytest.raises(TrainError, match="at least one token"):
        apply(name, [0, 6], [True, False])


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("arora_sigmoid", {"alpha": 1.0}, r"alpha must be in \[0, 1\), found 1.0"),
        ("arora_sigmoid", {"alpha": -0.1}, "alpha must be in"),
        ("arora_sigmoid", {"alpha": math.nan}, "alpha must be in"),
        ("kimi_k1_5", {"weight": -1}, "weight must be a finite number from 0, found -1"),
        ("kimi_k1_5", {"weight": math.inf}, "weight must be"),
        ("shorter_better", {"alpha": -2}, "alpha must be"),
        ("shorter_better", {"beta": -1}, "beta must be"),
        ("alp", {"beta": math.nan}, "beta must be"),
        ("lcpo_exact", {"alpha": -1e-3}, "alpha must be"),
        ("lcpo_max", {"window_tokens": 0}, "window_tokens must be a number of tokens above 0"),
        ("lcpo_max_paper", {"alpha": -1e-3}, "alpha must be"),
        ("lcpo_max_paper", {"delta": 1.5}, r"delta must be in \[0, 1\], found 1.5"),
        ("thinkprune", {"limit_tokens": 0}, "limit_tokens must be"),
        ("laser", {"target_tokens": -5}, "target_tokens must be"),
        ("laser", {"bonus": -0.5}, "bonus must be"),
        ("laser", {"wrong_reward": 0.5}, "wrong_reward must be finite and at most 0, found 0.5"),
        ("laser_d", {"bonus": math.inf}, "bonus must be"),
        ("dapo_soft_overlong", {"wrong_reward": -math.inf}, "wrong_reward must be"),
        ("dapo_soft_overlong", {"cache_tokens": 0}, "cache_tokens must be"),
        ("dapo_soft_overlong", {"limit_tokens": 4096}, "limit_tokens must be above cache_tokens"),
        ("cosine", {"limit_tokens": 0}, "limit_tokens must be"),
        ("cosine", {"over_limit": -math.inf}, "ends must be finite"),
        ("cosine", {"wrong_ends": (math.nan, 0)}, "ends must be finite"),
    ],
)
def test_a_hyperparameter_out_of_range_is_refused_by_name(name, changed, said):
    assert apply(name, [5, 6], [True, False])
    with pytest.raises(TrainError, match=said):
        apply(name, [5, 6], [True, False], **changed)


@pytest.mark.parametrize("reward", [lcpo_exact, lcpo_max, lcpo_max_paper])
def test_lcpo_refuses_targets_that_are_missing_or_mean_something_else(reward):
    with pytest.raises(TrainError, match="2 responses, but 1 target_tokens"):
        reward([5, 6], [True, True], [10])
    with pytest.raises(
        TrainError, match="target_tokens must be a number of tokens above 0, found -1"
    ):
        reward([5, 6], [True, True], [10, -1])
