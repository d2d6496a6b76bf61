"""The suite file: YAML in, one frozen and fully checked Suite out. Nothing is loaded or measured here."""

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from costbench.errors import PluginError, SuiteError
from costbench.interfaces import Dataset, Described, Engine, Grader, Meter, Policy
from costbench.plugins import build_component
from costbench.protocol import DEFAULTS, Protocol
from costbench.types import Count, Frozen, Model, Name, Sampling
from costbench.unheeded import why_not_this_policy
from costbench.wanted import Decision, Demand, Slo
from costbench.yaml_file import MANY, ONE, YamlFile, read_yaml

Seconds = Annotated[float, Field(gt=0)]

BUDGET_KEYS = ("budget", "votes")
"""What a policy may call its budget, in tokens or in votes: the key that may be a list."""


DEFAULT_GRADER = "math"
"""Where neither the suite nor the dataset says another."""
OF_DATASET = "of the dataset"
"""Stands for its `default_grader`; no kind has blanks in it."""


def _component(family: str) -> Callable[[object, ValidationInfo], Any]:
    def build(spec: object, info: ValidationInfo) -> Any:
        try:
            return build_component(family, spec, info.context)
        except PluginError as error:
            raise ValueError(str(error)) from error

    return build


def _dump(component: Described) -> dict[str, Any]:
    return component.model_dump(mode="json")


def _chosen(spec: object, info: ValidationInfo) -> Any:
    if spec in ("auto", "none"):
        return spec
    if not isinstance(spec, list) or not spec:
        raise ValueError(f"expected auto, none or a list of meters, found {spec!r}")
    build = _component("meters")
    return tuple(build(one, info) for one in spec)


def _dump_chosen(meters: str | tuple[Meter, ...]) -> object:
    return meters if isinstance(meters, str) else [_dump(meter) for meter in meters]


EngineField = Annotated[Engine, PlainValidator(_component("engines")), PlainSerializer(_dump)]
DatasetField = Annotated[Dataset, PlainValidator(_component("datasets")), PlainSerializer(_dump)]
PolicyField = Annotated[Policy, PlainValidator(_component("policies")), PlainSerializer(_dump)]
GraderField = Annotated[Grader, PlainValidator(_component("graders")), PlainSerializer(_dump)]


class SamplingChange(Frozen):
    """What a dataset may change of the suite's sampling."""

    temperature: Annotated[float | None, Field(ge=0)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=0)] = None
    samples_per_problem: Count | None = None


class DatasetUse(Frozen):
    """A dataset in a group: the component's own keys, and how it is sampled, graded and called here."""

    name: Name
    dataset: DatasetField = Field(validation_alias=ONE)
    sampling: SamplingChange = SamplingChange()
    grader: GraderField

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, spec: object) -> object:
        return _split(spec, ONE, {"sampling": None, "grader": OF_DATASET})

    @field_validator("grader", mode="before")
    @classmethod
    def _of_dataset(cls, spec: object, info: ValidationInfo) -> object:
        """A dataset may know how it is graded: a multiple choice by letters."""
        if spec != OF_DATASET:
            return spec
        return getattr(info.data.get("dataset"), "default_grader", DEFAULT_GRADER)


class PolicyUse(Frozen):
    """A policy in a group; a list of budgets makes one cell each."""

    name: Name
    policies: tuple[PolicyField, ...] = Field(validation_alias=MANY)
    models: tuple[Name, ...] = ()
    """The group's models that it is for; all of them when empty."""

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, spec: object) -> object:
        found = _split(spec, MANY, {"models": None})
        component = found[MANY]
        key = next((k for k in BUDGET_KEYS if isinstance(component.get(k), list)), None)
        if key is None:
            return {**found, MANY: (component,)}
        budgets = component[key]
        if not budgets:
            raise ValueError(f"{key}: an empty list; name at least one budget")
        if len(set(map(str, budgets))) < len(budgets):
            raise ValueError(f"{key}: {budgets} names one budget twice")
        return {**found, MANY: tuple({**component, key: one} for one in budgets)}


