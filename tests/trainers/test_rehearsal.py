"""`--dry-run` of the bundled recipes: the same code on small stand-ins, nothing kept."""

import tempfile

import pytest
import torch

from costbench.errors import TrainError
from trainers.command import TrainOptions, train_recipe
from trainers.recipe import bundled_recipes, load_recipe
from trainers.rehearsal import stand_in
from trainers.tuning import ReinforcementRecipe

VARIANTS = {
    name: recipe
    for name, path in bundled_recipes().items()
    if (recipe := load_recipe(path)).kind != "supervised"
}
SUPERVISED = sorted(bundled_recipes().keys() - VARIANTS.keys())
QUICK = {
    *("arora-1.5b", "l1-exact-1.5b", "l1-max-1.5b", "sft-shortest-1.5b", "dpo-1.5b"),
    "abacus-sft-shortest",
}
"""One of each kind; those that are alike are slow tests, and test_train.py trains one of the alpha family."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rehearsed(name, monkeypatch, tmp_path, changes=()):
    """What is left of a rehearsal in the current folder and in that for temporary files."""
    for folder in ("here", "temporary"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    train_recipe(bundled_recipes()[name], TrainOptions(changes=changes, dry_run=True))
    return [path for folder in ("here", "temporary") for path in (tmp_path / folder).iterdir()]


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS],
)
def test_a_recipe_can_be_rehearsed_anywhere(name, monkeypatch, tmp_path, capsys):
    recipe = VARIANTS[name]
    assert rehearsed(name, monkeypatch, tmp_path) == []
    said = capsys.readouterr().err
    assert f"costbench: dry run: {name} passed: 2 steps, nothing kept\n" in said
    assert "step 1/2" in said
    assert "step 2/2" in said
    replaced = [line for line in said.splitlines() if line.startswith("costbench: dry run: ")]
    expected = []
    if recipe.base.path != "embedded:abacus-base":
        expected.append(f"base {recipe.base.path} -> embedded:abacus-base")
    if recipe.data["kind"] != "arithmetic":
        expected.append(f"data {recipe.data['path']} -> 16 generated arithmetic problems")
    expected.append("2 steps in float32, responses of at most 96 tokens")
    if getattr(recipe, "vllm", None) is not None:
        expected.append("vllm -> transformers' own generation")
    assert [line.removeprefix("costbench: dry run: ") for line in replaced[:-1]] == expected
    if isinstance(recipe, ReinforcementRecipe):
        assert "  reward " in said
    else:
        assert "sampling 16/16 problems" in said
        assert "  loss " in said


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_supervised_recipe_is_rehearsed_with_its_own_model_and_data(
    name, monkeypatch, tmp_path, capsys
):
    # As narrow as takes seconds, as deep as it is; this CPU is slow at bfloat16.
    narrow = ["model.hidden_size=32", "model.intermediate_size=32", "model.heads=1"]
    assert rehearsed(name, monkeypatch, tmp_path, narrow) == []
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("costbench: ")]
    assert said[0] == "costbench: dry run: 2 steps of 8 rows, the model of its own size"
    assert [line.partition("  loss ")[0] for line in said[1:3]] == [
        "costbench: step 1/2",
        "costbench: step 2/2",
    ]
    assert said[3:] == [f"costbench: dry run: {name} passed: 2 steps, nothing kept"]
    assert {"abacus-base", "abacus-large", "abacus-lengths"} == set(SUPERVISED)


def test_recipes_of_each_kind_are_rehearsed_every_time():
    assert VARIANTS.keys() >= QUICK
    assert {VARIANTS[name].kind for name in QUICK} == {"reinforcement", "sft", "dpo"}
    real = {name for name in VARIANTS if not name.startswith("abacus-")}
    assert len(real) == 6
    assert real - QUICK == {"arora-7b"}  # its stand-in is that of 1.5b, see below


def test_the_stand_in_for_7b_is_that_of_1_5b_but_for_its_learning_rate():
    small, large = (stand_in(VARIANTS[name])[0] for name in ("arora-1.5b", "arora-7b"))
    assert small.optimization.learning_rate > large.optimization.learning_rate
    plan = large.optimization.model_copy(update={"learning_rate": 5e-6})
    same = {"name": small.name, "needs": small.needs, "optimization": plan}
    assert large.model_copy(update=same) == small


@pytest.mark.parametrize("name", VARIANTS)
def test_a_stand_in_keeps_what_makes_the_method(name):
    recipe = VARIANTS[name]
    small, _ = stand_in(recipe)
    assert type(small) is type(recipe)
    assert (small.name, small.seed, small.grader) == (recipe.name, recipe.seed, recipe.grader)
    assert small.optimization.learning_rate == recipe.optimization.learning_rate
    assert (small.lengths is None) == (recipe.lengths is None)
    own = {key: value for key, value in recipe.trl.items() if not key.startswith("vllm_")}
    assert small.trl == own
    if isinstance(recipe, ReinforcementRecipe):
        assert small.reward == recipe.reward
        assert small.policy == recipe.policy
        assert small.rollouts.temperature == recipe.rollouts.temperature
        assert small.vllm is None
    else:
        assert small.sampled.temperature == recipe.sampled.temperature


def test_adapters_and_other_keys_are_rehearsed_too():
    path = bundled_recipes()["arora-1.5b"]
    changes = ["lora={rank: 4}", "policy.updates_per_rollout=4", "log_to=[wandb]"]
    small, _ = stand_in(load_recipe(path, changes))
    assert small.lora.rank == 4
    assert small.policy.updates_per_rollout == 2  # 16 responses in batches of 8
    assert small.log_to == ()
    assert small.trl == {"reward_clip_range": [-10, 10]}


def test_a_mistake_in_a_recipe_shows_in_its_rehearsal(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    changes = ["reward={kind: arora_sigmoid, aplha: 1}"]
    with pytest.raises(TrainError, match="unknown key `aplha`; did you mean `alpha`"):
        train_recipe(bundled_recipes()["arora-1.5b"], TrainOptions(changes=changes, dry_run=True))
    changes = ["trl.entropy_coef=0.1"]
    with pytest.raises(TrainError, match="RLOOConfig has no `entropy_coef`"):
        train_recipe(bundled_recipes()["arora-1.5b"], TrainOptions(changes=changes, dry_run=True))
    assert list(tmp_path.iterdir()) == []
