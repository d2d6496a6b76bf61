"""What a run makes of an engine that is full or refuses; the clock, the store and the rest are real."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from scripted_engine import LONG

from costbench.errors import StoreError, SuiteError
from costbench.grading import graders_in_use
from costbench.hardware import probe_machine
from costbench.measuring import RunOptions, measure
from costbench.metering.sampler import Sampler
from costbench.pacing import Pacing
from costbench.plan import make_plan
from costbench.records import read_records
from costbench.reporting import ReportOptions, make_report
from costbench.runner import Allowance, _Session
from costbench.screen import RunScreen
from costbench.store import Store
from costbench.suite import Limits, load_suite
from costbench.types import Component, MeterFacts

SUITE = """
name: scripted
protocol: {protocol}
meters: none
prices: prices.yaml
limits: {limits}
sampling: {{samples_per_problem: 1}}
groups:
  - name: g
    engine: {{kind: "scripted_engine:ScriptedEngine", seconds: {seconds}}}
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact}}]
    models: [{{name: m, path: nowhere/nothing, role: baseline}}]
    policies: {policies}
    load: {{concurrency: 4}}
"""
PRICES = """
date: 2026-11-20
machines: [{match: no such GPU, per: gpu, usd_per_hour: 1, provider: t, source: t, as_of: 2026-11-20}]
"""


@pytest.fixture
def cells_of(tmp_path: Path) -> Callable[..., list[Any]]:
    """Runs the suite on these questions and gives the rows of its report."""

    def run(
        *questions: str,
        policies: str,
        limits: str = "{}",
        seconds: float = 0.0,
        protocol: str = "quick",
    ) -> list[Any]:
        lines = [{"id": str(at), "question": q, "answer": "1"} for at, q in enumerate(questions)]
        (tmp_path / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
        (tmp_path / "prices.yaml").write_text(PRICES)
        suite = tmp_path / "suite.yaml"
        settings = {"limits": limits, "seconds": seconds, "protocol": protocol}
        suite.write_text(SUITE.format(policies=policies, **settings))
        plan = make_plan(load_suite(suite), probe_machine())
        folder, _ = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
        return list(make_report(folder, ReportOptions()).cells)

    return run


def test_a_full_context_is_a_cut_like_any_other_not_an_error(
    cells_of: Callable[..., list[Any]],
) -> None:
    """An error would leave the accuracy, so the policy that fills the context would win by its failures."""
    policies = "[{kind: unconstrained, max_tokens: 500}, {kind: budget_forcing, budget: 400}]"
    free, forced = cells_of("one", "two", policies=policies)
    assert (free.truncated, free.errors) == (2, 0)
    assert (forced.truncated, forced.errors) == (2, 0)
    assert free.accuracy.value == forced.accuracy.value == 0
    assert forced.output_tokens.value == 90


def test_a_question_that_is_too_long_is_one_error_and_the_others_go_on(
    cells_of: Callable[..., list[Any]],
) -> None:
    (cell,) = cells_of("one", LONG, "two", policies="[{kind: truncation, budget: 5}]")
    assert (cell.errors, cell.truncated) == (1, 2)
    assert cell.output_tokens.value == pytest.approx(10 / 3)


def test_a_limit_in_money_needs_a_price(cells_of: Callable[..., list[Any]]) -> None:
    with pytest.raises(SuiteError, match="no price for this machine, so the limit could not hold"):
        cells_of("one", policies="[{kind: truncation, budget: 5}]", limits="{usd: 1}")


def test_a_new_run_says_how_it_differs_from_the_unfinished_one(
    cells_of: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    questions = [f"question {at}" for at in range(20)]
    stopped = "[{kind: truncation, budget: 5}]"
    (cell,) = cells_of(*questions, policies=stopped, limits="{tokens: 1}", seconds=0.3)
    assert cell.attempts < 20
    capsys.readouterr()
    (cell,) = cells_of(*questions, policies="[{kind: truncation, budget: 6}]", seconds=0.3)
    assert cell.attempts == 20
    said = capsys.readouterr().err
    assert re.search(r"a new run: .*scripted-\S+ is not finished, but differs in: g/cells", said)
    (cell,) = cells_of(*questions, policies=stopped, seconds=0.3)
    assert cell.attempts == 20
    assert ", resuming: " in capsys.readouterr().err


class Clock(Component):
    """A meter of one watt."""

    kind: Literal["clock"] = "clock"
    facts: MeterFacts = MeterFacts(
        name="clock", provenance="assumed", method="clock", scope="test",
        period_s=0.01, settle_s=0.0, headline=("clock",),
    )  # fmt: skip

    @contextmanager
    def open(self) -> Iterator["Clock"]:
        yield self

    def read(self) -> dict[str, float | None]:
        return {"clock": time.monotonic()}


def test_what_one_commit_could_not_store_the_next_one_does(
    cells_of: Callable[..., list[Any]], tmp_path: Path
) -> None:
    cells_of("one", policies="[{kind: truncation, budget: 5}]")
    (folder,) = (tmp_path / "runs").iterdir()
    plan = make_plan(load_suite(tmp_path / "suite.yaml"), probe_machine())
    with Store.open(folder) as store, Sampler([Clock()]) as sampler:
        store.begin_session({})
        screen = RunScreen(plan)
        pacing = Pacing(store, sampler, plan.suite.protocol, screen.waiting)
        session = _Session(
            store, sampler, Allowance(Limits(), None), screen, lambda _: None, pacing
        )
        time.sleep(0.1)
        store.db.execute("PRAGMA query_only = ON")  # as a disk that refuses for a while
        with pytest.raises(StoreError, match="cannot be written"):
            session.commit()
        failed_s = time.monotonic()
        store.db.execute("PRAGMA query_only = OFF")
        time.sleep(0.1)
        session.commit()
        series = read_records(store, graders_in_use(store)).traces[store.session].counters["clock"]
    assert series.t_s[0] < failed_s - 0.05
    assert series.t_s[-1] > failed_s


SHORT = "[{kind: truncation, budget: 5}]"
STANDARD = (
    "{kind: standard, idle_bare_s: 0, idle_context_s: 0, warmup_batches: 1, warmup_s: 0,"
    " warmup_at_most_s: 0, window_s: 1, window_at_least_s: 0.2, cooldown_s: 0}"
)


def test_a_pass_that_is_shorter_than_its_window_begins_again_and_all_of_it_counts(
    cells_of: Callable[..., list[Any]], tmp_path: Path
) -> None:
    protocol = STANDARD.replace("window_s: 1", "window_s: 3")
    (cell,) = cells_of("one", "two", "three", policies=SHORT, seconds=0.05, protocol=protocol)
    assert cell.windows.whole.duration_s >= 3
    assert cell.attempts % 3 == 0  # whole rounds: no problem counts more than another
    assert cell.wrong + cell.truncated == cell.attempts  # further rounds are graded, too
    assert cell.output_tokens.value == 5
    assert cell.windows.steady.duration_s < cell.windows.whole.duration_s
    (folder,) = (tmp_path / "runs").iterdir()
    with Store.open(folder) as store:
        query = "SELECT COUNT(*), COUNT(DISTINCT round), COUNT(DISTINCT seed) FROM attempts"
        attempts, rounds, seeds = store.db.execute(query).fetchone()
        query = (
            "SELECT c.submitted_s - MIN(c.submitted_s) OVER (), a.round"
            " FROM calls c JOIN attempts a ON c.attempt = a.id"
        )
        last = [at_s for at_s, number in store.db.execute(query) if number < rounds - 1]
    assert (attempts, seeds) == (cell.attempts, cell.attempts)
    assert rounds == attempts / 3
    assert rounds >= 2
    # No round began after the window's length: all but the last one were handed out within it.
    assert max(last) < 3


def test_a_pass_in_which_nothing_can_be_answered_does_not_begin_again_for_ever(
    cells_of: Callable[..., list[Any]],
) -> None:
    long = "{kind: standard, idle_bare_s: 0, idle_context_s: 0, warmup_at_most_s: 0, window_s: 60}"
    began_s = time.monotonic()
    (cell,) = cells_of(LONG, policies="[{kind: budget_forcing, budget: 5}]", protocol=long)
    assert time.monotonic() - began_s < 30
    assert cell.errors == cell.attempts >= 1


def test_a_run_that_stops_within_a_window_goes_on_in_another(
    cells_of: Callable[..., list[Any]],
) -> None:
    sizes = {"policies": SHORT, "seconds": 0.05, "protocol": STANDARD}
    (cell,) = cells_of("one", "two", "three", limits="{tokens: 5}", **sizes)
    assert "incomplete" in cell.caveats or cell.attempts >= 3
    (cell,) = cells_of("one", "two", "three", **sizes)
    assert "incomplete" not in cell.caveats
    assert cell.windows.whole.duration_s > 0


def test_a_limit_that_is_reached_between_passes_opens_no_empty_window(
    cells_of: Callable[..., list[Any]], tmp_path: Path
) -> None:
    """Nobody can say what a window of nothing used, and the cell's joules would stay unknown for ever."""
    two = "[{kind: truncation, budget: 5}, {kind: truncation, budget: 6}]"
    protocol = STANDARD.replace("cooldown_s: 0", "cooldown_s: 6")
    cells_of("one", policies=two, seconds=0.05, limits="{wall_s: 6}", protocol=protocol)
    (folder,) = (tmp_path / "runs").iterdir()
    with Store.open(folder) as store:
        query = "SELECT cell FROM windows WHERE phase = 'whole'"
        assert len(store.db.execute(query).fetchall()) == 1
