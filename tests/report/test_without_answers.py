"""A load without answers, run and reported for real: accuracy is not applicable, tokens have their costs."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from report.example import example_report

from costbench.report.contract import CellReport, Report
from costbench.report.sections import Section
from costbench.report.web.page import render_html
from costbench.report.without_answers import sentences_without_answers, told_without_answers
from tests.commands import costbench

SUITE = """\
name: load
sampling: {temperature: 1.0, top_p: 1.0, samples_per_problem: 1, seed: 0}
prices: prices.yaml
meters: [codecarbon]
groups:
  - name: shapes
    engine: {kind: transformers, device: cpu, dtype: float32}
    datasets:
      - {kind: random_tokens, name: decode, problems: 4, input_tokens: 16, output_tokens: [8, 16]}
      - {kind: random_tokens, name: prefill, problems: 4, input_tokens: 256, output_tokens: 2}
    models: [{name: tiny, path: "random:tiny", role: baseline}]
    policies: [{kind: fixed_length, max_tokens: 16}]
    load: {concurrency: [1, 4], problems_per_slot: 2}
"""
PRICES = """\
date: 2026-11-20
machines:
  - {match: "", per: machine, usd_per_hour: 0.36, provider: test, source: a test, as_of: 2026-11-20}
"""


def ran(folder: Path, suite: str) -> dict[str, Any]:
    (folder / "prices.yaml").write_text(PRICES)
    (folder / "load.yaml").write_text(suite)
    done = costbench(folder, "run", "load.yaml")
    assert done.returncode == 0, done.stderr
    done = costbench(folder, "report", "--pareto", "--out", "out", "--format", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("load")
    return folder, ran(folder, SUITE)


def test_accuracy_is_not_applicable_and_tokens_have_costs(
    load: tuple[Path, dict[str, Any]],
) -> None:
    for cell in load[1]["cells"]:
        assert cell["accuracy"] == {
            "value": None, "low": None, "high": None, "confidence": 0.95, "reason": "no_reference",
        }  # fmt: skip
        assert {"no_reference", "random_weights"} <= set(cell["caveats"])
        assert not {"many_ungraded", "many_unfinished"} & set(cell["caveats"])
        window, tokens = cell["windows"]["whole"], cell["output_tokens"]["value"] * cell["attempts"]
        joules = cell["joules_per_output_token"]
        assert joules["value"] == pytest.approx(window["joules"] / tokens)
        assert joules["low"] < joules["value"] < joules["high"]
        usd = cell["usd_per_output_token"]["value"]
        assert usd == pytest.approx(window["duration_s"] * 0.36 / 3600 / tokens)
        assert (
            cell["usd_per_output_token"]["low"] is None
        )  # one pass: its tokens share its cost alike
        assert cell["usd_per_correct"]["value"] is None


def test_lengths_are_those_of_the_dataset_at_every_load(load: tuple[Path, dict[str, Any]]) -> None:
    of = {(c["dataset"], c["load"]["concurrency"]): c for c in load[1]["cells"]}
    assert {load: cell["problems"] for load, cell in of.items()} == {
        ("decode", 1): 2, ("decode", 4): 4, ("prefill", 1): 2, ("prefill", 4): 4,
    }  # fmt: skip
    assert of["decode", 1]["dataset_sha256"] != of["decode", 4]["dataset_sha256"]
    assert 8 <= of["decode", 1]["output_tokens"]["value"] <= 16
    assert of["prefill", 4]["input_tokens"]["value"] == 256
    assert of["prefill", 4]["output_tokens"]["value"] == 2


def test_every_form_speaks_of_tokens_and_none_of_correct_answers(
    load: tuple[Path, dict[str, Any]],
) -> None:
    folder, report = load
    page = (folder / "out" / "report.html").read_text()
    assert "Time and energy" in page
    assert "Accuracy against cost" not in page
    assert "<script" not in page
    assert 'src="data:image/svg+xml' in page
    markdown = (folder / "out" / "report.md").read_text()
    assert re.search(r"J / output token", markdown)
    assert "No reference answers: accuracy is not applicable" in markdown
    assert "per correct answer" not in markdown
    assert "frontier" not in markdown
    assert "Cost of pass" not in markdown
    assert not report["cost_of_pass"]
    assert (
        "tiny: the energy of an output token is not reliably known" in markdown
    )  # too short a run
    assert "a single pass" in markdown.split("## ")[1]  # what the verdict rests on
    assert "2 to 4 problems x 1 samples" in markdown
    table = costbench(folder, "report").stdout
    assert "output token" in table
    assert "accuracy\n" not in table
    assert (
        "Cost per output token and tokens per second" in (folder / "out" / "loads.svg").read_text()
    )
    assert "J / output token (log scale)" in (folder / "out" / "loads.svg").read_text()
    assert not (folder / "out" / "pareto.svg").exists()
    with (folder / "out" / "table.csv").open() as rows:
        assert len(list(csv.DictReader(rows))) == len(report["cells"])


def decode(load: tuple[Path, dict[str, Any]], **energy: Any) -> list[CellReport]:
    """Its cells, with something else known of their energy."""
    cells = [c for c in Report.model_validate(load[1]).cells if c.dataset == "decode"]
    return [
        cell.model_copy(update={"energy": cell.energy.model_copy(update=energy)}) for cell in cells
    ]


def test_a_verdict_tells_a_tokens_energy_at_the_least_and_the_most_load(
    load: tuple[Path, dict[str, Any]],
) -> None:
    one, four = decode(load, quality="degraded")
    (_, said) = sentences_without_answers(Section("shapes", "decode", (four, one)))
    assert re.fullmatch(
        r"tiny: an output token takes .*J one at a time, .*J with 4 attempts in flight \(modelled\)",
        said,
    )
    longer = [cell.model_copy(update={"policy": "longer"}) for cell in (one, four)]
    section = Section("shapes", "decode", (one, four, *longer))
    _, first, second = sentences_without_answers(section)
    assert first.startswith("tiny fixed_length: ")
    assert second.startswith("tiny longer: ")
    assert told_without_answers(section) == section.cells


def test_a_verdict_leaves_out_what_cannot_be_compared(load: tuple[Path, dict[str, Any]]) -> None:
    (one, _), (_, four) = decode(load, quality="unreliable"), decode(load, quality="ok")
    (_, said) = sentences_without_answers(Section("shapes", "decode", (one, four)))
    assert "one at a time" not in said
    assert "with 4 attempts in flight" in said


def test_beside_graded_cells_only_those_have_a_frontier(
    load: tuple[Path, dict[str, Any]],
) -> None:
    graded = example_report()
    loads = Report.model_validate(load[1]).cells
    page = render_html(graded.model_copy(update={"cells": (*loads, *graded.cells)}), [], "usd")
    assert "Accuracy against cost per attempt" in page
    charts = re.findall(r'class="chart scripted" data-part="(\d)"', page)
    assert charts == ["2"]  # the third place: two loads come before it
    assert "/ output token" in page
    assert "/ correct" in page
