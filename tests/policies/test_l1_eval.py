"""Budget forcing as L1 ran it: thinking that may not end, and an answer without an end of thinking."""

import asyncio
import itertools
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import cells_of

from costbench.attempting import Turn, attempt
from costbench.cell import Cell
from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.transformers import TransformersEngine
from costbench.graders.exact import ExactGrader
from costbench.interfaces import OpenEngine
from costbench.policies.budget_forcing import BudgetForcing
from costbench.regrading import grade_again
from costbench.reporting import ReportOptions, make_report
from costbench.store import Attempt
from costbench.types import (
    Completion,
    Finish,
    LatencyBasis,
    Model,
    Piece,
    Problem,
    Request,
    Sampling,
)

MODEL = Model(name="abacus-base", path="embedded:abacus-base")
PROBLEMS = tuple(Arithmetic(problems=3, seed=11, levels=(1, 1)).load())
BEGINNING = "\nThe final Answer is:"
END_OF_TURN = 99

Ends = Sequence[tuple[int, Finish]]


class Restless:
    """Ends its thinking, or its turn, after as many tokens as it is told; 7 tokens of answer."""

    latency_basis: LatencyBasis = "engine"
    versions: Mapping[str, str] = {}
    gpu_uuids: Sequence[str] = ()

    def __init__(self, ends: Ends, *, counts: bool = True) -> None:
        self._ends = itertools.cycle(ends)
        self._counts = counts
        self.asked: list[Request] = []

    async def generate(self, request: Request) -> Completion:
        self.asked.append(request)
        wanted, finish = next(self._ends) if "</think>" in request.stop else (7, "end")
        count = min(wanted, request.max_tokens)
        finish = finish if wanted <= request.max_tokens else "length"
        closed = finish == "stop"
        said = count - 1 if finish in ("stop", "end") else count
        ids = tuple(range(said)) + ((END_OF_TURN,) if finish == "end" else ())
        return Completion(
            sampled=Piece(
                text="hm " * said,
                origin="sampled",
                token_ids=ids,
                tokens=len(ids) if self._counts else None,
            ),
            marker=Piece(text="</think>", origin="sampled", tokens=1) if closed else None,
            finish=finish,
            reasoning_tokens=count,  # nothing in the text says where the answer begins
            written_tokens=tuple(len(piece.text.split()) for piece in request.written),
            submitted_s=0,
            started_s=0,
            finished_s=1,
        )


def cell_of(policy: BudgetForcing, problems: tuple[Problem, ...] = PROBLEMS) -> Cell:
    return Cell(
        id="g/m/p/d/c1", group="g", engine=TransformersEngine(), model=MODEL, policy_name="p",
        policy=policy, dataset_name="d", problems=problems, grader=ExactGrader(),
        sampling=Sampling(temperature=0.6), concurrency=8,
    )  # fmt: skip


def solve(policy: BudgetForcing, engine: OpenEngine) -> Attempt:
    return asyncio.run(attempt(cell_of(policy), PROBLEMS[0], Turn(0), engine))


@given(
    budget=st.integers(1, 300),
    ends=st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from(["stop", "end"])), min_size=1, max_size=9
    ),
)
def test_the_budget_is_used_up_and_never_exceeded_by_at_most_100_waits(
    budget: int, ends: Ends
) -> None:
    engine = Restless(ends)
    tried = solve(BudgetForcing(style="l1_eval", budget=budget), engine)
    *thinking, answering = engine.asked
    sampled = sum(call.completion.output_tokens or 0 for call in tried.calls[:-1])
    assert sampled <= budget
    assert sampled == budget or len(thinking) == 101
    assert sum(call.completion.reasoning_tokens or 0 for call in tried.calls) == sampled

    assert tried.solution
    injected = [piece.text for piece in tried.solution.pieces if piece.origin == "injected"]
    assert injected == ["Wait"] * (len(thinking) - 1) + [BEGINNING]
    assert len(thinking) <= 101
    assert sum(call.injected_tokens or 0 for call in tried.calls) == len(injected) - 1 + 4
    assert "</think>" not in tried.solution.text
    assert not any(END_OF_TURN in (piece.token_ids or ()) for piece in answering.written)


def test_only_the_answer_is_greedy_short_and_on_one_line() -> None:
    engine = Restless([(5, "stop")])
    solve(BudgetForcing(style="l1_eval", budget=12), engine)
    *thinking, answering = engine.asked
    assert [request.sampling for request in thinking] == [Sampling(temperature=0.6)] * 3
    assert [request.max_tokens for request in thinking] == [12, 7, 2]
    assert answering.sampling == Sampling(temperature=0)
    assert (answering.max_tokens, answering.stop) == (20, ("\n",))
    assert answering.written[-1].text == BEGINNING


