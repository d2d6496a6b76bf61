"""Plain supervised training of a small reasoner from random weights: seeded, resumable, metered."""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from costbench.allocator import keep_freed_memory
from costbench.engines.model_files import resolve_model
from costbench.errors import TrainError, first_line
from trainers.batches import Batch, batches
from trainers.checkpoint import Checkpoint, Ledger
from trainers.computing import Computer
from trainers.documents import tokenizer_for
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
    computer = Computer(model, recipe.compute)
    optimizers = build_optimizers(model, recipe.optimization)
    checkpoint = Checkpoint(folder / "checkpoint", recipe)
    ledger = checkpoint.load(model, optimizers)
    with Spending(ledger, computer.gpus) as spending:
        learner = _Learner(computer, model, optimizers, recipe.optimization)
        steps = _Steps(recipe, learner, tokenizer, spending, checkpoint)
        try:
            steps.run(report, report_every_steps)
        except KeyboardInterrupt:
            steps.save()
            raise
        steps.save()
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


@dataclass(frozen=True)
class _Learner:
    """A model and what moves its weights."""

    computer: Computer
    model: Qwen3ForCausalLM
    optimizers: list[torch.optim.Optimizer]
    plan: Optimization

    def step(self, batch: Batch, number: int) -> torch.Tensor:
        """Move the weights once; the loss stays where it was computed, so that nobody waits for it."""
        scale = learning_rate_scale(number, self.plan)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * scale
            optimizer.zero_grad()
        loss = self.computer.descend(batch)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss


class _Steps:
    """The training loop and what it carries along."""

    def __init__(
        self,
        recipe: SupervisedRecipe,
        learner: _Learner,
        tokenizer: PreTrainedTokenizerFast,
        spending: Spending,
        checkpoint: Checkpoint,
    ) -> None:
        self._recipe = recipe
        self._learner = learner
        self._tokenizer = tokenizer
        self._spending = spending
        self._checkpoint = checkpoint
        self._loss = math.nan
        self._unread: list[torch.Tensor] = []

    def run(self, report: Callable[[Progress], None], report_every_steps: int) -> None:
        """All steps from where the ledger stands to the last; raises KeyboardInterrupt only between two."""
        recipe, ledger = self._recipe, self._spending.ledger
        endless = batches(
            recipe.data,
            self._tokenizer,
            seed=recipe.seed,
            batch_size=recipe.optimization.batch_size,
            first_step=ledger.step,
            workers=recipe.compute.workers,
        )
        pace = _Pace(ledger, recipe.optimization.steps)
        with closing(endless) as rows, interrupts_held() as interrupted:
            while ledger.step < recipe.optimization.steps:
                self._step(next(rows))
                if ledger.step % recipe.checkpoint_every_steps == 0:
                    self.save()
                if ledger.step % report_every_steps == 0:
                    report(pace.progress(self._read()))
                if interrupted.is_set():
                    raise KeyboardInterrupt

    def save(self) -> None:
        """Store where the training stands; raises FloatingPointError instead where it has blown up."""
        self._read()
        self._checkpoint.save(
            self._learner.model, self._learner.optimizers, self._spending.settle()
        )

    def _step(self, batch: Batch) -> None:
        ledger = self._spending.ledger
        self._unread.append(self._learner.step(batch, ledger.step))
        ledger.step += 1
        ledger.tokens += int((batch.ids != self._tokenizer.pad_token_id).sum())

    def _read(self) -> float:
        """The mean loss of late, once the device has caught up; raises FloatingPointError."""
        values = torch.stack(self._unread).tolist() if self._unread else []
        self._unread.clear()
        for step, value in enumerate(values, start=self._spending.ledger.step - len(values)):
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss became {value} at step {step}")
            self._loss = (
                value
                if math.isnan(self._loss)
                else _LOSS_MEMORY * self._loss + (1 - _LOSS_MEMORY) * value
            )
        return self._loss


class _Pace:
    """How fast a training goes since this part of it began."""

    def __init__(self, ledger: Ledger, steps: int) -> None:
        self._ledger = ledger
        self._steps = steps
        self._began_s, self._first, self._first_tokens = (
            time.monotonic(),
            ledger.step,
            ledger.tokens,
        )

    def progress(self, loss: float) -> Progress:
        """Where it stands now."""
        ledger, spent_s = self._ledger, time.monotonic() - self._began_s
        return Progress(
            step=ledger.step,
            steps=self._steps,
            loss=loss,
            tokens_per_second=(ledger.tokens - self._first_tokens) / spent_s,
            remaining_s=spent_s / (ledger.step - self._first) * (self._steps - ledger.step),
        )


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
