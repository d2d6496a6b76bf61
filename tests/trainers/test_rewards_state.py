"""Rewards that remember: what they give, what they keep, and batches of whole groups."""

import dataclasses
from functools import partial

import pytest

from costbench.errors import TrainError
from trainers.rewards import (
    DastState,
    HapoState,
    LaserDState,
    O1PrunerState,
    Reference,
    arora_sigmoid,
    by_problem,
    by_problem_with_state,
    dast,
    dast_budget_tokens,
    estimate_laser_d,
    hapo,
    hapo_length_term,
    kimi_length_term,
    laser_d,
    lcpo_exact,
    o1_pruner,
    o1_pruner_standardize,
)

TARGETS = LaserDState(easy_tokens=1000, medium_tokens=2000, hard_tokens=4000)


def test_hapo_length_term_is_the_golden_one():
    lengths, correct = [100, 200, 400, 100, 400], [True, True, True, False, False]
    found = hapo_length_term(lengths, correct, 200)
    assert found == pytest.approx([0.7071, 0, -0.7, 0, -1], abs=5e-5)


def test_hapo_length_term_is_zero_without_a_history():
    assert hapo_length_term([10, 20], [True, False], None) == [0, 0]


def test_hapo_linear_form_has_a_tolerance_of_a_tenth():
    lengths = [50, 100, 110, 150, 500, 105, 150, 500]
    found = hapo_length_term(lengths, [True] * 5 + [False] * 3, 100, shape="linear")
    assert found == pytest.approx([0.5, 0, 0, -0.4, -0.7, 0, -0.4, -1])


def test_hapo_measures_a_group_against_what_came_before_it():
    rewards, state = hapo("p", [200, 50], [True, False], HapoState())
    assert (rewards, state) == ([1, 0], HapoState({"p": 200}))
    rewards, state = hapo("p", [100, 200], [True, True], state)
    assert rewards == pytest.approx([1.7071, 1], abs=5e-5)
    assert state == HapoState({"p": 100})


def test_hapo_forgets_nothing():
    before = HapoState({"p": 100, "q": 7})
    assert hapo("p", [300, 20], [True, False], before)[1] == before
    assert hapo("r", [300, 20], [False, False], before)[1] == before
    assert hapo("r", [300, 20], [True, True], before)[1] == HapoState({"p": 100, "q": 7, "r": 20})


def test_hapo_weighs_its_length_term():
    rewards, _ = hapo("p", [400, 400], [True, False], HapoState({"p": 100}), weight=0.5)
    assert rewards == pytest.approx([0.65, -0.5])


def test_dast_budget_goes_from_the_mean_of_correct_responses_to_the_limit():
    assert dast_budget_tokens([100, 300], [True, True], limit_tokens=1000) == 200
    assert dast_budget_tokens([100, 300], [True, False], limit_tokens=1000) == 550
    assert dast_budget_tokens([100, 300], [False, False], limit_tokens=1000) == 1000


def test_dast_rewards_lie_between_a_tenth_and_one_on_either_side():
    lengths = [1, 1000, 2000, 9000, 1, 500, 1000, 9000]
    state = DastState({"p": 1000.0})
    rewards, after = dast("p", lengths, [True] * 4 + [False] * 4, state, limit_tokens=16000)
    assert rewards == pytest.approx([0.9995, 0.5, 0.1, 0.1, -0.9991, -0.55, -0.1, -0.1])
    assert after == state


def test_dast_keeps_the_budget_of_a_problems_first_group():
    rewards, state = dast("p", [200, 200], [True, True], DastState(), limit_tokens=1000)
    assert (rewards, state) == ([0.5, 0.5], DastState({"p": 200.0}))
    rewards, state = dast("p", [100, 100], [True, False], state, limit_tokens=1000)
    assert rewards == pytest.approx([0.75, -0.55])
    assert state == DastState({"p": 200.0})


def test_o1_pruner_measures_against_the_reference():
    state = O1PrunerState({"p": Reference(mean_tokens=300, accuracy=0.75)})
    rewards, after = o1_pruner("p", [200, 600, 300], [True, True, True], state)
    assert rewards == pytest.approx([0.5 + 1.25, -0.5 + 1.25, 1.25])
    assert after == state


