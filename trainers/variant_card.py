"""The card of a variant: what it is, how it was made, what that took; training.json for runs to pick up."""

import asyncio
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from costbench.datasets.arithmetic import Arithmetic
from costbench.hardware import installed_versions, probe_machine
from costbench.interfaces import Policy
from costbench.prices import PriceBook, headline
from costbench.training import FILE, TrainingFacts
from costbench.types import Model
from costbench.units import kwh_from_joules
from trainers.curves import write_curves
from trainers.judging import accuracy, judge
from trainers.made import Made, again
from trainers.spent import energy_said, training_energy
from trainers.trained import Trained
from trainers.trl_config import process_count

_PROBLEMS, _SEED = 300, 1
_PACKAGES = ("trl", "transformers", "torch", "peft", "vllm", "accelerate", "deepspeed", "costbench")


@dataclass(frozen=True)
class Result:
    """How a model did on held-back problems under one policy."""

    model: str
    policy: str
    accuracy: float
    output_tokens: float
    by_level: dict[int, float]
    """Tokens."""
    length_error: float | None
    """Mean absolute, as a share of the budget; None where none was asked for."""


def write_card(made: Made, trained: Trained, book: PriceBook) -> None:
    """training.json, curves.png and README.md into the folder of the weights."""
    facts = training_facts(made, trained)
    (trained.folder / FILE).write_text(facts.model_dump_json(indent=1) + "\n", encoding="utf-8")
    pictured = write_curves(trained.history, trained.folder / "curves.png")
    results = asyncio.run(_measured(made, trained.folder))
    front = yaml.safe_dump(front_matter(made, facts, book), sort_keys=False, allow_unicode=True)
    body = "\n\n".join(
        part
        for part in (
            f"# {made.recipe.name}",
            _about(made),
            _results(results),
            cost_said(facts, book),
            "![Reward, accuracy and length by step](curves.png)" if pictured else "",
            _recipe(made),
        )
        if part
    )
    (trained.folder / "README.md").write_text(f"---\n{front}---\n{body}\n", encoding="utf-8")


def training_facts(made: Made, trained: Trained) -> TrainingFacts:
    """What runs pick up."""
    ledger = trained.ledger
    machine = probe_machine()
    return TrainingFacts(
        recipe=made.recipe.name,
        recipe_sha256=made.identity,
        method=made.method,
        base=made.base,
        data_sha256=trained.data_sha256,
        problems=trained.problems,
        seed=made.recipe.seed,
        steps=ledger.step,
        tokens=ledger.tokens or None,
        duration_s=ledger.duration_s,
        energy=training_energy(ledger, metered=made.metered),
        gpus=process_count() if torch.cuda.is_available() else 0,
        machine=machine,
        other_machines=tuple(one for one in ledger.machines if one != machine.label),
        versions=installed_versions(_PACKAGES) | {"python": platform.python_version()},
    )


def front_matter(made: Made, facts: TrainingFacts, book: PriceBook) -> dict[str, Any]:
    """What model hubs read; `co2_eq_emissions` in grams, left out where it is not known."""
    embedded = made.base.startswith("embedded:")
    front: dict[str, Any] = {"license": "apache-2.0"} if embedded else {}
    front |= {
        "base_model": made.base_name,
        "library_name": "transformers",
        "tags": ["reasoning", "efficient-reasoning", facts.method.replace("_", "-")],
    }
    grams = _gco2e(facts, book)
    if grams is not None and book.grid is not None:
        energy = facts.energy
        front["co2_eq_emissions"] = {
            "emissions": round(grams, 3),
            "source": f"costbench ({energy.provenance}: {energy.method}), "
            f"{book.grid.gco2e_per_kwh:g} g/kWh ({book.grid.place}, {book.grid.year})",
            "training_type": made.training_type,
            "geographical_location": f"not known; priced as {book.grid.place}",
            "hardware_used": facts.machines,
        }
    return front


