"""One `costbench doctor`: every component is tried for real, and what does not work says how to mend it."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import metadata
from typing import Literal

from packaging.requirements import Requirement
from pydantic import ValidationError

from costbench.doctor_meters import MeterFinding, look_at
from costbench.errors import CostbenchError, MeterError, NotInstalledError, first_line
from costbench.hardware import Machine, installed_versions, no_gpu_reason
from costbench.interfaces import Engine, Grader
from costbench.plugins import build_component, component_class, installed_kinds
from costbench.types import Answered, Frozen, Message, Model, Request, Sampling

State = Literal["works", "untried", "absent", "broken"]
_EMBEDDED = Model(name="abacus-base", path="embedded:abacus-base")
_TOKENS = 4


@dataclass(frozen=True)
class Finding:
    """What became of one trial."""

    family: str
    name: str
    state: State
    detail: str
    meter: MeterFinding | None = None
    """Of a meter: how well it measures, or why it does not."""


class Diagnosis(Frozen):
    """All findings, as `--format json` prints them."""

    schema_version: Literal[1] = 1
    machine: Machine
    findings: tuple[Finding, ...]
    can_run: bool


def diagnose(machine: Machine) -> Diagnosis:
    """Try everything; whatever a component prints goes to stderr."""
    with redirect_stdout(sys.stderr):
        findings = list(examine(machine))
    return Diagnosis(machine=machine, findings=tuple(findings), can_run=can_run(findings))


def examine(machine: Machine) -> Iterator[Finding]:
    """Try everything that is installed, one after another; takes some ten seconds."""
    yield _python()
    yield _machine(machine)
    for kind in installed_kinds("engines"):
        yield _tried("engine", kind, _try_engine)
    for kind in installed_kinds("meters"):
        yield _tried_meter(kind)
    for kind in installed_kinds("graders"):
        yield _tried("grader", kind, _try_grader)
    for family, noun in (("datasets", "dataset"), ("policies", "policy")):
        for kind in installed_kinds(family):
            yield _tried(noun, kind, _loader(family))
    yield from _extras()


def can_run(findings: list[Finding]) -> bool:
    """Whether the main job would: an engine and a grader work."""
    working = {finding.family for finding in findings if finding.state == "works"}
    return {"engine", "grader"} <= working


def _python() -> Finding:
    return Finding("python", sys.version.split()[0], "works", sys.executable)


def _machine(machine: Machine) -> Finding:
    memory = "" if machine.memory_gib is None else f"{machine.memory_gib:.0f} GiB"
    if machine.gpus:
        return Finding("machine", machine.label, "works", memory)
    return Finding("machine", machine.label, "works", f"{memory}; {no_gpu_reason()}")


def _tried(family: str, kind: str, trial: Callable[[str], str]) -> Finding:
    try:
        return Finding(family, kind, "works", trial(kind))
    except Exception as error:  # noqa: BLE001 - a stranger's component can raise anything
        return _failed(family, kind, error)


def _tried_meter(kind: str) -> Finding:
    try:
        found = look_at(build_component("meters", kind))
    except Exception as error:  # noqa: BLE001 - as above
        return _failed("meter", kind, error)
    return Finding("meter", kind, "works", found.summary, found)


def _failed(family: str, kind: str, error: Exception) -> Finding:
    if isinstance(error, ValidationError):
        keys = ", ".join(str(found["loc"][0]) for found in error.errors())
        return Finding(family, kind, "untried", f"needs settings of yours: {keys}")
    if isinstance(error, MeterError):
        return Finding(family, kind, "absent", str(error), MeterFinding.absent(error.code))
    if isinstance(error, NotInstalledError):
        return Finding(family, kind, "absent", str(error))
    if isinstance(error, CostbenchError):
        return Finding(family, kind, "broken", str(error))
    return Finding(family, kind, "broken", f"{type(error).__name__}: {first_line(error)}")


def _try_engine(kind: str) -> str:
    trial = getattr(component_class("engines", kind), "trial", {})
    engine: Engine = build_component("engines", {"kind": kind} | trial)

    async def answer() -> str:
        async with engine.open(_EMBEDDED, 1) as opened:
            request = Request(
                messages=(Message(role="user", content="Start with 1. Add 1."),),
                max_tokens=_TOKENS,
                sampling=Sampling(),
                seed=0,
            )
            done = await opened.generate(request)
            versions = ", ".join(f"{name} {found}" for name, found in opened.versions.items())
            return f"{done.output_tokens} tokens of {_EMBEDDED.name} ({versions})"

    began_s = time.monotonic()
    said = asyncio.run(answer())
    return f"{said} in {time.monotonic() - began_s:.1f} s"


def _try_grader(kind: str) -> str:
    grader: Grader = build_component("graders", kind)
    half, third = "\\frac{1}{2}", "\\frac{1}{3}"  # telling them apart takes a parser
    verdicts: list[bool | None] = []
    with grader.open() as grade:
        # Letters are for graders that take nothing else.
        for right, wrong in ((half, third), ("B", "C")):
            answered = [Answered(reference=right, answer=f"\\boxed{{{x}}}") for x in (right, wrong)]
            verdicts = [found.correct for found in grade(answered)]
            if verdicts == [True, False]:
                return grader.version
    raise CostbenchError(f"says {verdicts} of a right and a wrong answer")


def _loader(family: str) -> Callable[[str], str]:
    def load(kind: str) -> str:
        found = component_class(family, kind)
        return f"{found.__module__}:{found.__qualname__}"

    return load


def _extras() -> Iterator[Finding]:
    """Optional parts of this package, by what they need."""
    about = metadata("costbench")
    for extra in about.get_all("Provides-Extra") or ():
        required = [
            found
            for found in map(Requirement, about.get_all("Requires-Dist") or ())
            if found.marker and found.marker.evaluate({"extra": extra})
        ]
        missing = [found.name for found in required if not _satisfied(found)]
        if missing:
            mend = f"pip install 'costbench[{extra}]'"
            yield Finding("extra", extra, "absent", f"lacks {', '.join(missing)}: {mend}")
        else:
            yield Finding("extra", extra, "works", ", ".join(found.name for found in required))


def _satisfied(requirement: Requirement) -> bool:
    found = installed_versions([requirement.name]).get(requirement.name)
    return found is not None and requirement.specifier.contains(found, prereleases=True)
