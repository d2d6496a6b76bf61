"""`costbench doctor` on this machine as it is, and on one where something is missing."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from costbench import hardware
from costbench.doctor import Finding, can_run

WITHOUT = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # as if it were not installed
from costbench.cli import main
main(["doctor"])
"""


def doctor(folder: Path, *missing: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *missing],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_everything_is_tried_for_real(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    (engine,) = [line for line in lines if " engine " in line]
    assert engine.startswith("works")
    assert f"4 tokens of abacus-base (torch {torch.__version__}" in engine
    assert any(line.startswith("works   grader   math: math-1+math-verify-") for line in lines)
    assert {line.split()[0] for line in lines} <= {"works", "absent", "untried"}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("missing", "told", "code"),
    [
        (
            "pynvml",
            "absent  meter    nvml: NVML: its package is missing: pip install nvidia-ml-py",
            0,
        ),
        ("codecarbon", "absent  meter    codecarbon: ", 0),
        ("pebble", "broken  grader   math: ", 0),
        ("transformers", "broken  engine   transformers: ", 1),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_tried(
    tmp_path: Path, missing: str, told: str, code: int
) -> None:
    done = doctor(tmp_path, missing)
    assert told in done.stdout
    assert "works   grader   exact: exact-1" in done.stdout
    assert done.returncode == code


def test_a_driver_beside_a_cpu_build_of_torch_is_told_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version").write_text("NVRM version: 580.1")
    monkeypatch.setattr(hardware, "_NVIDIA_DRIVER", tmp_path / "version")
    monkeypatch.setattr(torch.version, "cuda", None)
    reason = hardware.no_gpu_reason()
    number = torch.__version__.partition("+")[0]
    assert reason.endswith(f"pip install --force-reinstall 'torch=={number}'")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "torch (CUDA 13.0) cannot use it" in hardware.no_gpu_reason()


def test_a_container_s_share_of_the_cores_is_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(hardware, "_CPU_QUOTA", quota)
    without = hardware.probe_machine().cores
    quota.write_text("100000 100000\n")
    assert hardware.probe_machine().cores == 1
    quota.write_text("max 100000\n")
    assert hardware.probe_machine().cores == without


@pytest.mark.parametrize(
    ("states", "runs"),
    [(("works", "works"), True), (("works", "broken"), False), (("untried", "works"), False)],
)
def test_an_engine_and_a_grader_must_work(states: tuple[str, str], runs: bool) -> None:
    families = ("engine", "grader")
    findings = [Finding(f, "x", s, "") for f, s in zip(families, states, strict=True)]
    assert can_run(findings) is runs
