"""Block 3 on a CPU with a tiny model: cells through costbench itself, judged by its own readers."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from importlib.metadata import Distribution
from pathlib import Path

import numpy as np
import pytest
import yaml
from gpu_plan import Plan, replayed
from pauses import Span, paused_at, paused_in, pauses_in
from wave_load import BARE_W

from benchmarks.gpu import block3, cell_verdicts, cells, table
from benchmarks.gpu.folder import Folder
from costbench.grading import graders_in_use
from costbench.metering.codecarbon import GPUS
from costbench.metering.trace import Samples, Series
from costbench.metering.window_energy import GpuTrace
from costbench.records import CellRecord, RunRecord, read_records
from costbench.store import Store
from costbench.suite import load_suite
from costbench.types import Device

CELLS = 6


@pytest.fixture(scope="module")
def measured(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("cells")
    smi = folder / "nvidia-smi"  # CodeCarbon looks for it
    smi.write_text("#!/bin/sh\nexit 0\n")
    smi.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    plan = Plan.on(folder, library, OMP_NUM_THREADS=1, PATH=path)
    done = plan.run("--blocks", "3")
    assert done.returncode == 0, done.stderr
    return plan


def test_cells_are_measured_and_agree_with_the_power_that_is_known(
    measured: Plan, tmp_path: Path
) -> None:
    found = measured.verdicts()
    block3.unpack(measured.out, tmp_path / "runs")
    (database,) = tmp_path.glob("runs/*/run.db")
    with Store.open(database.parent) as store:
        run = read_records(store, graders_in_use(store))
    pauses = pauses_in(database)
    assert len(run.cells) == CELLS
    read = {record.id for record in run.cells if _read_all_through(record, pauses)}
    assert read <= found["cells_integral"]["seen"].keys(), found["cells_integral"]
    if not paused_at(pauses, *_edges_s(run)):  # else a window's joules are those of another time
        for name in ("cells_integral", "cells_idle") if read else ("cells_idle",):
            assert found[name]["verdict"] == "holds", found[name]
        assert found["cells_idle"]["seen"]["before_w"] == pytest.approx(BARE_W, rel=0.05)
    (theirs,) = (trace.counters[GPUS].t_s for trace in run.traces.values())
    if not paused_at(pauses, theirs[1], theirs[-1]):  # its first figure and its last
        assert found["cells_codecarbon"]["verdict"] == "holds", found["cells_codecarbon"]
    fit = found["cells_phases"]
    if fit["verdict"] != "open":  # on a busy machine late windows are in no fit
        assert (fit["verdict"], fit["seen"]["windows"]) == ("holds", CELLS)
        if all(_evenly(record) for record in run.cells if record.spec["concurrency"] == 1):
            # Open where none took a second.
            assert found["cells_alone"]["verdict"] != "contradicted", found["cells_alone"]


def _read_all_through(record: CellRecord, pauses: list[Span]) -> bool:
    """Whether its power was: an integral has no gap of a second, and ends half a second later."""
    return all(
        paused_in(pauses, (window.start_s, window.end_s + 0.6)) < 0.5 for window in record.windows
    )


def _edges_s(run: RunRecord) -> list[float]:
    """Of all passes, and of idling with the model there."""
    passes = [window for record in run.cells for window in record.windows]
    windows = [*passes, *(window for window in run.idle if window.phase == "idle_context")]
    return [edge_s for window in windows for edge_s in (window.start_s, window.end_s)]


def _evenly(record: CellRecord) -> bool:
    """Whether requests, which draw the same power here, took the same time, and nothing else took any.

    Short ones are compared with nothing.
    """
    took_s = record.columns["finished_s"] - record.columns["started_s"]
    whole_s = sum(window.duration_s for window in record.windows)
    if took_s.max() < cell_verdicts.ALONE_AT_LEAST_S:
        return True
    return bool(took_s.max() <= 1.15 * took_s.min() and took_s.sum() >= whole_s / 1.15)


def test_the_run_is_one_file_without_an_owner(measured: Plan) -> None:
    assert not (measured.out / "runs").exists()
    with tarfile.open(measured.out / "runs.tar.gz") as archive:
        entries = archive.getmembers()
    assert {(entry.uname, entry.uid) for entry in entries} == {("", 0)}
    assert {Path(entry.name).name for entry in entries if entry.isfile()} >= {"run.db"}


def test_its_verdicts_come_out_again(measured: Plan, tmp_path: Path) -> None:
    copy = tmp_path / "proof"
    shutil.copytree(measured.out, copy)
    (copy / "verdicts.json").unlink()
    assert replayed(copy).returncode == 0
    assert (copy / "verdicts.json").read_bytes() == (measured.out / "verdicts.json").read_bytes()


def test_the_suite_is_one_that_costbench_plans() -> None:
    assert load_suite(block3.SUITE).name == "gpu-cells"
    spec = yaml.safe_load(block3.SUITE.read_text())
    (group,) = spec["groups"]
    assert len(group["datasets"]) * len(group["load"]["concurrency"]) >= 6  # for the fit
    assert spec["limits"]["wall_s"] < 480


def test_one_at_a_time_requests_are_long_and_few() -> None:
    """For `cells_alone`: a second at 8 ms a token, and three of them at least."""
    spec = yaml.safe_load(block3.SUITE.read_text())
    (group,) = spec["groups"]
    decode = next(each for each in group["datasets"] if each["name"] == "decode")
    assert min(decode["output_tokens"]) * 0.008 >= cell_verdicts.ALONE_AT_LEAST_S
    assert 3 <= group["load"]["problems_per_slot"] * min(group["load"]["concurrency"]) <= 12


def test_what_stands_in_for_a_counter_is_not_compared_with_itself() -> None:
    device = Device(domain="gpu:1", name="H200", power_window_s=1.0, power_covered=True)
    t_s = np.arange(0, 40, 0.1)
    power = Samples(t_s, np.full(t_s.shape, 500.0))
    assert cells.counted(GpuTrace(device, None, power, {}), 5.0, 35.0) is None
    moving = device.model_copy(update={"update_period_s": 0.1})
    by_counter = GpuTrace(moving, Series(t_s, 500.0 * t_s), power, {})
    assert cells.counted(by_counter, 5.0, 35.0) == pytest.approx(15_000)
    stuck = GpuTrace(moving, Series(t_s[[0, 200, -1]], np.array([0.0, 1e4, 2e4])), power, {})
    assert cells.counted(stuck, 5.0, 35.0) is None


def test_a_run_is_read_once_also_where_it_cannot_be(tmp_path: Path) -> None:
    first, second, *_ = cells.cell_rows(tmp_path)
    folder = Folder(tmp_path)
    assert table.judge(first, folder).why == "cells: not run"
    (tmp_path / "runs").mkdir()
    block3.pack(tmp_path / "runs", tmp_path / "runs.tar.gz")
    assert table.judge(second, folder).why == "cells: not run"
    assert table.judge(cells.cell_rows(tmp_path)[0], folder).why == "cells: no run in the archive"


def test_a_checkout_that_nobody_installed_finds_its_components(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(block3, "entry_points", lambda group: ())
    with block3.found_components(tmp_path) as variables:
        paths = [Path(part) for part in variables["PYTHONPATH"].split(os.pathsep)]
    (installed,) = (path for path in paths if path.parent == tmp_path)
    found = Distribution.at(next(installed.glob("*.dist-info")))
    named = {(point.group, point.name) for point in found.entry_points}
    assert {("costbench.datasets", "random_tokens"), ("costbench.meters", "nvml")} <= named
    assert found.version


WRITER = """
import os, sqlite3, sys
path, rows, dies = sys.argv[1:]
base = sqlite3.connect(path, isolation_level=None)
base.execute("PRAGMA journal_mode=WAL")
base.execute("CREATE TABLE IF NOT EXISTS t (at INTEGER PRIMARY KEY, content BLOB)")
for _ in range(int(rows)):
    base.execute("INSERT INTO t (content) VALUES (?)", (os.urandom(5000),))
