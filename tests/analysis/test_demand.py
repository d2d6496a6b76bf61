"""Machines, bills and joules of a month, by hand."""

import pytest

from costbench.analysis.demand import MONTH_S, Flow, Month


def test_a_month_is_a_twelfth_of_a_year_of_365_and_a_quarter_days():
    assert MONTH_S == 2_629_800 == pytest.approx(365.25 * 86_400 / 12)


def test_machines_are_answers_per_second_at_the_peak_times_seconds_per_answer():
    # One answer a second, 10 machine-seconds each: 10 machines; three times as many at the peak.
    assert Flow(MONTH_S, 1.0).machines(10.0) == 10
    assert Flow(MONTH_S, 3.0).machines(10.0) == 30
    assert Flow(MONTH_S, 1.0).machines(10.1) == 11


def test_rounding_of_floats_reserves_no_machine():
    assert Flow(0.1 * MONTH_S, 1.0).machines(30.000000000000004) == 3


def test_the_smallest_demand_takes_a_machine_all_the_same():
    assert Flow(1.0, 1.0).machines(0.001) == 1


def test_a_bill_pays_for_work_and_for_standing_still():
    # 2 machines at a peak of 4 x 0.5 machines' work: half a machine is busy, one and a half idle.
    month = Month.of(Flow(0.05 * MONTH_S, 4.0), 10.0)
    assert month.machines == 2
    assert month.busy_s == pytest.approx(0.5 * MONTH_S)
    assert month.idle_s == pytest.approx(1.5 * MONTH_S)
    assert month.usd(2.0, 2.0) == pytest.approx(4.0 * MONTH_S)  # rented: both are reserved
    assert month.usd(2.0, 1.0) == pytest.approx(2.5 * MONTH_S)


def test_joules_are_those_of_the_work_and_of_idling():
    month = Month.of(Flow(0.05 * MONTH_S, 4.0), 10.0)
    assert month.joules(100.0, idle_w=2.0) == pytest.approx(100.0 + 3.0 * MONTH_S)
