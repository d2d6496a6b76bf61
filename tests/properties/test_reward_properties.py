import copy
import math
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import PATIENT

from costbench.errors import TrainError
from trainers.rewards import (
    REWARDS,
    STATEFUL_REWARDS,
    DastState,
    HapoState,
    LaserDState,
    O1PrunerState,
    Reference,
    arora_sigmoid,
    by_problem,
    by_problem_with_state,
    estimate_laser_d,
    lcpo_exact,
    lcpo_max,
    lcpo_max_paper,
)

PROBLEMS = ("a", "b", "c")
NEEDED = {
    "kimi_k1_5": {"weight": 1.0},
    "thinkprune": {"limit_tokens": 4000},
    "cosine": {"limit_tokens": 16384},
    "laser_d": {"state": LaserDState(2048, 4096, 8192)},
    "dast": {"limit_tokens": 20_000},
}
STATES = {
    "hapo": st.builds(
        HapoState, st.dictionaries(st.sampled_from(PROBLEMS), st.integers(1, 20_000))
    ),
    "dast": st.builds(DastState, st.dictionaries(st.sampled_from(PROBLEMS), st.floats(1, 20_000))),
    "o1_pruner": st.builds(
        O1PrunerState,
        st.dictionaries(
            st.sampled_from(PROBLEMS), st.builds(Reference, st.floats(1, 20_000), st.floats(0, 1))
        ),
    ),
}
NAMES = st.sampled_from(sorted(REWARDS))
STATEFUL_NAMES = st.sampled_from(sorted(STATEFUL_REWARDS))
ALPHAS = st.floats(0, 1, exclude_max=True)
MAXIMA = st.sampled_from([lcpo_max, lcpo_max_paper])

# One response: its length (often one that others have too) and whether it is correct.
RESPONSES = st.tuples(
    st.one_of(st.integers(1, 20_000), st.sampled_from([1, 1000, 4000, 8192])), st.booleans()
)
GROUPS = st.lists(RESPONSES, min_size=1, max_size=16)


def columns(group):
    return [tokens for tokens, _ in group], [right for _, right in group]


def reward_of(name):
    """A reward of one group as (length, verdict) pairs; all the pairs have the same target."""

    def reward(group):
        targets = [[1000] * len(group)] if name.startswith("lcpo") else []
        return REWARDS[name](*columns(group), *targets, **NEEDED.get(name, {}))

    return reward


@st.composite
def batches(draw):
    """Whole groups of some problems, their rows mixed."""
    size = draw(st.integers(1, 4))
    group = st.lists(RESPONSES, min_size=size, max_size=size)
    problems = draw(st.lists(st.sampled_from(PROBLEMS), min_size=1, unique=True))
    rows = [(problem, *one) for problem in problems for one in draw(group)]
    return size, draw(st.permutations(rows))


@PATIENT
@given(NAMES, GROUPS)
def test_rewards_are_finite_and_one_for_each_response(name, group):
    rewards = reward_of(name)(group)
    assert len(rewards) == len(group)
    assert all(math.isfinite(one) for one in rewards)


@PATIENT
@given(NAMES, GROUPS, st.randoms(use_true_random=False))
def test_shuffling_a_group_shuffles_its_rewards(name, group, rng):
    order = list(range(len(group)))
    rng.shuffle(order)
    rewards = reward_of(name)(group)
    assert reward_of(name)([group[at] for at in order]) == [rewards[at] for at in order]


@PATIENT
@given(STATEFUL_NAMES, st.data(), GROUPS, st.randoms(use_true_random=False))
def test_shuffling_a_group_shuffles_rewards_that_remember_too(name, data, group, rng):
    reward = partial(STATEFUL_REWARDS[name], **NEEDED.get(name, {}))
    state = data.draw(STATES[name])
    order = list(range(len(group)))
    rng.shuffle(order)
    rewards, after = reward("a", *columns(group), state)
    shuffled, same = reward("a", *columns([group[at] for at in order]), state)
    assert shuffled == [rewards[at] for at in order]
    assert same == after
    assert all(math.isfinite(one) for one in rewards)


@PATIENT
@given(NAMES, GROUPS)
def test_a_correct_response_is_worth_more_than_a_wrong_one_of_its_length(name, group):
    rewards = reward_of(name)([*group, (500, True), (500, False)])
    assert rewards[-2] > rewards[-1]


@PATIENT
@given(GROUPS, ALPHAS)
def test_a_wrong_answer_never_beats_a_right_one_under_arora(group, alpha):
    lengths, correct = columns(group)
    rewards = arora_sigmoid(lengths, correct, alpha=alpha)
    for one, right in zip(rewards, correct, strict=True):
        assert 1 - alpha <= one <= 1 if right else one == 0
        assert one > 0 or not right


@PATIENT
@given(GROUPS, ALPHAS)
def test_the_shorter_of_two_right_answers_is_never_worse_under_arora(group, alpha):
    lengths, correct = columns(group)
    rewards = arora_sigmoid(lengths, correct, alpha=alpha)
    right = sorted(
        (tokens, -one) for tokens, one, c in zip(lengths, rewards, correct, strict=True) if c
    )
    assert [one for _, one in right] == sorted(one for _, one in right)


