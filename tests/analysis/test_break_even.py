"""When a machine of one's own costs no more than an API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.analysis.break_even import break_even
from costbench.analysis.stats import Estimate
from costbench.units import SECONDS_PER_MONTH

POSITIVE = st.floats(1e-6, 1e6)


def test_a_machine_of_1000_usd_a_month_pays_against_half_a_cent_from_200_000_attempts():
    found = break_even(1000.0, Estimate(0.005, 0.004, 0.01), Estimate(10.0, 8.0, 20.0))
    assert found.attempts_per_month.value == pytest.approx(200_000)
    assert found.attempts_per_month.low == pytest.approx(100_000)  # at a cent
    assert found.attempts_per_month.high == pytest.approx(250_000)  # at 0.4 cents
    assert found.capacity_per_month.value == pytest.approx(2_628_000 / 10)
    assert found.within_capacity is True


def test_a_machine_that_has_no_time_for_so_many_says_so_beside_the_figure():
    found = break_even(1000.0, Estimate(0.005), Estimate(20.0))
    assert found.attempts_per_month.value == pytest.approx(200_000)
    assert found.capacity_per_month.value == pytest.approx(131_400)
    assert found.within_capacity is False


def test_what_is_not_known_or_free_has_no_break_even():
    unknown = break_even(1000.0, Estimate(None, reason="cached_tokens_unknown"), Estimate(1.0))
    assert unknown.attempts_per_month == Estimate(None, reason="cached_tokens_unknown")
    assert unknown.capacity_per_month.value is not None
    assert unknown.within_capacity is None
    free = break_even(1000.0, Estimate(0.0), Estimate(1.0))
    assert free.attempts_per_month == Estimate(None, reason="api_is_free")


@given(POSITIVE, POSITIVE, POSITIVE)
def test_it_can_serve_them_just_where_a_second_of_the_machine_costs_no_more_than_the_api(
    usd_per_month, api_usd, seconds
):
    found = break_even(usd_per_month, Estimate(api_usd), Estimate(seconds))
    own_usd = usd_per_month / SECONDS_PER_MONTH * seconds
    if own_usd != pytest.approx(api_usd):
        assert found.within_capacity is (own_usd < api_usd)
