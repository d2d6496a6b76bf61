"""TRL's trainers, put together from a recipe; nothing of theirs is changed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from costbench.engines.model_files import resolve_model
from costbench.errors import TrainError, first_line
from costbench.interfaces import Grader
from costbench.types import Problem
from trainers.choosing import dpo_rows, sft_rows
from trainers.export import end_ids
from trainers.naming import Reward, build_reward, component
from trainers.prompts import rows_of
from trainers.rewarding import Judge, Rewarding
from trainers.sampling import Response
from trainers.trl_config import (
    dpo_arguments,
    process_count,
    reinforcement_arguments,
    sft_arguments,
)
from trainers.tuning import Base, DpoRecipe, Lora, ReinforcementRecipe, SftRecipe


def load_tokenizer(base: Base) -> PreTrainedTokenizerBase:
    """The base model's; raises TrainError where it has no chat template or does not know the markers."""
    path = str(resolve_model(base.path))
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, revision=base.revision, padding_side="left")
    except (OSError, ValueError) as error:
        raise TrainError(f"base {base.path}: cannot be loaded: {first_line(error)}") from error
    if tokenizer.chat_template is None:
        raise TrainError(f"base {base.path}: its tokenizer has no chat template")
    close = base.thinking.close
    ids = tokenizer.encode(close, add_special_tokens=False)
    if len(ids) != 1 and not set(ids) & set(tokenizer.added_tokens_decoder):
        raise TrainError(
            f"base {base.path}: {close!r} is no token of its own: the model does not mark its thinking; "
            "start from a reasoning model, or name its markers under base.thinking"
        )
    return tokenizer


@contextmanager
def build_rewarding(
    recipe: ReinforcementRecipe, tokenizer: PreTrainedTokenizerBase
) -> Iterator[Rewarding]:
    """The recipe's reward, with its grader at work; raises TrainError where reward and prompts do not fit."""
    reward = build_reward(recipe.reward, recipe.rollouts.max_tokens)
    _check_fit(recipe, reward)
    grader: Grader = component("graders", recipe.grader, "grader")
    exact_alpha = recipe.lengths.exact_alpha if recipe.lengths else 0.0
    with grader.open() as grade:
        ends, close = end_ids(recipe.base, tokenizer), recipe.base.thinking.close
        decode: Any = partial(tokenizer.decode, skip_special_tokens=False)
        judge = Judge(grade=grade, decode=decode, ends=ends, close=close)
        yield Rewarding(reward, judge, recipe.rollouts.group_size, exact_alpha)


def _check_fit(recipe: ReinforcementRecipe, reward: Reward) -> None:
    if reward.takes_targets and recipe.lengths is None:
        raise TrainError(f"reward {reward.name} needs `lengths`: what the prompts ask for")
    if recipe.lengths is not None and not reward.takes_targets:
        raise TrainError(f"reward {reward.name} does not look at `lengths`; leave them out")
    if recipe.lengths is not None and recipe.lengths.maximum and reward.name == "lcpo_exact":
        raise TrainError("reward lcpo_exact has no maximum: use lcpo_max, or lengths.maximum: 0")
    if recipe.lengths is not None and not recipe.lengths.maximum and reward.name != "lcpo_exact":
        raise TrainError(
            f"reward {reward.name} is for prompts that name a maximum, and lengths.maximum is 0"
        )
    if reward.first_state is not None and process_count() > 1:
        raise TrainError(
            f"reward {reward.name} remembers responses, each process its own: train with it in one process"
        )


def reinforcement_trainer(
    recipe: ReinforcementRecipe,
    work: Path,
    problems: Sequence[Problem],
    rewarding: Rewarding,
    tokenizer: PreTrainedTokenizerBase,
) -> Any:
    """TRL's RLOOTrainer or GRPOTrainer on the problems."""
    from datasets import Dataset
    from trl import GRPOTrainer, RLOOTrainer

    kind = RLOOTrainer if recipe.policy.estimator == "rloo" else GRPOTrainer
    rows = rows_of(problems, recipe.lengths, recipe.seed)
    if len(rows) < recipe.rollouts.problems:
        raise TrainError(
            f"data: {len(rows)} problems are too few for a step of {recipe.rollouts.problems}"
        )
    return kind(
        model=str(resolve_model(recipe.base.path)),
        reward_funcs=rewarding,
        args=reinforcement_arguments(recipe, work, process_count()),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=peft_config(recipe.lora),
    )


def imitation_trainer(
    recipe: SftRecipe | DpoRecipe,
    work: Path,
    sampled: tuple[Sequence[Problem], Sequence[Response]],
    tokenizer: PreTrainedTokenizerBase,
) -> Any:
    """TRL's SFTTrainer or DPOTrainer on chosen responses to the problems."""
    from datasets import Dataset
    from trl import DPOTrainer, SFTTrainer

    model = str(resolve_model(recipe.base.path))
    if isinstance(recipe, SftRecipe):
        return SFTTrainer(
            model=model,
            args=sft_arguments(recipe, work),
            train_dataset=Dataset.from_list(sft_rows(recipe, *sampled, tokenizer)),
            processing_class=tokenizer,
            peft_config=peft_config(recipe.lora),
        )
    return DPOTrainer(
        model=model,
        args=dpo_arguments(recipe, work),
        train_dataset=Dataset.from_list(dpo_rows(recipe, *sampled, tokenizer)),
        processing_class=tokenizer,
        peft_config=peft_config(recipe.lora),
    )


def peft_config(lora: Lora | None) -> Any:
    """In peft's words; None for training all weights."""
    if lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.modules if isinstance(lora.modules, str) else list(lora.modules),
        task_type="CAUSAL_LM",
    )
