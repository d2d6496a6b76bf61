"""Somebody else's package, installed as they would install it, used by name in a suite."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "external_plugin"
SUITE = """
name: theirs
meters: [{kind: rated_power, watts: 65}]
groups:
  - name: g
    engine: transformers
    datasets: [{kind: doubles, largest: 6}]
    models: [{name: abacus-base, path: "embedded:abacus-base", role: baseline}]
    policies: [answer_at_once, {kind: unconstrained, max_tokens: 200}]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the plug-in in it."""
    target = tmp_path_factory.mktemp("packages")
    source = tmp_path_factory.mktemp("source")
    for path in [*PLUGIN.glob("*.toml"), *PLUGIN.glob("*/*.py")]:
        copy = source / path.relative_to(PLUGIN)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return target


def costbench(folder: Path, packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "costbench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_strangers_policy_meter_and_dataset_are_used_by_name(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "theirs.yaml").write_text(SUITE)
    done = costbench(tmp_path, installed, "run", "theirs.yaml")
    assert done.returncode == 0, done.stderr
    report = costbench(tmp_path, installed, "report", "--format", "json")
    at_once, free = json.loads(report.stdout)["cells"]
    assert (at_once["policy"], at_once["dataset"], at_once["attempts"]) == (
        "answer_at_once",
        "doubles",
        6,
    )
    assert at_once["reasoning_tokens"]["value"] == 0
    assert at_once["output_tokens"]["value"] < free["output_tokens"]["value"]
    assert free["accuracy"]["value"] > 0.5
    for cell in (at_once, free):
        assert cell["energy"]["provenance"] == "assumed"
        spent = cell["windows"]["whole"]
        assert spent["joules"] == pytest.approx(65 * spent["duration_s"], rel=0.05)


def test_doctor_tries_what_strangers_installed(installed: Path, tmp_path: Path) -> None:
    said = costbench(tmp_path, installed, "doctor").stdout
    assert "works   policy   answer_at_once: costbench_example.answer_at_once:AnswerAtOnce" in said
    assert "untried meter    rated_power: needs settings of yours: watts" in said


def test_without_it_the_suite_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "theirs.yaml").write_text(SUITE)
    done = costbench(tmp_path, tmp_path, "plan", "theirs.yaml")
    assert done.returncode == 1
    for noun, kind in (
        ("dataset", "doubles"),
        ("meter", "rated_power"),
        ("policy", "answer_at_once"),
    ):
        assert f"no {noun} is called '{kind}'" in done.stderr
