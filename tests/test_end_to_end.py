"""The main job as a user runs it: real model, real clock, real meter, in processes of their own."""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from commands import COMMAND, PLANTED, costbench
from small_suite import write_small_suite

ROOT = Path(__file__).parent.parent


def report(folder: Path, *arguments: str) -> dict:
    done = costbench(folder, "report", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_attempt_is_stored_once_with_its_calls_text_and_grade(finished: Path) -> None:
    (run,) = (finished / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["environment.json", "run.db"]
    with closing(sqlite3.connect(run / "run.db")) as database:
        count = database.execute(
            "SELECT COUNT(*), COUNT(DISTINCT cell || problem || pass) FROM attempts"
        )
        assert count.fetchone() == (36, 36)
        assert database.execute(
            "SELECT COUNT(*) FROM attempts WHERE error IS NOT NULL"
        ).fetchone() == (0,)
        assert database.execute("SELECT COUNT(*) FROM grades").fetchone() == (36,)
        assert database.execute(
            "SELECT COUNT(*) FROM windows WHERE phase = 'whole'"
        ).fetchone() == (6,)
        (models,) = database.execute("SELECT value FROM meta WHERE key = 'model_sha256'").fetchone()
        assert json.loads(models).keys() == {"embedded/abacus-base"}
        times = database.execute(
            "SELECT MIN(first_token_s - submitted_s), MIN(finished_s - first_token_s) FROM calls"
        ).fetchone()
        assert all(value >= 0 for value in times)


def test_the_report_adds_up(finished: Path) -> None:
    found = report(finished)
    assert found["schema_version"] == 1
    assert [cell["policy"] for cell in found["cells"]] == [
        "unconstrained",
        "truncation",
        "budget_forcing",
    ]
    assert [skipped["group"] for skipped in found["skipped"]] == ["needs-a-gpu"]
    for cell in found["cells"]:
        outcomes = [cell[name] for name in ("correct", "wrong", "truncated", "ungraded", "errors")]
        assert sum(outcomes) == cell["attempts"] == 12
        spent = cell["windows"]["whole"]
        assert spent["joules"] == pytest.approx(12 * cell["joules_per_attempt"]["value"])
        # 0.36 USD an hour is 0.0001 a second, and the window's seconds are paid once
        assert 12 * cell["usd_per_attempt"]["value"] == pytest.approx(spent["duration_s"] * 1e-4)
        assert cell["energy"]["provenance"] == "modelled"
        assert cell["energy"]["quality"] in {"degraded", "unreliable"}
        if cell["correct"]:
            paid = cell["usd_per_attempt"]["value"] * 12 / cell["correct"]
            assert cell["usd_per_correct"]["value"] == pytest.approx(paid)


def test_budgets_hold_and_forced_answers_are_counted_apart(finished: Path) -> None:
    cells = {cell["policy"]: cell for cell in report(finished)["cells"]}
    assert cells["truncation"]["output_tokens"]["value"] <= 24
    forced = cells["budget_forcing"]
    assert forced["reasoning_tokens"]["value"] <= 24 + 1
    assert 0 < forced["injected_tokens"]["value"] <= 12
    (run,) = (finished / "runs").iterdir()
    with closing(sqlite3.connect(run / "run.db")) as database:
        used = [
            tokens
            for (tokens,) in database.execute(
                "SELECT SUM(c.reasoning_tokens) FROM attempts a JOIN calls c ON c.attempt = a.id"
                " WHERE a.cell LIKE '%budget_forcing%' GROUP BY a.id"
            )
        ]
    over = sum(tokens > 24 for tokens in used) / len(used)
    assert forced["length_control"]["violation_rate"] == over
    assert cells["unconstrained"]["injected_tokens"]["value"] == 0


def test_the_report_writes_its_files_and_reprices_without_measuring_again(finished: Path) -> None:
    done = costbench(finished, "report", "--pareto", "--set", "machine.usd_per_hour=0.72")
    assert done.returncode == 0, done.stderr
    (folder,) = (finished / "reports").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert names >= {"report.json", "report.md", "table.csv", "pareto.svg", "pareto.png"}
    dearer = json.loads((folder / "report.json").read_text())
    plain = report(finished)
    for old, new in zip(plain["cells"], dearer["cells"], strict=True):
        twice = pytest.approx(2 * old["usd_per_attempt"]["value"])
        assert new["usd_per_attempt"]["value"] == twice
        assert new["joules_per_attempt"] == old["joules_per_attempt"]


def test_no_key_of_the_environment_reaches_a_file(finished: Path) -> None:
    assert costbench(finished, "report", "--pareto").returncode == 0
    assert costbench(finished, "export", "--text", "--out", "all.csv").returncode == 0
    files = [path for path in finished.rglob("*") if path.is_file()]
    assert len(files) >= 8
    for path in files:
        assert PLANTED.encode() not in path.read_bytes(), path


def wait_for_attempts(folder: Path, at_least: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for database in (folder / "runs").glob("*/run.db"):
            try:
                with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
                    if db.execute("SELECT COUNT(*) FROM attempts").fetchone()[0] >= at_least:
                        return
            except sqlite3.OperationalError:
                pass
        time.sleep(0.05)
    pytest.fail("the run stored nothing in two minutes")


def start(folder: Path) -> subprocess.Popen[str]:
    """A run of 96 attempts, some of which are stored."""
    policies = ("{kind: truncation, budget: 40}", "{kind: unconstrained, max_tokens: 200}")
    write_small_suite(folder, problems=16, samples=3, concurrency=4, policies=policies)
    process = subprocess.Popen(
        [*COMMAND, "run", "small.yaml", "--no-grade"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_attempts(folder, 8)
    return process


def test_sigterm_ends_a_run_like_ctrl_c(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "run the same command again to resume" in errors


def test_a_run_that_is_at_work_is_nobody_elses(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGSTOP)  # else it may be done before the second has started
    second = costbench(tmp_path, "run", "small.yaml")
    process.kill()
    process.communicate(timeout=60)
    assert second.returncode == 1
    assert "another process is at work on this run; wait for it" in second.stderr


def test_a_run_that_is_interrupted_says_how_to_resume_and_loses_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "run the same command again to resume" in errors
    (run,) = (tmp_path / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["environment.json", "run.db"]
    with closing(sqlite3.connect(run / "run.db")) as database:
        before = set(database.execute("SELECT cell, problem, pass, started_s FROM attempts"))
    assert 8 <= len(before) < 96

    again = costbench(tmp_path, "run", "small.yaml")
    assert again.returncode == 0, again.stderr
    assert f"resuming: {len(before)} of 96" in again.stderr
    with closing(sqlite3.connect(run / "run.db")) as database:
        after = set(database.execute("SELECT cell, problem, pass, started_s FROM attempts"))
    assert before < after
    assert len(after) == 96
    cells = report(tmp_path)["cells"]
    assert any("resumed" in cell["caveats"] for cell in cells)
    assert all(cell["joules_per_attempt"]["value"] > 0 for cell in cells)


def test_a_run_stops_at_its_limit_says_so_and_goes_on_when_the_limit_is_raised(
    tmp_path: Path,
) -> None:
    policies = ("{kind: truncation, budget: 8}",)
    sizes = {"problems": 12, "samples": 2, "concurrency": 4, "policies": policies, "meters": "none"}
    write_small_suite(tmp_path, **sizes, limits="{tokens: 1}")
    first = costbench(tmp_path, "run", "small.yaml")
    assert first.returncode == 1
    assert "stopped at limits.tokens: 1; run again to resume" in first.stderr
    cell = report(tmp_path)["cells"][0]
    assert cell["attempts"] < 24
    assert "incomplete" in cell["caveats"]
    write_small_suite(tmp_path, **sizes)
    second = costbench(tmp_path, "run", "small.yaml")
    assert second.returncode == 0, second.stderr
    assert "resuming" in second.stderr
    cell = report(tmp_path)["cells"][0]
    assert cell["attempts"] == 24
    # nobody measured energy: null with the reason, never 0
    assert cell["joules_per_attempt"] == {
        "value": None,
        "low": None,
        "high": None,
        "confidence": 0.95,
        "reason": "no_meter",
    }
    assert cell["energy"]["provenance"] == cell["gco2e"]["provenance"] == "unavailable"
    assert cell["on_frontier"]["joules"] == {"now": None, "probability": None}


def test_an_engine_that_fails_is_listed_and_the_other_groups_go_on(tmp_path: Path) -> None:
    suite = write_small_suite(
        tmp_path, problems=2, samples=1, policies=("{kind: truncation, budget: 4}",)
    )
    broken = tmp_path / "broken"
    shutil.copytree(ROOT / "costbench" / "embedded" / "abacus-base", broken)
    (broken / "model.safetensors").write_bytes(b"nothing")
    group = f"""
  - name: broken
    engine: transformers
    datasets: [{{kind: arithmetic, problems: 2}}]
    models: [{{name: broken, path: "{broken}"}}]
    policies: [unconstrained]
"""
    suite.write_text(suite.read_text() + group)
    done = costbench(tmp_path, "run", "small.yaml")
    assert done.returncode == 1
    assert "broken failed: model broken" in done.stderr
    found = report(tmp_path)
    assert [cell["attempts"] for cell in found["cells"]] == [2]
    assert [failed["group"] for failed in found["failed"]] == ["broken"]
