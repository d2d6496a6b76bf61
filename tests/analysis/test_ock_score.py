import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.analysis.ock_score import ock_score


def test_ninety_percent_with_ten_thousand_tokens_is_ninety_less_ten_times_ln_2():
    assert ock_score(0.9, 10_000.0) == pytest.approx(83.07, abs=0.005)
    assert ock_score(0.9, 10_000.0) == pytest.approx(90 - 10 * math.log(2))


def test_without_tokens_it_is_the_accuracy_in_percent():
    assert ock_score(0.625, 0.0) == 62.5


def test_each_resample_has_its_own_score_and_what_is_unknown_stays_so():
    found = ock_score(np.array([0.5, 0.5, np.nan, 0.5]), np.array([0.0, 20_000.0, 1.0, np.nan]))
    assert found[:2] == pytest.approx([50, 50 - 10 * math.log(3)])
    assert np.isnan(found[2:]).all()


@given(st.floats(0, 1), st.floats(0, 1e5), st.floats(1, 1e5))
def test_more_tokens_at_the_same_accuracy_score_lower(accuracy, tokens, more):
    assert ock_score(accuracy, tokens + more) < ock_score(accuracy, tokens)
