"""The recipes of CONTRIBUTING, as printed there, in one real run."""

import doctest
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainers.naming import build_reward

PAGE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
KINDS = ("dataset", "policy", "meter", "grader", "engine")
# A model of few words: it doubles half of what it is asked.
PROGRAM = "import re, sys; print('</think>', int(re.findall(r'[0-9]+', sys.stdin.read())[0]) // 2)"
SUITE = """
name: recipes
meters: [{{kind: "recipe_meter:RatedPower", watts: 65}}]
groups:
  - name: g
    engine: {{kind: "recipe_engine:Program", command: {command}}}
    datasets: [{{kind: "recipe_dataset:Halves", problems: 5, grader: {{kind: "recipe_grader:LastWord"}}}}]
    models: [{{name: program, path: nowhere/at-all, role: baseline}}]
    policies: [unconstrained, {{kind: "recipe_policy:AnswerAtOnce"}}]
    load: {{concurrency: 2}}
"""


def recipe(kind: str) -> str:
    (section,) = re.findall(rf"### An? {kind}\n(.*?)(?=\n##)", PAGE, flags=re.DOTALL)
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    return str(block)


@pytest.mark.parametrize("kind", [*KINDS, "reward"])
def test_a_recipe_is_at_most_forty_lines(kind: str) -> None:
    assert 10 < recipe(kind).count("\n") <= 40


def test_all_recipes_work_together_as_printed(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / f"recipe_{kind}.py").write_text(recipe(kind))
    command = json.dumps([sys.executable, "-c", PROGRAM])
    (tmp_path / "recipes.yaml").write_text(SUITE.format(command=command))

    def costbench(*arguments: str) -> str:
        # `-m` looks for modules in the current folder too.
        done = subprocess.run(
            [sys.executable, "-m", "costbench", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    costbench("run", "recipes.yaml")
    free, at_once = json.loads(costbench("report", "--format", "json"))["cells"]
    for cell in (free, at_once):
        assert (cell["attempts"], cell["correct"], cell["errors"]) == (5, 5, 0)
        assert cell["grader"] == "last_word"
        assert cell["energy"]["provenance"] == "assumed"
        assert cell["joules_per_correct"]["value"] > 0
        assert cell["output_tokens"] == {
            "value": None, "low": None, "high": None, "confidence": 0.95, "reason": "not_measured",
        }  # fmt: skip
    assert "last_word-1" in costbench("grade")


def test_the_reward_of_the_page_gives_what_its_example_says_and_is_found_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe_reward.py").write_text(recipe("reward"))
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("recipe_reward")
    assert doctest.testmod(module) == doctest.TestResults(failed=0, attempted=1)
    reward = build_reward({"kind": "recipe_reward:right_and_brief", "bonus": 1.0}, limit_tokens=10)
    assert reward.function([5, 10], [True, True]) == [1.5, 1.0]
