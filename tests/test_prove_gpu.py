"""What is there for a machine with a GPU, on one without: it says so at once, and its files are whole."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from fake_nvml import compile_library, environment

from costbench.suite import load_suite

ROOT = Path(__file__).parents[1]


def prove(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script, where this interpreter is `python` and no GPU is to be seen."""
    (folder / "python").symlink_to(sys.executable)
    variables = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
    variables["PYTHONPATH"] = os.pathsep.join(sys.path)  # a link is outside of its environment
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "prove-gpu"), *arguments],
        env=variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_without_a_gpu_it_ends_with_a_sentence_before_it_begins(tmp_path: Path) -> None:
    done = prove(tmp_path, str(tmp_path / "proof"))
    assert done.returncode == 1
    assert done.stderr.startswith("prove-gpu: ")
    assert "GPU" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list((tmp_path / "proof").iterdir()) == []


def test_it_tells_how_it_is_used(tmp_path: Path) -> None:
    done = prove(tmp_path, "--help")
    assert done.returncode == 2
    assert "scripts/prove-gpu [FOLDER] [PATTERN ...]" in done.stdout
    assert "Nothing is set on the card" in done.stdout


@pytest.mark.parametrize("script", ["scripts/prove-gpu", ".ci/gpu", ".ci/run", "scripts/vllm-cpu"])
def test_scripts_can_be_read_and_run(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True, timeout=20)
    assert os.access(ROOT / script, os.X_OK)


def test_the_job_for_a_runner_runs_the_proof_and_no_pull_request_starts_it() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "gpu.yml").read_text())
    starts = job[True]  # `on` is a truth value to YAML 1.1
    assert set(starts) == {"workflow_dispatch", "schedule"}
    (prove_job,) = job["jobs"].values()
    assert "gpu" in prove_job["runs-on"]
    assert [step["run"] for step in prove_job["steps"] if "run" in step] == [".ci/gpu"]
    assert "scripts/prove-gpu gpu-proof" in (ROOT / ".ci" / "gpu").read_text()


def test_what_is_said_of_cells_and_hours_is_one_thing_everywhere() -> None:
    """Nobody has measured how long it takes, so it is one guess, not several."""
    gpu_page = " ".join((ROOT / "docs" / "gpu.md").read_text().split())
    runner, head = ((ROOT / path).read_text() for path in (".ci/gpu", "suites/gpu-offline.yaml"))
    for group in load_suite(ROOT / "suites" / "gpu-offline.yaml").groups:
        if group.name != "embedded":
            cells = len(group.datasets) * len(group.policies) * len(group.load.concurrency)
            assert f"# Time: {cells} cells of a random model and engine" in head
    (default,) = re.findall(r"GPU_PROOF_ONLY:-([^}]+)}", runner)
    assert f"cells\n# `{default}` of the suite: about an hour and a half" in runner
    assert f"about an hour and a half with `{default}`;" in gpu_page
    assert f"runs the command above with `{default}`, or" in gpu_page
    assert "about 50 minutes a model and\n# engine" in head
    assert "about 50 minutes more for each" in gpu_page
    assert re.findall(r"\d+ minutes with|two hours", gpu_page) == []


def test_a_bare_machine_is_told_which_wheels_are_not_pure_python() -> None:
    page = " ".join((ROOT / "docs" / "gpu.md").read_text().split())
    (but, wheels) = re.findall(r"all pure Python but ([^)]+)\): costbench itself, ([^.]+)\.", page)[
        0
    ]

    def names(text: str) -> list[str]:
        return [name.lower() for name in re.split(r", | and | with ", text)]

    built = []
    for name in names(wheels):
        wheel = distribution(name).read_text("WHEEL") or ""
        built += [name] if "Root-Is-Purelib: false" in wheel else []
    assert sorted(built) == sorted(names(but))


TORCH = """
class cuda:
    device_count = staticmethod(lambda: 1)
"""


def test_ctrl_c_ends_the_script_and_not_only_the_part_that_runs(tmp_path: Path) -> None:
    """The plan's own process catches it and ends with a code, which a shell alone would go on after."""
    compile_library(tmp_path)
    stand_in = tmp_path / "stand_in"
    stand_in.mkdir()
    (stand_in / "torch.py").write_text(TORCH)  # asked only for how many GPUs there are
    (tmp_path / "python").symlink_to(sys.executable)
    variables = environment(tmp_path, FAKE_NVML_GPUS=1)
    variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
    variables["PYTHONPATH"] = os.pathsep.join([str(stand_in), *sys.path])
    out = tmp_path / "proof"
    with subprocess.Popen(
        ["bash", str(ROOT / "scripts" / "prove-gpu"), str(out)],
        env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "poll_idle" in line:
                    break
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all in the foreground
            told = process.communicate(timeout=60)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "==" not in told
    assert told.splitlines()[-1] == "prove-gpu: stopped; the same command goes on from there"
    steps = json.loads((out / "steps.json").read_text())["steps"]
    assert steps["inventory"]["state"] == "done"
    assert steps["poll_idle"]["state"] == "interrupted"


FAILS = """#!/bin/sh
case "$1" in -|-c) exit 0;; *) exit 1;; esac
"""


def test_parts_that_end_without_a_run_are_told_and_the_script_comes_to_its_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "python").write_text(FAILS)  # everything is installed, and every part fails at once
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "prove-gpu"), str(tmp_path / "proof")],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "prove-gpu: no report: the suite ended before it had a run" in done.stderr
    assert "docs/gpu.md says what to send back" in done.stderr


def test_what_a_batching_mode_says_when_it_fails_is_seen(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "batching_modes.py"), "--device", "cuda", "--rounds", "1"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "batching_modes: static ended with 1"
    assert "GPU" in done.stderr
