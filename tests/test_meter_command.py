"""`costbench meter`: any program, with the meters that are here and with some that count exactly."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from commands import COMMAND, costbench

from costbench import recording
from costbench.cli import main
from costbench.errors import MeterError, StoreError
from costbench.interfaces import Meter
from costbench.metered import print_metered, summarize
from costbench.metered_contract import Metered
from costbench.records import read_records
from costbench.store import Store
from costbench.types import GPU_SCOPE, Component, Device, MeterFacts

WATTS = 65.0
LATE = {"sampler_late", "sampler_stalled"}
"""Of a machine that has other things to do."""
GPU = "gpu:GPU-aaaaaaaa-0000-0000-0000-000000000000"

# Nothing here can measure: neither package can be imported.
WITHOUT_METERS = """
import sys
sys.modules["codecarbon"] = sys.modules["pynvml"] = None
from costbench.cli import main
main(["meter", "--format", "json", "--", sys.executable, "-c", "print('it ran')"])
"""
PATIENT = """
import sys, time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1.2)
    sys.exit(7)
"""


class Constant(Component):
    """So many watts, counted in steps."""

    kind: str = "constant"
    period_s: float = 0.02
    gpu: bool = False
    broken: bool = False

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        if self.broken:
            raise MeterError("the meter is not there", "driver_mismatch")
        yield _Open(self)


class _Open:
    def __init__(self, meter: Constant) -> None:
        self._step_s = meter.period_s
        domain = GPU if meter.gpu else "box"
        device = Device(
            domain=domain, name="NVIDIA H200", update_period_s=meter.period_s, power_limit_w=700.0
        )
        self.facts = MeterFacts(
            name="constant",
            provenance="measured",
            method="counter_interpolated",
            scope=GPU_SCOPE if meter.gpu else "box",
            period_s=0.005,
            settle_s=3 * meter.period_s,
            headline=(domain,),
            devices=(device,) if meter.gpu else (),
        )

    def read(self) -> Mapping[str, float | None]:
        steps = time.monotonic() // self._step_s
        return {self.facts.headline[0]: WATTS * self._step_s * steps}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A program measured in this process with meters of one's own."""

    def measure(*program: str, meters: Sequence[Meter], gpu: bool = False) -> Metered:
        monkeypatch.setattr(recording, "meters_for", lambda choice, gpu: meters)
        monkeypatch.setattr(recording, "_nvidia_gpus", lambda: ((), gpu))
        folder, _ = recording.record(program, tmp_path, "mine")
        return summarize(folder)

    return measure


def python(program: str) -> tuple[str, ...]:
    return sys.executable, "-c", program


def in_steps(found: Metered, folder: Path) -> Any:
    """The joules of what `Constant` counts; what was read late may be off by as long as it took."""
    with Store.open(folder / found.run) as store:
        (trace,) = read_records(store, {}).traces.values()
    (counter,) = trace.counters.values()
    assert counter.seen_s is not None
    assert found.duration_s is not None
    unread_s = np.diff(counter.seen_s).ravel()
    late_s = float(unread_s[unread_s > 0.01].sum())  # it is read every 5 ms
    return pytest.approx(WATTS * found.duration_s, abs=WATTS * (0.02 * found.duration_s + late_s))


def of_its_length(found: Metered) -> str:
    """What is said of a program of half a second, and of one that was kept waiting."""
    assert found.duration_s is not None
    return "unreliable_window" if found.duration_s < 2 else "low_resolution"


# As a user has it


def test_the_program_has_stdout_and_the_table_goes_to_stderr(tmp_path: Path) -> None:
    program = "import sys, time; print('x' * 5_000_000); time.sleep(1.6); sys.exit(3)"
    done = costbench(tmp_path, "meter", "--name", "mine", "--", *python(program), "planted-secret")
    assert done.returncode == 3
    assert done.stdout == "x" * 5_000_000 + "\n"
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("mine-")
    assert len(list(folder.iterdir())) <= 3
    assert f"{folder.name}: python" in done.stderr
    assert "exit code 3" in done.stderr
    assert "planted-secret" not in done.stderr
    for path in folder.iterdir():
        assert b"planted-secret" not in path.read_bytes()
    found = summarize(folder)
    assert (found.exit_code, found.complete) == (3, True)
    assert found.duration_s is not None
    assert 1.6 < found.duration_s < 10
    if not found.machine["gpus"]:
        assert found.energy.joules == pytest.approx(sum(d.joules or 0 for d in found.domains))
        assert {domain.domain for domain in found.domains} >= {"cpu"}


