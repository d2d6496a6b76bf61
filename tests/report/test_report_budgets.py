"""Accuracy at equal length: small runs that can be worked out on paper, and what holds for all of them."""

import io
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from costbench.analysis.stats import Resampling, percentile_interval
from costbench.policies.budget_forcing import BudgetForcing
from costbench.policies.majority import Majority
from costbench.policies.prompt_budget import PromptBudget
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.records import CORRECT, ERROR, UNGRADED, WRONG
from costbench.report.budgets import length_comparisons
from costbench.report.build import BOOTSTRAP_SEED
from costbench.report.contract import Report
from costbench.report.markdown import render_markdown
from costbench.report.table import print_table
from tests.report.example import at_equal_length, example_report
from tests.report.in_memory import figures_of, record, report_of, with_column

COLUMN = (4, 1)
ONE_RIGHT, TWO_RIGHT, THREE_RIGHT = (np.arange(4).reshape(COLUMN) < n for n in (1, 2, 3))


def forced(budget, sampled, correct, **options):
    return record(BudgetForcing(budget=budget), np.full(COLUMN, sampled), correct, **options)


def asked(budget, sampled, correct, **options):
    options = {"model": "l1", "role": "variant"} | options
    policy = PromptBudget(budget=budget, mode="maximum")
    return record(policy, np.full(COLUMN, sampled), correct, **options)


def found_in(cells, **wanted):
    """The one comparison that is so."""
    every = length_comparisons(figures_of(*cells))
    (one,) = [e for e in every if all(getattr(e, key) == value for key, value in wanted.items())]
    return one


REFERENCE = (forced(8, 8, ONE_RIGHT), forced(32, 32, THREE_RIGHT))


def test_at_the_same_budget_the_cell_of_that_budget_is_the_reference():
    candidate = asked(32, 20, TWO_RIGHT)
    found = found_in((*REFERENCE, candidate), at="nominal_budget")
    assert (found.group, found.dataset, found.budget, found.tokens) == ("g", "sums", 32, 20)
    assert (found.candidate, found.reference) == (candidate.id, "base/budget_forcing")
    assert found.reference_cell == REFERENCE[1].id
    assert (found.accuracy_candidate, found.accuracy_reference) == (2 / 4, 3 / 4)
    assert found.difference.value == -1 / 4
    assert found.ratio.value == pytest.approx(2 / 3)


def test_at_the_same_tokens_the_reference_lies_on_the_line_through_its_budgets():
    # 12 sampled and 4 injected are 16: halfway between 8 and 32 in the logarithm, so 1/4 and 3/4 give 1/2.
    candidate = with_column(asked(24, 12, THREE_RIGHT), "injected_tokens", np.full(COLUMN, 4))
    found = found_in((*REFERENCE, candidate))  # nobody else had 24
    assert (found.at, found.reference_cell) == ("measured_tokens", None)
    assert (found.budget, found.tokens) == (24, 16)
    assert found.accuracy_reference == 0.5
    assert found.difference.value == 0.25
    assert found.ratio.value == 1.5


