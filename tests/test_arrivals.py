"""Open-loop load: when attempts come, what their waiting counts for, and a run of it."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import virtual_time
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from costbench.arrivals import as_they_come, gaps_s
from costbench.attempting import Turn
from costbench.attempts import Arrival
from costbench.cell import OpenLoop
from costbench.errors import EngineError
from costbench.frames import Run
from costbench.hardware import probe_machine
from costbench.measuring import RunOptions, measure
from costbench.plan import Plan, make_plan
from costbench.reporting import ReportOptions, make_report
from costbench.screen import RunScreen
from costbench.store import Store
from costbench.suite import Load, load_suite
from costbench.types import Problem

PATIENT = settings(max_examples=30)
SUITE = """
name: open
meters: none
{slo}
sampling: {{samples_per_problem: {samples}, seed: {seed}}}
groups:
  - name: g
    engine: {{kind: "scripted_engine:ScriptedEngine", seconds: {seconds}, says: "2"}}
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact}}]
    models: [{{name: m, path: nowhere/nothing, role: baseline, thinks: false}}]
    policies: [{{kind: truncation, budget: 20}}]
    load: {load}
"""


def first(gaps: Iterator[float], count: int) -> list[float]:
    return list(itertools.islice(gaps, count))


@PATIENT
@given(
    rate=st.floats(0.1, 1000), seed=st.integers(0, 1 << 30), burstiness=st.sampled_from([0.5, 1, 4])
)
def test_gaps_have_the_mean_of_the_rate_and_the_spread_of_their_burstiness(
    rate: float, seed: int, burstiness: float
) -> None:
    gaps = np.array(first(gaps_s(OpenLoop(rate, burstiness), seed, 0), 20_000)) * rate
    assert gaps.mean() == pytest.approx(1, rel=0.06)
    assert gaps.std() == pytest.approx(burstiness**-0.5, rel=0.08)
    assert gaps.min() >= 0


@PATIENT
@given(rate=st.floats(0.1, 1000), seed=st.integers(0, 1 << 30))
def test_the_same_seed_gives_the_same_arrivals_and_another_pass_others(
    rate: float, seed: int
) -> None:
    load = OpenLoop(rate)
    once = first(gaps_s(load, seed, 0), 5)
    assert once == first(gaps_s(load, seed, 0), 5)
    assert once != first(gaps_s(load, seed, 1), 5)
    assert once != first(gaps_s(load, seed + 1, 0), 5)


def test_poisson_arrivals_in_a_second_vary_as_much_as_they_are() -> None:
    """Mean and variance of a Poisson distribution are one; of even arrivals the variance is nearly none."""
    for burstiness, ratio in ((1.0, 1.0), (100.0, 0.01)):
        times = np.cumsum(first(gaps_s(OpenLoop(10, burstiness), 7, 0), 50_000))
        counts = np.bincount(times.astype(int))[:-1]
        assert counts.mean() == pytest.approx(10, rel=0.02)
        assert counts.var() / counts.mean() == pytest.approx(ratio, abs=0.1)


def come(gaps: list[float], places: int, lasting_s: float) -> list[tuple[float, Arrival, float]]:
    """When each was begun, its arrival, and when it ended; the first one comes at 0 s."""
    found: list[tuple[float, Arrival, float]] = []

    async def begin(turn: Turn, problem: Problem, arrival: Arrival) -> None:
        begun_s = virtual_time.now_s()
        await asyncio.sleep(lasting_s)
        found.append((begun_s, arrival, virtual_time.now_s()))

    problem = Problem(id="p", question="?", prompt="?")
    todo = iter([(Turn(0), problem)] * (len(gaps) + 1))
    virtual_time.run(as_they_come(todo, iter([*gaps, 1e9]), places, begin, lambda: False))
    return found


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costbench.arrivals.time", virtual_time.CLOCK)


@pytest.mark.usefixtures("timeless")
def test_attempts_begin_at_their_times_whether_others_have_ended_or_not() -> None:
    found = come([5, 10, 5], places=9, lasting_s=30)
    assert [one.scheduled_s for _, one, _ in found] == pytest.approx([0, 5, 15, 20])
    assert [one.sent_s for _, one, _ in found] == pytest.approx([0, 5, 15, 20])
    assert [begun_s for begun_s, *_ in found] == pytest.approx([0, 5, 15, 20])


@pytest.mark.usefixtures("timeless")
def test_who_waits_for_a_place_keeps_the_time_of_arrival() -> None:
    found = come([2, 2], places=1, lasting_s=20)
    assert [one.scheduled_s for _, one, _ in found] == pytest.approx([0, 2, 4])
    assert [one.sent_s for _, one, _ in found] == pytest.approx([0, 2, 4])
    assert [begun_s for begun_s, *_ in found] == pytest.approx([0, 20, 40])


@pytest.mark.usefixtures("timeless")
def test_the_first_error_ends_it_at_once_though_the_next_would_come_late() -> None:
    ended_s: list[float] = []

    async def begin(turn: Turn, problem: Problem, arrival: Arrival) -> None:
        raise EngineError("gone")

    async def timed() -> None:
        todo = iter([(Turn(0), Problem(id="p", question="?", prompt="?"))] * 3)
        try:
            await as_they_come(todo, iter([60.0, 60.0]), 2, begin, lambda: False)
        finally:
            ended_s.append(virtual_time.now_s())

    with pytest.raises(EngineError, match="gone"):
        virtual_time.run(timed())
    assert ended_s == [0]


@pytest.mark.parametrize(
    ("load", "told"),
    [
        ({"request_rate": 0}, "greater than 0"),
        ({"request_rate": [2, 2]}, "names one request_rate twice"),
        ({"burstiness": 2}, "go with a request_rate"),
        ({"request_rate": 2, "burstiness": 0}, "greater than 0"),
        ({"concurrency": [], "request_rate": []}, "expected at least 1"),
    ],
)
def test_a_load_that_is_none_is_a_sentence(load: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Load.model_validate(load)


def test_rates_stand_alone_or_beside_concurrencies() -> None:
    assert Load.model_validate({"request_rate": 2}).concurrency == ()
    assert Load.model_validate({}).concurrency == (64,)
    both = Load.model_validate({"concurrency": 4, "request_rate": [0.5]})
    assert (both.concurrency, both.request_rate) == ((4,), (0.5,))


def planned(folder: Path, problems: int = 6, **changes: object) -> Plan:
    keys = {"samples": 1, "seed": 0, "seconds": 0.1, "slo": "", "load": "{request_rate: 20}"}
    lines = [{"id": str(at), "question": f"q {at}", "answer": "2"} for at in range(problems)]
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "s.yaml").write_text(SUITE.format(**(keys | changes)))
    return make_plan(load_suite(folder / "s.yaml"), probe_machine())


def test_cells_are_called_by_their_rate_and_what_is_not_in_the_id_is_in_the_identity(
    tmp_path: Path,
) -> None:
    load = "{concurrency: 2, request_rate: [2, 0.5], max_concurrency: 3}"
    plan = planned(tmp_path, load=load)
    assert [cell.id.rpartition("/")[2] for cell in plan.cells] == ["c2", "r2", "r0.5"]
    assert [cell.concurrency for cell in plan.cells] == [2, 3, 3]
    assert [cell.warm_up_calls for cell in plan.cells] == [2, 3, 3]
    assert planned(tmp_path).cells[0].concurrency == 6
    other = planned(tmp_path, load=load.replace("3}", "3, burstiness: 2}"))
    assert {part for part in plan.identity if plan.identity[part] != other.identity[part]} == {
        "g/loads"
    }


def test_a_closed_loop_has_the_identity_that_it_always_had(tmp_path: Path) -> None:
    plan = planned(tmp_path, load="{concurrency: 2}")
    assert "g/loads" not in plan.identity
    assert "g/cells" in plan.identity
    promised = planned(tmp_path, load="{concurrency: 2}", slo="slo: {ttft_s: 1}")
    assert promised.identity == plan.identity


def test_a_run_of_arrivals_counts_waiting_from_the_schedule(tmp_path: Path) -> None:
    """Four arrivals within some 40 ms, one place, 0.1 s each: all but the first wait for others."""
    plan = planned(
        tmp_path,
        problems=4,
        load="{request_rate: 100, max_concurrency: 1}",
        slo="slo: {latency_s: 0.25, share_at_least: 0.9}",
    )
    folder, result = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
    assert result.complete
    with Store.open(folder) as store:
        rows = store.db.execute(
            "SELECT scheduled_s, submitted_s, c.finished_s, sent_s"
            " FROM arrivals JOIN calls c USING (attempt) ORDER BY 1"
        ).fetchall()
    scheduled_s, begun_s, ended_s, sent_s = np.array(rows).T
    lag_s = float((sent_s - scheduled_s).mean())
    gaps = np.diff(scheduled_s)
    assert gaps == pytest.approx(first(gaps_s(OpenLoop(100), 0, 0), 3), rel=1e-6)
    assert (begun_s[1:] >= ended_s[:-1]).all()
    assert (ended_s - begun_s >= 0.1).all()
    found = Run(folder).attempts()
    assert sorted(found.latency_s) == pytest.approx(sorted(ended_s - scheduled_s))
    assert (np.array(sorted(found.waited_s)) <= sorted(begun_s - scheduled_s)).all()
    assert (np.array(sorted(found.waited_s)) >= [0, *(ended_s[:-1] - scheduled_s[1:])]).all()
    (cell,) = make_report(folder, ReportOptions()).cells
    assert cell.load == {"request_rate": 100.0, "burstiness": 1.0, "max_concurrency": 1}
    assert cell.serving is not None
    assert cell.serving.whole.latency_s.p50 == cell.latency_s.p50
    assert cell.serving.at_slo is not None
    assert cell.serving.at_slo.meets is False
    assert cell.serving.arrival_lag_s is not None
    assert cell.serving.arrival_lag_s.mean is not None
    assert cell.serving.arrival_lag_s.mean == pytest.approx(lag_s)


def test_an_open_loop_resumes_with_what_is_left(tmp_path: Path) -> None:
    plan = planned(tmp_path, problems=5, load="{request_rate: 50}")
    folder, _ = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
    with Store.open(folder, lock=True) as store, store.transaction():
        for table in ("calls", "call_times", "arrivals", "pieces", "grades"):
            lost = "SELECT id FROM attempts WHERE problem IN ('3', '4')"
            store.db.execute(f"DELETE FROM {table} WHERE attempt IN ({lost})")
        store.db.execute("DELETE FROM attempts WHERE problem IN ('3', '4')")
        store.set_meta("complete", False)
    again, result = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
    assert (again, result.complete) == (folder, True)
    assert len(Run(folder).attempts()) == 5


def test_a_folder_of_before_has_no_such_tables_and_is_read_all_the_same(tmp_path: Path) -> None:
    plan = planned(tmp_path, load="{concurrency: 2}")
    folder, _ = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
    now = make_report(folder, ReportOptions())
    with Store.open(folder, lock=True) as store:
        for table in ("call_times", "arrivals"):
            store.db.execute(f"DROP TABLE {table}")
    before = make_report(folder, ReportOptions())
    assert before.cells[0].latency_s == now.cells[0].latency_s
    (cell,) = before.cells
    assert cell.serving is not None
    assert cell.serving.whole.ttft_s.mean is not None
    assert cell.serving.whole.ttfat_s.mean is None
    with Store.open(folder) as store:  # reading has written nothing
        names = store.db.execute("SELECT name FROM sqlite_master").fetchall()
    assert not {("call_times",), ("arrivals",)} & set(names)
