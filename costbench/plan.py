"""From a suite and a machine to what would run here, cell by cell, and what is skipped and why."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from costbench.engines.model_files import files_sha256
from costbench.errors import EngineError, SuiteError
from costbench.hardware import Machine, unmet
from costbench.interfaces import Dataset, Engine, Grader, Policy
from costbench.suite import DatasetUse, Group, PolicyUse, Suite, policy_budget, policy_label
from costbench.types import Model, Problem, Sampling

Problems = tuple[Problem, ...]


@dataclass(frozen=True)
class Cell:
    """One row of every report: group x model x policy@budget x dataset x load."""

    id: str
    group: str
    engine: Engine
    model: Model
    policy_name: str
    policy: Policy
    dataset_name: str
    problems: Problems
    grader: Grader
    sampling: Sampling
    concurrency: int

    @property
    def attempts(self) -> int:
        """Over all passes."""
        return len(self.problems) * self.sampling.samples_per_problem

    @property
    def budget(self) -> int | None:
        """The policy's budget in tokens, where it has one."""
        return policy_budget(self.policy)

    @property
    def token_limit(self) -> int:
        """An upper bound of the tokens that all attempts sample."""
        return self.attempts * self.policy.token_limit()


@dataclass(frozen=True)
class Skipped:
    """A group this machine cannot run."""

    group: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    suite: Suite
    machine: Machine
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
    identity: str
    """A hash of everything that makes two runs the same measurement; prices are not in it."""

    def cells_of(self, group: str) -> tuple[Cell, ...]:
        """The cells of one group."""
        return tuple(cell for cell in self.cells if cell.group == group)


def make_plan(
    suite: Suite, machine: Machine, *, limit: int | None = None, only: Sequence[str] = ()
) -> Plan:
    """Load the datasets of every group that can run and lay out its cells.

    `limit` keeps the first so many problems of each dataset; `only` are patterns of cell ids ("embedded",
    "embedded/*/truncation*"), matched from the left. Raises SuiteError when they leave nothing.
    """
    cells: list[Cell] = []
    skipped = []
    for group in suite.groups:
        reasons = unmet(group.requires, machine)
        if reasons:
            skipped.append(Skipped(group.name, "; ".join(reasons)))
        else:
            _check_models(group)
            cells += _cells(suite, group, limit)
    chosen = tuple(cell for cell in cells if _matches(cell.id, only))
    if only and not chosen:
        known = "\n  ".join(cell.id for cell in cells)
        raise SuiteError(f"--only {' '.join(only)} matches no cell; there are:\n  {known}")
    return Plan(suite, machine, chosen, tuple(skipped), _identity(suite, machine, chosen))


def _cells(suite: Suite, group: Group, limit: int | None) -> list[Cell]:
    cells = []
    for use in group.datasets:
        problems = _load(use.dataset, use.name, limit)
        changes = use.sampling.model_dump(exclude_none=True)
        sampling = suite.sampling.model_copy(update=changes)
        for model in group.models:
            for policy_use in group.policies:
                for policy in policy_use.policies:
                    for concurrency in group.load.concurrency:
                        cells.append(
                            Cell(
                                id=_cell_id(group, model, policy_use, policy, use, concurrency),
                                group=group.name,
                                engine=group.engine,
                                model=model,
                                policy_name=policy_use.name,
                                policy=policy,
                                dataset_name=use.name,
                                problems=problems,
                                grader=use.grader,
                                sampling=sampling,
                                concurrency=concurrency,
                            )
                        )
    return cells


def _cell_id(
    group: Group,
    model: Model,
    policy_use: PolicyUse,
    policy: Policy,
    use: DatasetUse,
    concurrency: int,
) -> str:
    label = policy_label(policy_use, policy)
    return f"{group.name}/{model.name}/{label}/{use.name}/c{concurrency}"


def _load(dataset: Dataset, name: str, limit: int | None) -> Problems:
    problems: dict[str, Problem] = {}
    for problem in dataset.load():
        if problem.id in problems:
            raise SuiteError(
                f"dataset {name}: the id {problem.id!r} occurs twice; ids must be unique"
            )
        _require_text(problem, name)
        problems[problem.id] = problem
        if limit is not None and len(problems) >= limit:
            break
    if not problems:
        raise SuiteError(f"dataset {name}: holds no problem")
    return tuple(problems.values())


def _require_text(problem: Problem, name: str) -> None:
    """JSON can hold half a surrogate pair, which no tokenizer and no database takes."""
    try:
        problem.model_dump_json()
    except ValueError as error:
        raise SuiteError(f"dataset {name}: problem {problem.id!r} is not Unicode text") from error


def _check_models(group: Group) -> None:
    for model in group.models:
        try:
            files_sha256(model.path)
        except EngineError as error:
            raise SuiteError(f"{group.name}/{model.name}: {error}") from error


def _matches(cell_id: str, only: Sequence[str]) -> bool:
    parts = cell_id.split("/")
    return not only or any(
        all(
            fnmatchcase(part, pattern)
            for part, pattern in zip(parts, wanted.rstrip("/").split("/"), strict=False)
        )
        for wanted in only
    )


def dataset_sha256(problems: Problems) -> str:
    """A hash over ids, questions and reference answers, in order."""
    return _sha256([[p.id, p.question, p.answer] for p in problems])


def prompt_sha256(problems: Problems) -> str:
    """A hash over what the user's turns say, in order."""
    return _sha256([problem.prompt for problem in problems])


def _identity(suite: Suite, machine: Machine, cells: Sequence[Cell]) -> str:
    datasets = {f"{c.group}/{c.dataset_name}": c.problems for c in cells}
    models = {cell.model.path for cell in cells}
    return _sha256(
        {
            "suite": suite.model_dump(mode="json", exclude={"prices", "limits", "decision"}),
            "cells": sorted(cell.id for cell in cells),
            "datasets": {name: dataset_sha256(p) for name, p in sorted(datasets.items())},
            "prompts": {name: prompt_sha256(p) for name, p in sorted(datasets.items())},
            "models": {path: files_sha256(path) for path in sorted(models)},
            "versions": machine.versions,
            "devices": [gpu.name for gpu in machine.gpus] or machine.cpu,
        }
    )


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
