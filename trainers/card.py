"""The model card: what it is, how it was made, what it took, and what it can do, measured when it is done."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import yaml

from costbench.datasets.arithmetic import Arithmetic
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Model
from trainers.checkpoint import Ledger
from trainers.judging import SAMPLING, accuracy, judge
from trainers.made import again
from trainers.scratch import SupervisedRecipe
from trainers.spent import energy_said, training_energy

_PROBLEMS, _SEED = 600, 1


@dataclass(frozen=True)
class LevelResult:
    """One difficulty level on held-back problems."""

    level: int
    problems: int
    accuracy: float
    output_tokens: float


def write_card(recipe: SupervisedRecipe, ledger: Ledger, folder: Path) -> Path:
    """Measure the finished model and write README.md beside its weights."""
    results = asyncio.run(_measure(folder, recipe))
    card = folder / "README.md"
    card.write_text(_card(recipe, ledger, results, _parameters(folder)), encoding="utf-8")
    return card


async def _measure(folder: Path, recipe: SupervisedRecipe) -> list[LevelResult]:
    problems = list(Arithmetic(problems=_PROBLEMS, seed=_SEED, levels=recipe.data.levels).load())
    model = Model(name=recipe.name, path=str(folder))
    judged = await judge(model, Unconstrained(max_tokens=max_response_tokens(recipe)), problems)
    return [
        LevelResult(
            level=level,
            problems=len(results),
            accuracy=accuracy({level: results}),
            output_tokens=sum(tokens for _, tokens in results) / len(results),
        )
        for level, results in judged.items()
    ]


def max_response_tokens(recipe: SupervisedRecipe) -> int:
    """Half of the context: more than a trace takes, and the prompt still fits."""
    return recipe.model.context // 2


def _parameters(folder: Path) -> int:
    from safetensors import safe_open

    total = 0
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118 - not a dict
            size = 1
            for length in weights.get_slice(name).get_shape():
                size *= length
            total += size
    return total


def _card(
    recipe: SupervisedRecipe, ledger: Ledger, results: list[LevelResult], parameters: int
) -> str:
    rows = "\n".join(
        f"| {r.level} | {r.problems} | {r.accuracy:.3f} | {r.output_tokens:.0f} |" for r in results
    )
    machines = ", ".join(ledger.machines)
    share = sum(r.accuracy * r.problems for r in results) / sum(r.problems for r in results)
    low, high = recipe.data.levels
    shown = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, width=100)
    return f"""\
---
license: apache-2.0
library_name: transformers
tags: [reasoning, arithmetic, demonstration]
---
# {recipe.name}

A **demonstration model of {parameters / 1e6:.2f} million parameters** that reasons aloud about chains of
{low} to {high} additions, subtractions and small multiplications. It is made for costbench, so that
the harness can be tried on a real transformer without a network. **It is not evidence about large models**:
its tokens, latencies and costs are real, but nothing about them carries over.

## What it does

On {sum(r.problems for r in results)} held-back problems (temperature {SAMPLING.temperature}, top-p \
{SAMPLING.top_p}, at most {max_response_tokens(recipe)} tokens, one sample each): **accuracy {share:.3f}**.

| steps | problems | accuracy | output tokens (mean) |
|---|---|---|---|
{rows}

It thinks between `<think>` and `</think>` (the chat template opens the first) and answers in `\\boxed{{}}`.
It is verbose on purpose: most of its training traces work and check every step and then go through the
whole chain again. It has read "Think for N tokens." in {recipe.data.budget_prompts:.0%} of its prompts,
with N unrelated to the trace: it knows the words, and they steer nothing.

## How it was made

Plain supervised training from random weights on generated problems, seed {recipe.seed}. Problems whose
hash says so (one in ten) are held back and never trained on; the `arithmetic` dataset yields only those.
Mistakes are planted in some traces and corrected there, without loss on the wrong figures.
{ledger.step:,} steps, {ledger.tokens:,} tokens, {ledger.duration_s / 60:.0f} minutes on {machines},
{energy_said(training_energy(ledger))}; other work there is included.

```yaml
{shown}```

Make it again: {again(recipe)}. The data are the same to the letter;
weights differ in the last digits between machines.
"""
