"""Whole runs on a machine with NVIDIA GPUs, as far as costbench can tell: their library is our stand-in.

The model runs on the CPU; `meters: {gpus: all}` says whose joules count. What each GPU draws is known, so the
joules of every cell are.
"""

import json
import os
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import COMMAND
from fake_nvml import PowerTrace, compile_library, environment, uuid
from pauses import Span, paused_at, paused_in, pauses_in
from small_suite import write_small_suite

from costbench.analysis.steady import share_inside
from costbench.grading import graders_in_use
from costbench.parts import ran_in, steady_part
from costbench.records import CellRecord, RunRecord, read_records
from costbench.store import Store

A, B = f"gpu:{uuid(0)}", f"gpu:{uuid(1)}"
STANDARD = (
    "{kind: standard, idle_bare_s: 1.5, idle_context_s: 1.5, idle_drop_s: 0.3, warmup_s: 0.5,"
    " warmup_at_most_s: 3, window_s: 3, window_at_least_s: 1, cooldown_s: 0.3}"
)
QUICK = "{kind: quick, idle_bare_s: 0, idle_context_s: 0}"
ONE_POLICY = ("{kind: truncation, budget: 24}",)
WINDOW = "{kind: quick, idle_bare_s: 0, idle_context_s: 0, window_s: %g}"
LOST_S, LONG_S = 3, 9
"""When a GPU is lost, from when somebody saw the window open; there is time for who sees it late."""
FROM_GAP_TO_PREFILL_W = 480
"""By so much power differs within a trace: what nobody read is off by no more."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled stand-in and an `nvidia-smi`, which CodeCarbon looks for."""
    folder = compile_library(tmp_path_factory.mktemp("nvml"))
    (folder / "nvidia-smi").write_text("#!/bin/sh\nexit 0\n")
    (folder / "nvidia-smi").chmod(0o755)
    return folder