def test_what_the_style_leaves_open_can_be_set() -> None:
    l1 = BudgetForcing.model_validate({"style": "l1_eval", "budget": 50})
    assert (l1.waits, l1.answer_tokens, l1.token_limit()) == (100, 20, 70)
    given_ones = {"style": "l1_eval", "budget": 50, "waits": 2, "answer_tokens": 30}
    changed = BudgetForcing.model_validate(given_ones)
    assert (changed.waits, changed.answer_tokens) == (2, 30)
    engine = Restless([(5, "end")])
    solve(changed, engine)
    assert len(engine.asked) == 2 + 2
    s1 = BudgetForcing(budget=50)
    assert (s1.style, s1.waits, s1.answer_tokens) == ("s1", 0, 512)


def test_an_engine_that_does_not_count_is_an_error_not_an_endless_budget() -> None:
    engine = Restless([(5, "stop")], counts=False)
    tried = solve(BudgetForcing(style="l1_eval", budget=50), engine)
    assert tried.solution is None
    assert "does not count tokens" in str(tried.error)
    assert len(engine.asked) == 1


def test_the_embedded_model_thinks_as_long_as_it_must_and_answers_greedily() -> None:
    """Sampled thinking and greedy answers wait for the same engine, and it keeps them apart."""
    budget = 160

    async def run() -> tuple[list[Attempt], list[Completion]]:
        async with TransformersEngine(device="cpu").open(MODEL, len(PROBLEMS)) as engine:
            cell = cell_of(BudgetForcing(style="l1_eval", budget=budget))
            tried = await asyncio.gather(*(attempt(cell, p, Turn(0), engine) for p in PROBLEMS))
            again = []
            for problem, one in zip(PROBLEMS, tried, strict=True):
                assert one.solution, one.error
                pieces = one.solution.pieces
                written = pieces[: [piece.text for piece in pieces].index(BEGINNING) + 1]
                greedily = Request(
                    messages=({"role": "user", "content": problem.prompt},),
                    written=written, max_tokens=20, stop=("\n",),
                    sampling=Sampling(temperature=0), seed=1,
                )  # fmt: skip
                again.append(await engine.generate(greedily))
            return tried, again

    tried, again = asyncio.run(run())
    waits = [sum(p.text == "Wait" for p in one.solution.pieces) for one in tried if one.solution]
    assert max(waits) >= 1
    for one, answer in zip(tried, again, strict=True):
        *thinking, last = (call.completion for call in one.calls)
        assert sum(done.output_tokens or 0 for done in thinking) == budget
        assert last.sampled.text == answer.sampled.text
        assert (last.output_tokens or 0) <= 20
        assert last.reasoning_tokens == 0
        assert one.solution
        assert "</think>" not in one.solution.text.partition(BEGINNING)[0]


L1_EVAL = "{{kind: budget_forcing, style: l1_eval, budget: {}}}"


def test_the_answer_is_graded_where_the_policy_began_it(tmp_path: Path) -> None:
    (cell,) = cells_of(tmp_path, L1_EVAL.format(7), engine=', says: "1"')
    assert (cell.correct, cell.attempts) == (2, 2)
    assert (cell.output_tokens.value, cell.reasoning_tokens.value) == (27, 7)
    assert cell.injected_tokens.value == 4
    assert (cell.length_control.target, cell.length_control.violation_rate) == (7, 0)
    (folder,) = (tmp_path / "runs").iterdir()
    by_math = [found for found in grade_again(folder, ["math"]).verdicts if found.grader == "math"]
    assert [(found.correct, found.graded) for found in by_math] == [(2, 2)]


def test_a_run_folder_that_does_not_say_where_answers_begin_is_graded_as_it_was(
    tmp_path: Path,
) -> None:
    cells_of(tmp_path, L1_EVAL.format(7), engine=', says: "1"')
    (folder,) = (tmp_path / "runs").iterdir()
    with closing(sqlite3.connect(folder / "run.db", isolation_level=None)) as database:
        ((cell, spec),) = database.execute("SELECT id, spec FROM cells").fetchall()
        older = {key: value for key, value in json.loads(spec).items() if key != "answer_begins"}
        database.execute("UPDATE cells SET spec = ? WHERE id = ?", (json.dumps(older), cell))
        database.execute("DELETE FROM grades")
    (again,) = grade_again(folder, []).verdicts
    assert (again.correct, again.graded) == (0, 2)


@pytest.mark.parametrize(("budget", "output_tokens"), [(400, 90), (86, 86)])
def test_a_context_that_leaves_no_answer_is_a_cut(
    tmp_path: Path, budget: int, output_tokens: int
) -> None:
    """Also where the beginning of the answer is the last thing that fits: it is no answer."""
    (cell,) = cells_of(tmp_path, L1_EVAL.format(budget))
    assert (cell.truncated, cell.wrong, cell.errors) == (2, 0, 0)
    assert cell.output_tokens.value == output_tokens
    (folder,) = (tmp_path / "runs").iterdir()
    assert make_report(folder, ReportOptions(grader="math")).cells[0].truncated == 2