@PATIENT
@given(RESPONSES, st.integers(1, 20_000), st.floats(1e-5, 0.1))
def test_lcpo_exact_peaks_at_its_target(response, target, alpha):
    tokens, right = response
    assume(tokens != target)
    rewards = lcpo_exact([tokens, target], [right, right], [target] * 2, alpha=alpha)
    assert rewards[0] < rewards[1] == right


@PATIENT
@given(
    MAXIMA, st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 20_000), st.booleans()
)
def test_lcpo_max_never_pays_more_for_going_over_than_for_staying_under(
    reward, target, one, other, right
):
    under, over = min(one, target), target + other
    rewards = reward([under, target, over], [right] * 3, [target] * 3)
    assert rewards[0] >= rewards[1] >= rewards[2]
    assert rewards[0] > rewards[2] or not right
    assert all(0 <= found <= 1 for found in rewards)


@PATIENT
@given(MAXIMA, RESPONSES, RESPONSES, st.integers(1, 20_000))
def test_a_wrong_answer_never_beats_a_right_one_under_lcpo_max(reward, one, other, target):
    rewards = reward([one[0], other[0]], [True, False], [target] * 2)
    assert rewards[0] >= rewards[1] == 0


@PATIENT
@given(GROUPS, st.integers(1, 20_000), st.floats(0, 1))
def test_a_wrong_answer_never_beats_a_right_one_under_hapo(group, shortest, weight):
    lengths, correct = columns([*group, (50, True), (50, False)])
    state = HapoState({"a": shortest})
    rewards, _ = STATEFUL_REWARDS["hapo"]("a", lengths, correct, state, weight=weight)
    right = [one for one, c in zip(rewards, correct, strict=True) if c]
    wrong = [one for one, c in zip(rewards, correct, strict=True) if not c]
    assert min(right) > max(wrong)


@PATIENT
@given(STATEFUL_NAMES, st.data(), GROUPS)
def test_a_state_that_went_in_stays_as_it_was(name, data, group):
    state = data.draw(STATES[name])
    before = copy.deepcopy(state)
    _, after = STATEFUL_REWARDS[name]("a", *columns(group), state, **NEEDED.get(name, {}))
    assert state == before
    kept = {field: getattr(after, field) for field in vars(after)}
    for field, remembered in kept.items():
        assert set(remembered) >= set(getattr(before, field))
        others = set(remembered) - {"a"}
        assert all(remembered[other] == getattr(before, field)[other] for other in others)


@PATIENT
@given(st.integers(1, 20_000), GROUPS)
def test_what_hapo_remembers_never_grows(shortest, group):
    lengths, correct = columns(group)
    _, state = STATEFUL_REWARDS["hapo"]("a", lengths, correct, HapoState({"a": shortest}))
    right = [tokens for tokens, c in zip(lengths, correct, strict=True) if c]
    assert state.shortest_tokens["a"] == min([shortest, *right])


@PATIENT
@given(batches(), NAMES)
def test_a_batch_gives_each_group_what_it_gets_alone(batch, name):
    size, rows = batch
    ids, lengths, correct = (list(column) for column in zip(*rows, strict=True))
    reward = reward_of(name)

    def of_columns(output_tokens, verdicts):
        return reward(list(zip(output_tokens, verdicts, strict=True)))

    found = by_problem(of_columns, ids, lengths, correct, group_size=size)
    for problem in set(ids):
        places = [at for at, one in enumerate(ids) if one == problem]
        alone = of_columns([lengths[at] for at in places], [correct[at] for at in places])
        assert [found[at] for at in places] == alone


@PATIENT
@given(batches(), st.data(), STATEFUL_NAMES)
def test_a_batch_with_a_row_missing_or_doubled_is_refused(batch, data, name):
    size, rows = batch
    at = data.draw(st.integers(0, len(rows) - 1))
    more = [*rows, rows[at]]
    fewer = [*rows[:at], *rows[at + 1 :]]
    state = data.draw(STATES[name])
    reward = partial(STATEFUL_REWARDS[name], **NEEDED.get(name, {}))
    broken = [more] if size == 1 and len(rows) > 1 else [more, fewer]
    for batch_rows in broken:
        ids, *rest = ([row[column] for row in batch_rows] for column in range(3))
        with pytest.raises(TrainError):
            by_problem(arora_sigmoid, ids, *rest, group_size=size)
        with pytest.raises(TrainError):
            by_problem_with_state(reward, state, ids, *rest, group_size=size)


@PATIENT
@given(batches(), st.lists(st.integers(1, 20_000), min_size=1), st.integers(1, 20_000))
def test_targets_of_laser_d_are_candidates_or_the_limit(batch, candidates, limit):
    size, rows = batch
    ids, lengths, correct = (list(column) for column in zip(*rows, strict=True))
    state = estimate_laser_d(
        ids, lengths, correct, candidate_tokens=candidates, limit_tokens=limit, group_size=size
    )
    found = {state.easy_tokens, state.medium_tokens, state.hard_tokens}
    assert found <= {*candidates, limit}
    assert max(found) <= limit