def _gco2e(facts: TrainingFacts, book: PriceBook) -> float | None:
    if facts.energy.joules is None or book.grid is None:
        return None
    return kwh_from_joules(facts.energy.joules) * book.grid.gco2e_per_kwh


async def _measured(made: Made, folder: Path) -> list[Result]:
    """Variant and base on the same held-back problems; nothing where the data hold none back."""
    if made.levels is None:
        return []
    problems = list(Arithmetic(problems=_PROBLEMS, seed=_SEED, levels=made.levels).load())
    models = [
        Model(name=made.recipe.name, path=str(folder), thinking=made.thinking),
        Model(name=made.base_name, path=made.base, thinking=made.thinking),
    ]
    return [await _result(model, policy, problems) for model in models for policy in made.policies]


async def _result(model: Model, policy: Policy, problems: list[Any]) -> Result:
    judged = await judge(model, policy, problems)
    tokens = [used for level in judged.values() for _, used in level]
    budget = getattr(policy, "budget", None)
    name = policy.kind if budget is None else f"{policy.kind}@{budget}"
    return Result(
        model=model.name,
        policy=name,
        accuracy=accuracy(judged),
        output_tokens=sum(tokens) / len(tokens),
        by_level={level: sum(t for _, t in found) / len(found) for level, found in judged.items()},
        length_error=None
        if budget is None
        else sum(abs(used - budget) for used in tokens) / budget / len(tokens),
    )


def _about(made: Made) -> str:
    name = made.recipe.name
    about = f"Made from {made.base_name} by costbench's recipe `{name}` ({made.words})."
    if not made.base.startswith("embedded:"):
        return about
    return (
        f"{about} A **demonstration model** of under a million parameters, shipped so that the harness can "
        "be tried on real variants without a network or a GPU. **It is not evidence about large models.**"
    )


def _results(results: list[Result]) -> str:
    if not results:
        return "It has not been measured here: put it into a suite and `costbench run` it."
    levels = list(results[0].by_level)
    asked = any(one.length_error is not None for one in results)
    head = [
        "model",
        "policy",
        "accuracy",
        "output tokens",
        *(["off by"] if asked else []),
        *(f"level {n}" for n in levels),
    ]
    rows = [head, ["---"] * len(head)]
    for one in results:
        off = [] if not asked else ["" if one.length_error is None else f"{one.length_error:.1%}"]
        rows.append(
            [
                one.model,
                one.policy,
                f"{one.accuracy:.3f}",
                f"{one.output_tokens:.0f}",
                *off,
                *(f"{one.by_level[n]:.0f}" for n in levels),
            ]
        )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    said = "temperature 0.6, top-p 0.95, one sample each; by level: tokens"
    return f"On {_PROBLEMS} held-back problems, {said}:\n\n{table}"


def cost_said(facts: TrainingFacts, book: PriceBook) -> str:
    """How long it took and where, its energy, carbon and price, as far as they are known."""
    parts = [f"{facts.duration_s / 60:.1f} minutes on {facts.machines}", energy_said(facts.energy)]
    grams = _gco2e(facts, book)
    if grams is not None:
        parts.append(f"{grams:.2f} gCO2e")
    tariff = headline(book, facts.machine, facts.gpus)
    if facts.other_machines:
        parts.append("no one price for hours on different machines")
    elif tariff is None:
        parts.append("no price for this machine")
    else:
        parts.append(f"{tariff.usd_per_s * facts.duration_s:.4f} USD ({tariff.provenance})")
    return (
        f"Made in {facts.steps:,} steps on {facts.problems:,} training problems (none held back), seed "
        f"{facts.seed}: {', '.join(parts)}. Sampling, grading and checkpoints are in it, and whatever else "
        "ran on the machine."
    )


def _recipe(made: Made) -> str:
    said = made.recipe.model_dump(mode="json", exclude_defaults=True)
    shown = yaml.safe_dump(said, sort_keys=False, width=100)
    return f"```yaml\n{shown}```\n\nMake it again: {again(made.recipe)}."
