"""A real run, killed without warning again and again: nothing that is stored is lost, doubled or changed."""

import json
import random
import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from small_suite import write_small_suite

COMMAND = (sys.executable, "-m", "costbench")
POLICIES = ("{kind: truncation, budget: 12}", "{kind: budget_forcing, budget: 8, answer_tokens: 8}")
Stored = dict[tuple[str, str, int], tuple[float, int, str]]


def stored(folder: Path) -> Stored:
    """Attempts by cell, problem and pass: when, with how many calls, saying what; checked on the way."""
    databases = list((folder / "runs").glob("[!.]*/run.db"))
    if not databases:
        return {}
    (path,) = databases
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute(
            "SELECT cell, problem, pass, started_s,"
            " (SELECT COUNT(*) FROM calls WHERE attempt = a.id),"
            " (SELECT group_concat(text, '|') FROM pieces WHERE attempt = a.id) FROM attempts a"
        ).fetchall()
    found = {(cell, problem, number): rest for cell, problem, number, *rest in rows}
    assert len(found) == len(rows)
    return {key: (at, calls, text) for key, (at, calls, text) in found.items()}


def kill_at(folder: Path, moment: random.Random) -> None:
    """Start the run and kill it: while it starts, while it loads the model, or at work."""
    table = moment.choice(("sessions", "attempts", "attempts", None))
    before = count(folder, table)
    process = subprocess.Popen(
        [*COMMAND, "run", "small.yaml", "--no-grade"],
        cwd=folder,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while table and count(folder, table) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(moment.uniform(0, 2 if table else 4))
    process.kill()
    assert process.wait() == -9, "the run came to its end: make it larger"


def count(folder: Path, table: str | None) -> int:
    for path in (folder / "runs").glob("[!.]*/run.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute(f"SELECT COUNT(*) FROM {table or 'meta'}")
            return int(rows.fetchone()[0])
    return 0


@pytest.mark.parametrize(
    ("kills", "problems"), [(5, 30), pytest.param(30, 400, marks=pytest.mark.slow)]
)
def test_kill_9_at_any_moment_loses_nothing_that_was_stored(
    tmp_path: Path, kills: int, problems: int
) -> None:
    write_small_suite(tmp_path, problems=problems, samples=6, concurrency=4, policies=POLICIES)
    moment = random.Random(kills)
    before: Stored = {}
    for _ in range(kills):
        kill_at(tmp_path, moment)
        after = stored(tmp_path)
        assert before.items() <= after.items()
        before = after
    assert 0 < len(before) < 12 * problems
    done = subprocess.run(
        [*COMMAND, "run", "small.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"resuming: {len(before)} of {12 * problems}" in done.stderr
    after = stored(tmp_path)
    assert before.items() <= after.items()
    assert len(after) == 12 * problems
    the_parts_add_up(tmp_path)


def the_parts_add_up(folder: Path) -> None:
    """A cell's time is that of all its windows, those that a kill left open included."""
    found = subprocess.run(
        [*COMMAND, "report", "--format", "json"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    cells = json.loads(found.stdout)["cells"]
    (path,) = (folder / "runs").glob("[!.]*/run.db")
    with closing(sqlite3.connect(path)) as database:
        for cell in cells:
            closed, passes, left_open, sessions = database.execute(
                "SELECT SUM(end_s - start_s), COUNT(DISTINCT pass), COUNT(*) - COUNT(end_s),"
                " COUNT(DISTINCT session) FROM windows WHERE cell = ? AND phase = 'whole'",
                (cell["cell"],),
            ).fetchone()
            spent_s = cell["windows"]["whole"]["duration_s"]
            assert passes == 6
            assert closed <= spent_s + 1e-6
            assert spent_s == pytest.approx(closed) or left_open
            assert ("resumed" in cell["caveats"]) == (sessions > 1)
            assert cell["machine_seconds_per_correct"]["value"] is None or cell[
                "machine_seconds_per_correct"
            ]["value"] * cell["correct"] == pytest.approx(spent_s)
    assert any("resumed" in cell["caveats"] for cell in cells)


def test_a_full_disk_is_told_and_what_was_stored_is_gone_on_with(tmp_path: Path) -> None:
    write_small_suite(tmp_path, problems=40, samples=2, concurrency=8, policies=POLICIES)
    command = [*COMMAND, "run", "small.yaml"]

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (180_000, 180_000))

    full = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, preexec_fn=small_disk
    )
    assert full.returncode == 1, full.stderr
    assert "Traceback" not in full.stderr
    assert "cannot be written" in full.stderr
    assert "what is committed is safe, run again to resume" in full.stderr
    before = stored(tmp_path)
    assert len(before) < 160
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = stored(tmp_path)
    assert before.items() <= after.items()
    assert len(after) == 160
