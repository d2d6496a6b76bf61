"""A run on a server: what it stores, what it says of energy, and how it goes on after faults."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from engines.asking import when_heard
from engines.fault_server import FaultServer, Reply, Script

from costbench.hardware import probe_machine
from costbench.measuring import RunOptions, measure
from costbench.plan import make_plan
from costbench.report.contract import CellReport, Report
from costbench.reporting import ReportOptions, make_report
from costbench.runner import RunResult
from costbench.screen import RunScreen, print_plan
from costbench.store import Store
from costbench.suite import load_suite

KEY = "sk-planted-4711"
SUITE = """
name: served
meters: {meters}
prices: prices.yaml
{wanted}
sampling: {{samples_per_problem: 1}}
groups:
  - name: g
    engine: {{kind: openai, base_url: "{url}", api_key_env: A_TEST_KEY, {settings}
      retries: {{at_most: 1, first_wait_s: 0.01}}}}
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact}}]
    models: [{{name: m, path: {path}, thinks: {thinks}, role: baseline}}]
    policies: {policies}
    load: {{concurrency: {concurrency}}}
"""
PRICES = """
date: 2026-11-20
machines: [{match: "", per: machine, usd_per_hour: 1, provider: t, source: t, as_of: 2026-11-20}]
"""
RIGHT = Reply(words=("2",), usage={"prompt_tokens": 10, "completion_tokens": 4})


class Runs:
    """Runs of one suite in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results: list[RunResult] = []

    def __call__(
        self, server: FaultServer, problems: int = 4, prices: str = PRICES, **changes: Any
    ) -> Report:
        lines = [{"id": str(at), "question": f"q {at}", "answer": "2"} for at in range(problems)]
        (self.folder / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
        (self.folder / "prices.yaml").write_text(prices)
        suite = self.folder / "suite.yaml"
        keys = {
            "url": server.url, "meters": "[codecarbon]", "settings": "", "path": "some-model",
            "thinks": "false", "policies": "[{kind: truncation, budget: 20}]", "wanted": "",
            "concurrency": "2",
        }  # fmt: skip
        suite.write_text(SUITE.format(**(keys | changes)))
        self.plan = make_plan(load_suite(suite), probe_machine())
        found, result = measure(self.plan, RunOptions(self.folder / "runs"), RunScreen(self.plan))
        self.results.append(result)
        return make_report(found, ReportOptions())

    @property
    def folders(self) -> list[Path]:
        return sorted((self.folder / "runs").iterdir())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("A_TEST_KEY", KEY)
    return Runs(tmp_path)


def of_question(reply: Callable[[str], Reply]) -> Script:
    """A script by the question's text; warming up and probes come too."""
    return lambda _, __, body: reply(body["messages"][0]["content"].splitlines()[0])


def cell_of(report: Report) -> CellReport:
    (cell,) = report.cells
    return cell


def test_tokens_times_and_money_of_a_served_model_are_in_the_report(run: Runs) -> None:
    with FaultServer(lambda *_: RIGHT) as server:
        cell = cell_of(run(server))
    assert (cell.correct, cell.errors) == (4, 0)
    assert (cell.input_tokens.value, cell.output_tokens.value) == (10, 4)
    assert cell.cached_tokens.value is None
    assert cell.latency_s.basis == "client"
    assert cell.ttft_s.p50 is not None
    assert not {"estimated_tokens", "retried_requests"} & set(cell.caveats)


def test_energy_is_ours_only_where_the_suite_says_whose_server_it_is(run: Runs) -> None:
    with FaultServer(lambda *_: RIGHT) as server:
        unnamed = cell_of(run(server, meters="auto"))
        named = cell_of(run(server, meters=f"{{server_pid: {os.getpid()}}}"))
    assert unnamed.joules_per_correct.value is None
    assert unnamed.energy.reasons == ("server_not_named",)
    assert unnamed.usd_per_correct.value is not None
    if "server_gpus_not_named" not in named.energy.reasons:
        assert named.joules_per_correct.value is not None


def test_the_energy_and_money_of_a_remote_server_are_not_those_of_this_machine(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from costbench.engines.openai import OpenaiEngine

    monkeypatch.setattr(OpenaiEngine, "remote", True)
    with FaultServer(lambda *_: RIGHT) as server:
        cell = cell_of(run(server))
    assert (cell.joules_per_correct.value, cell.joules_per_correct.reason) == (
        None,
        "remote_server",
    )
    assert (cell.usd_per_correct.value, cell.usd_per_correct.reason) == (None, "remote_machine")
    assert cell.energy.provenance == "unavailable"
    assert cell.tariffs == ()
    assert cell.machine_seconds_per_correct.value is not None


API = """api: [{match: m, provider: a host, usd_per_million_input: 10, usd_per_million_cached_input: 1,
  usd_per_million_output: 100, source: its price list, as_of: 2026-11-01}]
"""


@pytest.mark.parametrize(("cached", "usd"), [(4, 464e-6), (None, None)])
def test_a_remote_model_with_a_price_is_paid_by_its_tokens(
    cached: int | None, usd: float | None, run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from costbench.engines.openai import OpenaiEngine

    monkeypatch.setattr(OpenaiEngine, "remote", True)
    with FaultServer(lambda number, *_: with_cached(cached)) as server:
        report = run(server, prices=PRICES + API, wanted="demand: {answers_per_month: 1000}")
    cell = cell_of(report)
    assert cell.usd_per_attempt.value == (None if usd is None else pytest.approx(usd))
    assert cell.usd_per_correct.value == cell.usd_per_attempt.value
    assert cell.usd_per_correct.reason == (None if usd else "cached_tokens_unknown")
    assert cell.usd.method == (None if usd is None else "tokens_x_api_price")
    assert ("assumed_api_price" in cell.caveats) is (usd is not None)
    assert cell.on_frontier["usd"].now is (None if usd is None else True)
    (served,) = report.demand.cells
    assert served.machines.reason == "remote_machine"
    (bill,) = served.bills
    assert (bill.deployment, bill.provider) == ("api", "a host")
    assert bill.usd_per_month.value == (None if usd is None else pytest.approx(1000 * usd))


def test_an_attempt_that_failed_is_an_error_and_is_tried_again_when_the_run_is_resumed(
    run: Runs,
) -> None:
    broken = True

    def reply(question: str) -> Reply:
        return Reply(status=500, error="oh") if broken and "q 1" in question else RIGHT

    with FaultServer(of_question(reply)) as server:
        first = cell_of(run(server))
        assert (first.correct, first.wrong, first.errors) == (3, 0, 1)
        assert first.accuracy.value == 1
        assert not run.results[-1].complete
        broken = False
        second = cell_of(run(server))
    assert len(run.folders) == 1
    assert run.results[-1].complete
    assert (second.correct, second.errors, second.attempts) == (4, 0, 4)
    with Store.open(run.folders[0]) as store:
        ((problem, error),) = store.db.execute("SELECT problem, error FROM retried").fetchall()
    assert problem == "1"
    assert "HTTP 500: oh; the request failed 2 times" in error


def test_an_error_that_would_come_again_is_not_tried_again(run: Runs) -> None:
    no = Reply(status=400, error={"error": {"message": "not this"}})
    with FaultServer(of_question(lambda q: no if "q 1" in q else RIGHT)) as server:
        cell = cell_of(run(server))
    assert (cell.correct, cell.errors) == (3, 1)
    assert run.results[-1].complete


def test_retries_are_told_and_what_they_cost_is_counted(run: Runs) -> None:
    seen: set[str] = set()

    def reply(question: str) -> Reply:
        if "q 1" in question and question not in seen:
            seen.add(question)
            return Reply(words=("2",) * 5, cut_after=3)
        return RIGHT

    with FaultServer(of_question(reply)) as server:
        cell = cell_of(run(server, meters="none"))
    if len(seen) == 1:  # the warm-up may have had the fault
        with Store.open(run.folders[0]) as store:
            rows = store.db.execute(
                "SELECT message FROM events WHERE kind = 'retry' AND cell IS NOT NULL"
            ).fetchall()
            lost = store.db.execute(
                "SELECT output_tokens FROM calls WHERE finish = 'lost'"
            ).fetchall()
        assert len(rows) == len(lost)
        assert cell.output_tokens.value == (4 * 4 + 3 * len(lost)) / 4
        assert ("retried_requests" in cell.caveats) == bool(lost)


def test_a_server_that_dies_stops_the_run_which_goes_on_when_it_is_back(run: Runs) -> None:
    answered = 0
    server = FaultServer()

    def reply(question: str) -> Reply:
        nonlocal answered
        answered += 1
        if answered == 6:
            server.die()
        return RIGHT

    server._script = of_question(reply)
    with server:
        first = run(server, problems=8)
    result = run.results[-1]
    assert not result.complete
    ((group, reason),) = result.failed
    assert group == "g"
    assert "start the server and run again to resume" in reason
    assert sum(cell.errors for cell in first.cells) == 0
    again = FaultServer(lambda *_: RIGHT)
    again.port = server.port
    with again:
        second = cell_of(run(again, problems=8))
    assert len(run.folders) == 1
    assert (second.correct, second.errors) == (8, 0)
    assert second.attempts == 8


def test_a_server_that_only_fails_stops_the_run(run: Runs) -> None:
    with FaultServer(lambda *_: Reply(status=503, error="no")) as server:
        run(server, problems=60)
    assert "20 requests in a row failed" in run.results[-1].failed[0][1]


def test_counts_of_ours_are_said_to_be_estimates(run: Runs) -> None:
    silent = Reply(words=("2",), usage=None)
    with FaultServer(lambda *_: silent) as server:
        cell = cell_of(run(server, path='"embedded:abacus-base"'))
        unknown = cell_of(run(server))
    assert cell.output_tokens.value == 2  # the digit and the end of the turn
    assert "estimated_tokens" in cell.caveats
    assert unknown.output_tokens.value is None


def test_a_policy_that_the_server_cannot_serve_is_refused_and_the_others_go_on(run: Runs) -> None:
    policies = "[{kind: truncation, budget: 20}, {kind: budget_forcing, budget: 9}]"
    with FaultServer(lambda *_: RIGHT) as server:
        cell = cell_of(run(server, policies=policies, thinks="true"))
    assert cell.policy == "truncation"
    ((_, reason),) = run.results[-1].failed
    assert reason.startswith("budget_forcing: engine openai at ")
    assert "say `tokenizer:`" in reason


def test_the_key_is_in_no_file_and_in_no_message(
    run: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Reply(status=400, error={"error": {"message": f"what is {KEY}?"}})
    with FaultServer(of_question(lambda q: told if "q 1" in q else RIGHT)) as server:
        report = run(server)
        print_plan(run.plan, err=True)
        assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"
    said = capfd.readouterr()
    assert "key from A_TEST_KEY (set)" in said.err
    written = b"".join(file.read_bytes() for file in run.folders[0].iterdir())
    assert b"A_TEST_KEY" in written
    for text in (said.out, said.err, report.model_dump_json(), written.decode(errors="replace")):
        assert KEY not in text


def test_a_plan_needs_no_server(
    run: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FaultServer(lambda *_: RIGHT) as server:
        run(server)
    monkeypatch.delenv("A_TEST_KEY")
    capsys.readouterr()
    plan = make_plan(load_suite(run.folder / "suite.yaml"), probe_machine())
    print_plan(plan, err=False)
    assert f"g: server {server.url}, key from A_TEST_KEY (not set)" in capsys.readouterr().out
    assert len(plan.cells) == 1


def with_cached(tokens: int | None) -> Reply:
    details = {} if tokens is None else {"prompt_tokens_details": {"cached_tokens": tokens}}
    return Reply(words=("2",), usage={"prompt_tokens": 10, "completion_tokens": 4} | details)


@pytest.mark.parametrize(
    ("cached", "warm"), [(None, True), (6, True), (0, False)], ids=["untold", "some", "none"]
)
def test_a_cache_that_cannot_be_emptied_is_told_unless_nothing_was_cached(
    cached: int | None, warm: bool, run: Runs
) -> None:
    with FaultServer(lambda *_: with_cached(cached)) as server:
        cell = cell_of(run(server))
    assert ("warm_cache" in cell.caveats) is warm
    assert cell.cache_hit_rate == (None if cached is None else cached / 10)
    assert [path.split()[0] for path in server.resets] == ["/reset_prefix_cache", "/flush_cache"]


@pytest.mark.parametrize("way", ["/reset_prefix_cache", "/flush_cache"])
def test_the_cache_is_emptied_after_warming_up_and_before_every_pass(way: str, run: Runs) -> None:
    policies = "[{kind: truncation, budget: [20, 30]}]"
    with FaultServer(lambda *_: with_cached(4)) as server:
        server.cache_ways[way] = [(200, '{"success": true}')]
        report = run(server, policies=policies)
    emptied = [int(path.split()[1]) for path in server.resets if path.startswith(way)]
    assert emptied[1] - emptied[0] == 4  # the first cell's problems
    assert emptied[0] == len(server.requests) - 8 > 0
    assert not any("warm_cache" in cell.caveats for cell in report.cells)


def test_a_cache_that_is_held_for_a_moment_is_emptied_a_moment_later(run: Runs) -> None:
    with FaultServer(lambda *_: with_cached(4)) as server:
        server.cache_ways["/reset_prefix_cache"] = [
            (200, '{"success": false}'),
            (503, ""),
            (200, "null"),
        ]
        cell = cell_of(run(server))
    assert len(server.resets) == 3
    assert "warm_cache" not in cell.caveats


def test_a_server_that_must_not_be_asked_is_not_asked(run: Runs) -> None:
    with FaultServer(lambda *_: with_cached(4)) as server:
        cell = cell_of(run(server, settings="reset_prefix_cache: never,"))
    assert server.resets == []
    assert "warm_cache" in cell.caveats


def test_questions_that_are_asked_again_to_fill_a_window_may_be_cached(run: Runs) -> None:
    protocol = (
        "{kind: standard, window_s: 0.3, warmup_s: 0, warmup_batches: 1, warmup_at_most_s: 0.1,"
        " idle_bare_s: 0, idle_context_s: 0, cooldown_s: 0, passes: 1}"
    )
    with FaultServer(lambda *_: with_cached(4)) as server:
        server.cache_ways["/reset_prefix_cache"] = [(200, "")]
        cell = cell_of(run(server, meters=f"[codecarbon]\nprotocol: {protocol}"))
    assert len(server.requests) > 8
    assert "warm_cache" in cell.caveats


def test_a_stream_shows_when_its_answer_began_and_every_gap(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded model's tokenizer tells where its thinking ends."""
    reply = Reply(words=("hm", "</think>", "2"), second_s=0.1, heard=when_heard(monkeypatch))
    one_by_one = {"path": "embedded:abacus-base", "thinks": "true", "concurrency": "1"}
    with FaultServer(lambda *_: reply) as server:
        cell = cell_of(run(server, **one_by_one))
    assert cell.serving is not None
    whole = cell.serving.whole
    assert (whole.attempts, whole.errors) == (4, 0)
    assert whole.ttft_s.p50 is not None
    assert whole.ttfat_s.p50 is not None
    assert whole.ttfat_s.p50 >= whole.ttft_s.p50 + 0.1
    assert whole.inter_token_s.mean >= 0.05  # 0.1 s and nothing; longer on a busy machine
    assert set(cell.serving.reasons) <= {"steady", "goodput_per_second"}
