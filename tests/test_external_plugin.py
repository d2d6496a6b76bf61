"""Somebody else's package, installed as they would install it, used by name in a suite."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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
        env={**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"},
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


LOAD = """
name: load
meters: none
groups:
  - name: g
    engine: calculator
    datasets: [{kind: DATASET, name: asked}]
    models: [{name: none, path: nowhere/at-all, role: baseline}]
    policies: [POLICY]
"""


def load_of(dataset: str, policy: str) -> str:
    return LOAD.replace("DATASET", dataset).replace("POLICY", policy)


def test_an_engine_that_does_not_say_that_it_takes_a_load_is_not_sent_another(
    installed: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "load.yaml"
    theirs.write_text(load_of("doubles", "fixed_length"))
    at_plan = costbench(tmp_path, installed, "plan", "load.yaml")
    assert at_plan.returncode == 1
    assert (
        "policy fixed_length needs responses of a fixed length (`ignore_eos`), and engine calculator"
        in at_plan.stderr
    )
    theirs.write_text(load_of("random_tokens", "unconstrained"))
    at_run = costbench(tmp_path, installed, "run", "load.yaml")
    assert at_run.returncode == 1
    assert "dataset asked has prompts of token ids, and engine calculator" in at_run.stderr
    for said in (at_plan.stderr, at_run.stderr):
        assert "use the engine `transformers` or `vllm`" in " ".join(said.split())
    assert not (tmp_path / "runs").exists()
    theirs.write_text(load_of("doubles", "unconstrained"))
    assert costbench(tmp_path, installed, "run", "load.yaml").returncode == 0


def identity_with(packages: Path, folder: Path, suite: str) -> dict[str, str]:
    (folder / "suite.yaml").write_text(suite)
    code = (
        "import json, sys; from pathlib import Path; from costbench.plan import make_plan; "
        "from costbench.suite import load_suite; from machines import machine; "
        "print(json.dumps(make_plan(load_suite(Path('suite.yaml')), machine()).identity))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (packages, ROOT, ROOT / "tests")))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("changed", "differs_in"),
    [
        ({}, {"g/packages"}),
        ({"engine: calculator": 'engine: "costbench_example.calculator:Calculator"'}, {"g/packages"}),
        ({"engine: calculator": "engine: transformers"}, set()),
        (
            {"engine: calculator": "engine: transformers", "[unconstrained]": "[answer_at_once]"},
            {"g/packages"},
        ),
        (
            {"engine: calculator": "engine: transformers",
             "meters: none": "meters: [{kind: rated_power, watts: 65}]"},
            {"versions"},
        ),
    ],
)  # fmt: skip
def test_an_update_of_what_strangers_installed_is_another_run(
    installed: Path, tmp_path: Path, changed: dict[str, str], differs_in: set[str]
) -> None:
    """Of their engine, policy or meter; a dataset's problems are hashed one by one."""
    suite = load_of("doubles", "unconstrained")
    for ours, other in changed.items():
        assert ours in suite
        suite = suite.replace(ours, other)
    updated = tmp_path / "updated"
    shutil.copytree(installed, updated)
    (metadata,) = updated.glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    before, after = (identity_with(each, tmp_path, suite) for each in (installed, updated))
    assert {part for part in before if before[part] != after.get(part)} == differs_in
    assert before.keys() == after.keys()


def test_doctor_tries_what_strangers_installed(installed: Path, tmp_path: Path) -> None:
    said = costbench(tmp_path, installed, "doctor").stdout
    assert "works   policy   answer_at_once: costbench_example.answer_at_once:AnswerAtOnce" in said
    assert "works   engine   calculator" in said
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
