"""Re-pricing from sums and small matrices, against ratios of the mixed tables themselves."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from costbench.analysis.ratio import Instrument, Ratio
from costbench.analysis.repricing import Assumptions, reprice
from costbench.analysis.stats import bound_without_correct, highest_unseen_rate
from costbench.analysis.usage import Counts, usage_of

PATIENT = settings(max_examples=300)
METER = Instrument("a card", 0.05, 0.02)
T_3 = 3.182446305284263  # t(0.975; 3)
# Four problems, one pass: two correct, one wrong, one truncated; eight hours and two kilowatt-hours.
HOURS = np.array([[1.0], [2.0], [2.0], [3.0]])
KWH = np.array([[0.25], [0.5], [0.5], [0.75]])
ONES = np.ones((4, 1))
CORRECT = np.array([[1.0], [1.0], [0.0], [0.0]])
WRONG = np.array([[0.0], [0.0], [1.0], [0.0]])
COUNTS = Counts(ONES, ONES, CORRECT, WRONG)
DEAR = Assumptions(
    usd_per_unit_hour=3.0,
    utilization=0.5,
    usd_per_kwh=0.2,
    pue=1.5,
    gco2e_per_kwh=400.0,
    usd_per_wrong_answer=10.0,
)


def used(hours=HOURS, kwh=KWH):
    return {"kwh": kwh, "unit_hours": hours}


def prices(**changes):
    return replace(Assumptions(usd_per_unit_hour=3.0, gco2e_per_kwh=400.0), **changes)


def same(found, expected):
    for name in ("value", "low", "high"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        assert one is None or one == pytest.approx(other, rel=1e-9), name
    assert found.reason == expected.reason


def test_every_assumption_moves_what_it_is_about():
    found = reprice(usage_of(used(), COUNTS, None), DEAR)
    # 8 h at 3 USD, half of them useful; 2 kWh, half as much again, at 0.2 USD; one wrong answer.
    usd = 8 * 3 / 0.5 + 2 * 1.5 * 0.2 + 10
    assert found.usd_per_attempt.value == pytest.approx(usd / 4)
    assert found.usd_per_correct.value == pytest.approx(usd / 2)
    assert found.gco2e_per_attempt.value == pytest.approx(2 * 1.5 * 400 / 4)
    assert found.gco2e_per_correct.value == pytest.approx(2 * 1.5 * 400 / 2)


def test_an_interval_is_that_of_the_pulls_by_hand():
    found = reprice(usage_of(used(), COUNTS, METER), prices())
    # 1, 2, 2 and 3 of 8 less a quarter each: -1/8, 0, 0, 1/8
    half = T_3 * math.sqrt(4 / 3 * 2 / 64)
    assert found.usd_per_attempt.high == pytest.approx(3 * 8 / 4 * math.exp(half))
    metered = math.hypot(half, 1.959963984540054 * math.hypot(0.05, 0.02))
    assert found.gco2e_per_attempt.low == pytest.approx(400 * 2 / 4 * math.exp(-metered))


def test_hours_are_as_sure_as_before_whatever_they_cost():
    usage = usage_of(used(), COUNTS, METER)
    one, ten = reprice(usage, prices()), reprice(usage, prices(usd_per_unit_hour=30.0))
    same(ten.usd_per_correct, _times(one.usd_per_correct, 10.0))


def test_tokens_have_their_electricity_in_their_price():
    usage = usage_of({"kwh": KWH, "fixed_usd": HOURS}, COUNTS, METER)
    found = reprice(usage, replace(DEAR, usd_per_wrong_answer=0.0))
    same(found.usd_per_attempt, Ratio.of(HOURS, ONES, by_pass=True).estimate())
    assert reprice(usage, DEAR).usd_per_attempt.value == pytest.approx((8 + 10) / 4)


def test_what_is_not_known_makes_unknown_only_what_needs_it():
    usage = usage_of(used(kwh=KWH * np.nan), COUNTS, METER)
    assert usage.totals["kwh"] is None
    found = reprice(usage, prices())
    assert found.usd_per_correct.value == 12.0
    assert (found.gco2e_per_correct.value, found.gco2e_per_correct.low) == (None, None)
    assert reprice(usage, prices(usd_per_kwh=0.1)).usd_per_correct.value is None
    assert reprice(usage, prices(usd_per_unit_hour=None)).usd_per_attempt.value is None
    assert reprice(usage, prices(gco2e_per_kwh=None)).gco2e_per_attempt.value is None


def test_nobody_knows_the_wrong_answers_of_what_was_never_graded():
    nobody = Counts(ONES, 0 * ONES, 0 * ONES, 0 * ONES)
    usage = usage_of(used(), nobody, None)
    found = reprice(usage, prices())
    assert found.usd_per_attempt.value == 6.0
    assert (found.usd_per_correct.value, found.usd_per_correct.low) == (None, None)
    assert reprice(usage, prices(usd_per_wrong_answer=1.0)).usd_per_attempt.value is None


def test_without_a_correct_answer_there_is_a_bound_and_it_is_linear():
    none = Counts(ONES, ONES, 0 * ONES, ONES)
    usage = usage_of(used(), none, None)
    found = reprice(usage, prices(usd_per_wrong_answer=2.0)).usd_per_correct
    same(found, bound_without_correct(3 * HOURS + 2, ONES))
    assert found.low == pytest.approx((3 * 8 + 2 * 4) / 4 / (1 - 0.05**0.25))


def test_of_one_problem_there_is_a_value_and_no_interval():
    one = Counts(*(np.ones((1, 1)) for _ in range(3)), np.zeros((1, 1)))
    found = reprice(usage_of(used(HOURS[:1], KWH[:1]), one, METER), DEAR).usd_per_correct
    assert (found.low, found.high, found.reason) == (None, None, "one_problem")
    assert found.value == pytest.approx(1 * 3 / 0.5 + 0.25 * 1.5 * 0.2)


def test_a_free_machine_costs_nothing():
    found = reprice(usage_of(used(), COUNTS, METER), prices(usd_per_unit_hour=0.0))
    assert (found.usd_per_attempt.value, found.usd_per_attempt.high) == (0.0, 0.0)


def test_wrong_answers_make_nothing_cheaper_and_may_be_there_unseen():
    usage = usage_of(used(), COUNTS, None)
    plain, wrong = (
        reprice(usage, prices(usd_per_wrong_answer=usd)).usd_per_correct for usd in (0.0, 1000.0)
    )
    assert wrong.low >= plain.low
    none_seen = Counts(ONES, ONES, CORRECT, 0 * ONES)
    usage, rate = usage_of(used(), none_seen, None), highest_unseen_rate(4)
    for name, most in (("usd_per_correct", rate / (1 - rate)), ("usd_per_attempt", rate)):
        plain, wrong = (
            getattr(reprice(usage, prices(usd_per_wrong_answer=usd)), name) for usd in (0.0, 7.0)
        )
        assert (wrong.value, wrong.low) == (plain.value, plain.low)
        assert wrong.high == pytest.approx(plain.high + 7 * most)


def test_problems_that_count_for_some_components_only():
    """A problem that used nothing and has no correct answer counts only where its wrong answer costs."""
    hours = np.array([[1.0], [2.0], [2.0], [0.0]])
    counts = replace(COUNTS, wrong=np.array([[0.0], [0.0], [0.0], [1.0]]))
    usage = usage_of({"unit_hours": hours}, counts, None)
    assert usage.per_correct.usual.problems == 4
    assert usage.per_correct.unless["unit_hours"].problems == 3
    same(
        reprice(usage, prices()).usd_per_correct,
        Ratio.of(3 * hours, CORRECT, by_pass=True, successes=True).estimate(),
    )


def _times(estimate, factor):
    return replace(
        estimate,
        value=estimate.value * factor,
        low=estimate.low * factor,
        high=estimate.high * factor,
    )


@st.composite
def tables(draw):
    """Hours, kilowatt-hours, outcomes (0 none, 1 ungraded, 2 correct, 3 wrong, 4 truncated)."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 4)))
    amounts = arrays(float, shape, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.7, 11.0]))
    outcome = draw(arrays(int, shape, elements=st.integers(0, 4)))
    there = outcome > 0
    counts = Counts(*((np.isin(outcome, of) * 1.0) for of in ((1, 2, 3, 4), (2, 3, 4), (2,), (3,))))
    return draw(amounts) * there, draw(amounts) * there, counts


price = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))


@PATIENT
@given(found=tables(), hour=price, kwh=price, share=st.floats(0.01, 1))
def test_a_mix_is_the_ratio_of_the_mixed_tables(found, hour, kwh, share):
    hours, energy, counts = found
    at = Assumptions(hour, share, kwh, 1.25, 400.0)
    result = reprice(usage_of({"kwh": energy, "unit_hours": hours}, counts, METER), at)
    usd = hour / share * hours + 1.25 * kwh * energy
    of_kwh = (1.25 * kwh * energy).sum() / usd.sum() if usd.any() else 0.0
    meter = Instrument("a card", of_kwh * METER.common, of_kwh * METER.own)
    for table, instrument, name in ((usd, meter, "usd"), (500 * energy, METER, "gco2e")):
        options = {"by_pass": True, "instrument": instrument}
        if counts.attempts.any():
            expected = Ratio.of(table, counts.attempts, **options).estimate()
            same(getattr(result, f"{name}_per_attempt"), expected)
        if counts.correct.any():
            expected = Ratio.of(table, counts.correct, **options, successes=True).estimate()
            same(getattr(result, f"{name}_per_correct"), expected)
        elif counts.graded.any():
            expected = bound_without_correct(table, counts.attempts)
            same(getattr(result, f"{name}_per_correct"), expected)


@PATIENT
@given(found=tables(), hour=price, wrong=price)
def test_wrong_answers_are_one_more_component(found, hour, wrong):
    hours, energy, counts = found
    assume(counts.wrong.any() and counts.correct.any())
    usage = usage_of({"kwh": energy, "unit_hours": hours}, counts, METER)
    plain = reprice(usage, Assumptions(hour)).usd_per_correct
    result = reprice(usage, Assumptions(hour, usd_per_wrong_answer=wrong)).usd_per_correct
    table = hour * hours + wrong * counts.wrong
    expected = Ratio.of(table, counts.correct, by_pass=True, successes=True).estimate()
    if expected.low is not None and plain.low is not None:
        expected = replace(expected, low=max(expected.low, plain.low))
    same(result, expected)
