"""`--dry-run`: two steps of a recipe on any machine, the embedded model in place of what is downloaded."""

import tempfile
from pathlib import Path
from typing import Any

from trainers.recipe import TuningRecipe
from trainers.scratch import SupervisedRecipe
from trainers.telling import Telling, tell
from trainers.train import train
from trainers.tuning import DpoRecipe, ReinforcementRecipe, SftRecipe

_BASE = "embedded:abacus-base"
_STEPS, _PROBLEMS, _MAX_TOKENS, _GROUP, _ROWS = 2, 16, 96, 4, 8


def rehearse(recipe: TuningRecipe) -> None:
    """Say what is replaced, run two steps through the same code, leave nothing behind."""
    small, replaced = stand_in(recipe)
    for one in replaced:
        tell(f"dry run: {one}")
    telling = Telling(small)
    with tempfile.TemporaryDirectory(prefix="costbench-rehearsal-") as folder:
        trained = train(small, Path(folder) / recipe.name, telling)
    telling.end()
    if trained is not None:
        tell(f"dry run: {recipe.name} passed: {trained.ledger.step} steps, nothing kept")


def rehearse_supervised(recipe: SupervisedRecipe) -> None:
    """The same for a recipe that downloads nothing: its own model on its own data, few rows, then export."""
    from trainers.supervised import Progress, train_supervised

    plan = recipe.optimization.model_copy(update={"steps": _STEPS, "batch_size": _ROWS})
    compute = recipe.compute.model_copy(update={"workers": min(recipe.compute.workers, 1)})
    small = recipe.model_copy(update={"optimization": plan, "compute": compute})
    tell(f"dry run: {_STEPS} steps of {_ROWS} rows, the model of its own size")

    def show(progress: Progress) -> None:
        tell(f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}")

    with tempfile.TemporaryDirectory(prefix="costbench-rehearsal-") as folder:
        ledger = train_supervised(small, Path(folder) / recipe.name, show, report_every_steps=1)
    tell(f"dry run: {recipe.name} passed: {ledger.step} steps, nothing kept")


def stand_in(recipe: TuningRecipe) -> tuple[TuningRecipe, list[str]]:
    """The recipe with everything made small, and a sentence for each thing that is not the recipe's own."""
    replaced = []
    changes: dict[str, Any] = {"base": {"path": _BASE, "dtype": "float32"}}
    if recipe.base.path != _BASE:
        replaced.append(f"base {recipe.base.path} -> {_BASE}")
    changes["data"] = {
        "kind": "arithmetic",
        "split": "train",
        "problems": _PROBLEMS,
        "levels": [1, 3],
    }
    if recipe.data.get("kind") != "arithmetic":
        name = recipe.data.get("path", recipe.data.get("kind"))
        replaced.append(f"data {name} -> {_PROBLEMS} generated arithmetic problems")
    plan = {
        "steps": _STEPS,
        "rows_per_device": _ROWS,
        "bf16": False,
        "gradient_checkpointing": False,
    }
    changes["optimization"] = recipe.optimization.model_dump() | plan
    replaced.append(f"{_STEPS} steps in float32, responses of at most {_MAX_TOKENS} tokens")
    changes |= _smaller(recipe, replaced)
    said = recipe.model_dump(mode="json") | changes
    own = {key: value for key, value in recipe.trl.items() if not key.startswith("vllm_")}
    said |= {"checkpoint_every_steps": 1, "print_every_steps": 2, "log_to": [], "trl": own}
    return type(recipe).model_validate(said), replaced


def _smaller(recipe: TuningRecipe, replaced: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if recipe.lengths is not None:
        changes["lengths"] = recipe.lengths.model_dump() | {"tokens": [16, _MAX_TOKENS]}
    if isinstance(recipe, ReinforcementRecipe):
        if recipe.vllm is not None:
            replaced.append("vllm -> transformers' own generation")
        rollouts = {"problems": 4, "group_size": _GROUP, "max_tokens": _MAX_TOKENS}
        updates = min(recipe.policy.updates_per_rollout, 2)
        changes["vllm"] = None
        changes["rollouts"] = recipe.rollouts.model_dump() | rollouts
        changes["policy"] = recipe.policy.model_dump() | {"updates_per_rollout": updates}
    elif isinstance(recipe, SftRecipe | DpoRecipe):
        engine = "transformers"
        sampled = {"samples_per_problem": _GROUP, "max_tokens": 2 * _MAX_TOKENS, "engine": engine}
        changes["sampled"] = recipe.sampled.model_dump() | sampled
    return changes
