"""What a card says of a recipe, whatever kind it is of."""

import hashlib
import json
import os
from dataclasses import dataclass

from costbench.datasets.arithmetic import DEFAULT_LEVELS
from costbench.interfaces import Policy
from costbench.policies.asking import BudgetMode
from costbench.policies.prompt_budget import PromptBudget
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Thinking
from trainers.recipe import Recipe, TuningRecipe, bundled_recipes, load_recipe
from trainers.scratch import SupervisedRecipe
from trainers.trl_config import process_count
from trainers.tuning import ReinforcementRecipe

_SPREAD = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Where in the range of trained lengths a card looks."""
_SHOWN_CAP = 512


@dataclass(frozen=True)
class Made:
    """One recipe in a card's words."""

    recipe: Recipe
    identity: str
    base: str
    """As the recipe names it."""
    thinking: Thinking
    method: str
    words: str
    training_type: str
    """As hubs call it."""
    policies: tuple[Policy, ...]
    """What to measure it under."""
    levels: tuple[int, int] | None
    """Of the generated problems that it was trained on; None where it was trained on others."""
    metered: bool = True
    """Whether all that worked on it was in this machine."""

    @property
    def base_name(self) -> str:
        """Without where it is."""
        return self.base.removeprefix("embedded:")


def recipe_sha256(recipe: Recipe) -> str:
    """Of all that a recipe says but where it is computed, and how often it is stored and shown."""
    said = recipe.model_dump(mode="json", exclude=_NOT_IDENTITY)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


_NOT_IDENTITY = {
    "compute",
    "checkpoint_every_steps",
    "keep_checkpoints",
    "print_every_steps",
    "log_to",
    "needs",
}


def again(recipe: Recipe) -> str:
    """The command that makes it again: by name only where the bundled recipe of that name is this one."""
    bundled = bundled_recipes().get(recipe.name)
    known = bundled is not None and recipe_sha256(load_recipe(bundled)) == recipe_sha256(recipe)
    return f"`costbench train {recipe.name}`" if known else "`costbench train` with this recipe"


def made_by(recipe: Recipe) -> Made:
    """The card's view of a recipe; one that begins with random weights has a card of its own kind."""
    if isinstance(recipe, SupervisedRecipe):
        return _made_by_supervision(recipe)
    arithmetic = recipe.data.get("kind") == "arithmetic"
    low, high = recipe.data.get("levels", DEFAULT_LEVELS)
    return Made(
        recipe=recipe,
        identity=recipe_sha256(recipe),
        base=recipe.base.path,
        thinking=recipe.base.thinking,
        method=_method(recipe),
        words=_words(recipe),
        training_type=_HUB_NAMES.get(recipe.kind, "fine-tuning"),
        policies=_policies(recipe),
        levels=(low, high) if arithmetic else None,
        metered=_all_metered(recipe),
    )


def _made_by_supervision(recipe: SupervisedRecipe) -> Made:
    data = recipe.data
    asked = spread(data.budget_tokens, "exact", _SHOWN_CAP) if data.budget_obeyed else ()
    return Made(
        recipe=recipe,
        identity=recipe_sha256(recipe),
        base=recipe.base or "",
        thinking=Thinking(),
        method="supervised",
        words="supervised training on written-out reasoning"
        + (" of the length that its prompt asks for" if data.budget_obeyed else ""),
        training_type="fine-tuning",
        policies=asked or (Unconstrained(max_tokens=_SHOWN_CAP),),
        levels=data.levels,
    )


def spread(tokens: tuple[int, int], mode: BudgetMode, cap: int) -> tuple[Policy, ...]:
    """Budgets in the prompt, spread over a range."""
    low, high = tokens
    budgets = [round(low + (high - low) * share) for share in _SPREAD]
    return tuple(PromptBudget(budget=one, mode=mode, max_tokens=cap) for one in budgets)


def _policies(recipe: TuningRecipe) -> tuple[Policy, ...]:
    plan = recipe.rollouts if isinstance(recipe, ReinforcementRecipe) else recipe.sampled
    if recipe.lengths is None:
        return (Unconstrained(max_tokens=plan.max_tokens),)
    mode: BudgetMode = "maximum" if recipe.lengths.maximum > 0 else "exact"
    return spread(recipe.lengths.tokens, mode, plan.max_tokens)


_HUB_NAMES = {"reinforcement": "reinforcement learning"}


def _method(recipe: TuningRecipe) -> str:
    """The reward of reinforcement, else the kind of training."""
    return str(recipe.reward["kind"]) if isinstance(recipe, ReinforcementRecipe) else recipe.kind


def _words(recipe: TuningRecipe) -> str:
    if not isinstance(recipe, ReinforcementRecipe):
        return {"sft": "rejection sampling and supervised fine-tuning", "dpo": "DPO"}[recipe.kind]
    shown = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in recipe.reward.items()
        if key != "kind"
    )
    reward = f"reward {recipe.reward['kind']}" + (f": {shown}" if shown else "")
    return f"{recipe.policy.estimator.upper()}, {reward}"


def _all_metered(recipe: TuningRecipe) -> bool:
    """Other nodes and a vLLM server are not seen."""
    vllm = recipe.vllm if isinstance(recipe, ReinforcementRecipe) else None
    local = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
    return process_count() == local and (vllm is None or vllm.mode != "server")
