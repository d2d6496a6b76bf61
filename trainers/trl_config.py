"""A recipe in TRL's words. Its trainers are used as they are: what a recipe means is decided here alone."""

import dataclasses
import difflib
import os
from pathlib import Path
from typing import Any

from costbench.errors import TrainError
from trainers.tuning import DpoRecipe, ReinforcementRecipe, SftRecipe, Tuning


def reinforcement_arguments(recipe: ReinforcementRecipe, folder: Path, processes: int) -> Any:
    """An RLOOConfig or a GRPOConfig; raises TrainError where groups would be split between processes."""
    from trl import GRPOConfig, RLOOConfig

    rollouts, policy = recipe.rollouts, recipe.policy
    per_process = rows_per_process(recipe, processes)
    rows = recipe.optimization.rows_per_device
    values = _common(recipe, folder) | {
        "max_steps": _updates(recipe),
        "num_generations": rollouts.group_size,
        "max_completion_length": rollouts.max_tokens,
        "temperature": rollouts.temperature,
        "top_p": rollouts.top_p,
        "top_k": rollouts.top_k,
        "per_device_train_batch_size": rows,
        "steps_per_generation": per_process // rows,
        "gradient_accumulation_steps": per_process // rows // policy.updates_per_rollout,
        "num_iterations": policy.passes,
        "beta": policy.kl,
        "epsilon": policy.clip,
        "epsilon_high": policy.clip_high,
        "disable_dropout": True,
        **_vllm(recipe),
    }
    if policy.estimator == "rloo":
        values["normalize_advantages"] = policy.scale == "batch"
        return _configured(RLOOConfig, values, recipe)
    values |= {"scale_rewards": policy.scale, "loss_type": policy.loss}
    return _configured(GRPOConfig, values, recipe)


def sft_arguments(recipe: SftRecipe, folder: Path) -> Any:
    """An SFTConfig; the loss is on responses alone."""
    from trl import SFTConfig

    values = _common(recipe, folder) | _epochs(recipe) | {"completion_only_loss": True}
    return _configured(SFTConfig, {**values, "max_length": None}, recipe)


def dpo_arguments(recipe: DpoRecipe, folder: Path) -> Any:
    """A DPOConfig."""
    from trl import DPOConfig

    values = _common(recipe, folder) | _epochs(recipe) | {"beta": recipe.beta}
    return _configured(DPOConfig, {**values, "max_length": None}, recipe)


def rows_per_process(recipe: ReinforcementRecipe, processes: int) -> int:
    """Responses of a step in each process; raises TrainError unless these are whole groups and batches."""
    rollouts, rows = recipe.rollouts, recipe.optimization.rows_per_device
    responses = rollouts.responses
    if responses % (processes * rollouts.group_size):
        raise TrainError(
            f"rollouts: {rollouts.problems} groups a step do not divide among {processes} processes; a group "
            f"must stay in one, so `problems` has to be a multiple of {processes}"
        )
    per_process = responses // processes
    if per_process % (rows * recipe.policy.updates_per_rollout):
        raise TrainError(
            f"rollouts: {per_process} responses in each of {processes} processes do not split into "
            f"{recipe.policy.updates_per_rollout} updates of batches of {rows} (rows_per_device)"
        )
    return per_process


def process_count() -> int:
    """How many processes `accelerate launch` or `torchrun` started."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def _updates(recipe: ReinforcementRecipe) -> int:
    steps = recipe.optimization.steps
    if steps is None:
        return -1
    return steps * recipe.policy.updates_per_rollout * recipe.policy.passes


def updates_per_step(recipe: Tuning) -> int:
    """TRL's steps in one of ours."""
    if isinstance(recipe, ReinforcementRecipe):
        return recipe.policy.updates_per_rollout * recipe.policy.passes
    return 1


def _common(recipe: Tuning, folder: Path) -> dict[str, Any]:
    plan = recipe.optimization
    return {
        "output_dir": str(folder),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "num_train_epochs": plan.epochs,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": _SCHEDULES[plan.schedule],
        "warmup_steps": plan.warmup_steps,
        "adam_beta1": plan.betas[0],
        "adam_beta2": plan.betas[1],
        "weight_decay": plan.weight_decay,
        "max_grad_norm": plan.gradient_clip,
        "bf16": plan.bf16,
        "gradient_checkpointing": plan.gradient_checkpointing,
        "use_cpu": not _has_gpu(),
        "model_init_kwargs": {"dtype": recipe.base.dtype, "revision": recipe.base.revision},
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_every_steps * updates_per_step(recipe),
        "save_total_limit": recipe.keep_checkpoints,
        "logging_steps": updates_per_step(recipe),
        "report_to": list(recipe.log_to) or "none",
        "run_name": recipe.name,
        "disable_tqdm": True,
        "trust_remote_code": False,
    }


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def _epochs(recipe: SftRecipe | DpoRecipe) -> dict[str, Any]:
    plan = recipe.optimization
    return {
        "per_device_train_batch_size": plan.rows_per_device,
        "max_steps": plan.steps or -1,
    }


def _vllm(recipe: ReinforcementRecipe) -> dict[str, Any]:
    if recipe.vllm is None:
        return {}
    if recipe.base.path.startswith("embedded:"):
        raise TrainError("vllm: the embedded models are trained with transformers' own generation")
    vllm = recipe.vllm
    return {
        "use_vllm": True,
        "vllm_mode": vllm.mode,
        "vllm_server_base_url": vllm.base_url,
        "vllm_gpu_memory_utilization": vllm.gpu_memory_utilization,
        "vllm_tensor_parallel_size": vllm.tensor_parallel_size,
        "vllm_enable_sleep_mode": vllm.sleep and vllm.mode == "colocate",
    }


def _configured(kind: Any, values: dict[str, Any], recipe: Tuning) -> Any:
    known = {field.name for field in dataclasses.fields(kind)}
    for key in recipe.trl:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise TrainError(f"trl: {kind.__name__} has no `{key}`{hint}")
        if key in values.keys() - _OPEN:
            raise TrainError(f"trl: `{key}` is set by the recipe's own keys")
    try:
        return kind(**values | recipe.trl)
    except (ValueError, TypeError) as error:
        raise TrainError(f"{recipe.name}: {error}") from error


_OPEN = frozenset({"disable_dropout", "max_length"})
"""Set by us because TRL has another default; no key of a recipe means the same."""


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