def test_json_is_the_last_line_behind_what_the_program_wrote(tmp_path: Path) -> None:
    done = costbench(tmp_path, "meter", "--format", "json", "--", *python("print('a', end='')"))
    assert done.returncode == 0
    wrote, last = done.stdout.split("\n")[:2]
    assert wrote == "a"
    found = json.loads(last)
    assert (found["schema_version"], found["kind"], found["exit_code"]) == (1, "meter", 0)
    if found["duration_s"] < 0.5:  # far too short for any meter, unless it was kept waiting
        assert found["energy"]["joules"] is None
        assert "below_resolution" in found["energy"]["reasons"]
    assert done.stderr.count("\n") == 1


def test_without_a_meter_the_program_runs_and_nothing_is_a_figure(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_METERS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "it ran"
    energy = json.loads(lines[-1])["energy"]
    assert (energy["joules"], energy["mean_power_w"], energy["uncertainty"]) == (None, None, None)
    assert energy["quality"] == energy["provenance"] == "unavailable"
    assert "no_meter" in energy["reasons"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_signal_ends_the_program_and_what_was_read_is_kept(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "meter", "--", *python(PATIENT)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # without a terminal, whose Ctrl-C would reach the program by itself
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 7, told
    assert "exit code 7" in told
    (folder,) = (tmp_path / "runs").iterdir()
    found = summarize(folder)
    assert found.complete
    assert found.duration_s is not None
    assert found.duration_s > 1.2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "put the program to measure behind --"),
        (("python", "train.py"), "put the program to measure behind --"),
        (("--",), "put the program to measure behind --"),
        (("--name", "../up", "--", "true"), "'../up': letters, digits"),
        (("extra", "--", "true"), "unexpected extra argument (extra)"),
        (("--nosuch", "--", "true"), "No such option"),
    ],
)
def test_wrong_usage_says_how_to_put_it(arguments: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(main, ["meter", *arguments], prog_name="costbench")
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_program_that_is_not_there_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["meter", "--", "no\x1bsuch"], prog_name="costbench")
    assert done.exit_code == 1
    assert done.stderr.startswith("costbench: no\\x1bsuch: cannot be started")
    assert list(tmp_path.iterdir()) == []


# What is told of the readings


def test_a_counter_gives_its_power_times_the_time(measured: Any, tmp_path: Path) -> None:
    found = measured(*python("import time; time.sleep(0.4)"), meters=[Constant()])
    assert found.energy.joules == in_steps(found, tmp_path)
    assert found.energy.mean_power_w == pytest.approx(found.energy.joules / found.duration_s)
    assert found.energy.provenance == "measured"
    assert set(found.energy.reasons) - LATE == {of_its_length(found)}
    assert found.energy.quality == "unreliable" or found.duration_s >= 2
    assert 10 < found.energy.uncertainty.absolute_percent < 20


def test_a_gpu_s_window_is_judged(measured: Any, tmp_path: Path) -> None:
    found = measured(*python("import time; time.sleep(0.4)"), meters=[Constant(gpu=True)], gpu=True)
    (domain,) = found.domains
    assert domain.device == "NVIDIA H200"
    assert found.energy.joules == in_steps(found, tmp_path)
    if found.duration_s < 1.9:  # kept waiting, it has a hundred of them
        assert {"few_updates", "some_updates"} & set(found.energy.reasons)


@pytest.mark.parametrize("gpu", [True, False])
def test_a_window_that_cannot_be_resolved_is_not_known(
    measured: Any, tmp_path: Path, gpu: bool
) -> None:
    before = measured("true", meters=[Constant(gpu=gpu, period_s=0.3)], gpu=gpu)
    with Store.open(tmp_path / before.run) as store, store.transaction():
        # However long it was kept waiting: a third of one of the counter's steps.
        store.db.execute("UPDATE windows SET end_s = MIN(end_s, start_s + 0.1)")
    found = summarize(tmp_path / before.run)
    (domain,) = found.domains
    assert domain.joules is domain.mean_power_w is domain.method is domain.uncertainty is None
    assert (domain.quality, found.energy.joules) == ("unavailable", None)
    assert "below_resolution" in found.energy.reasons