def test_o1_pruner_clips_to_its_bounds():
    state = O1PrunerState({"p": Reference(mean_tokens=1000, accuracy=0.5)})
    assert o1_pruner("p", [10, 1000], [True, False], state)[0] == [4, -2]
    assert o1_pruner("p", [1000], [False], state, bounds=(-9, 9))[0] == [-2.5]


def test_o1_pruner_takes_a_problems_first_group_as_the_reference():
    rewards, state = o1_pruner("p", [100, 300], [True, True], O1PrunerState())
    assert rewards == pytest.approx([1, -1 / 3])
    assert state == O1PrunerState({"p": Reference(mean_tokens=200, accuracy=1)})
    assert o1_pruner("p", [50], [True], state)[0] == [3]


def test_o1_pruner_refuses_a_response_of_no_tokens():
    with pytest.raises(TrainError, match="divided"):
        o1_pruner("p", [0, 5], [False, True], O1PrunerState())


def test_o1_pruner_weights_become_z_scores_over_all_the_data():
    assert o1_pruner_standardize([1, 2, 3]) == pytest.approx([-1.2247, 0, 1.2247], abs=5e-5)
    assert o1_pruner_standardize([4, 4]) == [0, 0]
    with pytest.raises(TrainError, match="no weights"):
        o1_pruner_standardize([])


@pytest.mark.parametrize(
    ("right", "target"), [(8, 1000), (6, 1000), (5, 2000), (3, 2000), (2, 4000), (1, 4000)]
)
def test_laser_d_takes_the_target_of_the_groups_difficulty(right, target):
    correct = [True] * right + [False] * (8 - right)
    assert laser_d([target] * 8, correct, state=TARGETS) == [1.5] * right + [-0.5] * (8 - right)
    assert laser_d([target + 1] * 8, correct, state=TARGETS) == [1] * right + [-0.5] * (8 - right)


@pytest.mark.parametrize(("right", "target"), [(2, 1000), (1, 2000)])
def test_laser_d_counts_exact_thirds_as_the_easier_side(right, target):
    correct = [True] * right + [False] * (3 - right)
    assert laser_d([target] * 3, correct, state=TARGETS)[0] == 1.5
    assert laser_d([target + 1] * 3, correct, state=TARGETS)[0] == 1


def monitor(right, lengths, *, limit_tokens=9000):
    """Targets after one problem of 8 responses."""
    correct = [True] * right + [False] * (8 - right)
    return estimate_laser_d(
        ["p"] * 8, lengths, correct, candidate_tokens=[3000, 1000, 2000], limit_tokens=limit_tokens
    )


def test_laser_d_lets_an_easy_problem_keep_one_of_five():
    assert monitor(8, [900] * 2 + [1500] * 6).easy_tokens == 1000  # 2/8 * 5 >= 1
    assert monitor(8, [900] * 1 + [1500] * 7).easy_tokens == 2000  # 1/8 * 5 < 1


@pytest.mark.parametrize(("covered", "target"), [(8, 1000), (7, 2000)])
def test_laser_d_pools_the_responses_of_all_problems_of_a_difficulty(covered, target):
    ids = [problem for problem in "abcde" for _ in range(8)]
    lengths = [900] * covered + [1500] * (40 - covered)
    found = estimate_laser_d(
        ids, lengths, [True] * 40, candidate_tokens=[1000, 2000], limit_tokens=9000
    )
    assert found.easy_tokens == target  # a fifth of 40 responses is 8


def test_laser_d_of_single_responses_expects_one_of_each_difficulty():
    found = estimate_laser_d(
        *(["a", "b"], [900, 1900], [True, False]),
        candidate_tokens=[1000, 2000],
        limit_tokens=9000,
        group_size=1,
    )
    assert found == LaserDState(easy_tokens=1000, medium_tokens=9000, hard_tokens=2000)


def test_laser_d_lets_a_medium_problem_keep_one_of_two():
    assert monitor(4, [900] * 4 + [2500] * 4).medium_tokens == 1000
    assert monitor(4, [900] * 3 + [2500] * 5).medium_tokens == 3000


def test_laser_d_lets_a_hard_problem_keep_every_response():
    assert monitor(0, [900] * 7 + [3000]).hard_tokens == 3000
    assert monitor(0, [900] * 7 + [3001]).hard_tokens == 9000


