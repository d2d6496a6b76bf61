"""The picture of budgets: accuracy against what attempts write, a line per model and policy."""

from math import log2
from xml.etree import ElementTree

import numpy as np
import pytest

from costbench.policies.budget_forcing import BudgetForcing
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.report.contract import E
from costbench.report.files import write_report
from costbench.report.markdown import render_markdown
from costbench.report.plot_budgets import budget_chart, budget_words, write_budget_plots
from tests.report.example import HOSTILE, example_report, only_abacus, two_groups
from tests.report.in_memory import record, report_of

PROBLEMS = 40


def cell(policy, tokens, share, **more):
    right = (np.arange(PROBLEMS) < share * PROBLEMS)[:, None]
    return record(policy, np.full((PROBLEMS, 1), tokens), right, **more)


def some_cells():
    return (
        cell(Unconstrained(), 120, 0.9),
        cell(Truncation(budget=32), 32, 0.25),
        cell(Truncation(budget=64), 60, 0.5),
        cell(BudgetForcing(budget=32), 40, 0.3),
        cell(BudgetForcing(budget=64), 70, 0.6),
    )


def drawn(report):
    """The specification, and each layer of its panels with its rows."""
    spec = budget_chart(report).to_dict()
    found = [
        (layer, spec["datasets"][layer["data"]["name"]])
        for panel in spec.get("vconcat", [spec])
        for layer in panel["layer"]
    ]
    return spec, found


def rows_of(found, kind):
    return [row for layer, rows in found if layer["mark"]["type"] == kind for row in rows]


def test_points_are_accuracy_against_all_tokens_of_an_attempt():
    report = report_of(*some_cells())
    _, found = drawn(report)
    at = {(row["policy"], row["budget"]): row for row in rows_of(found, "point")}
    assert len(at) == 5
    for one in report.cells:
        row = at[one.policy, one.budget]
        assert (row["x"], row["x_low"], row["x_high"]) == (
            one.tokens_per_attempt.value,
            one.tokens_per_attempt.low,
            one.tokens_per_attempt.high,
        )
        assert row["y"] == pytest.approx(100 * one.accuracy.value)
        assert row["y_low"] == pytest.approx(100 * one.accuracy.low)


def test_a_line_joins_budgets_and_a_cell_without_one_is_a_point_alone():
    _, found = drawn(report_of(*some_cells()))
    joined = rows_of(found, "line")
    assert sorted((row["policy"], row["budget"]) for row in joined) == [
        ("budget_forcing", 32),
        ("budget_forcing", 64),
        ("truncation", 32),
        ("truncation", 64),
    ]


def test_lines_differ_by_dash_and_points_by_shape():
    _, found = drawn(report_of(*some_cells()))
    (line,) = [layer for layer, _ in found if layer["mark"]["type"] == "line"]
    dashes = line["encoding"]["strokeDash"]["scale"]
    assert dashes["domain"] == ["base truncation", "base budget_forcing"]
    assert dashes["range"][0] != dashes["range"][1]
    shapes = next(layer["encoding"]["shape"] for layer, _ in found if "shape" in layer["encoding"])
    assert len(set(shapes["scale"]["range"])) == 3


def test_ticks_are_powers_of_two():
    spec, _ = drawn(report_of(*some_cells()))
    x = spec["layer"][0]["encoding"]["x"]
    assert x["axis"]["values"] == [32, 64, 128]
    assert "log2 scale" in x["title"]
    wide = (cell(Truncation(budget=2), 1, 0.25), cell(Truncation(budget=2**20), 2**20, 0.5))
    ticks = drawn(report_of(*wide))[0]["layer"][0]["encoding"]["x"]["axis"]["values"]
    assert len(ticks) == 11
    assert all(log2(tick).is_integer() for tick in ticks)


def test_where_there_are_not_two_powers_of_two_ticks_are_round_numbers():
    spec, _ = drawn(report_of(cell(Truncation(budget=45), 45, 0.5)))
    ticks = spec["layer"][0]["encoding"]["x"]["axis"]["values"]
    assert 40 in ticks
    assert 50 in ticks


