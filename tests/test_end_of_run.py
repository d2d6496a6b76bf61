"""The last window of what is measured has its joules, however long its counter takes to move past it."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from costbench import recording
from costbench.hardware import probe_machine
from costbench.measuring import RunOptions, measure
from costbench.metered import summarize
from costbench.plan import make_plan
from costbench.reporting import ReportOptions, make_report
from costbench.screen import RunScreen
from costbench.suite import load_suite
from costbench.types import Component, MeterFacts

STEP_S, WATTS = 1.0, 10.0
SUITE = f"""
name: ends
meters: [{{kind: "{__name__}:Slow"}}]
groups:
  - name: g
    engine: {{kind: "scripted_engine:ScriptedEngine", seconds: 0.4, says: "2"}}
    datasets: [{{kind: arithmetic, problems: 3}}]
    models: [{{name: m, path: nowhere/nothing, role: baseline, thinks: false}}]
    policies: [{{kind: truncation, budget: 20}}]
    load: {{concurrency: 1}}
"""


class Slow(Component):
    """Moves more seldom than it says, as in a process that is held still; a model: nobody idles for it."""

    kind: Literal["slow"] = "slow"
    facts: MeterFacts = MeterFacts(
        name="slow", provenance="modelled", method="steps", scope="test",
        period_s=0.01, settle_s=0.0, headline=("box",),
    )  # fmt: skip

    @contextmanager
    def open(self) -> Iterator["Slow"]:
        yield self

    def read(self) -> Mapping[str, float | None]:
        return {"box": WATTS * STEP_S * (time.monotonic() // STEP_S)}


def test_a_run_s_last_window_is_known(tmp_path: Path) -> None:
    path = tmp_path / "ends.yaml"
    path.write_text(SUITE)
    plan = make_plan(load_suite(path), probe_machine())
    folder, result = measure(plan, RunOptions(tmp_path / "runs"), RunScreen(plan))
    assert result.complete
    (cell,) = make_report(folder, ReportOptions()).cells
    whole = cell.windows.whole
    assert whole.joules is not None
    assert whole.duration_s is not None
    assert whole.joules == pytest.approx(WATTS * whole.duration_s, abs=2 * WATTS * STEP_S)


def test_a_measured_program_s_end_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "meters_for", lambda choice, gpu: (Slow(),))
    monkeypatch.setattr(recording, "_nvidia_gpus", lambda: ((), False))
    command = (sys.executable, "-c", "import time; time.sleep(2.2)")
    folder, exit_code = recording.record(command, tmp_path, "ends")
    assert exit_code == 0
    found = summarize(folder)
    assert found.energy.joules is not None
    assert found.duration_s is not None
    assert found.energy.joules == pytest.approx(WATTS * found.duration_s, abs=2 * WATTS * STEP_S)
