"""Recipes: what a file and `--set` may say, what is refused in which words, and the published figures."""

import re

import pytest
import yaml

from costbench.errors import TrainError
from trainers.command import TrainOptions, train_recipe
from trainers.recipe import bundled_recipes, load_recipe
from trainers.rewards import LCPO_EXACT_ALPHA_CODE
from trainers.train import recipe_sha256
from trainers.tuning import DpoRecipe, ReinforcementRecipe, SftRecipe

REINFORCEMENT = """\
kind: reinforcement
name: small
base: {path: "embedded:abacus-base"}
data: {kind: arithmetic, split: train, problems: 16}
grader: exact
reward: {kind: arora_sigmoid, alpha: 0.2}
rollouts: {problems: 2, group_size: 4, max_tokens: 64}
policy: {estimator: rloo, scale: none}
optimization:
  steps: 3
  learning_rate: 1.0e-3
  rows_per_device: 4
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(REINFORCEMENT)
    return path


def refusal(path, *changes):
    with pytest.raises(TrainError) as refused:
        load_recipe(path, changes)
    return str(refused.value)


def bundled(name):
    return load_recipe(bundled_recipes()[name])


def test_there_are_recipes_of_each_kind_for_real_hardware_and_for_the_embedded_model():
    kinds = {name: load_recipe(path).kind for name, path in bundled_recipes().items()}
    assert kinds["abacus-base"] == "supervised"
    for name, kind in (
        *(("arora-1.5b", "reinforcement"), ("arora-7b", "reinforcement")),
        *(("l1-exact-1.5b", "reinforcement"), ("l1-max-1.5b", "reinforcement")),
        *(("sft-shortest-1.5b", "sft"), ("dpo-1.5b", "dpo")),
        *(
            ("abacus-alpha-0.2", "reinforcement"),
            ("abacus-dpo", "dpo"),
            ("abacus-sft-shortest", "sft"),
        ),
    ):
        assert kinds[name] == kind


@pytest.mark.parametrize("name", bundled_recipes())
def test_a_bundled_recipe_is_called_as_its_file(name):
    assert bundled(name).name == name


def test_the_alpha_family_differs_in_alpha_alone():
    family = [bundled(name) for name in bundled_recipes() if name.startswith("abacus-alpha-")]
    assert [one.reward["alpha"] for one in family] == [0.05, 0.2, 0.4, 0]
    for one in family:
        assert one.name == f"abacus-alpha-{one.reward['alpha']:g}"
    rest = [one.model_copy(update={"name": "", "reward": {}}) for one in family]
    assert rest[1:] == rest[:-1]


@pytest.mark.parametrize(
    ("name", "base", "learning_rate"),
    [
        ("arora-1.5b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 5e-6),
        ("arora-7b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", 2e-6),
    ],
)
def test_arora_recipes_have_the_figures_that_ran(name, base, learning_rate):
    """The shared reference of methods, section 1.3."""
    recipe = bundled(name)
    assert recipe.base.path == base
    assert recipe.data["path"] == "daman1209arora/compression_dataset"
    assert recipe.reward == {"kind": "arora_sigmoid", "alpha": 0.1}
    assert recipe.seed == 42
    assert recipe.checkpoint_every_steps == 10
    assert recipe.trl["reward_clip_range"] == [-10, 10]
    rollouts, policy, plan = recipe.rollouts, recipe.policy, recipe.optimization
    assert (rollouts.problems, rollouts.group_size, rollouts.max_tokens) == (32, 8, 32_000)
    assert (rollouts.temperature, rollouts.top_p, rollouts.top_k) == (1.0, 1.0, 0)
    assert (policy.estimator, policy.scale) == (
        "rloo",
        "batch",
    )  # whitened over all, never by group
    assert (policy.clip, policy.clip_high, policy.kl) == (0.2, None, 1e-3)
    assert rollouts.responses // policy.updates_per_rollout == 128
    assert policy.passes == 1
    assert plan.steps == 100
    assert (plan.learning_rate, plan.schedule) == (learning_rate, "constant")
    assert plan.warmup_steps == 6  # 3 % of 200 updates, at most 10
    assert plan.betas == (0.9, 0.95)
    assert (plan.weight_decay, plan.gradient_clip, plan.bf16) == (0, 1.0, True)


@pytest.mark.parametrize(
    ("name", "max_tokens", "learning_rate", "steps", "maximum"),
    [("l1-exact-1.5b", 4096, 1e-6, 700, 0.0), ("l1-max-1.5b", 4500, 4e-6, 120, 0.5)],
)
def test_l1_recipes_have_the_figures_that_ran(name, max_tokens, learning_rate, steps, maximum):
    """The shared reference of methods, sections 2.1 to 2.3."""
    recipe = bundled(name)
    assert recipe.data["path"] == "agentica-org/DeepScaleR-Preview-Dataset"
    assert recipe.lengths.tokens == (100, 4000)
    assert recipe.lengths.maximum == maximum
    assert recipe.lengths.exact_alpha == LCPO_EXACT_ALPHA_CODE == 1 / 3000
    rollouts, policy, plan = recipe.rollouts, recipe.policy, recipe.optimization
    assert (rollouts.problems, rollouts.group_size) == (128, 16)
    assert (rollouts.max_tokens, rollouts.temperature) == (max_tokens, 0.6)
    assert policy.updates_per_rollout == 2  # of 64 problems each
    assert (policy.estimator, policy.scale, policy.loss) == ("grpo", "group", "grpo")
    assert (policy.clip, policy.kl) == (0.2, 0.001)
    assert recipe.trl == {"entropy_coef": 0.001}
    assert (plan.learning_rate, plan.steps) == (learning_rate, steps)


def test_l1_max_goes_on_from_l1_exact_with_the_slope_that_ran():
    assert bundled("l1-exact-1.5b").base.path == "agentica-org/DeepScaleR-1.5B-Preview"
    assert bundled("l1-exact-1.5b").reward == {"kind": "lcpo_exact"}  # whose default is 1/3000
    assert bundled("l1-max-1.5b").base.path == "models/l1-exact-1.5b"
    assert bundled("l1-max-1.5b").reward == {"kind": "lcpo_max", "window_tokens": 500}


def test_recipes_of_each_kind_become_models_of_their_own(path):
    assert isinstance(load_recipe(path), ReinforcementRecipe)
    assert isinstance(bundled("sft-shortest-1.5b"), SftRecipe)
    assert isinstance(bundled("dpo-1.5b"), DpoRecipe)


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ("reward.alpha=0.4", ("reward", "alpha"), 0.4),
        ("reward.alpha=1e-3", ("reward", "alpha"), 0.001),
        ("trl.entropy_coef=1E-2", ("trl", "entropy_coef"), 0.01),
        ("reward={kind: lcpo_exact, alpha: 1}", ("reward",), {"kind": "lcpo_exact", "alpha": 1}),
        ("optimization.betas=[0.8, 0.9]", ("optimization", "betas"), (0.8, 0.9)),
        ("base.thinking.close=</t>", ("base", "thinking", "close"), "</t>"),
        ("lora.rank=4", ("lora", "rank"), 4),
        ("name=a=b", ("name",), None),
        ("optimization.steps=", ("optimization", "steps"), None),
    ],
)
def test_set_replaces_the_value_at_a_dotted_key_with_one_read_as_yaml(path, change, place, value):
    if change == "name=a=b":  # the value is all behind the first sign, and "a=b" is no name
        assert "'a=b'" in refusal(path, change)
        return
    found = load_recipe(path, [change])
    for key in place:
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    assert found == value


def test_the_last_of_two_settings_counts_and_the_file_stays_as_it_is(path):
    assert load_recipe(path, ["seed=1", "seed=2"]).seed == 2
    assert path.read_text() == REINFORCEMENT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alpha", "--set 'alpha': expected KEY=VALUE, such as reward.alpha=0.1"),
        ("=1", "--set '=1': expected KEY=VALUE"),
        ("reward.alpha=[1", "--set 'reward.alpha=[1': the value is not YAML"),
        ("name=2026-13-45", "--set 'name=2026-13-45': the value is not YAML"),
        ("name.first=x", "--set 'name.first=x': `name` holds no keys of its own"),
        ("reward.alpha.beta=1", "--set 'reward.alpha.beta=1': `alpha` holds no keys of its own"),
        ("polcy.kl=1", "polcy: unknown key `polcy`; did you mean `policy`?"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(path, change, said):
    assert said in refusal(path, change)


def test_an_unknown_key_is_told_with_its_line_and_what_was_meant(path):
    path.write_text(REINFORCEMENT.replace("learning_rate", "learning_rat"))
    assert refusal(path).splitlines() == [
        f"{path}:9: optimization.learning_rate: is missing",
        f"{path}:11: optimization.learning_rat: unknown key `learning_rat`; "
        "did you mean `learning_rate`?",
    ]


def test_all_that_is_wrong_is_told_at_once(path):
    said = refusal(path, "seed=-1", "lengths.tokens=[9, 5]", "optimization.betas=[0.9]", "vllm=yes")
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "seed",
        "lengths.tokens",
        "optimization.betas[1]",
        "vllm",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            ["rollouts.group_size=1"],
            "small.yaml:7: rollouts.group_size: must be at least 2: a group of 1 has nothing to be "
            "compared with",
        ),
        (
            ["lengths.tokens=[10, 65]"],
            "lengths: asks for up to 65 tokens, but rollouts.max_tokens cuts responses at 64: no response "
            "could reach its target",
        ),
        (
            ["policy.scale=group"],
            "policy: scale: rloo divides by nothing (none) or by the std of all",
        ),
        (["policy.loss=dapo"], "policy: loss: is of grpo; rloo has one of its own"),
        (
            ["optimization.rows_per_device=3"],
            "rollouts: 8 responses a step do not split into 1 updates of batches of 3 (rows_per_device)",
        ),
        (
            ["policy.updates_per_rollout=4"],
            "rollouts: 8 responses a step do not split into 4 updates of batches of 4 (rows_per_device)",
        ),
        (
            ["optimization.learning_rate=.inf"],
            "optimization.learning_rate: input should be a finite",
        ),
        (["name=../up"], "name: string should match"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused_when_it_is_read(path, changes, said):
    assert said in refusal(path, *changes)


def test_targets_up_to_the_limit_and_groups_of_two_are_fine(path):
    found = load_recipe(path, ["lengths.tokens=[10, 64]", "rollouts.group_size=2"])
    assert found.lengths.tokens[1] == found.rollouts.max_tokens == 64


def test_dpo_takes_no_lengths():
    said = refusal(bundled_recipes()["dpo-1.5b"], "lengths.tokens=[1, 2]")
    assert "lengths: no prompt of dpo asks for one; leave them out" in said


@pytest.mark.parametrize("kind", ["ppo", "", "[rloo]", "{a: b}"])
def test_an_unknown_kind_is_refused_with_those_there_are(path, kind):
    said = refusal(path, f"kind={kind}")
    assert said == (
        f"{path}: `kind` is one of supervised, reinforcement, sft, dpo, found {yaml.safe_load(kind)!r}"
    )


@pytest.mark.parametrize("text", ["", "- a list", "a word"])
def test_a_file_without_keys_is_refused_with_and_without_settings(path, text):
    path.write_text(text)
    assert refusal(path) == f"{path}:1: the file: expected a mapping"
    assert refusal(path, "seed=1") == f"{path}:1: the file: expected a mapping"


def test_a_recipe_is_found_by_its_bundled_name_and_an_unknown_one_is_refused(tmp_path):
    with pytest.raises(TrainError, match=r"--set 'SETTING': expected KEY=VALUE"):
        train_recipe(tmp_path / "abacus-base.yaml", TrainOptions(changes=["SETTING"]))
    with pytest.raises(TrainError, match=re.escape("no bundled recipe (there are: abacus-alpha-0")):
        train_recipe(tmp_path / "abacus-bass", TrainOptions())


def test_how_often_it_is_stored_and_shown_is_not_what_a_recipe_is(path):
    """Or nobody could look closer at a training that is under way."""
    same = ["checkpoint_every_steps=3", "keep_checkpoints=3", "print_every_steps=1"]
    same += ["log_to=[wandb]", "needs=patience"]
    identity = recipe_sha256(load_recipe(path))
    assert recipe_sha256(load_recipe(path, same)) == identity
    for change in ("seed=1", "reward.alpha=0.1", "trl.entropy_coef=0.1", "base.revision=main"):
        assert recipe_sha256(load_recipe(path, [change])) != identity
