"""Policies at work on the embedded model: what they write, what they pay for, where they stop."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.transformers import TransformersEngine
from costbench.interfaces import OpenEngine, Policy
from costbench.policies.budget_forcing import BudgetForcing
from costbench.policies.no_thinking import NoThinking
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Completion, Model, Problem, Request, Sampling, Solution

MODEL = Model(name="abacus-base", path="embedded:abacus-base")
PROBLEMS = tuple(Arithmetic(problems=8, seed=11, levels=(2, 3)).load())
GREEDY = Sampling(temperature=0)

Attempt = tuple[Solution, list[tuple[Request, Completion]]]


def solve_all(policy: Policy, problems: tuple[Problem, ...] = PROBLEMS) -> list[Attempt]:
    """One greedy attempt at each problem, with every call it made."""

    async def attempt(engine: OpenEngine, problem: Problem) -> Attempt:
        calls: list[tuple[Request, Completion]] = []

        async def generate(request: Request) -> Completion:
            done = await engine.generate(request.model_copy(update={"sampling": GREEDY, "seed": 1}))
            calls.append((request, done))
            return done

        return await policy.solve(problem, MODEL, generate), calls

    async def run() -> list[Attempt]:
        async with TransformersEngine().open(MODEL, len(problems)) as engine:
            return list(await asyncio.gather(*(attempt(engine, p) for p in problems)))

    return asyncio.run(run())


def with_engine(job: Callable[[OpenEngine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TransformersEngine().open(MODEL, 4) as engine:
            await job(engine)

    asyncio.run(run())


@pytest.fixture(scope="module")
def unconstrained() -> list[Attempt]:
    return solve_all(Unconstrained(max_tokens=400))


def test_unconstrained_thinks_closes_and_answers(unconstrained: list[Attempt]) -> None:
    for solution, calls in unconstrained:
        assert len(calls) == 1
        assert solution.finished
        _, close, answer = solution.text.partition("</think>")
        assert close
        assert "\\boxed{" in answer
        done = calls[0][1]
        assert done.output_tokens is not None
        assert done.reasoning_tokens is not None
        assert 0 < done.reasoning_tokens < done.output_tokens
        assert done.submitted_s <= done.started_s <= done.first_token_s <= done.finished_s


def test_truncation_is_a_prefix_of_the_unconstrained_response(unconstrained: list[Attempt]) -> None:
    cut = solve_all(Truncation(budget=20))
    for (whole, _), (solution, calls) in zip(unconstrained, cut, strict=True):
        assert whole.text.startswith(solution.text)
        assert calls[0][1].output_tokens == 20
        assert not solution.finished


def test_budget_forcing_closes_thinking_with_the_models_marker_and_begins_the_answer(
    unconstrained: list[Attempt],
) -> None:
    forced = solve_all(BudgetForcing(budget=20, answer_tokens=16))
    for (whole, _), (solution, calls) in zip(unconstrained, forced, strict=True):
        thought, injected, answer = solution.pieces
        assert whole.text.startswith(thought.text)
        assert thought.tokens == 20
        assert injected.origin == "injected"
        assert injected.text.lstrip("\n") == "</think>\n\nThe answer is \\boxed{"
        assert (thought.text + injected.text).endswith("\n</think>\n\nThe answer is \\boxed{")
        assert answer.origin == "sampled"
        assert "}" in answer.text
        second = calls[1]
        assert second[0].written == (thought, injected)
        assert second[1].reasoning_tokens == 0
        # the second call sends the prompt and all that was written, and says how much each piece was
        assert second[1].written_tokens == (20, second[1].written_tokens[1])
        assert second[1].input_tokens == calls[0][1].input_tokens + sum(second[1].written_tokens)


def test_budget_forcing_leaves_thinking_that_ends_by_itself_alone(
    unconstrained: list[Attempt],
) -> None:
    loose = solve_all(BudgetForcing(budget=400, answer_tokens=32))
    for (whole, _), (solution, calls) in zip(unconstrained, loose, strict=True):
        assert solution.text == whole.text
        assert calls[0][1].finish == "stop"
        assert calls[0][1].marker.text == "</think>"
        assert not any(piece.origin == "injected" for piece in solution.pieces)


def test_wait_takes_the_place_of_a_suppressed_end_of_thinking(unconstrained: list[Attempt]) -> None:
    longer = solve_all(BudgetForcing(budget=400, waits=1, answer_tokens=32))
    for (whole, _), (solution, calls) in zip(unconstrained, longer, strict=True):
        first_thought = whole.text.partition("</think>")[0]
        assert solution.text.startswith(first_thought + "Wait")
        assert [p.text for p in solution.pieces if p.origin == "injected"][:1] == ["Wait"]
        assert len(calls) == 3
        assert solution.text.count("</think>") == 1


def test_waits_stop_when_the_budget_is_used_up() -> None:
    for solution, calls in solve_all(BudgetForcing(budget=60, waits=5, answer_tokens=16)):
        thinking = [done for request, done in calls if request.stop]
        assert sum(done.sampled.tokens for done in thinking) <= 60
        assert solution.text.count("</think>") == 1


def test_a_row_is_handed_over_when_it_ends_not_when_its_batch_does() -> None:
    async def job(engine: OpenEngine) -> None:
        requests = [
            Request(
                messages=({"role": "user", "content": PROBLEMS[0].prompt},),
                max_tokens=limit,
                sampling=GREEDY,
                seed=1,
            )
            for limit in (2, 120)
        ]
        short, long = await asyncio.gather(*(engine.generate(request) for request in requests))
        assert short.batch_size == 2
        assert 1 < long.batch_size < 1.1  # alone for nearly all of its steps
        assert short.output_tokens == 2
        assert short.finish == "length"
        assert short.finished_s < long.finished_s
        assert long.sampled.text.startswith(short.sampled.text)

    with_engine(job)


def test_rows_of_one_batch_do_not_change_each_other() -> None:
    alone = [solve_all(Unconstrained(max_tokens=150), (problem,))[0][0] for problem in PROBLEMS[:3]]
    together = solve_all(Unconstrained(max_tokens=150), PROBLEMS[:3])
    assert [solution.text for solution in alone] == [solution.text for solution, _ in together]


def test_a_prompt_beyond_the_context_fails_that_request_only() -> None:
    from costbench.errors import RequestError

    async def job(engine: OpenEngine) -> None:
        def asking(text: str) -> Request:
            return Request(
                messages=({"role": "user", "content": text},), max_tokens=4, sampling=GREEDY, seed=1
            )

        with pytest.raises(RequestError, match="context"):
            await engine.generate(asking("x" * 2000))
        assert (await engine.generate(asking(PROBLEMS[0].prompt))).output_tokens

    with_engine(job)


@pytest.mark.parametrize("thought", ["", "Okay, I think I have finished thinking."])
def test_without_thinking_the_answer_is_all_that_is_sampled(thought: str) -> None:
    for solution, calls in solve_all(NoThinking(thought=thought, max_tokens=60)):
        ((_, done),) = calls
        assert solution.text.startswith(f"<think>\n{thought}\n</think>\n\n")
        assert [piece.origin for piece in solution.pieces] == ["injected", "sampled"]
        assert done.reasoning_tokens == 0
        assert "\\boxed{" in solution.pieces[1].text
