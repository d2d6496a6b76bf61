"""Several responses and one answer: how they are asked for, what they cost, and who chooses."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from costbench.attempting import Turn, attempt
from costbench.cell import Cell
from costbench.datasets.arithmetic import Arithmetic
from costbench.engines import batching
from costbench.engines.transformers import TransformersEngine
from costbench.errors import ContextFullError, EngineError, RequestError, SuiteError
from costbench.frames import Run
from costbench.graders.exact import ExactGrader
from costbench.hardware import probe_machine
from costbench.interfaces import OpenEngine
from costbench.measuring import RunOptions, cell_spec, measure
from costbench.plan import Plan, make_plan
from costbench.policies.majority import Majority
from costbench.records import CellRecord, read_records
from costbench.regrading import grade_again
from costbench.report.contract import CellReport
from costbench.report.sampled import BETWEEN_VOTES
from costbench.reporting import ReportOptions, make_report
from costbench.screen import RunScreen
from costbench.store import Attempt, PlannedCell, Store
from costbench.suite import load_suite
from costbench.types import (
    Completion,
    Component,
    LatencyBasis,
    MeterFacts,
    Model,
    Piece,
    Request,
    Sampling,
)

HERE = Path(__file__).parent
PROBLEM = next(iter(Arithmetic(problems=1, seed=11).load()))
CELL = Cell(
    id="g/m/majority@3/d/c1", group="g", engine=TransformersEngine(),
    model=Model(name="m", path="no/where"), policy_name="majority",
    policy=Majority(votes=3, max_tokens=50), dataset_name="d", problems=(PROBLEM,),
    grader=ExactGrader(), sampling=Sampling(), concurrency=1,
)  # fmt: skip


class Together:
    """Answers only when three calls are there, and the last of them first."""

    latency_basis: LatencyBasis = "engine"
    versions: Mapping[str, str] = {}
    gpu_uuids: Sequence[str] = ()

    def __init__(self, *says: str | Exception) -> None:
        self._says = says
        self._may_go = [asyncio.Event() for _ in says]
        self.asked: list[Request] = []

    async def generate(self, request: Request) -> Completion:
        vote = len(self.asked)
        self.asked.append(request)
        if len(self.asked) == len(self._says):
            self._may_go[-1].set()
        await self._may_go[vote].wait()
        if vote:
            self._may_go[vote - 1].set()
        said = self._says[vote]
        if isinstance(said, Exception):
            raise said
        return Completion(
            sampled=Piece(text=said, origin="sampled", tokens=10 * (vote + 1)),
            finish="length" if said == "cut" else "end",
            input_tokens=7, reasoning_tokens=vote, written_tokens=(), batch_size=2,
            submitted_s=100.0 + vote, started_s=101.0 + vote, first_token_s=103.0 + vote,
            finished_s=110.0 - vote,
        )  # fmt: skip


def solve(engine: OpenEngine) -> Attempt:
    async def within_seconds() -> Attempt:
        return await asyncio.wait_for(attempt(CELL, PROBLEM, Turn(0), engine), 10)

    return asyncio.run(within_seconds())


def recorded(folder: Path, tried: Attempt) -> CellRecord:
    """What a report reads of an attempt."""
    planned = PlannedCell(CELL.id, cell_spec(CELL), CELL.problems)
    with Store.create(folder / "run", {}, [planned]) as store:
        store.begin_session({})
        store.add_attempts([tried], [])
        (found,) = read_records(store, {CELL.id: ("exact", "exact-3")}).cells
    return found


def test_all_votes_are_asked_for_at_once_each_with_a_seed_of_its_own() -> None:
    engine = Together("a", "b", "c")
    tried = solve(engine)
    assert [request.seed for request in engine.asked] == [tried.seed + k for k in range(3)]
    assert [request.max_tokens for request in engine.asked] == [50] * 3
    assert {request.messages[0].content for request in engine.asked} == {PROBLEM.prompt}


def test_calls_and_pieces_are_in_the_order_of_votes_whichever_ended_first() -> None:
    tried = solve(Together("a", "b", "c"))
    assert tried.solution
    assert [piece.text for piece in tried.solution.pieces] == ["a", "b", "c"]
    assert [call.completion.sampled.text for call in tried.calls] == ["a", "b", "c"]


def test_tokens_are_sums_and_latency_is_from_the_first_submission_to_the_last_end(
    tmp_path: Path,
) -> None:
    found = {
        name: values.tolist()
        for name, values in recorded(tmp_path, solve(Together("a", "b", "c"))).columns.items()
    }
    assert found["input_tokens"] == [3 * 7]  # the prompt is sent with every vote
    assert found["output_tokens"] == [10 + 20 + 30]
    assert found["reasoning_tokens"] == [0 + 1 + 2]
    assert found["injected_tokens"] == [0]
    assert found["latency_s"] == [110 - 100]  # the three calls took 10, 8 and 6 seconds
    assert found["ttft_s"] == [3]
    assert found["batch_size"] == [2]
    assert np.isnan(found["cached_tokens"]).all()


@pytest.mark.parametrize(
    ("says", "finished"),
    [(("cut", "cut", "cut"), False), (("cut", "a", "cut"), True), (("a", "b", "c"), True)],
)
def test_an_attempt_is_cut_where_all_of_its_votes_are(
    says: tuple[str, ...], finished: bool
) -> None:
    tried = solve(Together(*says))
    assert tried.solution
    assert tried.solution.finished is finished


def test_a_vote_that_is_refused_fails_the_attempt_and_the_others_are_still_counted(
    tmp_path: Path,
) -> None:
    tried = solve(Together("a", RequestError("no room"), "c"))
    assert (tried.solution, tried.error) == (None, "no room")
    assert recorded(tmp_path, tried).columns["output_tokens"].tolist() == [10 + 30]


def test_an_engine_that_is_gone_is_told_though_another_vote_was_refused_first() -> None:
    with pytest.raises(EngineError, match="gone"):
        solve(Together(RequestError("no room"), EngineError("the engine is gone"), "c"))


def test_a_question_that_fills_the_context_is_an_error_as_under_any_policy() -> None:
    tried = solve(Together(*(ContextFullError("too long") for _ in range(3))))
    assert (tried.solution, tried.error, tried.calls) == (None, "too long", ())


# The suite file


def suite(folder: Path, policy: str, *, problems: int = 1, **changes: Any) -> Path:
    """Problems whose answer is 0.5, and votes that are written down beforehand."""
    lines = [{"id": str(n), "question": f"question {n}", "answer": "0.5"} for n in range(problems)]
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
    group = {
        "name": "g",
        "engine": {"kind": "voting_engine:VotingEngine", "says": ["</think> \\boxed{0.5}"]},
        "datasets": [{"kind": "jsonl", "path": "problems.jsonl", "grader": "exact"}],
        "models": [{"name": "m", "path": "nowhere/nothing", "role": "baseline"}],
        "policies": ["POLICY"],
        "load": {"concurrency": 1},
    }
    path = folder / "suite.yaml"
    text = json.dumps({"name": "votes", "meters": "none", "groups": [group | changes]})
    path.write_text(text.replace('"POLICY"', policy))
    return path


def plan_of(path: Path) -> Plan:
    return make_plan(load_suite(path), probe_machine())


def cells_of(path: Path) -> list[CellReport]:
    plan = plan_of(path)
    folder, _ = measure(plan, RunOptions(path.parent / "runs"), RunScreen(plan))
    return list(make_report(folder, ReportOptions()).cells)


def voting(*answers: str) -> dict[str, Any]:
    """An engine that gives these answers in turn; "…..." is cut in its thinking, "" says nothing after it."""
    says = [
        a if a.endswith("...") else f"</think> \\boxed{{{a}}}" if a else "</think>" for a in answers
    ]
    return {"engine": {"kind": "voting_engine:VotingEngine", "says": says}}


@pytest.mark.parametrize(
    ("votes", "told"),
    [
        ("votes: 0", ".votes: input should be greater than or equal to 1, found 0"),
        ("votes: [4, 0]", ".votes: input should be greater than or equal to 1, found 0"),
        ("votes: 1025", ".votes: input should be less than or equal to 1024, found 1025"),
        ("votes: 2.0", ".votes: input should be a valid integer, found 2.0"),
        ("votes: yes", ".votes: input should be a valid integer, found True"),
        ("votes: many", ".votes: input should be a valid integer, found 'many'"),
        ("votes: []", ": votes: an empty list; name at least one budget"),
        ("votes: [1, 4, 1]", ": votes: [1, 4, 1] names one budget twice"),
        ("max_tokens: 9", ".votes: is missing"),
        ("votes: 3, max_tokens: 0", ".max_tokens: input should be greater than or equal to 1, found 0"),
    ],
)  # fmt: skip
def test_votes_are_a_count_or_a_list_of_different_ones(
    tmp_path: Path, votes: str, told: str
) -> None:
    path = suite(tmp_path, f"{{kind: majority, {votes}}}")
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert str(caught.value) == f"{path}:1: groups[0].policies[0]{told}"


def test_a_budget_in_tokens_is_no_key_of_it(tmp_path: Path) -> None:
    path = suite(tmp_path, "{kind: majority, votes: 4, budget: 512}")
    with pytest.raises(SuiteError, match=r"policies\[0\]\.budget: unknown key `budget`"):
        load_suite(path)


def test_a_list_of_votes_makes_a_cell_of_each(tmp_path: Path) -> None:
    one, four = plan_of(suite(tmp_path, "{kind: majority, votes: [1, 4], max_tokens: 50}")).cells
    assert (one.id, four.id) == ("g/m/majority@1/jsonl/c1", "g/m/majority@4/jsonl/c1")
    assert (one.budget, one.token_limit, one.calls_in_flight) == (1, 50, 1)
    assert (four.budget, four.token_limit, four.calls_in_flight) == (4, 200, 4)


# Who chooses


def test_the_largest_class_is_the_answer_and_another_grader_chooses_again(tmp_path: Path) -> None:
    """For `exact` 3 has two votes and the others one each; for `math` three are one half."""
    policy = "{kind: majority, votes: 5, max_tokens: 50}"
    (cell,) = cells_of(suite(tmp_path, policy, **voting("1/2", "3", "0.5", "3", "\\frac12")))
    assert (cell.attempts, cell.correct, cell.wrong) == (1, 0, 1)
    assert (cell.budget, cell.length_control) == (5, None)
    assert cell.output_tokens.value == 1 + 2 + 3 + 4 + 5
    assert cell.input_tokens.value == 50
    (folder,) = (tmp_path / "runs").iterdir()
    by = {found.grader: found for found in grade_again(folder, ["math"]).verdicts}
    assert (by["exact"].correct, by["math"].correct, by["math"].differs) == (0, 1, 1)
    table = Run(folder).attempts(text=True)
    assert table["extracted"].tolist() == ["3"]
    assert table["response"][0].count(BETWEEN_VOTES) == 4
    assert Run(folder, "math").attempts()["extracted"].tolist() == ["1/2"]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (("so...", "I think...", "0.5"), "correct"),  # without an answer there is no vote
        (("so...", "I think...", "3"), "wrong"),
        (("so...", "I think...", "hm..."), "truncated"),
        (("so...", "", "hm..."), "wrong"),
        (("3", "0.5", "hm..."), "wrong"),  # of a tie the first
        (("0.5", "3", "hm..."), "correct"),
    ],
)
def test_the_outcome_is_that_of_the_votes_that_there_are(
    tmp_path: Path, answers: tuple[str, ...], outcome: str
) -> None:
    (cell,) = cells_of(suite(tmp_path, "{kind: majority, votes: 3}", **voting(*answers)))
    assert getattr(cell, outcome) == cell.attempts == 1


def test_one_vote_is_a_response_like_any_other(tmp_path: Path) -> None:
    path = suite(tmp_path, "{kind: majority, votes: 1}, unconstrained", problems=2)
    one, free = cells_of(path)
    assert (one.correct, free.correct) == (2, 2)
    assert one.output_tokens == free.output_tokens
    assert one.input_tokens == free.input_tokens


# A crash, and a real model


def test_after_a_kill_in_the_middle_of_votes_every_attempt_has_all_of_them(tmp_path: Path) -> None:
    """Attempts are stored whole: of the one that was in flight nothing is left, and it is made again."""
    engine = {
        "kind": "voting_engine:VotingEngine",
        "says": ["</think> 0.5"],
        "seconds": 0.4,
        "dies_at_call": 3 * 5 + 2,
        "corpse": str(tmp_path / "corpse"),
    }
    path = suite(tmp_path, "{kind: majority, votes: 3}", problems=7, engine=engine)
    killed = subprocess.run(
        [sys.executable, "-m", "costbench", "run", "suite.yaml", "--no-grade"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = calls_by_problem(tmp_path)
    assert 0 < len(before) < 6
    assert set(before.values()) == {3}
    (cell,) = cells_of(path)
    assert (cell.attempts, cell.correct) == (7, 7)
    assert "resumed" in cell.caveats
    after = calls_by_problem(tmp_path)
    assert len(after) == 7
    assert set(after.values()) == {3}


def calls_by_problem(folder: Path) -> dict[str, int]:
    (path,) = (folder / "runs").glob("[!.]*/run.db")
    with closing(sqlite3.connect(path)) as database:
        return dict(
            database.execute(
                "SELECT a.problem, COUNT(*) FROM attempts a JOIN calls c ON c.attempt = a.id"
                " GROUP BY a.id"
            ).fetchall()
        )


class OneWatt(Component):
    """A joule a second."""

    kind: Literal["one_watt"] = "one_watt"
    facts: MeterFacts = MeterFacts(
        name="one_watt", provenance="assumed", method="clock", scope="test",
        period_s=0.01, settle_s=0.02, headline=("clock",),
    )  # fmt: skip

    @contextmanager
    def open(self) -> Iterator["OneWatt"]:
        yield self

    def read(self) -> dict[str, float | None]:
        return {"clock": time.monotonic()}


def test_the_embedded_model_votes_and_every_call_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "_GATHER_S", 30.0)  # so that a batch begins because it is full
    path = suite(
        tmp_path,
        "{kind: majority, votes: 3, max_tokens: 60}",
        engine={"kind": "transformers", "device": "cpu"},
        datasets=[{"kind": "arithmetic", "problems": 3, "seed": 5, "levels": [1, 1]}],
        models=[{"name": "abacus-base", "path": "embedded:abacus-base", "role": "baseline"}],
        load={"concurrency": 3},
    )
    path.write_text(path.read_text().replace('"none"', f'[{{kind: "{__name__}:OneWatt"}}]'))
    (cell,) = cells_of(path)
    assert (cell.attempts, cell.errors) == (3, 0)
    (folder,) = (tmp_path / "runs").iterdir()
    table = Run(folder).attempts()
    with closing(sqlite3.connect(folder / "run.db")) as database:
        calls = np.array(
            database.execute(
                "SELECT attempt, input_tokens, output_tokens, submitted_s, started_s, finished_s,"
                " batch_size FROM calls ORDER BY attempt, ordinal"
            ).fetchall()
        ).reshape(3, 3, 7)
        texts = database.execute("SELECT attempt, text FROM pieces").fetchall()
        problems = [
            name for (name,) in database.execute("SELECT problem FROM attempts ORDER BY id")
        ]
    table = table.set_index("problem").loc[problems]
    assert table["input_tokens"].tolist() == calls[:, :, 1].sum(axis=1).tolist()
    assert (calls[:, :, 1] == calls[:, :1, 1]).all()  # the same prompt each time
    assert table["output_tokens"].tolist() == calls[:, :, 2].sum(axis=1).tolist()
    assert len(set(texts)) > 3  # votes of one attempt are drawn apart
    # Nine rows decode together, so an attempt takes as long as its slowest vote.
    submitted_s, started_s, finished_s, together = calls.transpose(2, 0, 1)[3:]
    assert len(np.unique(started_s)) == 1
    assert together.max() == 9
    lasted_s = finished_s.max(axis=1) - submitted_s.min(axis=1)
    assert table["latency_s"].tolist() == pytest.approx(lasted_s.tolist())
    whole = cell.windows.whole
    assert table["machine_seconds"].sum() == pytest.approx(whole.duration_s)
    assert table["joules"].sum() == pytest.approx(whole.joules)
    shares = table["joules"] / whole.joules
    assert shares.tolist() == pytest.approx(table["output_tokens"] / table["output_tokens"].sum())
