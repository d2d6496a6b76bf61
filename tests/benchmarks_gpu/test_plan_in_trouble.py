"""The plan where a GPU is not as assumed, in trouble, or not there: a sentence, never a traceback."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from gpu_plan import Plan, replayed

NOT_SUPPORTED = 3
REFUSE = """
import importlib.abc, sys


class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "pandas", "scipy", "codecarbon", "yaml", "click", "rich", "torch", "transformers", "jinja2",
            "altair", "pebble", "packaging", "math_verify", "safetensors",
        }:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Refuse())
"""
WAVES = ("wave_1000ms", "wave_130ms", "wave_101ms", "wave_100ms")


def test_a_counter_that_sees_a_part_of_the_time_is_found_out(library: Path, tmp_path: Path) -> None:
    plan = Plan.on(tmp_path, library, FAKE_NVML_COVERED_S=0.025, FAKE_NVML_AVERAGE_S=0.1)
    waves = ("--only", "inventory", "poll_load", *WAVES)
    done = plan.run("--blocks", "1", *waves, "--burner", "wave_load:InPhase")
    assert done.returncode == 0, done.stderr
    found = plan.verdicts()
    if "follow" not in found["integral"]["why"]:  # as on a busy machine
        assert found["integral"]["verdict"] == "contradicted"
        assert found["integral"]["seen"]["window_ms"] == pytest.approx(25, rel=0.3)
    assert found["coverage_counter"]["verdict"] == "contradicted"
    assert found["load_integral"]["verdict"] != "contradicted"  # a steady load does not show it
    done = plan.run("--blocks", "2", "--only", "step_response")
    average = plan.verdicts()["window_average"]
    if average["verdict"] != "open" or not average["why"]:  # open where a busy machine reads late
        assert average["verdict"] == "contradicted", average


def test_a_counter_that_stands_still_is_told(library: Path, tmp_path: Path) -> None:
    plan = Plan.on(tmp_path, library, FAKE_NVML_STUCK_S=0)
    done = plan.run("--blocks", "1", "--only", "inventory", "poll_idle", "poll_load")
    assert done.returncode == 1
    assert "the energy counter of NVIDIA H200 does not move" in done.stderr
    found = plan.verdicts()
    assert found["counter"]["verdict"] == "contradicted"
    assert found["period_load"]["verdict"] == "open"


def test_without_a_counter_power_is_read_all_the_same(library: Path, tmp_path: Path) -> None:
    plan = Plan.on(tmp_path, library, FAKE_NVML_ENERGY=NOT_SUPPORTED)
    done = plan.run("--blocks", "1", "--only", "inventory", "poll_load", "wave_130ms")
    assert done.returncode == 1
    assert "the energy counter cannot be used: NVML: Not Supported" in done.stderr
    assert all(step["state"] == "done" for step in plan.steps().values())
    found = plan.verdicts()
    assert found["counter"]["verdict"] == "contradicted"
    assert found["sensors"]["verdict"] == "open"
    assert "no counter" in found["load_integral"]["why"]


def test_a_counter_that_moves_every_25_ms_has_waves_of_its_own_rhythm(
    library: Path, tmp_path: Path
) -> None:
    plan = Plan.on(tmp_path, library, FAKE_NVML_PERIOD_S=0.025)
    waves = ("wave_1000ms", "wave_130ms", "wave_100ms", "wave_update", "wave_beside")
    done = plan.run("--blocks", "1", "--only", "inventory", "poll_load", *waves)
    assert done.returncode == 0, done.stderr
    facts = {name: plan.steps()[name]["facts"] for name in ("wave_update", "wave_beside")}
    assert facts["wave_update"]["period_ms"] == pytest.approx(25, rel=0.05)
    assert facts["wave_beside"]["period_ms"] == pytest.approx(
        1.01 * facts["wave_update"]["period_ms"], rel=1e-3
    )
    found = plan.verdicts()["coverage_counter"]
    assert found["why"] != "no wave near the updates"
    assert len(found["seen"]) == len(waves)


def test_a_counter_that_is_not_ready_right_after_reopening_is_waited_for(
    library: Path, tmp_path: Path
) -> None:
    plan = Plan.on(tmp_path, library, FAKE_NVML_READY_AGAIN_S=1)
    done = plan.run("--blocks", "1", "--only", "inventory", "reopen_bare")
    assert done.returncode == 0, done.stderr
    assert plan.verdicts()["reopen_bare"]["verdict"] == "holds"


def test_a_gpu_that_is_lost_ends_the_block_and_what_was_read_stays(
    library: Path, tmp_path: Path
) -> None:
    stored = tmp_path / "out" / "traces-1.npz"  # is there once poll_idle is done
    plan = Plan.on(tmp_path, library, FAKE_NVML_START=stored, FAKE_NVML_LOST_S=0)
    done = plan.run("--blocks", "1", "--only", "inventory", "poll_idle", "bare_idle", "listing")
    assert done.returncode == 1
    states = {name: step["state"] for name, step in plan.steps().items()}
    assert states == {
        "inventory": "done", "poll_idle": "done", "bare_idle": "failed", "listing": "skipped",
    }  # fmt: skip
    assert "bare_idle: failed: NVML: " in done.stderr
    assert plan.verdicts()["period_idle"]["verdict"] == "holds"


def test_without_nvml_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").touch()  # found first, and no library
    done = Plan.on(tmp_path, tmp_path).run()
    assert done.returncode == 1
    assert done.stderr.strip().endswith("is an NVIDIA driver installed here?")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_gpu_that_is_not_there_is_named(library: Path, tmp_path: Path) -> None:
    done = Plan.on(tmp_path, library).run("--gpu", "GPU-zzz")
    assert done.returncode == 1
    assert done.stderr.startswith("--gpu GPU-zzz: NVML has 1 GPU(s) here")


def test_a_load_that_cannot_work_fails_its_steps_and_no_others(
    library: Path, tmp_path: Path
) -> None:
    plan = Plan.on(tmp_path, library)
    only = ("--only", "poll_idle", "context_idle", "poll_load", "reopen_bare")
    done = plan.run("--blocks", "1", *only, "--burner", "wave_load:Missing")
    assert done.returncode == 1
    states = {name: step["state"] for name, step in plan.steps().items()}
    assert states == {
        "poll_idle": "done", "reopen_bare": "done", "context_idle": "failed", "poll_load": "failed",
    }  # fmt: skip
    assert "Missing" in plan.steps()["poll_load"]["error"]


def test_a_listing_that_opens_a_context_is_noticed(library: Path, tmp_path: Path) -> None:
    plan = Plan.on(tmp_path, library, LISTING_OPENS=1)
    assert plan.run("--blocks", "1", "--only", "listing").returncode == 0
    found = plan.verdicts()["listing"]
    assert (found["verdict"], found["why"]) == (
        "contradicted",
        "more processes while it was listing",
    )
    assert plan.steps()["listing"]["facts"]["child_is_listed"] is True


def test_ctrl_c_leaves_what_is_done_and_the_same_command_goes_on(
    library: Path, tmp_path: Path
) -> None:
    plan = Plan.on(tmp_path, library)
    only = ("--blocks", "1", "--only", "inventory", "poll_idle", "context_idle", "reopen")
    only += ("--scale", "0.2")  # 12 s of context_idle: whoever interrupts it may come late
    with subprocess.Popen(
        plan.command(*only), env=plan.variables, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "starting the load" in line:
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    assert "the same command goes on from there" in told
    assert "Traceback" not in told
    states = {name: step["state"] for name, step in plan.steps().items()}
    assert states == {"inventory": "done", "poll_idle": "done", "context_idle": "interrupted"}
    assert (plan.out / "summary.md").exists()
    done = plan.run(*only)
    assert done.returncode == 0, done.stderr
    assert "poll_idle" not in done.stderr
    assert {step["state"] for step in plan.steps().values()} == {"done"}


def test_a_block_ends_by_its_deadline_also_where_few_packages_are(
    library: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    (few / "sitecustomize.py").write_text(REFUSE)
    plan = Plan.on(tmp_path, library)
    plan.variables["PYTHONPATH"] = f"{few}{os.pathsep}{plan.variables['PYTHONPATH']}"
    only = ("--only", "inventory", "poll_idle", "bare_idle")
    done = plan.run("--blocks", "1", *only, "--deadline", "5")
    assert done.returncode == 1
    assert "bare_idle: skipped: no time left in this block" in done.stderr
    assert plan.steps()["poll_idle"]["state"] == "done"


def test_a_driver_that_does_not_answer_ends_the_block_all_the_same(
    library: Path, tmp_path: Path
) -> None:
    plan = Plan.on(tmp_path, library, FAKE_NVML_DELAY_US=50_000)
    done = plan.run("--blocks", "1", "--only", "inventory", "--deadline", "3")
    assert done.returncode == 1
    assert plan.steps()["inventory"]["state"] == "skipped"
    assert plan.steps()["inventory"]["error"] == "the driver did not answer in time"


def test_wrong_usage_is_code_2(library: Path, tmp_path: Path) -> None:
    plan = Plan.on(tmp_path, library)
    assert plan.run("--blocks", "4").returncode == 2
    assert plan.run("--verdicts", str(tmp_path)).returncode == 2  # one or the other


def test_verdicts_of_nothing_are_refused(tmp_path: Path) -> None:
    done = replayed(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().endswith("no steps.json there")
    assert list(tmp_path.iterdir()) == []
