"""The suite gpu-offline from end to end: its own file made small, on a CPU, beside a GPU of the stand-in."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_nvml import compile_library, environment, uuid

from tests.commands import COMMAND

ROOT = Path(__file__).parents[1]
WATTS = 300
GROUPS = ("embedded", "1.5b", "7b")


def made_small(folder: Path) -> Path:
    """The same groups, datasets and policies: without requirements, with small models, lengths and loads."""
    suite: dict[str, Any] = yaml.safe_load((ROOT / "suites" / "gpu-offline.yaml").read_text())
    suite["groups"] = [group for group in suite["groups"] if group["name"] in GROUPS]
    suite["sampling"]["samples_per_problem"] = 1
    # A window has to be longer than two updates of the counter.
    protocol = {"kind": "quick", "idle_bare_s": 0, "idle_context_s": 0, "window_s": 1}
    suite |= {"protocol": protocol, "meters": {"gpus": [uuid(0)]}}
    suite["prices"] = str(ROOT / "suites" / suite["prices"])
    for group in suite["groups"]:
        del group["requires"], group["expect"]
        group["engine"] |= {"device": "cpu", "dtype": "float32", "batching": "continuous"}
        group["models"] = group["models"][:1]
        if group["name"] == "embedded":
            group |= {"policies": group["policies"][:1], "load": {"concurrency": 4}}
            group["datasets"][0] |= {"problems": 4, "levels": [1, 1]}
            continue
        group["models"][0]["path"] = "random:tiny"
        group["load"] = {"concurrency": [1, 4], "problems_per_slot": 1}
        for dataset in group["datasets"]:
            for key in ("input_tokens", "output_tokens"):
                dataset[key] = [max(2, length // 24) for length in dataset[key]]
    (folder / "small.yaml").write_text(yaml.safe_dump(suite))
    return folder / "small.yaml"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("offline")
    library = compile_library(folder)
    path = f"{library}{os.pathsep}{os.environ['PATH']}"
    variables = environment(library, PATH=path, FAKE_NVML_GPUS=1)

    def costbench(*arguments: str) -> str:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=folder, env=variables, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    costbench("run", str(made_small(folder)))
    found: dict[str, Any] = json.loads(costbench("report", "--format", "json"))
    return found


def test_every_cell_has_the_energy_that_the_gpu_drew(report: dict[str, Any]) -> None:
    assert {cell["group"] for cell in report["cells"]} == set(GROUPS)
    assert len(report["cells"]) == 1 + 2 * 2 * 2
    for cell in report["cells"]:
        assert cell["energy"]["provenance"] == "measured"
        window = cell["windows"]["whole"]
        assert window["joules"] == pytest.approx(WATTS * window["duration_s"], rel=0.03)
        assert cell["mean_power_w"] == pytest.approx(WATTS, rel=0.03)


def test_questions_are_graded_and_loads_have_tokens_only(report: dict[str, Any]) -> None:
    of = {group: [c for c in report["cells"] if c["group"] == group] for group in GROUPS}
    (embedded,) = of["embedded"]
    assert embedded["accuracy"]["value"] is not None
    assert embedded["tokens_per_second"] > 0
    for cell in of["1.5b"] + of["7b"]:
        assert cell["accuracy"]["reason"] == "no_reference"
        assert "random_weights" in cell["caveats"]
        assert cell["problems"] == cell["load"]["concurrency"]
        assert cell["mean_batch_size"] <= cell["load"]["concurrency"]
        assert cell["errors"] == 0
    lengths = {
        (c["dataset"], c["load"]["concurrency"]): c["output_tokens"]["value"] for c in of["7b"]
    }
    assert 16 <= lengths["decode", 4] <= 26
    assert 2 <= lengths["prefill", 4] <= 3
