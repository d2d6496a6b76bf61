"""From the samples of other tools' files to the cells, problems and attempts of a run."""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from costbench.errors import ImportFileError
from costbench.identity import dataset_sha256, prompt_sha256
from costbench.imported import ImportedSample
from costbench.imports.verdict import ImportedVerdict
from costbench.plugins import component_spec
from costbench.store import Attempt, Call, PlannedCell
from costbench.types import Completion, Model, Piece, Problem, Solution

GROUP = "imported"
_POLICY = "imported"
"""Of files that name none: how thinking was limited is not known."""
_LONGEST_NAME, _DIGEST = 80, 8
_INJECTED = 0
"""Tokens: none of these tools writes into a response."""


@dataclass(frozen=True)
class SourceFile:
    """One file as it was read; its times are comparable with each other."""

    path: Path
    samples: tuple[ImportedSample, ...]


@dataclass(frozen=True)
class Naming:
    """What the command line says in place of the files."""

    source: str
    """The format."""
    model: str | None = None
    task: str | None = None
    policy: str | None = None
    concurrency: int | None = None
    number_repeats: bool = False
    """Problems that come again without a number are further samples, in the order of the files."""


@dataclass(frozen=True)
class Try:
    """A sample at its place in a run."""

    session: int
    """The number of its file, from 1."""
    pass_number: int
    sample: ImportedSample


@dataclass(frozen=True)
class ImportedCell:
    """A row of the plan with what is imported into it."""

    plan: PlannedCell
    tries: tuple[Try, ...]

    @cached_property
    def windows(self) -> dict[int, tuple[float, float]]:
        """By session, from the first start to the last end; empty where one of its times is not known."""
        spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for one in self.tries:
            start_s, end_s = one.sample.started_s, one.sample.ended_s
            if start_s is not None and end_s is not None and end_s >= start_s:
                spans[one.session].append((start_s, end_s))
            elif one.sample.error is None:
                return {}
        found = {s: (min(a for a, _ in each), max(b for _, b in each)) for s, each in spans.items()}
        return found if all(end_s > start_s for start_s, end_s in found.values()) else {}


_Key = tuple[str, str, int | None, str, int | None]


def lay_out(files: Sequence[SourceFile], naming: Naming) -> tuple[ImportedCell, ...]:
    """Cells by model, policy, task and load, in the order of the files.

    Raises ImportFileError for two of one problem and pass, for a problem with two questions, and where no
    model is known.
    """
    found: dict[_Key, list[tuple[int, ImportedSample]]] = defaultdict(list)
    for session, file in enumerate(files, start=1):
        for one in file.samples:
            found[_key(one, naming)].append((session, one))
    problems = _problems((key[3], one) for key, each in found.items() for _, one in each)
    costs = any(one.usd is not None for file in files for one in file.samples)
    return tuple(_cell(key, each, problems[key[3]], naming, costs) for key, each in found.items())


def _key(one: ImportedSample, naming: Naming) -> _Key:
    model = naming.model or one.model
    if model is None:
        raise ImportFileError(f"{one.place}: nothing says which model it was; name it with --model")
    policy = plain_name(naming.policy or one.policy or _POLICY)
    task = plain_name(naming.task or one.task or naming.source)
    return plain_name(model), policy, one.budget, task, naming.concurrency or one.concurrency


