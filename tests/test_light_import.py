"""What an import brings with it: a bare GPU machine has to do the measuring with few libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    *(
        "torch",
        "transformers",
        "pandas",
        "altair",
        "vl_convert",
        "math_verify",
        "codecarbon",
        "scipy",
    ),
    *("pebble", "jinja2", "safetensors", "trl", "vllm", "datasets", "genai_prices"),
    *("openai", "aiohttp"),
)

# Of grading and reporting. Not jinja2: transformers itself loads it, for chat templates.
ELSEWHERE = (
    "pandas",
    "altair",
    "vl_convert",
    "math_verify",
    "pebble",
    "codecarbon",
    "scipy",
    "datasets",
    "genai_prices",
)

# `run --no-grade` with the transformers engine, as costbench.cli imports it.
MEASURING = (
    "costbench.cli",
    "costbench.hardware",
    "costbench.locations",
    "costbench.measuring",
    "costbench.plan",
    "costbench.runner",
    "costbench.screen",
    "costbench.suite",
    "costbench.datasets.arithmetic",
    "costbench.datasets.jsonl",
    "costbench.engines.openai",
    "costbench.engines.vllm",
    "costbench.graders.math",  # named in the suite, not used before the grading
    "costbench.metering.nvml",
    "costbench.policies.budget_forcing",
    "costbench.policies.majority",
    "costbench.policies.prompt_budget",
    "costbench.policies.thinking_token_budget",
    "costbench.policies.truncation",
    "costbench.policies.unconstrained",
)
ENGINE = "costbench.engines.transformers"

SHOW = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout)
"""

# A machine where only the measuring can be done: these cannot be imported at all.
PLAN_WITHOUT = """
import importlib.abc, sys


class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[2:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Refuse())
import costbench.measuring, costbench.runner, costbench.engines.transformers
from costbench.cli import main

main(["plan", sys.argv[1], "--only", "embedded"])
"""
SUITE = Path(__file__).parents[1] / "suites" / "math.yaml"


def loaded_by(*modules: str) -> set[str]:
    """Top names of all that is loaded after these imports, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *modules],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_help_and_completion_load_nothing_heavy() -> None:
    assert not loaded_by("costbench.cli").intersection(HEAVY)


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert not loaded_by("costbench").intersection(HEAVY)


def test_all_but_the_engine_of_a_measurement_needs_nothing_heavy() -> None:
    assert not loaded_by(*MEASURING).intersection(HEAVY)


def test_measuring_with_transformers_loads_no_library_of_grading_or_reporting() -> None:
    loaded = loaded_by(*MEASURING, ENGINE)
    assert {"torch", "transformers"} <= loaded
    assert not loaded.intersection(ELSEWHERE)


def test_the_light_path_works_where_the_other_libraries_are_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLAN_WITHOUT, str(SUITE), *ELSEWHERE],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "embedded" in done.stdout
