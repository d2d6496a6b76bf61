"""Verdicts where there is nothing to compare, and where a decision is stated."""

import pytest

from costbench.report.contract import Choice, Decided, DecisionFacts, E
from costbench.report.verdict import verdict
from costbench.wanted import Decision
from tests.report.example import UNKNOWN
from tests.report.verdict_by_hand import ALPHA, BASE, cell, estimated, headline, report, set_against


def test_one_cell_alone_is_told_as_it_is():
    assert headline([BASE]) == (
        "base alone was measured, compared with nothing: accuracy 90.0 % [88.2, 91.8]; "
        "1.00 [0.900, 1.10] USD / 1M correct answers."
    )


def test_one_cell_without_prices_is_told_in_joules_and_without_those_in_seconds():
    free = cell(
        "base",
        usd_per_correct=UNKNOWN,
        joules_per_correct=estimated(0.7, 0.6, 0.8),
        machine_seconds_per_correct=estimated(0.02, 0.01, 0.03),
    )
    assert headline([free]).endswith("; 700 [600, 800] mJ / correct answer.")
    timed = free.model_copy(update={"joules_per_correct": UNKNOWN})
    assert headline([timed]).endswith("; 20.0 [10.0, 30.0] ms / correct answer.")
    nothing = timed.model_copy(update={"machine_seconds_per_correct": UNKNOWN})
    assert headline([nothing]).endswith("; what a correct answer costs is not known.")


def test_one_cell_without_a_correct_answer_has_a_bound():
    bound = E(value=None, low=2.5, reason="none_correct")
    words = headline([cell("base", accuracy=0.0, usd_per_correct=bound)])
    assert words.endswith("accuracy 0.0 % [0.0, 0.0]; > 2.50 USD / correct answer.")


def test_without_a_baseline_nothing_is_shown():
    assert headline([ALPHA, cell("beta")]) == (
        "None of these 2 cells is a baseline of the others, so nothing is shown to be cheaper than anything "
        "else (--baseline CELL names one)."
    )


def test_baselines_at_several_loads_are_not_compared_with_each_other():
    bases = [cell("base", load={"concurrency": n}) for n in (1, 8, 64)]
    assert headline(bases) == "All 3 cells are baselines, so there is nothing to compare with them."


def test_where_no_cost_is_known_that_is_said():
    unknown = set_against(BASE, ALPHA, ratio=E(value=None, reason="not_measured"))
    assert (
        headline([BASE, ALPHA], unknown)
        == "No cost is known by which these 2 cells can be compared."
    )


def none_correct(base, *candidates):
    without = {"ratio": E(value=None, reason="none_correct"), "verdict": "inconclusive"}
    return [set_against(base, each, **without) for each in candidates]


def test_where_no_answer_is_correct_there_is_at_most_a_bound():
    cells = [cell("base", accuracy=0.0), cell("alpha", accuracy=0.0)]
    assert headline(cells, *none_correct(*cells)) == (
        "None of 2 cells gave a correct answer: of the cost of one there is at most a lower bound."
    )


def test_a_baseline_without_a_correct_answer_is_no_measure_of_cost():
    cells = cell("base", accuracy=0.0), cell("alpha", accuracy=0.3), cell("beta", accuracy=0.4)
    tokens = set_against(cells[0], cells[1], metric="output_tokens")
    assert headline(cells, *none_correct(*cells), tokens) == (
        "base gave no correct answer, so no cost per correct answer can be set against its own. The most "
        "accurate of 2 compared is beta: accuracy 40.0 % [38.2, 41.8]; 1.00 [0.900, 1.10] USD / 1M correct "
        "answers."
    )


def test_beside_a_baseline_without_a_correct_answer_none_is_named_that_has_none_either():
    cells = cell("base", accuracy=0.0), cell("alpha", accuracy=0.0), cell("beta", accuracy=0.4)
    without = {"ratio": E(value=None, reason="not_measured"), "verdict": "inconclusive"}
    unknown = set_against(cells[0], cells[2], **without)
    words = headline(cells, *none_correct(*cells[:2]), unknown)
    assert words.startswith("base gave no correct answer, so no cost")
    assert "most accurate" not in words