def plain_name(text: str) -> str:
    """As names are in cell ids: "openai/gpt-4o" is openai__gpt-4o, as lm-eval spells it."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("/", "__")).lstrip("._-")
    if len(plain) > _LONGEST_NAME:  # paths of checkpoints often differ at their end only
        told = hashlib.sha256(plain.encode()).hexdigest()[:_DIGEST]
        plain = f"{plain[: _LONGEST_NAME - _DIGEST - 1]}-{told}"
    return plain or "unnamed"


def _problems(samples: Iterable[tuple[str, ImportedSample]]) -> dict[str, tuple[Problem, ...]]:
    """By task, every problem once; what one sample leaves out another may have."""
    known: dict[str, dict[str, ImportedSample]] = defaultdict(dict)
    for task, one in samples:
        first = known[task].get(one.problem)
        known[task][one.problem] = one if first is None else _merged(first, one)
    return {task: tuple(map(_problem, each.values())) for task, each in known.items()}


def _merged(first: ImportedSample, other: ImportedSample) -> ImportedSample:
    for fact in ("question", "gold", "level"):
        one, two = getattr(first, fact), getattr(other, fact)
        if None not in (one, two) and one != two:
            raise ImportFileError(
                f"{other.place}: problem {other.problem!r} has another {fact} than at {first.place}; "
                "import them apart, each with a --task of its own"
            )
    facts = ("question", "gold", "level")
    missing = {f: getattr(other, f) for f in facts if getattr(first, f) is None}
    return first.model_copy(update=missing)


def _problem(one: ImportedSample) -> Problem:
    question = one.question or ""
    return Problem(
        id=one.problem,
        question=question,
        prompt=question,
        answer=one.gold,
        level=one.level,
    )


def _model(name: str) -> dict[str, Any]:
    """Its markers, if any, are not known: what is there is graded."""
    return Model(name=name, path="imported", unclosed="graded").model_dump(mode="json")


def _cell(
    key: _Key,
    found: Sequence[tuple[int, ImportedSample]],
    problems: tuple[Problem, ...],
    naming: Naming,
    costs: bool,
) -> ImportedCell:
    model, policy, budget, task, load = key
    label = policy if budget is None else f"{policy}@{budget}"
    cell_id = f"{GROUP}/{model}/{label}/{task}" + ("" if load is None else f"/c{load}")
    tries = tuple(_numbered(cell_id, found, naming.number_repeats))
    metrics = sorted({one.sample.metric for one in tries if one.sample.metric})
    verdict = ImportedVerdict(source=naming.source, metric="+".join(metrics) or None)
    spec: dict[str, Any] = {
        "group": GROUP,
        "model": _model(model),
        "policy": {"kind": policy},
        "policy_name": policy,
        "budget": budget,
        "budget_counts": "response",
        "dataset": task,
        "dataset_sha256": dataset_sha256(problems),
        "prompt_sha256": prompt_sha256(problems),
        "problems": len(problems),
        "grader": component_spec("graders", verdict),
        "sampling": dict.fromkeys(("temperature", "top_p", "top_k", "seed"))
        | {"samples_per_problem": max(one.pass_number for one in tries) + 1},
        "concurrency": load,
        "imported": {"format": naming.source, "costs": costs},
    }
    return ImportedCell(PlannedCell(cell_id, spec, problems), tries)


def _numbered(
    cell: str, found: Sequence[tuple[int, ImportedSample]], number_repeats: bool
) -> Iterator[Try]:
    taken: dict[tuple[str, int], str] = {}
    for session, one in found:
        at = one.pass_number or 0
        while number_repeats and (one.problem, at) in taken:
            at += 1
        before = taken.setdefault((one.problem, at), one.place)
        if before is not one.place:
            raise ImportFileError(
                f"{one.place}: sample {at} of problem {one.problem!r} of {cell} is at {before}, too; "
                "--number-repeats makes further samples of such ones"
            )
        yield Try(session, at, one)


def attempt_of(cell: str, one: Try, zero_s: float) -> Attempt:
    """As it is stored; `zero_s` is 0 on the session's clock."""
    found = one.sample
    start_s, end_s = _on_clock(found.started_s, zero_s), _on_clock(found.ended_s, zero_s)
    done = None if found.error is not None else _completion(found, start_s)
    pieces = done.pieces if done and found.response is not None else ()
    return Attempt(
        cell=cell,
        problem=found.problem,
        pass_number=one.pass_number,
        seed=0,
        started_s=start_s,
        finished_s=end_s,
        calls=() if done is None else (Call(done, _INJECTED),),
        # Cut and right all the same is no truncated attempt.
        solution=Solution(pieces=pieces, finished=not found.cut or bool(found.correct)) if done else None,
        error=found.error,
        usd=found.usd,
    )  # fmt: skip


def _completion(found: ImportedSample, start_s: float) -> Completion:
    """Its call begins with the attempt, or at 0 where nobody knows when: then only lengths are known."""
    began_s = 0.0 if math.isnan(start_s) else start_s
    return Completion(
        sampled=Piece(text=found.response or "", origin="sampled", tokens=found.output_tokens),
        finish="length" if found.cut else "end",
        input_tokens=found.input_tokens,
        cached_tokens=found.cached_tokens,
        reasoning_tokens=found.reasoning_tokens,
        submitted_s=began_s,
        started_s=began_s,
        first_token_s=None if found.ttft_s is None else began_s + found.ttft_s,
        first_answer_token_s=None if found.ttfat_s is None else began_s + found.ttfat_s,
        inter_token_s=found.inter_token_s,
        finished_s=math.nan if found.latency_s is None else began_s + found.latency_s,
    )


def _on_clock(moment_s: float | None, zero_s: float) -> float:
    return math.nan if moment_s is None else moment_s - zero_s
