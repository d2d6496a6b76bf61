"""Loads that only some engines take: who does not say so is asked nothing, and measures nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from machines import machine
from scripted_engine import ScriptedEngine

from costbench.attempting import Turn, attempt
from costbench.cell import Cell
from costbench.datasets.random_tokens import RandomTokens
from costbench.errors import EngineError, SuiteError
from costbench.graders.exact import ExactGrader
from costbench.interfaces import Generate
from costbench.plan import Plan, make_plan
from costbench.policies.asking import ask
from costbench.policies.truncation import Truncation
from costbench.suite import load_suite
from costbench.types import Component, Message, Model, Problem, Request, Sampling, Solution

(IDS,) = RandomTokens(problems=1, input_tokens=8).load()
WORDS = Problem(id="1", question="1 + 1?", prompt="1 + 1?")
NEXT_STEP = "use the engine `transformers` or `vllm`; an engine of your own that heeds it says so"


class PastTheEnd(Component):
    """Sends what it does not say that it sends."""

    kind: Literal["past_the_end"] = "past_the_end"

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        done = await generate(Request(messages=ask(problem), max_tokens=4, ignore_eos=True))
        return Solution(pieces=done.pieces, finished=True)

    def token_limit(self) -> int:
        return 4


class IdsOfItsOwn(PastTheEnd):
    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        message = Message(role="user", content=problem.prompt, token_ids=(1, 2, 3))
        done = await generate(Request(messages=(message,), max_tokens=4))
        return Solution(pieces=done.pieces, finished=True)


class TakesAll(ScriptedEngine):
    takes_ignore_eos: ClassVar[bool] = True
    takes_token_ids: ClassVar[bool] = True


def planned(folder: Path, engine: Any, policy: str, dataset: str, **options: bool) -> Plan:
    group = {
        "name": "g",
        "engine": engine,
        "datasets": [{"name": "decode", "kind": dataset, "problems": 2}],
        "models": [{"name": "m", "path": "embedded:abacus-base"}],
        "policies": [policy],
    }
    path = folder / "suite.yaml"
    path.write_text(json.dumps({"name": "load", "groups": [group]}))
    return make_plan(load_suite(path), machine(), **options)


SERVER = {"kind": "openai", "base_url": "http://127.0.0.1:1/v1"}
STRANGER = {"kind": "scripted_engine:ScriptedEngine"}


@pytest.mark.parametrize(("engine", "named"), [(SERVER, "openai"), (STRANGER, "scripted")])
def test_a_load_is_refused_before_anything_is_asked(
    tmp_path: Path, engine: dict[str, str], named: str
) -> None:
    with pytest.raises(SuiteError, match=f"policy fixed_length .* engine {named} ") as length:
        planned(tmp_path, engine, "fixed_length", "arithmetic", outlook=True)
    assert NEXT_STEP in str(length.value)
    with pytest.raises(SuiteError, match=f"dataset decode has .* engine {named} ") as ids:
        planned(tmp_path, engine, "unconstrained", "random_tokens")
    assert NEXT_STEP in str(ids.value)
    assert planned(tmp_path, engine, "unconstrained", "arithmetic").cells


@pytest.mark.parametrize("engine", ["transformers", "vllm", "test_unheeded:TakesAll"])
def test_engines_that_say_so_are_asked(tmp_path: Path, engine: str) -> None:
    assert planned(tmp_path, engine, "fixed_length", "random_tokens").cells


def attempted(engine: ScriptedEngine, policy: PastTheEnd | Truncation, problem: Problem) -> None:
    cell = Cell(
        id="c", group="g", engine=engine, model=Model(name="m", path="nowhere"), policy_name=policy.kind,
        policy=policy, dataset_name="d", problems=(problem,), grader=ExactGrader(), sampling=Sampling(),
        concurrency=1,
    )  # fmt: skip

    async def run() -> None:
        async with engine.open(cell.model, 1) as opened:
            done = await attempt(cell, problem, Turn(0), opened)
            assert done.error is None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("policy", "problem", "what"),
    [
        (PastTheEnd(), WORDS, "needs responses of a fixed length"),
        (IdsOfItsOwn(), WORDS, "has prompts of token ids"),
        (Truncation(budget=4), IDS, "has prompts of token ids"),
    ],
)
def test_a_policy_that_sends_more_than_it_says_ends_the_group(
    policy: PastTheEnd | Truncation, problem: Problem, what: str
) -> None:
    attempted(TakesAll(), policy, problem)
    with pytest.raises(EngineError, match=f"policy {policy.kind} {what}.* engine scripted "):
        attempted(ScriptedEngine(), policy, problem)
