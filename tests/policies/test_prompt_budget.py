"""L1's words in the prompt: what is asked, where it is cut, and what the budget is compared with."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from reported import cells_of

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.transformers import TransformersEngine
from costbench.interfaces import OpenEngine, Policy
from costbench.policies.asking import BudgetMode, asked
from costbench.policies.prompt_budget import PromptBudget
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Completion, Model, Problem, Request, Sampling, Solution

MODEL = Model(name="abacus-base", path="embedded:abacus-base")
PROBLEMS = tuple(Arithmetic(problems=2, seed=11, levels=(1, 2)).load())


def solve(policy: Policy, problems: Sequence[Problem]) -> list[Solution]:
    async def attempt(engine: OpenEngine, problem: Problem) -> Solution:
        async def generate(request: Request) -> Completion:
            greedy = {"sampling": Sampling(temperature=0), "seed": 1}
            return await engine.generate(request.model_copy(update=greedy))

        return await policy.solve(problem, MODEL, generate)

    async def run() -> list[Solution]:
        async with TransformersEngine().open(MODEL, len(problems)) as engine:
            return list(await asyncio.gather(*(attempt(engine, p) for p in problems)))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("mode", "words"),
    [("exact", "Q? Think for 512 tokens."), ("maximum", "Q? Think for maximum 512 tokens.")],
)
def test_the_words_are_those_of_l1(mode: BudgetMode, words: str) -> None:
    assert asked("Q?", 512, mode) == words


@pytest.mark.parametrize(("mode", "words"), [("exact", "64"), ("maximum", "maximum 64")])
def test_the_model_reads_them_after_the_prompt_and_nothing_else_changes(
    mode: BudgetMode, words: str
) -> None:
    spelled_out = [
        p.model_copy(update={"prompt": f"{p.prompt} Think for {words} tokens."}) for p in PROBLEMS
    ]
    budgeted = solve(PromptBudget(budget=64, mode=mode, max_tokens=300), PROBLEMS)
    assert budgeted == solve(Unconstrained(max_tokens=300), spelled_out)
    assert all(solution.finished for solution in budgeted)


def test_the_response_is_cut_at_twice_the_budget_unless_a_cap_is_given() -> None:
    (solution,) = solve(PromptBudget(budget=9), PROBLEMS[:1])
    assert [piece.tokens for piece in solution.pieces] == [18]
    assert not solution.finished
    assert PromptBudget(budget=9).token_limit() == 18
    (solution,) = solve(PromptBudget(budget=9, max_tokens=5), PROBLEMS[:1])
    assert [piece.tokens for piece in solution.pieces] == [5]
    assert PromptBudget(budget=9, max_tokens=8192).token_limit() == 8192


def test_the_budget_is_compared_with_the_whole_response(tmp_path: Path) -> None:
    (cell,) = cells_of(tmp_path, "{kind: prompt_budget, budget: [12], mode: maximum}")
    assert (cell.policy, cell.budget) == ("prompt_budget", 12)
    assert cell.output_tokens.value == 24  # the scripted engine never ends by itself
    assert cell.length_control.mean_absolute_error_tokens == 12
    assert cell.length_control.violation_rate == 1
