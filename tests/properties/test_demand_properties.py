"""What holds for every demand."""

from hypothesis import given
from hypothesis import strategies as st

from costbench.analysis.demand import MONTH_S, Flow, Month

answers = st.floats(1e-3, 1e12)
peaks = st.floats(1.0, 1e3)
seconds = st.floats(1e-6, 1e4)
dearer = st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 10.0)).map(lambda two: (sum(two), two[0]))
SLACK = 1 + 1e-9


@given(answers, peaks, seconds, st.floats(1.0, 10.0))
def test_more_demand_never_needs_fewer_machines(per_month, peak, each_s, times):
    once = Flow(per_month, peak).machines(each_s)
    assert Flow(times * per_month, peak).machines(each_s) >= once
    assert Flow(per_month, times * peak).machines(each_s) >= once
    assert Flow(per_month, peak).machines(times * each_s) >= once


@given(answers, peaks, seconds)
def test_twice_the_demand_needs_at_most_twice_the_machines(per_month, peak, each_s):
    twice = Flow(2 * per_month, peak).machines(each_s)
    assert twice <= 2 * Flow(per_month, peak).machines(each_s)


@given(answers, peaks, seconds)
def test_the_machines_can_do_the_work_of_the_peak_and_one_fewer_cannot(per_month, peak, each_s):
    needed = per_month / MONTH_S * peak * each_s
    machines = Flow(per_month, peak).machines(each_s)
    assert machines * SLACK >= needed * (1 - 1e-9)
    assert machines == 1 or machines - 1 < needed


@given(answers, peaks, seconds, dearer, st.floats(1.0, 10.0))
def test_a_bill_grows_with_demand_and_with_the_peak(per_month, peak, each_s, usd, times):
    bill = Month.of(Flow(per_month, peak), each_s).usd(*usd)
    for flow in (Flow(times * per_month, peak), Flow(per_month, times * peak)):
        assert Month.of(flow, each_s).usd(*usd) * SLACK >= bill


@given(answers, peaks, seconds)
def test_busy_and_idle_are_all_that_is_reserved(per_month, peak, each_s):
    month = Month.of(Flow(per_month, peak), each_s)
    reserved = month.machines * MONTH_S
    assert reserved / SLACK <= month.busy_s + month.idle_s <= reserved * (1 + 1e-8)
