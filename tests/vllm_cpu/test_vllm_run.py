"""Whole runs on vLLM: beside the transformers engine, and when something ends them."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from costbench.hardware import probe_machine
from costbench.measuring import RunOptions, measure
from costbench.plan import make_plan
from costbench.report.contract import CellReport, Report
from costbench.reporting import ReportOptions, make_report
from costbench.screen import RunScreen
from costbench.suite import load_suite

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]

MODEL = '{name: abacus-base, path: "embedded:abacus-base", role: baseline}'
GROUP = """
  - name: {name}
    engine: {engine}
    datasets: [{{kind: arithmetic, problems: {problems}, seed: 5}}]
    models: [{model}]
    policies: {policies}
    load: {{concurrency: {concurrency}}}
"""
TRANSFORMERS = "{kind: transformers, device: cpu}"
VLLM = "{kind: vllm, dtype: float32, enforce_eager: true}"


def write_suite(
    folder: Path, engines: dict[str, str], policies: str, *, problems: int, concurrency: int = 16
) -> Path:
    head = "name: beside\nmeters: none\nsampling: {samples_per_problem: 2, seed: 1}\ngroups:"
    groups = [
        GROUP.format(
            name=name, engine=engine, policies=policies, problems=problems, model=MODEL,
            concurrency=concurrency,
        )
        for name, engine in engines.items()
    ]  # fmt: skip
    suite = folder / "suite.yaml"
    suite.write_text(head + "".join(groups))
    return suite


def test_the_same_cell_agrees_on_both_engines_and_what_one_cannot_do_is_refused(
    tmp_path: Path,
) -> None:
    policies = (
        "[{kind: unconstrained, max_tokens: 320}, {kind: budget_forcing, budget: 40},"
        " {kind: thinking_token_budget, budget: 40}]"
    )
    engines = {"transformers": TRANSFORMERS, "vllm": VLLM}
    suite = write_suite(tmp_path, engines, policies, problems=32)
    plan = make_plan(load_suite(suite), probe_machine())
    folder, result = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
    ((group, reason),) = result.failed
    assert group == "transformers"
    assert "thinking_token_budget: this engine has no budget of thinking tokens" in reason

    report = make_report(folder, ReportOptions())
    for policy in ("unconstrained", "budget_forcing"):
        one, other = (cell_of(report, name, policy) for name in engines)
        assert one.attempts == other.attempts == 64
        for name in ("accuracy", "output_tokens", "reasoning_tokens", "input_tokens"):
            overlap(getattr(one, name), getattr(other, name), name)
    alone = cell_of(report, "vllm", "thinking_token_budget")
    forced = cell_of(report, "vllm", "budget_forcing")
    assert alone.latency_s.basis == "engine"
    assert alone.mean_batch_size is not None
    assert 8 < alone.mean_batch_size <= 16
    assert alone.ttft_s.p50 is not None
    assert alone.reasoning_tokens.value <= 41
    assert alone.input_tokens.value < forced.input_tokens.value  # the prompt is read once
    assert alone.errors == forced.errors == 0


def cell_of(report: Report, group: str, policy: str) -> CellReport:
    (cell,) = (c for c in report.cells if (c.group, c.policy) == (group, policy))
    return cell


def overlap(one: object, other: object, name: str) -> None:
    assert one.low <= other.high, name
    assert other.low <= one.high, name


def test_an_engine_that_dies_is_interrupted_or_killed_leaves_a_run_to_resume_and_no_process(
    tmp_path: Path,
) -> None:
    write_suite(
        tmp_path, {"g": VLLM}, "[{kind: truncation, budget: 300}]", problems=600, concurrency=2
    )
    with Command(tmp_path) as first:
        first.wait_for(lambda: stored(tmp_path) >= 3)
        (core,) = (pid for pid, name in first.processes() if "EngineCore" in name)
        os.kill(core, signal.SIGKILL)
        said = first.ended()
        assert first.process.returncode == 1
        assert "engine vllm died" in said
        assert "run again to resume" in said
        assert "Traceback" not in said
        assert first.processes() == []
    before = stored(tmp_path)
    assert before >= 3
    with Command(tmp_path) as second:
        second.wait_for(lambda: stored(tmp_path) >= before + 3)
        os.killpg(second.process.pid, signal.SIGINT)  # as a terminal does
        said = second.ended()
        assert second.process.returncode == 130
        assert "Traceback" not in said
        assert second.processes() == []
    assert stored(tmp_path) >= before + 3
    with Command(tmp_path) as third:
        third.wait_for(lambda: any("spawn_main" in name for _, name in third.processes()))
        third.process.kill()
        third.ended()
        assert third.processes() == []
    assert len(list((tmp_path / "runs").glob("[!.]*/run.db"))) == 1


class Command:
    """`costbench run` in a session of its own, so that all its processes are found."""

    def __init__(self, folder: Path) -> None:
        self._said = folder / "said"
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "costbench", "run", "suite.yaml", "--no-grade"],
                cwd=folder,
                stdout=said,
                stderr=said,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("VLLM_LOG")},
            )

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *raised: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def wait_for(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 180
        while not there():
            assert self.process.poll() is None, self._said.read_text()
            assert time.monotonic() < deadline, self._said.read_text()
            time.sleep(0.1)

    def ended(self) -> str:
        self.process.wait(60)
        deadline = time.monotonic() + 10  # what it began may need a moment longer
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        return self._said.read_text()

    def processes(self) -> list[tuple[int, str]]:
        """Of its session, those that are not just waiting to be buried."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                name = (folder / "cmdline").read_text().replace("\0", " ")
                if int(session) == self.process.pid and state != "Z":
                    found.append((int(folder.name), name))
        return found


def stored(folder: Path) -> int:
    for path in (folder / "runs").glob("[!.]*/run.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT COUNT(*) FROM attempts").fetchone()[0])
    return 0