def test_laser_d_has_the_limit_as_target_where_the_monitor_shows_nothing():
    found = monitor(8, [100] * 8)
    assert found == LaserDState(easy_tokens=1000, medium_tokens=9000, hard_tokens=9000)
    assert monitor(8, [100] * 8, limit_tokens=800).easy_tokens == 800


def test_laser_d_refuses_a_target_that_is_no_length():
    with pytest.raises(TrainError, match="target of LASER-D"):
        LaserDState(1000, 0, 1000)


def test_laser_d_refuses_a_broken_monitor():
    with pytest.raises(TrainError, match="has 2 responses"):
        estimate_laser_d(["p"] * 2, [1, 2], [True, True], candidate_tokens=[100], limit_tokens=1000)
    with pytest.raises(TrainError, match="candidate_tokens"):
        estimate_laser_d(["p"] * 8, [1] * 8, [True] * 8, candidate_tokens=[], limit_tokens=1000)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: hapo("p", [5], [True], HapoState(), weight=-1), "weight must be"),
        (lambda: hapo_length_term([5], [True], 5, shape="square"), "cosine or linear"),
        (lambda: hapo_length_term([5], [True], 0), "shortest_tokens must be"),
        (lambda: hapo("p", [], [], HapoState()), "at least one response"),
        (lambda: dast("p", [5], [True], DastState(), limit_tokens=0), "limit_tokens must be"),
        (lambda: dast("p", [], [], DastState(), limit_tokens=9), "at least one response"),
        (
            lambda: o1_pruner("p", [5], [True], O1PrunerState(), accuracy_weight=-5),
            "accuracy_weight must be",
        ),
        (lambda: o1_pruner("p", [5], [True], O1PrunerState(), bounds=(4, -2)), "must ascend"),
        (lambda: o1_pruner("p", [], [], O1PrunerState()), "at least one response"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, said):
    with pytest.raises(TrainError, match=said):
        call()


@pytest.mark.parametrize("state", [HapoState(), DastState(), O1PrunerState(), TARGETS])
def test_a_state_is_frozen(state):
    for name in (field.name for field in dataclasses.fields(state)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(state, name, None)


def test_a_batch_keeps_its_order_when_groups_are_mixed():
    ids, lengths = ["a", "b", "b", "a"], [100, 5, 7, 300]
    found = by_problem(kimi_length_term, ids, lengths, [True] * 4, group_size=2)
    assert found == [0.5, 0.5, -0.5, -0.5]


def test_a_batch_hands_on_every_column_by_group():
    targets = [10, 20, 20, 10]
    found = by_problem(lcpo_exact, ["a", "b", "b", "a"], targets, [True] * 4, targets, group_size=2)
    assert found == [1, 1, 1, 1]


def test_a_batch_takes_hyperparameters_that_were_bound_before():
    reward = partial(arora_sigmoid, alpha=0.4)
    assert by_problem(reward, ["a"], [9], [True], group_size=1) == [0.8]


@pytest.mark.parametrize(
    ("ids", "group_size", "said"),
    [
        (["a", "a", "b"], 2, "problem 'b' has 1 responses in this batch, a group is 2"),
        (["a"] * 4, 2, "problem 'a' has 4 responses"),
        ([], 2, "batch is empty"),
        (["a"], 0, "group_size must be at least 1"),
    ],
)
def test_a_batch_without_whole_groups_is_refused(ids, group_size, said):
    columns = [5] * len(ids), [True] * len(ids)
    with pytest.raises(TrainError, match=said):
        by_problem(arora_sigmoid, ids, *columns, group_size=group_size)
    with pytest.raises(TrainError, match=said):
        by_problem_with_state(hapo, HapoState(), ids, *columns, group_size=group_size)


def test_a_batch_with_a_short_column_is_refused():
    with pytest.raises(TrainError, match="2 problem ids, but a column of 1"):
        by_problem(arora_sigmoid, ["a", "a"], [5, 6], [True], group_size=2)


def test_a_batch_hands_the_state_on_from_problem_to_problem():
    ids, lengths = ["a", "b", "a", "b"], [100, 40, 300, 80]
    found, state = by_problem_with_state(
        hapo, HapoState({"b": 40}), ids, lengths, [True] * 4, group_size=2
    )
    assert found == pytest.approx([1, 1, 1, 0.3])
    assert state == HapoState({"b": 40, "a": 100})
