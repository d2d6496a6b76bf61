"""Tokens and accuracy by level: figures, table, plot, and nothing of it where there are no levels."""

import math
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.report.contract import E, LevelAccuracy
from costbench.report.files import write_report
from costbench.report.level_lines import HEIGHT, level_panels, spread
from costbench.report.level_table import tokens_by_level
from costbench.report.levels import by_level
from costbench.report.markdown import render_markdown
from costbench.report.plot_levels import levels_chart, write_level_plots
from costbench.report.sections import sections
from tests.report.example import HOSTILE, example_report, two_groups
from tests.report.in_memory import figures_of, record, report_of, with_column

FREE = Unconstrained(max_tokens=64)


def levels_of(cell, levels):
    (row,) = report_of(replace(cell, levels=tuple(levels))).cells
    return row.by_level


def quickly(tokens, correct, levels):
    """The same of one pass, from fewer resamples."""
    cell = record(FREE, np.array([tokens]).T, np.array([correct]).T)
    (rows,) = by_level(figures_of(replace(cell, levels=tuple(levels))))
    return rows


def without_levels(report):
    cells = tuple(cell.model_copy(update={"by_level": ()}) for cell in report.cells)
    return report.model_copy(update={"cells": cells})


def rising(start, growth, levels=4):
    """A cell's levels, with tokens that grow by a factor from each to the next."""
    tokens = [start * growth**step for step in range(levels)]
    return tuple(
        LevelAccuracy(
            level=1 + step,
            attempts=8,
            accuracy=0.5,
            output_tokens=each,
            problems=8,
            tokens_per_attempt=E(value=each, low=0.9 * each, high=1.1 * each),
        )
        for step, each in enumerate(tokens)
    )


def models(*shown):
    """A report with a cell per name, its levels and its budget."""
    report = example_report()
    cells = tuple(
        report.cells[0].model_copy(
            update={
                "model": name,
                "cell": f"embedded/{name}/{budget}/arithmetic/c128",
                "policy": "unconstrained" if budget is None else "prompt_budget",
                "budget": budget,
                "by_level": levels,
            }
        )
        for name, levels, budget in shown
    )
    return report.model_copy(update={"cells": cells})


def layers(report):
    """The chart's layers: mark, rows, encoding."""
    spec = levels_chart(report).to_dict()
    return [
        (layer["mark"]["type"], spec["datasets"][layer["data"]["name"]], layer["encoding"])
        for panel in spec.get("vconcat", [spec])
        for layer in panel["layer"]
    ]


def rows_of(report, mark):
    return next(rows for kind, rows, _ in layers(report) if kind == mark)


def test_figures_of_a_level_are_those_of_its_attempts():
    tokens = [[10, 30], [20, 20], [100, 300], [60, 140]]
    correct = [[1, 1], [1, 0], [0, 1], [0, 0]]
    cell = record(FREE, tokens, correct)
    cell = with_column(cell, "injected_tokens", [[0, 0], [4, 4], [8, 0], [0, 0]])
    easy, hard = levels_of(cell, (1, 1, 3, 3))
    assert (easy.level, easy.problems, easy.attempts) == (1, 2, 4)
    assert (hard.level, hard.problems, hard.attempts) == (3, 2, 4)
    assert easy.output_tokens == (10 + 30 + 20 + 20) / 4
    assert easy.tokens_per_attempt.value == (10 + 30 + 24 + 24) / 4
    assert hard.tokens_per_attempt.value == (108 + 300 + 60 + 140) / 4
    assert easy.accuracy == easy.accuracy_estimate.value == 3 / 4
    assert hard.accuracy == hard.accuracy_estimate.value == 1 / 4


def test_intervals_take_the_problems_of_the_level_whole():
    tokens = [[5, 15], [25, 35], [7, 7], [7, 7]]
    correct = [[1, 1], [0, 0], [1, 1], [1, 1]]
    mixed, alike = levels_of(record(FREE, tokens, correct), (1, 1, 2, 2))
    # Two problems, 10 and 30 tokens: each pulls the logarithm by a quarter, with one degree of freedom.
    half = 12.7062047 * math.sqrt(2 * 2 / 4**2)
    assert mixed.tokens_per_attempt.high == pytest.approx(20 * math.exp(half), rel=1e-6)
    # Two problems, one degree of freedom: t(0.975; 1) = 12.7 leaves next to nothing out.
    assert mixed.accuracy_estimate.low < 0.02
    assert mixed.accuracy_estimate.high > 0.98
    assert (alike.tokens_per_attempt.low, alike.tokens_per_attempt.high) == (7, 7)
    assert alike.accuracy_estimate.low < 0.02


