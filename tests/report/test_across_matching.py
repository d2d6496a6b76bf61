"""Which cell of one run is which of the other's."""

import pytest

from costbench.errors import CompareError
from costbench.policies.truncation import Truncation
from costbench.report.across.matching import match_cells
from tests.report.two_runs import cell, changed, compared, run


def moved(found, group):
    """The same cell in another group."""
    renamed = changed(found, group=group)
    return type(found)(**{**vars(renamed), "id": found.id.replace("g/", f"{group}/", 1)})


def pairs(baseline, candidate):
    matching = match_cells(baseline, candidate)
    found = [(match.baseline.id, match.candidate.id, match.by) for match in matching.pairs]
    return found, [(each.side, each.cell) for each in matching.unmatched]


BASE = cell()
SHORT = cell(policy=Truncation(budget=64))
BUSY = cell(concurrency=8)


def test_cells_of_one_id_are_one():
    found, rest = pairs([BASE, SHORT], [SHORT, BASE])
    assert found == [(BASE.id, BASE.id, "id"), (SHORT.id, SHORT.id, "id")]
    assert rest == []


def test_in_another_group_or_under_another_load_model_policy_budget_and_dataset_tell():
    elsewhere = moved(BASE, "server")
    by = "model_policy_budget_dataset"
    assert pairs([BASE], [elsewhere])[0] == [(BASE.id, elsewhere.id, by)]
    assert pairs([BASE], [BUSY])[0] == [(BASE.id, BUSY.id, by)]


@pytest.mark.parametrize(
    "other",
    [
        cell(model="other"),
        cell(policy=Truncation(budget=32)),
        changed(SHORT, dataset="products"),
    ],
)
def test_another_model_budget_or_dataset_is_another_cell(other):
    renamed = type(other)(**{**vars(other), "id": f"x/{other.id}"})
    found, rest = pairs([BASE, SHORT], [BASE, renamed])
    assert found == [(BASE.id, BASE.id, "id")]
    assert rest == [("baseline", SHORT.id), ("candidate", renamed.id)]


def test_what_could_be_either_of_two_is_neither():
    slow, fast = cell(concurrency=16), cell(concurrency=32)
    with pytest.raises(CompareError):
        match_cells([BASE], [slow, fast])
    found, rest = pairs([BASE, BUSY], [BASE, slow])
    assert found == [(BASE.id, BASE.id, "id")]
    assert rest == [("baseline", BUSY.id), ("candidate", slow.id)]
    reasons = {each.reason for each in match_cells([BASE, BUSY], [BASE, slow]).unmatched}
    assert reasons == {
        "the other run has none of its id, and by model, policy, budget and dataset it is one of several"
    }


def test_where_nothing_matches_both_sides_are_listed():
    other = cell(model="other")
    with pytest.raises(CompareError) as error:
        compared(run(BASE, SHORT), run(other))
    assert str(error.value).splitlines() == [
        "no cell of the two runs is the same, by id or by model, policy, budget and dataset; there are",
        "  in the baseline:",
        f"    {BASE.id}",
        f"    {SHORT.id}",
        "  in the candidate:",
        f"    {other.id}",
    ]


def test_a_run_without_an_attempt_says_so():
    with pytest.raises(CompareError, match="in the candidate:\n    none with an attempt"):
        compared(run(BASE), run())