if dies == "killed":
    os.kill(os.getpid(), 9)
base.close()
"""


def test_what_a_killed_attempt_wrote_is_gone_on_with(tmp_path: Path) -> None:
    """The archive is older, and a database of it beside a newer log is none."""
    folder = tmp_path / "proof"
    database = folder / "runs" / "some" / "run.db"
    database.parent.mkdir(parents=True)
    write = [sys.executable, "-c", WRITER, str(database)]
    subprocess.run([*write, "50", "ends"], check=True, timeout=60)
    block3.pack(folder / "runs", folder / "runs.tar.gz")
    shutil.rmtree(folder / "runs")
    block3.unpack(folder, folder / "runs")
    assert subprocess.run([*write, "1200", "killed"], check=False, timeout=60).returncode == -9
    assert database.with_name("run.db-wal").exists()
    block3.unpack(folder, folder / "runs")
    with closing(sqlite3.connect(database)) as base:
        assert base.execute("SELECT count(*) FROM t").fetchone() == (1250,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sorted(path.name for path in folder.iterdir()) == ["runs", "runs.tar.gz"]


def test_an_archive_writes_nothing_beside_its_folder(tmp_path: Path) -> None:
    """Folders come back from strangers."""
    folder = tmp_path / "proof"
    folder.mkdir()
    with tarfile.open(folder / "runs.tar.gz", "w:gz") as archive:
        for name in ("runs/good/run.db", "../outside", "/tmp/costbench-outside", "runs/link"):
            entry = tarfile.TarInfo(name)
            entry.size = 3
            if name.endswith("link"):
                entry.type, entry.size, entry.linkname = tarfile.SYMTYPE, 0, "/etc/passwd"
            archive.addfile(entry, io.BytesIO(b"abc"))
    into = tmp_path / "place" / "runs"
    block3.unpack(folder, into)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder]
    assert written == [into / "good" / "run.db"]
    assert not Path("/tmp/costbench-outside").exists()