tables = st.integers(2, 12).flatmap(
    lambda problems: st.tuples(
        st.lists(st.integers(1, 3), min_size=problems, max_size=problems),
        st.lists(st.integers(1, 500), min_size=problems, max_size=problems),
        st.lists(st.booleans(), min_size=problems, max_size=problems),
    )
)


@given(tables)
@settings(max_examples=25)
def test_levels_add_up_to_the_cell(found):
    levels, tokens, correct = found
    rows = quickly(tokens, correct, levels)
    assert [each.level for each in rows] == sorted(set(levels))
    assert sum(each.problems for each in rows) == len(levels)
    total = sum(each.attempts * each.tokens_per_attempt.value for each in rows)
    assert total == pytest.approx(sum(tokens))
    right = sum(each.attempts * each.accuracy for each in rows)
    assert right == pytest.approx(sum(correct))
    for each in rows:
        found = each.tokens_per_attempt
        assert (found.low is None) == (each.problems == 1)
        if found.low is not None:
            assert 0 <= found.low <= found.value * (1 + 1e-12)


@given(tables, st.integers(2, 9))
@settings(max_examples=25)
def test_a_level_knows_nothing_of_the_others(found, factor):
    levels, tokens, correct = found
    other = [n if level == 1 else n * factor for level, n in zip(levels, tokens, strict=True)]
    one, two = (quickly(these, correct, levels) for these in (tokens, other))
    assert [each for each in one if each.level == 1] == [each for each in two if each.level == 1]


def test_problems_without_a_level_are_in_none():
    (only,) = levels_of(record(FREE, [[1], [2], [3]], [[1], [1], [1]]), (None, 2, None))
    assert (only.level, only.problems, only.tokens_per_attempt.value) == (2, 1, 2)


def test_of_an_unfinished_cell_there_is_what_was_tried():
    cell = record(FREE, [[1], [2], [3]], [[1], [1], [1]])
    begun = replace(cell, columns={name: column[:1] for name, column in cell.columns.items()})
    (only,) = levels_of(begun, (1, 1, 2))
    assert (only.level, only.problems, only.attempts) == (1, 1, 1)
    assert only.tokens_per_attempt.value == 1


def test_tokens_that_nobody_counted_are_null_with_a_reason():
    cell = record(FREE, [[1], [np.nan]], [[1], [0]])
    counted, uncounted = levels_of(cell, (1, 2))
    assert counted.tokens_per_attempt.value == 1
    assert uncounted.output_tokens is None
    found = uncounted.tokens_per_attempt
    assert (found.value, found.reason) == (None, "not_measured")
    assert uncounted.accuracy == 0


def test_a_level_of_which_nothing_was_graded_has_no_accuracy():
    cell = record(FREE, [[1], [2]], [[1], [1]])
    ungraded = with_column(cell, "outcome", [[0], [3]])
    _, found = levels_of(ungraded, (1, 2))
    assert found.accuracy is None
    assert found.accuracy_estimate.reason == "nothing_graded"
    assert found.tokens_per_attempt.value == 2


def test_without_levels_nothing_of_them_is_shown(tmp_path):
    (row,) = report_of(record(FREE, [[1], [2]], [[1], [0]])).cells
    assert row.by_level == ()
    report = without_levels(example_report())
    assert "Tokens by level" in render_markdown(example_report(), None)
    assert "Tokens by level" not in render_markdown(report, None)
    assert levels_chart(report) is None
    written = write_report(report, tmp_path, x="usd", pareto=True)
    assert not [path for path in written if path.name.startswith("levels")]
    assert "levels" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_rows_are_cells_without_a_budget_or_with_the_models_largest():
    free = record(FREE, [[1], [2]], [[1], [0]])
    bound = [record(Truncation(budget=b), [[1], [2]], [[1], [0]]) for b in (1, 8)]
    only_bound = [
        record(Truncation(budget=b), [[1], [2]], [[1], [0]], model="other") for b in (4, 16, 2)
    ]
    cells = [replace(cell, levels=(1, 2)) for cell in (*bound, free, *only_bound)]
    (section,) = sections(report_of(*cells))
    names, one, two = tokens_by_level(section)
    assert names.cells == ("base unconstrained", "other truncation@16")
    assert (one.name, two.name) == ("1", "2")
    assert one.cells == ("1.00 (100.0 %)",) * 2  # a single problem has no interval
    assert two.cells == ("2.00 (0.0 %)",) * 2