def test_one_ungraded_cell_leaves_the_others_their_verdict():
    ungraded = cell("beta", accuracy=0.0).model_copy(update={"accuracy": UNKNOWN})
    words = headline([BASE, ALPHA, ungraded], set_against(BASE, ALPHA))
    assert words.startswith("alpha gives a correct answer for 0.610x")


def test_ungraded_answers_have_no_verdict():
    """As of a model with random weights on problems without references: tokens alone are no bargain."""
    cells = [each.model_copy(update={"accuracy": UNKNOWN, "correct": 0}) for each in (BASE, ALPHA)]
    words = "No answer was graded: what a correct one costs is not known."
    assert headline(cells, set_against(BASE, ALPHA, metric="output_tokens")) == words
    assert headline(cells[:1]) == words


def test_a_report_without_a_cell_says_so():
    assert verdict(report([])).headline == (("", "Nothing was measured: this report has no cell."),)


# Where a decision is stated


def decided(cells, *compared, meets, cell=ALPHA.cell, reason=None, **choice):
    """A bar of 80 %; `meets` says which cells do."""
    cost = E(value=None, reason=reason) if reason else estimated(6e-7, 5e-7, 7e-7)
    chosen = {"group": "g", "dataset": "sums", "by": "usd_per_correct", "cost": cost, **choice}
    facts = DecisionFacts(
        wanted=Decision(accuracy_at_least=0.8),
        choices=(Choice(cell=None if reason else cell, reason=reason, **chosen),),
        cells=tuple(
            Decided(cell=each.cell, meets=met, reasons=(), usd_per_correct_with_wrong=E(value=None))
            for each, met in zip(cells, meets, strict=True)
        ),
    )
    return headline(cells, *compared, decision=facts)


def test_the_cell_of_a_decision_is_told_though_another_is_cheaper():
    beta = cell("beta", usd=1e-7)
    found = set_against(BASE, ALPHA), set_against(BASE, beta, cost=(0.1, 0.05, 0.2))
    words = decided([BASE, ALPHA, beta], *found, meets=(True, True, None))
    assert words == (
        "alpha is the cheapest of 2, out of 3 cells, that surely meet what is wanted (accuracy at least "
        "80 %), at 0.600 [0.500, 0.700] USD / 1M correct answers. alpha gives a correct answer for 0.610x "
        "[0.550, 0.680] of the cost of base (USD, assumed price); accuracy -0.4 points [-2.1, +1.3], so a "
        "loss above 2.1 points is excluded. Picking the cheapest flatters it."
    )


def test_a_decision_holds_in_its_own_place_only():
    found = decided([BASE, ALPHA], set_against(BASE, ALPHA), meets=(None, True), dataset="others")
    assert found.startswith("alpha gives a correct answer for 0.610x")


def test_the_only_cell_that_meets_a_decision_was_not_picked():
    words = decided([BASE, ALPHA], set_against(BASE, ALPHA), meets=(False, True))
    assert words.startswith(
        "alpha is the only one of 2 cells that surely meets what is wanted (accur"
    )
    assert "flatters" not in words


def test_a_decision_for_the_baseline_says_that_it_is_one():
    words = decided([BASE, ALPHA], set_against(BASE, ALPHA), meets=(True, False), cell=BASE.cell)
    assert words.startswith("base, the baseline, is the only one of 2 cells that surely meets")
    assert "gives a correct answer for" not in words


def test_what_a_decision_leaves_open_is_counted():
    words = decided(
        [BASE, ALPHA], meets=(True, True), as_cheap=(BASE.cell,), cheaper_if_it_meets=("x", "y"),
        by="usd_per_correct_with_wrong",
    )  # fmt: skip
    assert "USD / 1M correct answers, wrong answers paid for." in words
    assert words.endswith(
        "Picking the cheapest flatters it; not surely dearer: 1 more that meet it; cheaper, but whether they "
        "meet it cannot be told: 2."
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("none_meets", "no cell meets it."),
        ("cannot_be_told", "no cell surely meets it; of some it cannot be told."),
        ("no_price_book", "no cheapest cell: no price book was named"),
    ],
)
def test_a_decision_that_nothing_meets_is_not_replaced_by_another_candidate(reason, words):
    found = decided([BASE, ALPHA], set_against(BASE, ALPHA), meets=(None, None), reason=reason)
    assert found.startswith(f"Wanted is accuracy at least 80 %: {words}")
    assert "gives a correct answer" not in found
