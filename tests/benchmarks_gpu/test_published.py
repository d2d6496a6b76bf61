"""Traces of real GPUs that were published: their verdicts come out again as they stand."""

import shutil
from pathlib import Path

import pytest
from gpu_plan import ROOT, replayed

FOLDERS = sorted(path.parent for path in ROOT.glob("reports/*/gpu-proof/steps.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_published_verdicts_follow_from_the_published_traces(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "proof"
    shutil.copytree(folder, copy)
    (copy / "verdicts.json").unlink()
    done = replayed(copy)
    assert done.returncode == 0, done.stderr
    assert (copy / "verdicts.json").read_bytes() == (folder / "verdicts.json").read_bytes()
