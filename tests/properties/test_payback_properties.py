import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.analysis.payback import answers_to_pay_back
from costbench.analysis.stats import Estimate

estimates = st.floats(1e-6, 1e6).map(Estimate)
savings = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf)), min_size=1, max_size=60
).map(np.array)


@given(st.floats(1e-9, 1e12), estimates, estimates, savings)
def test_a_figure_is_never_zero_and_never_where_no_saving_is_shown(total, one, other, saved):
    found = answers_to_pay_back(total, one, other, saved)
    if found.value is None:
        assert found.reason == "no_saving_shown"
        assert (found.low, found.high) == (None, None)
    else:
        assert found.value > 0
        assert found.high > 0
        assert found.low is None or 0 < found.low <= found.high
        assert one.value < other.value
        assert (np.nan_to_num(saved, nan=-1.0) <= 0).mean() <= 0.05


@given(st.floats(1e-3, 1e6), estimates, estimates, savings)
def test_twice_the_training_takes_twice_the_answers(total, one, other, saved):
    once, twice = (answers_to_pay_back(x, one, other, saved) for x in (total, 2 * total))
    for name in ("value", "low", "high"):
        single, double = getattr(once, name), getattr(twice, name)
        assert double == (None if single is None else pytest.approx(2 * single))
    assert once.reason == twice.reason


def test_what_is_unknown_of_a_cost_is_unknown_of_the_payback():
    unknown = Estimate(None, reason="none_correct")
    for both in ((unknown, Estimate(1.0)), (Estimate(1.0), unknown)):
        assert answers_to_pay_back(1.0, *both, np.ones(3)).reason == "none_correct"