def _split(spec: object, key: str, apart: Mapping[str, object]) -> dict[str, Any]:
    """Take the keys that belong to a component's use, not to the component, out of its mapping."""
    if isinstance(spec, str):
        spec = {"kind": spec}
    if not isinstance(spec, dict) or not isinstance(spec.get("kind"), str):
        raise ValueError(f"expected a name or a mapping with `kind`, found {spec!r}")
    use = {name: spec.get(name, default) for name, default in apart.items()}
    component = {k: v for k, v in spec.items() if k not in apart and k != "name"}
    return {
        "name": spec.get("name", spec["kind"].rpartition(":")[2]),
        key: component,
        **{name: value for name, value in use.items() if value is not None},
    }


Concurrency = Annotated[Count, Field(le=100_000)]


Rate = Annotated[float, Field(gt=0, le=100_000)]


class Load(Frozen):
    """How many attempts are in flight, or how many arrive per second; a list makes one cell each."""

    request_rate: tuple[Rate, ...] = ()
    """Open loop: attempts that arrive per second, whether others have ended or not."""
    concurrency: tuple[Concurrency, ...] = (64,)
    """Closed loop: so many at once, the next when one ends. None of them where only rates are named."""
    problems_per_slot: Count | None = None
    """A cell with so many at once takes this many times as many problems: those of little load are slow, and
    would last longer than the others. Absent: all of them. Not where there are reference answers."""
    burstiness: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Of arrivals: 1 is Poisson's; below, they come in bursts; above, more evenly (gamma gaps)."""
    max_concurrency: Concurrency | None = None
    """In the open loop no more than so many at once; the others wait, and their waiting counts."""

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        lists = {key: value[key] for key in ("concurrency", "request_rate") if key in value}
        lists = {k: [v] if isinstance(v, int | float) else v for k, v in lists.items()}
        if lists.get("request_rate") and "concurrency" not in lists:
            lists["concurrency"] = []
        return value | lists

    @field_validator("concurrency", "request_rate", mode="after")
    @classmethod
    def _no_twins(
        cls, loads: tuple[int | float, ...], info: ValidationInfo
    ) -> tuple[int | float, ...]:
        if len(set(loads)) < len(loads):
            raise ValueError(f"{list(loads)} names one {info.field_name} twice")
        if not loads and info.field_name == "concurrency" and not info.data.get("request_rate"):
            raise ValueError("expected at least 1, found none")
        return loads

    @model_validator(mode="after")
    def _rates_have_their_keys(self) -> Self:
        if not self.request_rate and {"burstiness", "max_concurrency"} & self.model_fields_set:
            raise ValueError("burstiness and max_concurrency go with a request_rate")
        return self


