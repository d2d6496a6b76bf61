"""The stand-in library, and one whole run of the plan on it."""

import fcntl
from pathlib import Path

import pytest
from fake_nvml import compile_library
from gpu_plan import Plan


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled stand-in."""
    return compile_library(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="session")
def whole(library: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Plan:
    """Blocks 1 and 2 of a GPU that is as costbench assumes; one of several workers runs them for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "whole-plan"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        plan = Plan.on(folder, library, FAKE_NVML_CAPPED_SHARE=0.5)
        done = plan.run("--blocks", "1", "2")
    assert done.returncode == 0, done.stderr
    return plan
