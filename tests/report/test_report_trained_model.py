"""A model with the card of its training, from its folder to the report, in processes of their own."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from commands import costbench
from small_suite import write_small_suite

from costbench.training import FILE
from tests.report.trained import training

ROOT = Path(__file__).parents[2]


@pytest.fixture
def variant(tmp_path):
    """The embedded model again, as if a training had made it."""
    folder = tmp_path / "variant"
    shutil.copytree(ROOT / "costbench" / "embedded" / "abacus-base", folder)
    card = training(energy={"provenance": "modelled", "scope": "machine_model"})
    (folder / FILE).write_text(card.model_dump_json())
    suite = write_small_suite(
        tmp_path, problems=4, samples=1, policies=("{kind: unconstrained, max_tokens: 48}",)
    )
    base = '{name: abacus-base, path: "embedded:abacus-base", role: baseline, tier: tiny}'
    text = suite.read_text()
    assert base in text
    again = f"{base}\n      - {{name: variant, path: {folder}}}"
    suite.write_text(text.replace(base, again))
    return tmp_path


def test_a_run_stores_the_card_of_a_model_and_its_report_says_what_it_took(variant):
    done = costbench(variant, "run", "small.yaml")
    assert done.returncode == 0, done.stderr
    assert costbench(variant, "report", "--pareto").returncode == 0
    (folder,) = (variant / "reports").iterdir()
    found = json.loads((folder / "report.json").read_text())
    (payback,) = found["payback"]
    assert payback["baseline"].startswith("embedded/abacus-base/")
    assert payback["candidate"].startswith("embedded/variant/")
    took = payback["training"]
    assert (took["recipe"], took["duration_s"], took["joules"]) == ("alpha-0.2", 100.0, 5000.0)
    assert took["provenance"] == "modelled"
    assert took["usd"] == pytest.approx(100 * 1e-4)
    for figure in payback["correct_answers"].values():
        assert figure["value"] is None or figure["value"] > 0
        assert (figure["value"] is None) == (figure["reason"] is not None)
    assert [[row["level"] for row in cell["by_level"]] for cell in found["cells"]] == [[1, 2]] * 2
    page = (folder / "report.md").read_text()
    assert "## Tokens by level" in page
    assert "- variant: its training (100 s, 0.00139 kWh modelled, 0.0100 USD assumed)" in page
    assert (folder / "levels.png").read_bytes().startswith(b"\x89PNG")

    (run,) = (variant / "runs").iterdir()
    with closing(sqlite3.connect(run / "run.db")) as database:
        specs = [json.loads(spec) for (spec,) in database.execute("SELECT spec FROM cells")]
        assert {spec["model"]["name"]: bool(spec["training"]) for spec in specs} == {
            "abacus-base": False,
            "variant": True,
        }
        # As a run folder of an older version has it.
        database.execute("UPDATE cells SET spec = json_remove(spec, '$.training')")
        database.commit()
    older = costbench(variant, "report", "--format", "json")
    assert older.returncode == 0, older.stderr
    assert json.loads(older.stdout)["payback"] == []


def test_a_broken_card_is_told_before_anything_is_measured(variant):
    (variant / "variant" / FILE).write_text("{}")
    done = costbench(variant, "run", "small.yaml")
    assert done.returncode == 1
    assert "training.json: is not the card of a training" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((variant / "runs").glob("*/run.db"))
