"""s1's figures of lines of budgets, in the report and on its page."""

import numpy as np
import pytest

from costbench.analysis.stats import highest_unseen_rate
from costbench.policies.majority import Majority
from costbench.policies.truncation import Truncation
from costbench.report.markdown import render_markdown
from tests.report.in_memory import record, report_of

PROBLEMS = 40


def point(budget, tokens, share, **more):
    right = (np.arange(PROBLEMS) < share * PROBLEMS)[:, None]
    return record(Truncation(budget=budget), np.full((PROBLEMS, 1), tokens), right, **more)


def line_of(*cells):
    (found,) = report_of(*cells).budget_lines
    return found


def test_a_line_has_its_control_its_slope_and_its_best():
    found = line_of(point(8, 8, 0.25), point(32, 40, 0.5), point(64, 64, 0.75))
    assert (found.line, found.counts, len(found.cells)) == ("base/truncation", "response", 3)
    assert found.control.value == pytest.approx(2 / 3)  # 40 is above 32
    bits = np.log2([8, 40, 64])
    slopes = [0.25 / (bits[1] - bits[0]), 0.5 / (bits[2] - bits[0]), 0.25 / (bits[2] - bits[1])]
    assert found.scaling_per_doubling.value == pytest.approx(np.mean(slopes))
    linear = [0.25 / 32, 0.5 / 56, 0.25 / 24]
    assert found.scaling_per_1000_tokens.value == pytest.approx(1000 * np.mean(linear))
    assert found.performance.value == 0.75
    for each in (found.scaling_per_doubling, found.scaling_per_1000_tokens, found.performance):
        assert each.low < each.value < each.high


def test_of_a_single_budget_there_is_no_slope_and_no_row():
    report = report_of(point(8, 8, 0.25))
    (found,) = report.budget_lines
    assert (found.scaling_per_doubling.value, found.scaling_per_doubling.reason) == (
        None,
        "one_budget",
    )
    assert found.control.value == 1.0
    assert "## Lines of budgets" not in render_markdown(report, None)


def test_budgets_of_the_same_tokens_have_no_slope():
    found = line_of(point(8, 8, 0.25), point(16, 8, 0.5)).scaling_per_doubling
    assert (found.value, found.reason) == (None, "same_tokens")


def test_votes_are_no_limit_of_tokens():
    right = np.ones((PROBLEMS, 1))
    votes = record(Majority(votes=4), np.full((PROBLEMS, 1), 40), right)
    found = line_of(votes)
    assert (found.counts, found.control.reason) == ("votes", "budget_in_votes")


def test_a_best_without_a_mistake_is_not_sure_of_the_next_problem():
    found = line_of(point(8, 8, 1.0), point(16, 16, 1.0))
    assert found.performance.low == pytest.approx(1 - highest_unseen_rate(PROBLEMS))
    assert found.scaling_per_doubling.reason == "alike_on_every_problem"
    nothing = line_of(point(8, 8, 0.0), point(16, 16, 0.0)).performance
    assert nothing.high == pytest.approx(highest_unseen_rate(PROBLEMS))


def test_the_page_has_a_row_per_line_and_its_load_where_there_are_several():
    cells = [point(8, 8, 0.25), point(32, 32, 0.5)]
    page = render_markdown(report_of(*cells), None)
    assert "## Lines of budgets" in page
    row = next(line for line in page.splitlines() if line.startswith("| base truncation | resp"))
    assert "| 2 | 100.0 [100.0, 100.0] | +12.5 [" in row
    loaded = [point(8, 8, 0.25, concurrency=4), point(32, 32, 0.5, concurrency=4)]
    assert "| base truncation c4 |" in render_markdown(report_of(*cells, *loaded), None)