class Requires(Frozen):
    """What a machine needs for a group; where it lacks something the group is skipped, with the reason."""

    gpu: Literal["cuda"] | None = None
    gpu_memory_gib: Annotated[float, Field(gt=0)] | None = None
    packages: tuple[Name, ...] = ()
    """As pip calls them."""
    env: tuple[Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$", max_length=80)], ...] = ()
    """Environment variables that have to be set, such as that of a key."""
    hub: bool = False


class Expectation(Frozen):
    """The author's guess, for the estimate before the start and nothing else."""

    tokens_per_second: Annotated[float, Field(gt=0)] | None = None
    download_gb: Annotated[float, Field(ge=0)] | None = None


class Group(Frozen):
    """Models x policies x datasets x loads on one engine: what is compared with each other."""

    name: Name
    engine: EngineField
    datasets: Annotated[tuple[DatasetUse, ...], Field(min_length=1)]
    models: Annotated[tuple[Model, ...], Field(min_length=1)]
    policies: Annotated[tuple[PolicyUse, ...], Field(min_length=1)]
    load: Load = Load()
    requires: Requires = Requires()
    expect: Expectation = Expectation()

    @model_validator(mode="after")
    def _policies_have_models(self) -> "Group":
        known = [model.name for model in self.models]
        for use in self.policies:
            for name in use.models:
                if name not in known:
                    raise ValueError(
                        f"policies: {use.name} is for {name!r}, which is no model of group {self.name} "
                        f"(there are: {', '.join(known)})"
                    )
        for model, use in product(self.models, self.policies):
            is_for = model.name in use.models or not use.models
            if is_for and not model.thinks and getattr(use.policies[0], "closes_thinking", False):
                raise ValueError(
                    f"policies: {use.name} closes thinking, and {model.name} has none (`thinks: false`); "
                    "say which `models` it is for"
                )
        for name in known:
            if not any(name in use.models or not use.models for use in self.policies):
                raise ValueError(f"models: no policy of group {self.name} is for {name!r}")
        return self

    @model_validator(mode="after")
    def _engine_takes_policies(self) -> Self:
        for use in self.policies:
            why = why_not_this_policy(self.engine, use.policies[0], use.name)
            if why is not None:
                raise ValueError(f"policies: {why}")
        return self


class Meters(Frozen):
    """What reads the energy; in the file `auto`, `none`, a list of meters, or a mapping with more to say."""

    use: Annotated[
        Literal["auto", "none"] | tuple[Meter, ...],
        PlainValidator(_chosen),
        PlainSerializer(_dump_chosen),
    ] = "auto"
    """"auto": counters where there are any, else a model; a list names meters of one's own choice."""
    gpus: Literal["engine", "all"] | Annotated[tuple[str, ...], Field(min_length=1)] = "engine"
    """Which GPUs' joules count: those the engine works on, all of the machine, or these UUIDs."""
    server_pid: Count | None = None
    """A server on this machine that does the work: its processes on a GPU are ours."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, spec: object) -> object:
        if isinstance(spec, dict) and "kind" not in spec:
            return spec
        if spec in ("auto", "none") or isinstance(spec, list):
            return {"use": spec}
        raise ValueError(f"expected auto, none, a list of meters or a mapping, found {spec!r}")

    @model_validator(mode="after")
    def _no_pid_for_strangers(self) -> Self:
        if self.server_pid is not None and self.use != "auto":
            raise ValueError(
                "server_pid: goes with `use: auto`; else say `use: [{kind: nvml, server_pid: …}]`"
            )
        return self


class Limits(Frozen):
    """Where a run stops cleanly; run the suite again to resume."""

    wall_s: Seconds | None = None
    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Count | None = None


class Suite(Frozen):
    """One suite file, whole."""

    name: Name
    protocol: Protocol = Protocol.named("quick")
    sampling: Sampling = Sampling()
    meters: Meters = Meters()
    prices: Path | None = None
    limits: Limits = Limits()
    decision: Decision = Decision()
    demand: Demand | None = None
    slo: Slo | None = None
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]

    @field_validator("protocol")
    @classmethod
    def _measured_here(cls, protocol: Protocol) -> Protocol:
        if protocol.kind not in DEFAULTS:
            raise ValueError(
                f"expected {', '.join(DEFAULTS)} or a mapping, found {protocol.kind!r}"
            )
        return protocol


def load_suite(path: Path) -> Suite:
    """Read and check a suite; raises SuiteError that tells every problem with its line."""
    file = read_yaml(path)
    if not isinstance(file.content, dict):
        raise SuiteError(f"{path}: a suite is a mapping with `name` and `groups`")
    try:
        suite = Suite.model_validate(file.content, context={"folder": path.parent})
    except ValidationError as error:
        raise SuiteError(file.explain(error)) from error
    _refuse_twins(file, suite)
    return suite.model_copy(update={"prices": _price_book(path, suite)})


def _price_book(path: Path, suite: Suite) -> Path | None:
    if suite.prices is None or suite.prices.is_absolute():
        return suite.prices
    return path.parent / suite.prices


def _refuse_twins(file: YamlFile, suite: Suite) -> None:
    groups: tuple[tuple[str, list[str]], ...] = (
        ("groups", [group.name for group in suite.groups]),
        *((f"{g.name}: models", [model.name for model in g.models]) for g in suite.groups),
        *((f"{g.name}: datasets", [use.name for use in g.datasets]) for g in suite.groups),
        *((f"{g.name}: policies", _policy_labels(g)) for g in suite.groups),
    )
    problems = [
        f"{file.path}: {place}: {name} occurs twice; give one of them another `name`"
        for place, names in groups
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if problems:
        raise SuiteError("\n".join(problems))


def _policy_labels(group: Group) -> list[str]:
    return [policy_label(use, policy) for use in group.policies for policy in use.policies]


def policy_label(use: PolicyUse, policy: Policy) -> str:
    """With its budget, where there is one: "truncation@64"."""
    budget = policy_budget(policy)
    return use.name if budget is None else f"{use.name}@{budget}"


def policy_budget(policy: Policy) -> int | None:
    """The policy's budget in tokens or in votes, where it has one."""
    found = (getattr(policy, key, None) for key in BUDGET_KEYS)
    return next((budget for budget in found if isinstance(budget, int)), None)
