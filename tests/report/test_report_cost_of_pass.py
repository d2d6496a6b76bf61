"""Cost-of-Pass in the report: two models and two problems, a second of machine a pass."""

from dataclasses import replace

import numpy as np
import pytest

from costbench.policies.unconstrained import Unconstrained
from costbench.prices import human_usd
from costbench.prices.entries import Human
from costbench.records import UNGRADED
from costbench.report.build import Pricing, build_report
from costbench.report.markdown import render_markdown
from tests.report.hand import BOOK
from tests.report.in_memory import record, report_of, run_of, with_column

USD = 1e-4
"""Of a pass: a second at 0.36 USD per hour."""


def cell(tokens, correct, model="base", role="baseline"):
    return record(Unconstrained(), np.array(tokens), np.array(correct), model, role)


BASE = cell([[1], [3]], [[1], [0]])
ALPHA = cell([[1], [1]], [[0], [1]], "alpha", "variant")


def book(usd):
    people = Human(usd_per_problem={"su*": usd, "sums": 99.0}, source="a study")
    return BOOK.model_copy(update={"human": people})


def priced(*cells, prices=BOOK):
    return build_report(run_of(*cells), "by-hand", Pricing(prices, None))


def costs(*cells, prices=BOOK):
    (found,) = priced(*cells, prices=prices).cost_of_pass
    return found, {each.model or each.kind: each for each in found.sets}


def test_each_problem_goes_to_the_cheapest_cell_that_solves_it():
    found, sets = costs(BASE, ALPHA)
    assert sets["all"].usd.value == pytest.approx((0.25 + 0.5) / 2 * USD)
    assert sets["all"].ratio_of_means.value == pytest.approx(0.375 * USD)
    assert (sets["base"].usd.value, sets["base"].usd.reason) == (None, "some_never_solved")
    assert (sets["base"].unsolved, sets["all"].unsolved, found.unsolved) == (1, 0, 0)
    assert sets["base"].ratio_of_means.value is not None
    assert sets["all"].usd_with_human.reason == "no_human_price"
    assert found.gain_of_variants.reason == "some_never_solved"


def test_a_person_caps_what_an_answer_costs():
    found, sets = costs(BASE, ALPHA, prices=book(USD))
    assert (found.human_usd_per_problem, found.human_source) == (USD, "a study")
    assert sets["baselines"].usd_with_human.value == pytest.approx((0.25 + 1) / 2 * USD)
    assert sets["all"].usd_with_human.value == pytest.approx(0.375 * USD)
    assert found.gain_of_variants.value == pytest.approx(0.25 * USD)
    shares = {(e.by, e.family): e.share.value for e in found.essentialness}
    assert shares == pytest.approx(
        {("model", "base"): (0.75 - 0.375) / 0.75, ("model", "alpha"): 0.25 / 0.625}
    )


def test_the_first_glob_that_matches_a_dataset_counts():
    assert human_usd(book(2.0), "sums") == 2.0
    assert human_usd(book(2.0), "Sums") is None
    assert human_usd(BOOK, "sums") is None
    assert human_usd(None, "sums") is None


def test_families_by_tier_are_there_where_there_are_several():
    tiered = [
        record_of_tier(each, tier) for each, tier in ((BASE, "small"), (ALPHA, "large"))
    ]  # fmt: skip
    found, _ = costs(*tiered, prices=book(USD))
    shares = {each.family: each.share.value for each in found.essentialness if each.by == "tier"}
    assert shares == pytest.approx({"small": 0.5, "large": 0.4})


def record_of_tier(one, tier):
    model = one.spec["model"] | {"tier": tier}
    return replace(one, spec=one.spec | {"model": model})


def test_without_variants_or_baselines_there_is_no_gain():
    assert costs(BASE)[0].gain_of_variants.reason == "no_variant"
    found, sets = costs(ALPHA)
    assert found.gain_of_variants.reason == "no_baseline"
    assert "baselines" not in sets


def test_a_problem_that_nobody_graded_leaves_no_figure():
    unsure = with_column(ALPHA, "outcome", [[0], [UNGRADED]])
    found, sets = costs(BASE, unsure)
    assert (sets["all"].usd.value, sets["all"].usd.reason) == (None, "not_known_for_every_problem")
    assert (found.unsolved, sets["base"].unsolved) == (None, 1)


def test_without_a_price_there_is_none():
    report = report_of(BASE, ALPHA)
    assert report.cost_of_pass == ()
    assert "## Cost of pass" not in render_markdown(report, None)


def test_the_page_says_what_was_never_solved_and_what_variants_save():
    page = render_markdown(priced(BASE, ALPHA, prices=book(USD)), None)
    assert "## Cost of pass" in page
    row = next(line for line in page.splitlines() if line.startswith("| base | never solved |"))
    assert row.endswith("|")
    assert "Beside the baselines, variants save" in page
    alone = render_markdown(priced(BASE), None)
    assert "Beside the baselines" not in alone
