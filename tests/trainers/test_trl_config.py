"""A recipe in TRL's words: the values that its trainers are given, and what is refused before they are."""

import pytest
from trl import DPOConfig, GRPOConfig, RLOOConfig, SFTConfig

from costbench.errors import TrainError
from trainers.assembly import peft_config
from trainers.recipe import bundled_recipes, load_recipe
from trainers.trl_config import (
    dpo_arguments,
    process_count,
    reinforcement_arguments,
    sft_arguments,
    updates_per_step,
)

RECIPE = """\
kind: reinforcement
name: small
seed: 7
base: {path: "embedded:abacus-base", dtype: float32}
data: {kind: arithmetic, split: train, problems: 16}
reward: {kind: arora_sigmoid}
rollouts: {problems: 4, group_size: 4, max_tokens: 64, temperature: 0.7, top_p: 0.8, top_k: 9}
policy: {estimator: rloo, scale: none, clip: 0.1, kl: 0.02}
optimization: {steps: 5, learning_rate: 1.0e-3, rows_per_device: 2}
"""
SFT = """\
kind: sft
name: imitation
base: {path: "embedded:abacus-base"}
data: {kind: arithmetic}
sampled: {max_tokens: 64}
optimization: {epochs: 3, learning_rate: 1.0e-3, rows_per_device: 6}
"""
DPO = SFT.replace("sft", "dpo") + "beta: 0.3\n"


@pytest.fixture
def recipe(tmp_path):
    """Reads one of the recipes above, or a bundled one, with changes."""

    def read(*changes, text=RECIPE):
        path = bundled_recipes().get(text, tmp_path / "recipe.yaml")
        if text not in bundled_recipes():
            path.write_text(text)
        return load_recipe(path, changes)

    return read


@pytest.fixture
def arguments(recipe, tmp_path):
    return lambda *changes, processes=1: reinforcement_arguments(
        recipe(*changes), tmp_path, processes
    )


def test_a_recipe_says_all_that_trl_has_defaults_of_its_own_for(arguments, tmp_path):
    found = arguments()
    assert isinstance(found, RLOOConfig)
    assert (found.beta, found.epsilon, found.epsilon_high) == (0.02, 0.1, None)
    assert found.normalize_advantages is False
    assert (found.num_generations, found.max_completion_length) == (4, 64)
    assert (found.temperature, found.top_p, found.top_k) == (0.7, 0.8, 9)
    assert found.disable_dropout
    assert not found.use_vllm
    assert (found.seed, found.data_seed) == (7, 7)
    assert found.model_init_kwargs == {"dtype": "float32", "revision": None}
    assert (found.learning_rate, found.lr_scheduler_type) == (1e-3, "constant_with_warmup")
    assert (found.adam_beta1, found.adam_beta2) == (0.9, 0.95)
    assert (found.weight_decay, found.max_grad_norm) == (0.0, 1.0)
    assert found.output_dir == str(tmp_path)
    assert found.report_to == []
    assert found.trust_remote_code is False


@pytest.mark.parametrize(
    ("changes", "whitened"), [((), False), (("policy.scale=none",), False), (("policy.scale=batch",), True)]
)  # fmt: skip
def test_rloo_divides_by_the_std_of_all_only_when_told(arguments, changes, whitened):
    assert arguments(*changes).normalize_advantages is whitened


@pytest.mark.parametrize("scale", ["none", "batch", "group"])
def test_grpo_divides_by_what_it_is_told(arguments, scale):
    found = arguments("policy.estimator=grpo", f"policy.scale={scale}", "policy.loss=dr_grpo")
    assert isinstance(found, GRPOConfig)
    assert (found.scale_rewards, found.loss_type) == (scale, "dr_grpo")
    assert (found.beta, found.epsilon) == (0.02, 0.1)


