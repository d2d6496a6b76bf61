"""A budget that the engine itself keeps: the policy, and which engines can serve it."""

import asyncio
from typing import Any

import pytest
from scripted_engine import ScriptedEngine

pytest.importorskip("aiohttp")

from engines.fault_server import FaultServer, Reply

from costbench.cell import Cell
from costbench.engines.openai import OpenaiEngine
from costbench.graders.exact import ExactGrader
from costbench.interfaces import Policy
from costbench.policies.budget_forcing import BudgetForcing
from costbench.policies.thinking_token_budget import ThinkingTokenBudget
from costbench.policies.truncation import Truncation
from costbench.serving import within_reach
from costbench.types import Completion, Model, Piece, Problem, Request, Sampling

MODEL = Model(name="m", path="some-model")
PROBLEM = Problem(id="1", question="1 + 1?", prompt="1 + 1?")


def cell(policy: Policy) -> Cell:
    return Cell(
        id=policy.kind, group="g", engine=ScriptedEngine(), model=MODEL, policy_name=policy.kind,
        policy=policy, dataset_name="d", problems=(PROBLEM,), grader=ExactGrader(),
        sampling=Sampling(), concurrency=1,
    )  # fmt: skip


@pytest.mark.parametrize(("finish", "finished"), [("end", True), ("length", False)])
def test_one_call_asks_for_the_budget_and_leaves_room_for_the_answer(
    finish: Any, finished: bool
) -> None:
    asked: list[Request] = []

    async def generate(request: Request) -> Completion:
        asked.append(request)
        piece = Piece(text="So 2", origin="sampled", tokens=3)
        return Completion(sampled=piece, finish=finish, submitted_s=0, started_s=0, finished_s=1)

    policy = ThinkingTokenBudget(budget=100, answer_tokens=20)
    done = asyncio.run(policy.solve(PROBLEM, MODEL, generate))
    (request,) = asked
    assert request.thinking_token_budget == 100
    assert request.max_tokens == policy.token_limit() == 121
    assert (done.text, done.finished) == ("So 2", finished)


def test_an_engine_that_has_no_such_budget_serves_the_other_cells() -> None:
    cells = [cell(ThinkingTokenBudget(budget=9)), cell(Truncation(budget=9))]

    async def run() -> tuple[list[Cell], str | None]:
        async with ScriptedEngine().open(MODEL, 1) as opened:
            return await within_reach(cells, opened)

    left, why = asyncio.run(run())
    assert left == cells[1:]
    assert why is not None
    assert why.startswith("thinking_token_budget: this engine has no budget of thinking tokens")
    assert "`budget_forcing`" in why


def of_budget(heeds: bool, takes: bool) -> Any:
    """A server's answers to what it is asked at first."""

    def probe(number: int, path: str, body: dict[str, Any]) -> Reply:
        del number, path
        budget = body.get("thinking_token_budget")
        if budget is None or (not heeds) or (takes and isinstance(budget, int)):
            return Reply(words=("1",))
        return Reply(status=400, error={"error": {"message": "no thinking_token_budget"}})

    return probe


@pytest.mark.parametrize(
    ("heeds", "takes", "said"),
    [
        (True, True, None),
        (False, True, "ignores `thinking_token_budget`; use the policy `budget_forcing`"),
        (True, False, "`thinking_token_budget` is refused: "),
    ],
)
def test_a_server_is_asked_whether_it_heeds_a_budget(
    heeds: bool, takes: bool, said: str | None
) -> None:
    async def run() -> str | None:
        with FaultServer(probe=of_budget(heeds, takes)) as server:
            engine = OpenaiEngine(base_url=server.url, continuation="never")
            async with engine.open(MODEL.model_copy(update={"thinks": False}), 1) as opened:
                before = len(server.probes)
                left, why = await within_reach([cell(Truncation(budget=9))], opened)
                assert (len(left), why) == (1, None)
                assert len(server.probes) == before  # nobody needs to know
                _, why = await within_reach([cell(ThinkingTokenBudget(budget=9))], opened)
                request = Request(messages=(), max_tokens=4, thinking_token_budget=7)
                await opened.generate(request.model_copy(update={"sampling": Sampling()}))
            (_, _, body) = server.requests[-1]
            assert body["thinking_token_budget"] == 7  # the word was for the question only
            return why

    found = asyncio.run(run())
    assert (found is None) == (said is None)
    assert said is None or said in str(found)


def test_two_needs_that_are_not_met_are_both_told() -> None:
    cells = [cell(ThinkingTokenBudget(budget=9)), cell(BudgetForcing(budget=9))]

    async def run() -> str | None:
        with FaultServer() as server:
            engine = OpenaiEngine(base_url=server.url, continuation="never")
            async with engine.open(MODEL, 1) as opened:
                return (await within_reach(cells, opened))[1]

    said = str(asyncio.run(run()))
    assert "budget_forcing: engine openai at" in said
    assert "; thinking_token_budget: engine openai at" in said