def test_the_title_says_what_a_doubling_gains_with_its_interval():
    report = report_of(*some_cells())
    spec, _ = drawn(report)
    text = " ".join(spec["title"]["text"])
    gained = report.budget_lines[0].scaling_per_doubling
    assert text.startswith("Points of accuracy gained per doubling of tokens: truncation +27.6 [")
    assert gained.value == pytest.approx(0.25 / log2(60 / 32))


def test_a_slope_whose_interval_leaves_nothing_out_is_no_headline():
    report = report_of(*some_cells())
    empty = E(value=0.9, low=-1.6, high=1.6)
    lines = tuple(b.model_copy(update={"scaling_per_doubling": empty}) for b in report.budget_lines)
    spec, _ = drawn(report.model_copy(update={"budget_lines": lines}))
    assert spec["title"]["text"] == ["Accuracy against tokens per attempt, by budget"]


def test_what_is_to_be_seen_is_said_in_a_sentence():
    assert budget_words(report_of(*some_cells())) == (
        "Accuracy against tokens per attempt, 2 lines of budgets, 5 cells: "
        "25.0 to 90.0 % at 32.0 to 120 tokens"
    )
    assert budget_words(report_of(cell(Truncation(budget=8), 8, 0.5))) == (
        "Accuracy against tokens per attempt, 1 line of budgets, 1 cell: 50.0 % at 8.00 tokens"
    )


def test_there_is_a_panel_per_group():
    spec, _ = drawn(two_groups(example_report()))
    assert len(spec["vconcat"]) == 2
    assert spec["title"]["text"] == ["Accuracy against tokens, by budget"]


def test_groups_without_a_budget_have_no_panel_and_the_one_shown_is_named():
    report = two_groups(only_abacus(example_report()))
    cells = tuple(c for c in report.cells if c.group == "server" or c.budget is None)
    spec, _ = drawn(report.model_copy(update={"cells": cells}))
    assert "vconcat" not in spec
    assert spec["title"]["subtitle"][0].startswith("server · arithmetic")


def test_without_a_budget_there_is_no_picture(tmp_path):
    report = report_of(cell(Unconstrained(), 120, 0.9))
    assert budget_chart(report) is None
    assert budget_words(report) is None
    assert write_budget_plots(report, tmp_path) == []


def test_tokens_that_nobody_counted_leave_no_picture():
    report = report_of(*some_cells())
    unknown = dict.fromkeys(("tokens_per_attempt", "output_tokens"), E(value=None))
    cells = tuple(c.model_copy(update=unknown) for c in report.cells)
    assert budget_chart(report.model_copy(update={"cells": cells})) is None


def crowd(report, count):
    """The report with so many budgets of its last cell."""
    one = report.cells[-1]
    figures = [E(value=20 + at / 10) for at in range(count)]
    cells = tuple(
        one.model_copy(update={"cell": str(at), "budget": at, "tokens_per_attempt": figure})
        for at, figure in enumerate(figures)
    )
    return report.model_copy(update={"cells": cells, "budget_lines": ()})


@pytest.mark.parametrize(("points", "most"), [(50, 35), (200, 2)])
def test_where_points_crowd_only_labels_with_room_are_drawn(points, most):
    _, found = drawn(crowd(report_of(*some_cells()), points))
    assert len(rows_of(found, "point")) == points
    labels = {row["budget"] for row in rows_of(found, "text")}
    assert 0 < len(labels) <= most


def test_where_there_is_room_every_point_has_its_label():
    _, found = drawn(report_of(*some_cells()))
    assert len({(row["policy"], row["budget"]) for row in rows_of(found, "text")}) == 5


def test_a_hostile_name_is_only_text_and_files_are_the_same_every_time(tmp_path):
    written = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        paths = write_budget_plots(example_report(), tmp_path / name)
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    text = written[0][0].decode()
    assert HOSTILE not in text
    assert "<b>" not in text
    assert r"\u202e&amp;" in "".join(ElementTree.fromstring(text).itertext())


def test_the_page_shows_the_picture_with_its_sentence(tmp_path):
    report = report_of(*some_cells())
    write_report(report, tmp_path, x="tokens", pareto=True)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    picture = f"![{budget_words(report)}](budgets.svg)"
    assert picture in page[page.index("## Lines of budgets") :]
    assert "budgets.svg" not in render_markdown(report, None)