def test_an_upper_clip_of_its_own_is_passed_on(arguments):
    assert arguments("policy.clip_high=0.28").epsilon_high == 0.28


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), (8, 8, 5, 1)),
        (("policy.updates_per_rollout=2",), (8, 4, 10, 1)),
        (("policy.passes=2",), (8, 8, 10, 2)),
        (("policy.updates_per_rollout=2", "policy.passes=2"), (8, 4, 20, 2)),
        (("optimization.rows_per_device=16",), (1, 1, 5, 1)),
    ],
)
def test_a_step_of_ours_is_one_round_of_rollouts(arguments, recipe, changes, expected):
    """16 responses a step: batches until TRL samples again, batches in an update, updates, passes."""
    found = arguments(*changes)
    assert expected == (
        found.steps_per_generation,
        found.gradient_accumulation_steps,
        found.max_steps,
        found.num_iterations,
    )
    assert found.generation_batch_size == 16
    updates = updates_per_step(recipe(*changes))
    assert updates == found.max_steps // 5
    assert found.logging_steps == updates
    assert found.save_steps == 10 * updates


def test_without_steps_the_epochs_count(arguments):
    found = arguments("optimization.steps=", "optimization.epochs=1.5")
    assert (found.max_steps, found.num_train_epochs) == (-1, 1.5)


def test_each_process_gets_its_share_of_whole_groups(arguments):
    found = arguments("policy.updates_per_rollout=2", processes=2)
    assert (found.steps_per_generation, found.gradient_accumulation_steps) == (4, 2)


def test_a_group_that_would_be_split_between_processes_is_refused(arguments):
    with pytest.raises(TrainError) as refused:
        arguments(processes=3)
    assert str(refused.value) == (
        "rollouts: 4 groups a step do not divide among 3 processes; a group must stay in one, so `problems` "
        "has to be a multiple of 3"
    )
    with pytest.raises(TrainError, match="4 groups a step do not divide among 8 processes"):
        arguments(processes=8)  # 2 responses each would fit as rows, and be half a group


def test_batches_that_do_not_fill_a_process_are_refused(arguments):
    with pytest.raises(TrainError) as refused:
        arguments("optimization.rows_per_device=8", processes=4)
    assert str(refused.value) == (
        "rollouts: 4 responses in each of 4 processes do not split into 1 updates of batches of 8 "
        "(rows_per_device)"
    )


@pytest.mark.parametrize(("set_to", "count"), [(None, 1), ("", 1), ("1", 1), ("8", 8)])
def test_processes_are_counted_as_launchers_say(monkeypatch, set_to, count):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if set_to is not None:
        monkeypatch.setenv("WORLD_SIZE", set_to)
    assert process_count() == count


def test_other_keys_of_trl_are_passed_on(arguments):
    found = arguments("trl.reward_clip_range=[-10, 10]", "trl.mask_truncated_completions=true")
    assert found.reward_clip_range == [-10, 10]
    assert found.mask_truncated_completions


def test_an_unknown_key_of_trl_is_refused_with_the_one_that_was_meant(arguments):
    with pytest.raises(TrainError) as refused:
        arguments("trl.reward_clip_rang=[-1, 1]")
    assert str(refused.value) == (
        "trl: RLOOConfig has no `reward_clip_rang`; did you mean `reward_clip_range`?"
    )
    with pytest.raises(TrainError, match="RLOOConfig has no `entropy_coef`"):
        arguments("trl.entropy_coef=0.1")
    assert arguments("policy.estimator=grpo", "trl.entropy_coef=0.1").entropy_coef == 0.1


@pytest.mark.parametrize(
    "change",
    [
        *("learning_rate=1", "beta=1", "epsilon=1", "num_iterations=2", "temperature=1", "seed=1"),
        *("max_steps=1", "num_generations=2", "steps_per_generation=1", "logging_steps=1"),
        *("gradient_accumulation_steps=1", "save_steps=1", "output_dir=/tmp", "bf16=true"),
        *("max_completion_length=9", "normalize_advantages=true", "trust_remote_code=true"),
    ],
)
def test_what_the_recipe_decides_cannot_be_decided_again(arguments, change):
    key = change.partition("=")[0]
    with pytest.raises(TrainError, match=rf"^trl: `{key}` is set by the recipe's own keys$"):
        arguments(f"trl.{change}")