def test_the_interval_draws_tokens_and_line_anew_in_every_resample():
    rng = np.random.default_rng(1)
    shape = (12, 2)

    def cell(policy, mean, likely, **options):
        sampled = rng.integers(mean // 2, 2 * mean, shape)
        return record(policy, sampled, rng.uniform(size=shape) < likely, **options)

    base = [cell(BudgetForcing(budget=b), b, p) for b, p in ((32, 0.2), (64, 0.5), (128, 0.8))]
    candidate = cell(PromptBudget(budget=50), 55, 0.7, model="l1", role="variant")
    (found,) = report_of(*base, candidate).length_comparisons

    counts = Resampling.draw(12, BOOTSTRAP_SEED).counts

    def drawn(values):
        """Means per attempt, resample by resample, straight from the counts."""
        return (counts @ values.reshape(shape)).sum(axis=1) / values.size

    def accuracy(one):
        return drawn((one.columns["outcome"] == CORRECT).astype(float))

    tokens = np.stack([drawn(one.columns["output_tokens"]) for one in base], axis=1)
    right = np.stack([accuracy(one) for one in base], axis=1)
    wanted = drawn(candidate.columns["output_tokens"])
    line = np.empty(len(counts))
    for at, (x, y) in enumerate(zip(tokens, right, strict=True)):
        order = np.argsort(x)
        line[at] = np.interp(np.log2(wanted[at]), np.log2(x[order]), y[order])
    ours = accuracy(candidate)
    ends = found.difference.low, found.difference.high
    assert ends == pytest.approx(percentile_interval(ours - line))
    assert (found.ratio.low, found.ratio.high) == pytest.approx(percentile_interval(ours / line))


@pytest.mark.parametrize("sampled", [7, 33])
def test_where_the_line_was_not_measured_there_is_no_value(sampled):
    found = found_in((*REFERENCE, asked(24, sampled, TWO_RIGHT)))
    assert found.accuracy_reference is None
    for figure in (found.difference, found.ratio):
        assert (figure.value, figure.low, figure.high) == (None, None, None)
        assert figure.reason == "outside_curve"


@pytest.mark.parametrize("sampled", [8, 32])
def test_the_ends_of_the_line_belong_to_it(sampled):
    found = found_in((*REFERENCE, asked(24, sampled, TWO_RIGHT)))
    assert found.accuracy_reference == (1 / 4 if sampled == 8 else 3 / 4)
    assert found.difference.reason is None


def test_a_single_budget_is_a_line_of_one_point():
    inside = found_in((REFERENCE[0], asked(24, 8, TWO_RIGHT)))
    assert inside.difference.value == 1 / 4
    beside = found_in((REFERENCE[0], asked(24, 9, TWO_RIGHT)))
    assert beside.difference.reason == "outside_curve"


def test_near_an_end_the_figure_is_there_with_its_doubt():
    sampled = [
        [17],
        [47],
        [20],
        [44],
    ]  # 32 on average, as the last point, but more in many resamples
    candidate = with_column(asked(24, 32, TWO_RIGHT), "output_tokens", sampled)
    found = found_in((*REFERENCE, candidate))
    assert found.accuracy_reference == 3 / 4
    assert found.difference.value == -1 / 4
    assert found.difference.reason == found.ratio.reason == "partly_outside_curve"
    assert found.difference.low < -1 / 4 < found.difference.high


def test_a_larger_budget_that_used_fewer_tokens_keeps_its_place_by_tokens():
    odd = (forced(8, 32, THREE_RIGHT), forced(32, 8, ONE_RIGHT))
    found = found_in((*odd, asked(24, 16, THREE_RIGHT)))
    assert found.accuracy_reference == 0.5


def test_budgets_that_used_the_same_tokens_are_one_point():
    cells = (forced(8, 8, ONE_RIGHT), forced(16, 32, TWO_RIGHT), forced(32, 32, THREE_RIGHT))
    found = found_in((*cells, asked(24, 32, THREE_RIGHT)))
    assert found.accuracy_reference == (2 / 4 + 3 / 4) / 2


def test_without_a_right_answer_at_the_reference_there_is_no_ratio():
    none_right = np.zeros(COLUMN, dtype=bool)
    found = found_in((forced(8, 8, none_right), asked(8, 8, ONE_RIGHT)), at="nominal_budget")
    assert found.difference.value == 1 / 4
    assert (found.ratio.value, found.ratio.reason) == (None, "none_correct")


def test_tokens_that_nobody_counted_leave_the_comparison_at_the_same_budget():
    uncounted = with_column(asked(8, 8, TWO_RIGHT), "output_tokens", np.full(COLUMN, np.nan))
    cells = (*REFERENCE, uncounted)
    assert found_in(cells, at="nominal_budget").difference.value == 1 / 4
    assert found_in(cells, at="nominal_budget").tokens is None
    assert found_in(cells, at="measured_tokens").difference.reason == "not_measured"


def test_a_cell_without_a_grade_is_no_point_of_a_line():
    ungraded = with_column(forced(16, 16, TWO_RIGHT), "outcome", np.full(COLUMN, UNGRADED))
    cells = (*REFERENCE, ungraded, asked(16, 16, TWO_RIGHT))
    assert found_in(cells, at="measured_tokens").accuracy_reference == 0.5
    at_budget = found_in(cells, at="nominal_budget")
    assert (at_budget.accuracy_reference, at_budget.difference.reason) == (None, "nothing_graded")


def test_references_are_budgeted_lines_of_baselines_under_the_same_load():
    cells = (
        *REFERENCE,
        record(Unconstrained(), np.full(COLUMN, 50), THREE_RIGHT),
        record(Truncation(budget=16), np.full(COLUMN, 16), TWO_RIGHT),
        forced(8, 8, ONE_RIGHT, concurrency=4),
        asked(16, 16, TWO_RIGHT),
    )
    found = length_comparisons(figures_of(*cells))
    pairs = {(each.candidate.split("/", 1)[1], each.reference, each.at) for each in found}
    assert pairs == {
        ("base/budget_forcing@8/sums/c2", "base/truncation", "measured_tokens"),
        ("base/budget_forcing@32/sums/c2", "base/truncation", "measured_tokens"),
        ("base/truncation@16/sums/c2", "base/budget_forcing", "measured_tokens"),
        ("l1/prompt_budget@16/sums/c2", "base/budget_forcing", "measured_tokens"),
        ("l1/prompt_budget@16/sums/c2", "base/truncation", "measured_tokens"),
        ("l1/prompt_budget@16/sums/c2", "base/truncation", "nominal_budget"),
    }


def test_other_settings_of_a_policy_are_another_line():
    waiting = record(BudgetForcing(budget=32, waits=2), np.full(COLUMN, 32), THREE_RIGHT)
    cells = (REFERENCE[0], waiting, asked(24, 16, TWO_RIGHT))
    found = length_comparisons(figures_of(*cells))
    mine = [each for each in found if each.candidate == cells[2].id]
    assert [each.difference.reason for each in mine] == ["outside_curve"] * 2  # of one point each


RUNS = st.integers(0, 10_000)


def line_of(seed, model, role):
    """Four budgets of one model with lengths and answers by chance."""
    rng = np.random.default_rng(seed)
    return [
        record(
            Truncation(budget=budget),
            rng.integers(1, budget + 1, (6, 2)),
            rng.uniform(size=(6, 2)) < rng.uniform(),
            model=model,
            role=role,
        )
        for budget in (32, 64, 128, 256)
    ]


@settings(max_examples=25)
@given(RUNS)
def test_a_line_against_its_like_shows_no_difference(seed):
    """The same attempts under another name."""
    cells = [*line_of(seed, "base", "baseline"), *line_of(seed, "twin", "variant")]
    found = length_comparisons(figures_of(*cells))
    assert len(found) == 2 * 4
    used = [each.tokens for each in found if each.at == "nominal_budget"]
    for each in found:
        if each.at == "measured_tokens" and used.count(each.tokens) > 1:
            continue  # points of the same tokens are one
        assert each.difference.value == 0
        assert each.difference.low <= 0 <= each.difference.high
        assert each.accuracy_reference == each.accuracy_candidate
        assert each.ratio.value == (1 if each.accuracy_candidate else None)


@settings(max_examples=25)
@given(RUNS, st.permutations(range(8)))
def test_the_order_of_cells_does_not_matter(seed, order):
    cells = [*line_of(seed, "base", "baseline"), *line_of(seed + 1, "other", "baseline")]
    one = length_comparisons(figures_of(*cells))
    other = length_comparisons(figures_of(*(cells[at] for at in order)))
    assert sorted(map(repr, one)) == sorted(map(repr, other))


@settings(max_examples=25)
@example(124)  # a bend of the line, nearly all resamples above it
@example(552)  # its end
@given(RUNS)
def test_a_value_lies_between_its_ends_and_on_the_line(seed):
    cells = [*line_of(seed, "base", "baseline"), *line_of(seed + 1, "l1", "variant")]
    every = length_comparisons(figures_of(*cells))
    reached = [each.accuracy for each in report_of(*cells).cells if each.model == "base"]
    for each in every:
        if each.difference.value is None:
            assert each.difference.reason == "outside_curve"
            continue
        for figure in (each.difference, each.ratio):
            if figure.value is not None:
                assert figure.low <= figure.value
                assert figure.high is None or figure.value <= figure.high
        assert each.difference.value == pytest.approx(
            each.accuracy_candidate - each.accuracy_reference
        )
        assert min(e.value for e in reached) <= each.accuracy_reference + 1e-12
        assert max(e.value for e in reached) >= each.accuracy_reference - 1e-12


def test_length_comparisons_come_back_from_json_as_they_were():
    report = report_of(*REFERENCE, asked(32, 16, TWO_RIGHT), asked(24, 40, TWO_RIGHT))
    assert len(report.length_comparisons) == 3
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_a_maximum_is_violated_by_what_is_longer_and_missed_by_what_is_shorter_too():
    sampled = np.array([[16], [20], [24], [32]])
    cell = record(PromptBudget(budget=20, mode="maximum"), sampled, TWO_RIGHT)
    (row,) = report_of(cell).cells
    kept = row.length_control
    assert (kept.target, kept.counts) == (20, "response")
    assert kept.mean_absolute_error_tokens == (4 + 0 + 4 + 12) / 4
    assert kept.mean_absolute_error_relative == 5 / 20
    assert kept.violation_rate == 2 / 4


def test_budget_forcing_is_held_to_its_thinking():
    thought = np.array([[8], [8], [6], [8]])
    cell = with_column(forced(8, 30, TWO_RIGHT), "reasoning_tokens", thought)
    kept = report_of(cell).cells[0].length_control
    assert (kept.counts, kept.violation_rate) == ("thinking", 0)
    assert kept.mean_absolute_error_tokens == 2 / 4


def test_what_the_engine_refused_has_no_length():
    sampled = np.array([[16], [24], [0], [0]])
    refused = with_column(asked(20, 0, TWO_RIGHT), "outcome", [CORRECT, WRONG, ERROR, ERROR])
    kept = report_of(with_column(refused, "output_tokens", sampled)).cells[0].length_control
    assert (kept.mean_absolute_error_tokens, kept.violation_rate) == (4, 1 / 2)
    nothing = with_column(refused, "outcome", np.full(COLUMN, ERROR))
    kept = report_of(nothing).cells[0].length_control
    assert (kept.mean_absolute_error_tokens, kept.violation_rate) == (None, None)


def printed(report, width):
    file = io.StringIO()
    print_table(report, Console(file=file, width=width))
    return file.getvalue()


def test_the_tables_at_equal_length(golden):
    report = at_equal_length(example_report())
    page = render_markdown(report, None)
    console = printed(report, 140)
    golden(
        "report-equal-length.txt",
        console[console.index("At equal length") : console.index("\ninstrument")]
        + page[page.index("## At equal length") : page.index("## Length control")],
    )


def test_baselines_against_each_other_are_in_the_json_only():
    report = report_of(*REFERENCE, record(Truncation(budget=8), np.full(COLUMN, 8), ONE_RIGHT))
    assert report.length_comparisons
    assert "equal length" not in printed(report, 140)
    assert "equal length" not in render_markdown(report, None)
    assert "## Length control" in render_markdown(report, None)


def test_without_a_budget_no_table_of_lengths_is_shown():
    page = render_markdown(report_of(record(Unconstrained(), np.full(COLUMN, 8), ONE_RIGHT)), None)
    assert "Length control" not in page
    assert "equal length" not in page


@pytest.mark.parametrize("width", [80, 100, 140])
def test_points_at_the_same_tokens_are_shown_at_every_width(width):
    text = printed(at_equal_length(example_report()), width)
    assert "+23.9 [+22.0, +25.8]" in text
    assert all(len(row) <= width for row in text.splitlines())


def test_at_most_ten_rows_are_printed_in_all():
    cut = record(Truncation(budget=16), np.full(COLUMN, 16), ONE_RIGHT)
    cells = [asked(budget, 16, TWO_RIGHT) for budget in range(40, 47)]
    text = printed(report_of(*REFERENCE, cut, *cells), 200)
    assert text.count("At equal length against") == 2
    assert len(re.findall(r"^l1 +prompt_budget@\d+ +50.0 +16.0 ", text, re.MULTILINE)) == 10
    assert "\n4 more rows: --format md." in text


def test_ratios_that_are_left_out_for_want_of_room_are_named():
    report = at_equal_length(example_report())
    assert "Not shown at this width: same budget ratio: --format md." in printed(report, 130)
    assert "ratio: --format md." not in printed(report, 160)


def test_votes_are_one_line_by_tokens_and_no_twins_of_budgets_in_tokens():
    def voted(votes, sampled, correct, **options):
        return record(Majority(votes=votes), np.full(COLUMN, sampled), correct, **options)

    variant = {"model": "l1", "role": "variant"}
    cells = (
        *(voted(1, 8, ONE_RIGHT), voted(8, 32, THREE_RIGHT)),
        *(forced(8, 8, ONE_RIGHT), forced(32, 32, TWO_RIGHT)),
        voted(8, 16, TWO_RIGHT, **variant),
    )
    report = report_of(*cells)
    found = {
        (each.reference, each.at): each.accuracy_reference
        for each in report.length_comparisons
        if each.candidate == cells[-1].id
    }
    assert found == {
        ("base/majority", "nominal_budget"): 3 / 4,  # as many votes
        ("base/majority", "measured_tokens"): 1 / 2,  # halfway from 8 to 32 tokens
        ("base/budget_forcing", "measured_tokens"): 3 / 8,  # and 8 votes are not its 8 tokens
    }
    by_cell = {cell.cell: cell for cell in report.cells}
    assert by_cell[cells[0].id].budget == 1
    assert by_cell[cells[0].id].length_control is None
    assert by_cell[cells[2].id].length_control.target == 8
