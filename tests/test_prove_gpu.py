"""What is there for a machine with a GPU, on one without: it says so at once, and its files are whole."""

import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml

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
