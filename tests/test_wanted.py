"""What a decision and a demand may say, in a suite and with --set."""

import pytest

from costbench.errors import SuiteError
from costbench.wanted import WANTED_KEYS, Decision, Demand, Wanted, set_wanted

AS_STORED = Wanted(decision=Decision(accuracy_at_least=0.8, equivalence_margin=0.05))


def test_a_reader_decides_again_and_what_was_not_said_stays():
    changed = set_wanted(AS_STORED, {"decision.accuracy_at_least": "0.9"}).decision
    assert (changed.accuracy_at_least, changed.equivalence_margin) == (0.9, 0.05)
    assert set_wanted(AS_STORED, {}) == AS_STORED


def test_a_figure_can_be_taken_back():
    changed = set_wanted(AS_STORED, {"decision.accuracy_at_least": "none"})
    assert changed.decision == Decision(equivalence_margin=0.05)
    assert not changed.decision.asks


def test_a_demand_can_be_made_of_a_run_without_one():
    changed = set_wanted(AS_STORED, {"demand.answers_per_month": "1e6", "demand.peak_to_mean": "3"})
    assert changed.demand == Demand(answers_per_month=1e6, peak_to_mean=3.0)


def test_a_demand_is_served_within_the_decisions_latency_unless_it_has_its_own():
    decided = {"decision.p95_latency_s": "20", "demand.answers_per_month": "1"}
    assert set_wanted(Wanted(), decided).p95_latency_s == 20
    assert set_wanted(Wanted(), decided | {"demand.p95_latency_s": "30"}).p95_latency_s == 30


def test_a_demand_without_answers_is_told_what_is_missing():
    with pytest.raises(SuiteError) as caught:
        set_wanted(Wanted(), {"demand.peak_to_mean": "3"})
    assert str(caught.value) == (
        "--set: demand.answers_per_month is missing; add --set demand.answers_per_month=1e6"
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("decision.accuracy", "decision.accuracy_at_least"),
        ("decision.p95_latency", "decision.p95_latency_s"),
        ("demand.answer_per_month", "demand.answers_per_month"),
    ],
)
def test_the_nearest_key_is_named(key, meant):
    with pytest.raises(SuiteError) as caught:
        set_wanted(Wanted(), {key: "1"})
    assert str(caught.value) == f"--set {key}: no such figure; did you mean {meant}?"


def test_without_a_near_one_all_keys_are_named():
    with pytest.raises(SuiteError, match=f"there are {', '.join(WANTED_KEYS)}$"):
        set_wanted(Wanted(), {"demand": "1"})


@pytest.mark.parametrize("value", ["0", "-1", "", "much", "inf", "nan"])
@pytest.mark.parametrize("key", WANTED_KEYS)
def test_a_value_that_cannot_be_is_told_with_its_place(key, value):
    answers = {"demand.answers_per_month": "1"}
    with pytest.raises(SuiteError, match=rf"^--set: {key}: input should be .*, found '{value}'$"):
        set_wanted(Wanted(), answers | {key: value})


@pytest.mark.parametrize("key", ["decision.accuracy_at_least", "demand.peak_to_mean"])
def test_shares_and_peaks_have_their_own_ends(key):
    beyond = {"decision.accuracy_at_least": "1.1", "demand.peak_to_mean": "0.9"}[key]
    with pytest.raises(SuiteError, match=r"input should be (less|greater) than or equal to 1"):
        set_wanted(Wanted(), {"demand.answers_per_month": "1", key: beyond})