def test_a_level_that_a_cell_lacks_is_not_zero():
    report = models(("a", rising(10, 2, 3), None), ("b", rising(10, 2, 2), None))
    (section,) = sections(report)
    assert tokens_by_level(section)[3].cells == ("40.0 [36.0, 44.0] (50.0 %)", "n/a")
    at = {(row["name"], row["level"]) for row in rows_of(report, "point")}
    assert at == {("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)}


def test_the_plot_shows_tokens_with_their_intervals_in_order_of_level():
    report = models(("a", rising(10, 2), None), ("b", rising(12, 1.5), 64))
    points = rows_of(report, "point")
    first = [row for row in points if row["name"] == "a"]
    assert [row["y"] for row in first] == [10, 20, 40, 80]
    assert [row["high"] for row in first] == pytest.approx([11, 22, 44, 88])
    assert [row["x"] for row in first] == sorted(row["x"] for row in first)
    assert {row["name"] for row in points} == {"a", "b prompt_budget@64"}
    assert len(rows_of(report, "rule")) == len(points)


def test_the_title_says_how_much_tokens_grow():
    report = models(
        ("a", rising(10, 2), None), ("b", rising(12, 1.5), None), ("c", rising(9, 1.7), None)
    )
    title = levels_chart(report).to_dict()["title"]
    assert title["text"] == ["Tokens at level 4 over those at level 1: 3.38x (b) to 8.00x (a)"]
    assert "Policies without a budget" in title["subtitle"][2]
    flat = models(("a", rising(10, 2, 1), None))
    assert levels_chart(flat).to_dict()["title"]["text"] == [
        "Tokens per attempt by level of difficulty"
    ]


@pytest.mark.parametrize(("start", "is_log"), [(100, False), (10, True)])
def test_the_axis_is_logarithmic_only_where_figures_are_far_apart(start, is_log):
    (panel,) = level_panels(models(("a", rising(start, 1.1), None), ("b", rising(300, 1.5), None)))
    assert panel.is_log == is_log
    least, most = panel.y_domain
    assert (least > 0) == is_log
    ends = [end for line in panel.lines for point in line.points for end in (point.low, point.high)]
    assert all(least < end < most for end in ends)


def test_names_stand_at_the_ends_of_their_lines_and_apart():
    shown = [(f"model-{at}", rising(100 + at, 1.4), None) for at in range(8)]
    (panel,) = level_panels(models(*shown))
    assert [name.end_y for name in panel.names] == [line.points[-1].tokens for line in panel.lines]
    least, most = panel.y_domain
    heights = sorted(HEIGHT * name.y / (most - least) for name in panel.names)
    assert all(upper - lower >= 14.9 for lower, upper in pairwise(heights))
    by_name = sorted(panel.names, key=lambda name: name.end_y)
    assert by_name == sorted(panel.names, key=lambda name: name.y)


@given(st.lists(st.floats(0, 304), min_size=1, max_size=20))
def test_spread_names_keep_their_order_and_move_no_more_than_they_must(wanted):
    places = spread(wanted, 304)
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    gaps = [places[lower] - places[upper] for upper, lower in pairwise(order)]
    assert all(gap >= 15 - 1e-6 for gap in gaps)
    assert sum(places) == pytest.approx(sum(wanted), abs=1e-6)
    if all(wanted[lower] - wanted[upper] > 15 for upper, lower in pairwise(order)):
        assert places == pytest.approx(wanted)


def test_lines_whose_names_look_the_same_have_colors_of_their_own():
    long = "a-very-long-name-of-a-model-{}-that-is-cut-in-its-middle"
    report = models(*((long.format(at), rising(50 + 9 * at, 1.3), None) for at in range(3)))
    assert len({row["name"] for row in rows_of(report, "point")}) == 1
    color = next(encoding["color"] for kind, _, encoding in layers(report) if kind == "point")
    assert len(set(color["scale"]["range"])) == len(set(color["scale"]["domain"])) == 3


def test_there_is_a_panel_per_group_and_a_hostile_name_is_only_text(tmp_path):
    assert len(levels_chart(two_groups(example_report())).to_dict()["vconcat"]) == 2
    svg, png, _ = write_level_plots(models((HOSTILE, rising(10, 2), None)), tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "<b>" not in text
    assert r'=cmd|"/x"\x1b' in "".join(ElementTree.fromstring(text).itertext())