def test_a_gpu_that_cannot_be_read_is_not_replaced_by_what_is_around_it(
    measured: Any, tmp_path: Path
) -> None:
    meters = [Constant(broken=True), Constant()]
    found = measured(*python("import time; time.sleep(0.3)"), meters=meters, gpu=True)
    assert found.energy.joules is None
    assert set(found.energy.reasons) == {"no_meter", "driver_mismatch"}
    assert found.faults == ("constant: the meter is not there",)
    (around,) = found.domains
    assert around.joules == in_steps(found, tmp_path)


def test_a_gpu_that_is_lost_gives_a_lower_bound_and_no_total(measured: Any, tmp_path: Path) -> None:
    before = measured(
        *python("import time; time.sleep(0.6)"), meters=[Constant(gpu=True)], gpu=True
    )
    folder = tmp_path / before.run
    with Store.open(folder) as store, store.transaction():
        start_s, end_s = store.db.execute("SELECT start_s, end_s FROM windows").fetchone()
        lost_s = (start_s + end_s) / 2
        t_s = np.arange(start_s - 0.05, lost_s, 0.02)
        joules = "FROM trace WHERE quantity = 'joules'"  # more than one part where it took long
        store.db.execute(f"DELETE {joules} AND rowid > (SELECT MIN(rowid) {joules})")
        store.db.execute(
            "UPDATE trace SET t_s = ?, value = ? WHERE quantity = 'joules'",
            (t_s.tobytes(), (WATTS * t_s).tobytes()),
        )
        store.db.execute(
            "INSERT INTO events VALUES (1, ?, 'meter', NULL, 'nvml: lost', 'gpu_lost', ?)",
            (lost_s, GPU),
        )
    found = summarize(folder)
    (domain,) = found.domains
    assert (domain.bound, domain.quality) == ("partial", "failed")
    assert 0 < domain.joules <= WATTS * (lost_s - start_s)
    assert domain.mean_power_w is domain.uncertainty is None
    assert found.energy.joules is found.energy.mean_power_w is None
    assert "gpu_lost" in found.energy.reasons


def test_of_several_processes_one_measures(measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    found = measured("true", meters=[])
    assert set(found.energy.reasons) == {"no_meter", "not_rank_zero"}


def test_a_window_that_a_crash_left_open_lasts_until_the_last_reading(
    measured: Any, tmp_path: Path
) -> None:
    before = measured(*python("import time; time.sleep(0.4)"), meters=[Constant()])
    folder = tmp_path / before.run
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("UPDATE windows SET end_s = NULL")
        database.execute("UPDATE meta SET value = 'false' WHERE key = 'complete'")
        database.execute("DELETE FROM meta WHERE key = 'exit_code'")
        ((start_s,),) = database.execute("SELECT start_s FROM windows")
        parts = list(database.execute("SELECT t_s FROM trace WHERE quantity = 'joules'"))
    database.close()
    found = summarize(folder)
    assert (found.complete, found.exit_code) == (False, None)
    last_s = max(float(np.frombuffer(t_s, "<f8")[-1]) for (t_s,) in parts)
    assert before.duration_s <= found.duration_s <= last_s - start_s
    assert found.energy.joules == in_steps(found, tmp_path)
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("DELETE FROM windows")
    database.close()
    found = summarize(folder)
    assert found.duration_s is found.energy.joules is None
    assert "energy_uncovered" in found.energy.reasons


def test_the_table_says_na_and_lets_nothing_hostile_through(
    measured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured("true", meters=[Constant(broken=True)])
    bad = found.model_copy(update={"program": "x\x1b[2J[red]", "faults": ("\x1b]0;[/]",)})
    print_metered(bad, "table")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "x\\x1b[2J[red] ran" in shown
    assert "n/a" in shown
    print_metered(found, "json")
    assert Metered.model_validate_json(capsys.readouterr().out) == found


def test_the_run_of_a_suite_is_refused(tmp_path: Path) -> None:
    with Store.create(tmp_path / "other", {"complete": True}):
        pass
    with pytest.raises(StoreError, match="not of `costbench meter`"):
        summarize(tmp_path / "other")
