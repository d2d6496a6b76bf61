"""Plain supervised training of a small reasoner from random weights: seeded, resumable, metered."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from costbench.allocator import keep_freed_memory
from costbench.engines.model_files import resolve_model
from costbench.errors import TrainError, first_line
from trainers.checkpoint import Checkpoint, Ledger
from trainers.documents import Batch, batches, tokenizer_for
from trainers.interrupts import interrupts_held
from trainers.scratch import Optimization, Shape, SupervisedRecipe
from trainers.spending import Spending
from trainers.tokenizer import save_tokenizer

_PROGRESS_EVERY_STEPS = 50
_LOSS_MEMORY = 0.98


@dataclass(frozen=True)
class Progress:
    """Where a training stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    remaining_s: float


def train_supervised(
    recipe: SupervisedRecipe,
    folder: Path,
    report: Callable[[Progress], None],
    *,
    report_every_steps: int = _PROGRESS_EVERY_STEPS,
) -> Ledger:
    """Train to the recipe's last step and write an ordinary model folder; goes on from a checkpoint.

    On KeyboardInterrupt the step is finished and a checkpoint written before it is raised again.
    Raises TrainError when the folder's checkpoint belongs to another recipe.
    """
    keep_freed_memory()
    torch.manual_seed(recipe.seed)
    tokenizer, model = _begin(recipe)
    optimizers = build_optimizers(model, recipe.optimization)
    checkpoint = Checkpoint(folder / "checkpoint", recipe)
    ledger = checkpoint.load(model, optimizers)
    with Spending(ledger) as spending:
        steps = _Steps(recipe, model, optimizers, tokenizer, spending)
        try:
            steps.run(checkpoint, report, report_every_steps)
        except KeyboardInterrupt:
            checkpoint.save(model, optimizers, spending.settle())
            raise
        checkpoint.save(model, optimizers, spending.settle())
    export(model, tokenizer, folder)
    return spending.ledger


def _begin(recipe: SupervisedRecipe) -> tuple[PreTrainedTokenizerFast, Qwen3ForCausalLM]:
    """Random weights and a tokenizer with the recipe's words, or a finished model."""
    if recipe.base is None:
        tokenizer = tokenizer_for(recipe.data)
        return tokenizer, build_model(recipe.model, tokenizer)
    path = str(resolve_model(recipe.base))
    try:
        found = Qwen3ForCausalLM.from_pretrained(path, dtype=torch.float32)
        return PreTrainedTokenizerFast.from_pretrained(path), found
    except (OSError, ValueError) as error:
        raise TrainError(f"base {recipe.base}: cannot be loaded: {first_line(error)}") from error


class _Steps:
    """The training loop and what it carries along."""

    def __init__(
        self,
        recipe: SupervisedRecipe,
        model: Qwen3ForCausalLM,
        optimizers: list[torch.optim.Optimizer],
        tokenizer: PreTrainedTokenizerFast,
        spending: Spending,
    ) -> None:
        self._recipe = recipe
        self._model = model
        self._optimizers = optimizers
        self._tokenizer = tokenizer
        self._spending = spending
        self._loss = math.nan

    def run(
        self, checkpoint: Checkpoint, report: Callable[[Progress], None], report_every_steps: int
    ) -> None:
        """All steps from where the ledger stands to the last; raises KeyboardInterrupt only between two."""
        plan, ledger = self._recipe.optimization, self._spending.ledger
        rows = batches(
            self._recipe.data,
            self._tokenizer,
            seed=self._recipe.seed,
            batch_size=plan.batch_size,
            first_step=ledger.step,
        )
        began, first, first_tokens = time.monotonic(), ledger.step, ledger.tokens
        with interrupts_held() as interrupted:
            while ledger.step < plan.steps:
                self._step(next(rows))
                if ledger.step % self._recipe.checkpoint_every_steps == 0:
                    checkpoint.save(self._model, self._optimizers, self._spending.settle())
                if ledger.step % report_every_steps == 0:
                    spent_s = time.monotonic() - began
                    report(
                        Progress(
                            step=ledger.step,
                            steps=plan.steps,
                            loss=self._loss,
                            tokens_per_second=(ledger.tokens - first_tokens) / spent_s,
                            remaining_s=spent_s
                            / (ledger.step - first)
                            * (plan.steps - ledger.step),
                        )
                    )
                if interrupted.is_set():
                    raise KeyboardInterrupt

    def _step(self, batch: Batch) -> None:
        ledger, plan = self._spending.ledger, self._recipe.optimization
        scale = learning_rate_scale(ledger.step, plan)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * scale
            optimizer.zero_grad()
        loss = next_token_loss(self._model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), plan.gradient_clip)
        for optimizer in self._optimizers:
            optimizer.step()
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss became {value} at step {ledger.step}")
        self._loss = (
            value
            if math.isnan(self._loss)
            else _LOSS_MEMORY * self._loss + (1 - _LOSS_MEMORY) * value
        )
        ledger.step += 1
        ledger.tokens += int((batch.ids != self._tokenizer.pad_token_id).sum())


def build_model(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A Qwen3 model of this shape with random weights from torch's seed."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            head_dim=shape.head_size,
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
            initializer_range=0.05,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_optimizers(model: Qwen3ForCausalLM, plan: Optimization) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms (see docs/log.md)."""
    inside = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]  # noqa: PLR2004
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]  # noqa: PLR2004
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(inside, lr=plan.matrix_learning_rate, weight_decay=0.0),
        torch.optim.AdamW(others, lr=plan.learning_rate, betas=plan.betas, weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def learning_rate_scale(step: int, plan: Optimization) -> float:
    """Share of the full rate at `step`: up over the warm-up, then down in a line to zero."""
    rising = (step + 1) / plan.warmup_steps
    falling = (plan.steps - step) / max(1, plan.steps - plan.warmup_steps)
    return min(1.0, rising, falling)


def next_token_loss(model: Qwen3ForCausalLM, batch: Batch) -> torch.Tensor:
    """Weighted mean cross entropy over the tokens that count."""
    states = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state[:, :-1]
    weights = batch.weights[:, 1:]
    counted = weights > 0
    losses = torch.nn.functional.cross_entropy(
        model.lm_head(states[counted]), batch.ids[:, 1:][counted], reduction="none"
    )
    return (losses * weights[counted]).sum() / weights.sum()


def export(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """An ordinary Hugging Face folder: bfloat16 safetensors, tokenizer, sampling defaults."""
    weights = {name: p.detach().to(torch.bfloat16) for name, p in model.state_dict().items()}
    copy: Any = Qwen3ForCausalLM(model.config)
    copy.to(torch.bfloat16)
    copy.load_state_dict(weights)
    copy.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.6,
        top_p=0.95,
        top_k=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    copy.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