@pytest.mark.parametrize(
    "changes",
    [
        ("trl.generation_batch_size=16",),  # TRL wants one of two, and has the other from us
        ("trl.pad_to_multiple_of=many",),
    ],
)
def test_what_trl_itself_refuses_is_told_with_the_recipes_name(arguments, changes):
    with pytest.raises(TrainError, match=r"^small: "):
        arguments(*changes)


def test_what_is_only_a_default_of_ours_can_be_set(arguments, recipe, tmp_path):
    assert arguments("trl.disable_dropout=false").disable_dropout is False
    assert sft_arguments(recipe("trl.max_length=99", text=SFT), tmp_path).max_length == 99


def test_vllm_is_told_to_trl(arguments):
    found = arguments("base.path=org/model", "vllm={gpu_memory_utilization: 0.4}")
    assert found.use_vllm
    assert (found.vllm_mode, found.vllm_gpu_memory_utilization) == ("colocate", 0.4)
    assert found.vllm_enable_sleep_mode
    server = arguments("base.path=org/model", "vllm={mode: server, base_url: 'http://localhost:1'}")
    assert (server.vllm_mode, server.vllm_server_base_url) == ("server", "http://localhost:1")
    assert not server.vllm_enable_sleep_mode


def test_vllm_is_refused_for_an_embedded_base(arguments):
    with pytest.raises(
        TrainError, match=r"^vllm: the embedded models are trained with transformers"
    ):
        arguments("vllm={mode: colocate}")


def test_sft_takes_its_loss_from_responses_alone_and_cuts_none(recipe, tmp_path):
    found = sft_arguments(recipe(text=SFT), tmp_path)
    assert isinstance(found, SFTConfig)
    assert found.completion_only_loss is True
    assert found.max_length is None
    assert (found.per_device_train_batch_size, found.max_steps) == (6, -1)
    assert (found.num_train_epochs, found.seed) == (3, 42)
    assert sft_arguments(recipe("optimization.steps=4", text=SFT), tmp_path).max_steps == 4


def test_dpo_has_its_beta_and_cuts_nothing(recipe, tmp_path):
    found = dpo_arguments(recipe(text=DPO), tmp_path)
    assert isinstance(found, DPOConfig)
    assert (found.beta, found.max_length) == (0.3, None)
    assert updates_per_step(recipe(text=DPO)) == 1


@pytest.mark.parametrize(
    ("name", "processes", "max_steps", "accumulate"),
    [
        ("arora-1.5b", 4, 200, 32),
        ("arora-7b", 8, 200, 16),
        ("l1-exact-1.5b", 8, 1400, 32),
        ("l1-max-1.5b", 8, 240, 32),
        ("sft-shortest-1.5b", 1, -1, 32),
        ("dpo-1.5b", 1, -1, 32),
    ],
)
def test_recipes_for_real_hardware_become_configurations_on_the_gpus_they_name(
    recipe, tmp_path, name, processes, max_steps, accumulate
):
    """As they are, not as `--dry-run` makes them."""
    read = recipe(text=name)
    make = {"reinforcement": reinforcement_arguments, "sft": sft_arguments, "dpo": dpo_arguments}
    more = (processes,) if read.kind == "reinforcement" else ()
    found = make[read.kind](read, tmp_path, *more)
    assert (found.max_steps, found.gradient_accumulation_steps) == (max_steps, accumulate)
    assert found.bf16
    assert found.gradient_checkpointing
    assert found.per_device_train_batch_size == read.optimization.rows_per_device
    if read.kind == "reinforcement":
        assert found.use_vllm
        assert found.beta == 0.001


def test_lora_is_told_to_peft(recipe):
    assert peft_config(recipe().lora) is None
    found = peft_config(recipe("lora={rank: 4, alpha: 8, dropout: 0.1}").lora)
    assert (found.r, found.lora_alpha, found.lora_dropout) == (4, 8, 0.1)
    assert (found.target_modules, found.task_type) == ("all-linear", "CAUSAL_LM")
    own = peft_config(recipe("lora.modules=[q_proj, v_proj]").lora)
    assert set(own.target_modules) == {"q_proj", "v_proj"}