@dataclass(frozen=True)
class Machine:
    """A folder to work in, on a machine with GPUs."""

    folder: Path
    variables: dict[str, str]

    def costbench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What a command did."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def report(self, *options: str) -> dict[str, Any]:
        """The report as JSON."""
        done = self.costbench("report", "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def run(self, protocol: str, meters: str = "{gpus: all}", **sizes: Any) -> str:
        """Write the suite and run it; what was printed."""
        suite = write_small_suite(self.folder, meters=meters, **sizes)
        suite.write_text(suite.read_text() + f"protocol: {protocol}\n")
        done = self.costbench("run", "small.yaml")
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def database(self) -> Path:
        (found,) = self.folder.glob("runs/*/run.db")
        return found

    def record(self) -> RunRecord:
        """What was stored, as reports read it."""
        with Store.open(self.database.parent) as store:
            return read_records(store, graders_in_use(store))

    def pauses(self) -> list[Span]:
        """Of the sampler."""
        return pauses_in(self.database)

    def windows(self, cell: str) -> list[Span]:
        """Of a cell, on the monotonic clock."""
        with closing(sqlite3.connect(self.database)) as rows:
            query = "SELECT start_s, end_s FROM windows WHERE cell = ? AND phase = 'whole'"
            return list(rows.execute(query, (cell,)))

    def lost_s(self) -> float:
        """When the loss of a GPU was seen."""
        with closing(sqlite3.connect(self.database)) as rows:
            query = "SELECT t_s FROM events WHERE code = 'gpu_lost'"
            ((found,),) = rows.execute(query)
            return float(found)


def machine(folder: Path, library: Path, **variables: object) -> Machine:
    path = f"{library}{os.pathsep}{os.environ['PATH']}"
    return Machine(folder, environment(library, PATH=path, **variables))


@pytest.fixture(scope="module")
def measured(library: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, PowerTrace]:
    """A run under the standard protocol, its durations shortened, on two GPUs that draw what is known."""
    folder = tmp_path_factory.mktemp("two-gpus")
    truth = PowerTrace.random(seed=4, seconds=600, gpus=2)
    here = machine(folder, library, **truth.write(folder / "power.txt"))
    policies = ("{kind: unconstrained, max_tokens: 320}", *ONE_POLICY)
    here.run(STANDARD, problems=6, samples=2, policies=policies)
    return here, truth


def test_the_known_energy_of_each_cell_is_found_again(
    measured: tuple[Machine, PowerTrace],
) -> None:
    here, truth = measured
    report, pauses = here.report("--window", "whole"), here.pauses()
    records = {record.id: record for record in here.record().cells}
    assert len(report["cells"]) == 2
    for cell in report["cells"]:
        windows = here.windows(cell["cell"])
        assert len(windows) == 2
        assert all(end - start >= 3 for start, end in windows)  # shorter passes began again
        unread_j = FROM_GAP_TO_PREFILL_W * sum(paused_at(pauses, *window) for window in windows)
        for gpu, domain in enumerate((A, B)):
            known = sum(truth.joules(gpu, *window) for window in windows)
            assert cell["energy"]["by_domain"][domain] == pytest.approx(
                known, abs=0.015 * known + unread_j
            )
        known = sum(truth.joules(gpu, *window) for gpu in (0, 1) for window in windows)
        assert cell["windows"]["whole"]["joules"] == pytest.approx(
            known, abs=0.015 * known + 2 * unread_j
        )
        assert cell["energy"]["provenance"] == "measured"
        assert cell["energy"]["method"] == "counter_interpolated"
        if any(_begins_again(records[cell["cell"]], at, pauses) for at in (0, 1)):
            assert cell["attempts"] > 12
        low, high = (cell["joules_per_correct"][end] for end in ("low", "high"))
        if high is not None:
            assert high / low > 1.15  # the sensor alone is good for 10 % either way, and no better


def _begins_again(record: CellRecord, at: int, pauses: list[Span]) -> bool:
    """Whether a pass had done its work so early that nothing kept it from doing it once more."""
    window = record.windows[at]
    first = ran_in(record, window) & (record.columns["round"] == 0)
    done_s = float(record.columns["finished_s"][first].max())
    return done_s + paused_in(pauses, (done_s, window.end_s)) < window.start_s + 2.8


def test_steady_parts_lie_within_whole_windows_and_are_the_headline(
    measured: tuple[Machine, PowerTrace],
) -> None:
    here, truth = measured
    report, pauses = here.report(), here.pauses()
    records = {record.id: record for record in here.record().cells}
    assert report["window"] == "steady"
    for cell in report["cells"]:
        whole, steady = cell["windows"]["whole"], cell["windows"]["steady"]
        paused_s = sum(paused_in(pauses, window) for window in here.windows(cell["cell"]))
        assert 0.3 * whole["duration_s"] - paused_s < steady["duration_s"] < whole["duration_s"]
        assert steady["joules"] < whole["joules"]
        assert steady["output_tokens"] <= whole["output_tokens"]
        # Passes count alike whatever their length: the mean of what each has by the known power.
        rates = [_steady_rate(records[cell["cell"]], at, truth, pauses) for at in (0, 1)]
        rate, unread = (sum(each) / 2 for each in zip(*rates, strict=True))
        assert cell["joules_per_output_token"]["value"] == pytest.approx(
            rate, abs=0.04 * rate + unread
        )


def _steady_rate(
    record: CellRecord, at: int, truth: PowerTrace, pauses: list[Span]
) -> tuple[float, float]:
    """Joules per token of one pass's steady part, and how far off they may be for want of readings."""
    window = record.windows[at]
    mine, span = ran_in(record, window), steady_part(record, window)
    assert span is not None
    first, ended, tokens = (
        record.columns[name][mine] for name in ("first_token_s", "finished_s", "output_tokens")
    )
    inside = float((tokens * share_inside(first, ended, span)).sum())
    unread_j = 2 * FROM_GAP_TO_PREFILL_W * paused_at(pauses, *span)
    return sum(truth.joules(gpu, *span) for gpu in (0, 1)) / inside, unread_j / inside


def test_idle_power_is_measured_before_and_after_and_net_figures_stand_beside(
    measured: tuple[Machine, PowerTrace],
) -> None:
    here, _ = measured
    for cell in here.report()["cells"]:
        idle = cell["energy"]["idle"]
        for watts in idle.values():
            if watts is None:  # nobody relies on what was read beside a pause
                assert here.pauses()
            else:
                assert 200 < watts < 1000  # the trace knows no idling
        assert "no_idle" not in cell["energy"]["reasons"]
        net = cell["net_context_joules_per_correct"]
        if net["value"] is None:
            assert net["reason"] in {"not_above_idle", "none_correct", *_unread(idle)}
        else:
            assert net["value"] < cell["joules_per_correct"]["value"]


def _unread(idle: dict[str, float | None]) -> set[str]:
    context = idle["context_before_w"], idle["context_after_w"]
    return {"no_idle"} if context == (None, None) else set()


def test_codecarbon_is_asked_for_a_second_opinion(measured: tuple[Machine, PowerTrace]) -> None:
    here, _ = measured
    (opinion,) = here.report()["second_opinions"]
    paused_s = sum(end_s - start_s for start_s, end_s in here.pauses())
    assert opinion["used"] or paused_s > 0.5  # seconds in which nobody read what both had counted
    # A short run: its edges count.
    assert abs(opinion["difference"]) < 0.1 + 1000 * paused_s / opinion["counter_joules"]
    assert opinion["counter_joules"] > 1000
    said = here.costbench("report")
    assert "CodeCarbon counted" in said.stdout


def test_every_rule_of_sharing_gives_the_same_totals(measured: tuple[Machine, PowerTrace]) -> None:
    here, _ = measured
    default = here.report()
    equal = here.report("--attribution", "equal")
    assert (default["attribution"]["rule"], equal["attribution"]["rule"]) == (
        "output_tokens",
        "equal",
    )
    for one, other in zip(default["cells"], equal["cells"], strict=True):
        assert one["joules_per_attempt"]["value"] == pytest.approx(
            other["joules_per_attempt"]["value"], rel=1e-9
        )
    assert default["attribution"]["ranking"] in {"same", "differs", None}


def test_the_same_run_gives_the_same_verdicts_without_a_gpu(
    measured: tuple[Machine, PowerTrace],
) -> None:
    here, _ = measured
    anywhere = Machine(here.folder, {**os.environ})
    assert here.report() == anywhere.report()


def run_with_faults(
    folder: Path, library: Path, meters: str, window_s: float, **faults: object
) -> tuple[Machine, dict[str, Any], str]:
    """One cell of some seconds; timed faults count from when its window opens. Gives row and print."""
    begun = folder / "begun"
    here = machine(folder, library, FAKE_NVML_START=begun, **faults)
    watch = threading.Thread(target=_touch_when_measuring, args=(folder, begun))
    watch.start()
    printed = here.run(WINDOW % window_s, meters, problems=4, samples=1, policies=ONE_POLICY)
    watch.join()
    (cell,) = here.report()["cells"]
    return here, cell, printed


def _touch_when_measuring(folder: Path, begun: Path) -> None:
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s:
        for database in folder.glob("runs/*/run.db"):
            with closing(sqlite3.connect(database)) as rows, suppress(sqlite3.Error):
                if rows.execute("SELECT 1 FROM windows WHERE phase = 'whole'").fetchone():
                    begun.touch()
                    return
        time.sleep(0.05)


def test_a_counter_that_is_set_back_is_bridged_and_a_lost_gpu_leaves_a_lower_bound(
    library: Path, tmp_path: Path
) -> None:
    faults = {"FAKE_NVML_RESET_S_0": 2, "FAKE_NVML_LOST_S_1": LOST_S}
    here, cell, printed = run_with_faults(tmp_path, library, "{gpus: all}", LONG_S, **faults)
    energy, ((start_s, end_s),) = cell["energy"], here.windows(cell["cell"])
    lost_s, paused_s = here.lost_s(), paused_in(here.pauses(), (start_s, end_s))
    assert {"counter_reset", "gpu_lost"} <= set(energy["reasons"])
    _agrees(energy["by_domain"][A], 300 * (end_s - start_s), here.pauses(), (start_s, end_s))
    assert start_s + LOST_S < lost_s < end_s
    # The last update before the loss, and the reading that told of it.
    until_lost_s = lost_s - start_s
    assert until_lost_s - 0.3 - paused_s < energy["by_domain"][B] / 300 < until_lost_s + 0.1
    assert (energy["quality"], energy["bound"]) == ("failed", "partial")
    known = cell["joules_per_attempt"]
    assert (known["value"], known["high"], known["reason"]) == (None, None, "gpu_lost")
    assert known["low"] == pytest.approx(energy["at_least_joules"] / cell["attempts"])
    assert cell["on_frontier"]["joules"] == {"now": None, "probability": None}
    assert cell["usd_per_attempt"]["value"] > 0  # time was measured all the same
    assert "GPU is lost" in printed
    assert "the energy counter was set back in a window" in printed


def _agrees(joules: float | None, known: float, pauses: list[Span], window: Span) -> None:
    """Of joules that power stands in for, which is not known where it was not read for a second."""
    paused_s = paused_in(pauses, window)
    if joules is None:
        assert paused_s > 0.5
    else:
        assert joules == pytest.approx(known, abs=0.03 * known + 300 * paused_s)


def test_shared_gpus_are_upper_bounds_and_others_stand_apart(library: Path, tmp_path: Path) -> None:
    """The first is split by MIG and has a stranger on it; the second has no counter, and is not ours."""
    faults = {
        "FAKE_NVML_MIG_0": 1,
        "FAKE_NVML_PIDS_0": f"self,{os.getpid()}",
        "FAKE_NVML_ENERGY_1": 3,
    }
    wanted = f"{{gpus: [{uuid(0)}]}}"
    here, cell, printed = run_with_faults(tmp_path, library, wanted, 5, **faults)
    energy, (window,) = cell["energy"], here.windows(cell["cell"])
    known, pauses = 300 * (window[1] - window[0]), here.pauses()
    assert {"mig", "shared_gpu"} <= set(energy["reasons"])
    assert (energy["quality"], energy["bound"]) == ("unreliable", "upper")
    assert (energy["by_domain"].keys(), energy["neighbors"].keys()) == ({A}, {B})
    assert energy["by_domain"][A] == pytest.approx(
        known, abs=0.03 * known + 300 * paused_at(pauses, *window)
    )
    _agrees(energy["neighbors"][B], known, pauses, window)
    assert cell["joules_per_attempt"]["value"] == pytest.approx(
        energy["by_domain"][A] / cell["attempts"]
    )
    assert "≤ " in printed
    assert "another process used the GPU: an upper bound" in printed
    assert "of this machine that no cell worked on" in printed


def test_without_permission_nothing_is_known_and_nothing_is_zero(
    library: Path, tmp_path: Path
) -> None:
    here = machine(tmp_path, library, FAKE_NVML_INIT=4)
    printed = here.run(QUICK, problems=2, samples=1, policies=ONE_POLICY)
    (cell,) = here.report()["cells"]
    assert cell["energy"]["quality"] == cell["energy"]["provenance"] == "unavailable"
    assert cell["energy"]["reasons"] == ["permission"]
    assert cell["windows"]["whole"]["joules"] is None
    unknown = cell["joules_per_attempt"]
    assert (unknown["value"], unknown["low"], unknown["reason"]) == (None, None, "permission")
    assert "the driver refuses to be read here" in printed
