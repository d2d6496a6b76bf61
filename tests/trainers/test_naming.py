"""Rewards by name: ours, a stranger's, and those that no step can reward with."""

from importlib.metadata import entry_points

import pytest

from costbench.errors import PluginError, TrainError
from trainers.naming import build_reward, component, installed_rewards
from trainers.rewards import (
    REWARDS,
    STATEFUL_REWARDS,
    HapoState,
    arora_sigmoid,
    dapo_soft_overlong,
    thinkprune,
)

LIMIT = 1000
NEEDED = {"kimi_k1_5": {"weight": 0.5}}
"""What a recipe has to say of rewards with a hyperparameter that nobody published."""

STRANGER = """\
def brief(output_tokens, correct, *, bonus):
    return [right + bonus / tokens for tokens, right in zip(output_tokens, correct)]

def hits(output_tokens, correct, target_tokens):
    return [float(right) for right in correct]

def alone(output_tokens, correct):
    raise IndexError("no third response")

number = 5
"""


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A module that is on the path and not installed."""
    (tmp_path / "strangers_rewards.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(tmp_path)


def refusal(limit_tokens=LIMIT, **spec):
    with pytest.raises(TrainError) as refused:
        build_reward(spec, limit_tokens)
    return str(refused.value)


def test_a_reward_is_the_function_with_its_hyperparameters():
    reward = build_reward({"kind": "arora_sigmoid", "alpha": 0.4}, LIMIT)
    group = [100, 200, 300], [True, True, False]
    assert reward.function(*group) == arora_sigmoid(*group, alpha=0.4)
    assert reward.function(*group) != arora_sigmoid(*group)
    assert (reward.name, reward.takes_targets, reward.first_state) == ("arora_sigmoid", False, None)


def test_every_reward_of_a_step_is_installed_under_its_own_name():
    """Two of those with a state rank what was sampled before; they stay functions."""
    assert installed_rewards() == sorted({*REWARDS, *STATEFUL_REWARDS} - {"o1_pruner", "dast"})
    for point in entry_points(group="costbench.rewards"):
        assert point.load() is {**REWARDS, **STATEFUL_REWARDS}[point.name]


@pytest.mark.parametrize("kind", installed_rewards())
def test_every_installed_reward_builds_or_says_what_it_lacks(kind):
    if kind == "laser_d":
        assert refusal(kind=kind) == (
            "reward laser_d needs a state that is made outside of a training"
        )
        return
    if kind in NEEDED:
        (key,) = NEEDED[kind]
        assert refusal(kind=kind) == (
            f"reward {kind}: `{key}` is missing; it has no published value"
        )
    reward = build_reward({"kind": kind, **NEEDED.get(kind, {})}, 20_480)
    assert reward.takes_targets == kind.startswith("lcpo")
    assert (reward.first_state is HapoState) == (kind == "hapo")


def test_an_unknown_reward_is_refused_with_the_one_that_was_meant():
    said = refusal(kind="arora_sigmoit")
    assert said.startswith("no reward is called 'arora_sigmoit'; did you mean 'arora_sigmoid'?")
    assert f"(there are: {', '.join(installed_rewards())})" in said
    assert "did you mean" not in refusal(kind="xyz")


@pytest.mark.parametrize("kind", ["o1_pruner", "dast"])
def test_a_reward_that_ranks_finished_samples_is_no_reward_of_a_step(kind):
    assert refusal(kind=kind).startswith(f"no reward is called {kind!r}")
    module = STATEFUL_REWARDS[kind].__module__
    assert refusal(kind=f"{module}:{kind}") == (
        f"reward {module}:{kind} ranks responses that are already there; no step rewards with it"
    )


def test_an_unknown_key_is_refused_with_the_one_that_was_meant():
    assert refusal(kind="arora_sigmoid", aplha=0.1) == (
        "reward arora_sigmoid: unknown key `aplha`; did you mean `alpha`? (it has: alpha)"
    )
    assert refusal(kind="shorter_better", gamma=0.1) == (
        "reward shorter_better: unknown key `gamma` (it has: alpha, beta)"
    )


@pytest.mark.parametrize("spec", [{}, {"alpha": 0.1}, {"kind": 5}])
def test_a_reward_without_a_name_is_refused(spec):
    assert refusal(**spec) == f"reward: expected a mapping with `kind`, found {spec!r}"


def test_the_limit_of_generation_is_filled_in_where_a_reward_asks_for_it():
    group = [LIMIT, LIMIT + 1], [True, True]
    assert build_reward({"kind": "thinkprune"}, LIMIT).function(*group) == [1.0, 0.0]
    own = build_reward({"kind": "thinkprune", "limit_tokens": 10}, LIMIT)
    assert own.function(*group) == thinkprune(*group, limit_tokens=10) == [0.0, 0.0]
    soft = build_reward({"kind": "dapo_soft_overlong", "cache_tokens": 100}, LIMIT)
    assert soft.function([950], [True]) == dapo_soft_overlong(
        [950], [True], limit_tokens=LIMIT, cache_tokens=100
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "arora_sigmoid", "alpha": 1}, "reward arora_sigmoid: alpha must be in [0, 1)"),
        ({"kind": "arora_sigmoid", "alpha": "high"}, "reward arora_sigmoid: fails on two right"),
        ({"kind": "arora_sigmoid", "alpha": None}, "reward arora_sigmoid: fails on two right"),
        ({"kind": "lcpo_max", "window_tokens": 0}, "reward lcpo_max: window_tokens must be"),
        ({"kind": "hapo", "shape": "round"}, "reward hapo: shape must be cosine or linear"),
        ({"kind": "dapo_soft_overlong"}, "reward dapo_soft_overlong: limit_tokens must be above"),
    ],
)
def test_a_value_that_cannot_be_meant_is_told_before_anything_is_sampled(spec, said):
    assert said in refusal(**spec)


@pytest.mark.usefixtures("stranger")
def test_a_strangers_reward_is_found_by_its_place():
    reward = build_reward({"kind": "strangers_rewards:brief", "bonus": 2.0}, LIMIT)
    assert reward.function([4, 8], [True, False]) == [1.5, 0.25]
    assert not reward.takes_targets
    assert build_reward({"kind": "strangers_rewards:hits"}, LIMIT).takes_targets


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("brief", "strangers_rewards:brief: `bonus` is missing; it has no published value"),
        ("alone", "fails on two right responses: IndexError: no third response"),
        ("number", "(strangers_rewards:number) is not a function"),
        ("nothing", "cannot be loaded: module 'strangers_rewards' has no attribute 'nothing'"),
    ],
)
def test_a_strangers_reward_that_is_none_is_refused_in_a_sentence(kind, said):
    assert said in refusal(kind=f"strangers_rewards:{kind}")


def test_a_strangers_module_that_is_not_there_is_refused_in_a_sentence():
    said = refusal(kind="no_such_module_anywhere:reward")
    assert "cannot be loaded: No module named 'no_such_module_anywhere'" in said


def test_components_tell_wrong_keys_with_their_place_in_the_recipe():
    with pytest.raises(TrainError) as refused:
        component("graders", {"kind": "exact", "strict": True, "slow": 1}, "grader")
    assert str(refused.value).splitlines() == [
        "grader.strict: extra inputs are not permitted",
        "grader.slow: extra inputs are not permitted",
    ]
    with pytest.raises(TrainError, match=r"^data: levels must ascend, found \[3, 1\]$"):
        component("datasets", {"kind": "arithmetic", "levels": [3, 1]}, "data")
    with pytest.raises(PluginError, match="did you mean 'exact'"):
        component("graders", "exakt", "grader")
