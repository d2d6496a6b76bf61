"""Savings against a baseline's own budgets: a line of three points that can be worked out on paper."""

import numpy as np
import pytest

from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.report.markdown import render_markdown
from tests.report.in_memory import record, report_of

PROBLEMS = 40


def right(share):
    return (np.arange(PROBLEMS) < share * PROBLEMS)[:, None]


def tokens(count):
    return np.full((PROBLEMS, 1), count)


BASE = record(Unconstrained(), tokens(64), right(0.75))
CUT = (
    record(Truncation(budget=8), tokens(8), right(0.25)),
    record(Truncation(budget=32), tokens(32), right(0.5)),
)


def variant(count, share):
    return record(Unconstrained(), tokens(count), right(share), model="alpha", role="variant")


def in_tokens(report):
    (found,) = [each for each in report.savings if each.metric == "output_tokens"]
    return found


def test_the_line_is_that_of_the_budgets_and_ends_without_one():
    report = report_of(BASE, *CUT, variant(16, 0.5))
    found = in_tokens(report)
    assert (found.candidate, found.reference) == (
        "g/alpha/unconstrained/sums/c2",
        "base/truncation",
    )
    assert found.cost_ratio_at_equal_accuracy.value == pytest.approx(16 / 32)
    # At 16 tokens, half way from 8 to 32 by the logarithm, the line has 0.375.
    assert found.accuracy_at_equal_cost.value == pytest.approx(0.5 - 0.375)
    assert not [each for each in report.savings if "base/" in each.candidate.removeprefix("g/")]


def test_where_no_budget_is_as_accurate_the_saving_has_a_bound():
    found = in_tokens(report_of(BASE, *CUT, variant(16, 1.0))).cost_ratio_at_equal_accuracy
    assert (found.value, found.reason) == (None, "line_never_as_accurate")
    assert found.high == pytest.approx(16 / 64)


def test_the_page_says_at_most_and_at_least():
    page = render_markdown(report_of(BASE, *CUT, variant(16, 1.0)), None)
    assert "## Savings against the baseline's own budgets" in page
    row = next(
        line for line in page.splitlines() if line.startswith("| alpha unconstrained | &lt;")
    )
    assert "| &lt; 0.250 |" in row
    worse = render_markdown(report_of(BASE, *CUT, variant(16, 0.125)), None)
    assert "| alpha unconstrained | > " in worse.replace("&gt;", ">")


def test_money_that_nobody_priced_has_no_saving():
    (found,) = [e for e in report_of(BASE, *CUT, variant(16, 0.5)).savings if e.metric == "usd"]
    assert found.cost_ratio_at_equal_accuracy.value is None
    assert found.cost_ratio_at_equal_accuracy.reason == "not_measured"


def test_without_budgets_there_is_nothing_to_save_against():
    report = report_of(BASE, variant(16, 0.5))
    assert report.savings == ()
    assert "## Savings" not in render_markdown(report, None)
