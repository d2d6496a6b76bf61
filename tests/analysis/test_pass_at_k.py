from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.over_samples import doublings
from costbench.analysis.pass_at_k import pass_at_k, pass_at_k_estimates
from costbench.analysis.stats import Resampling

PATIENT = settings(deadline=None, derandomize=True, max_examples=60)
FEW = 400


def one(samples, correct, k):
    return float(pass_at_k(np.array([samples]), np.array([correct]), k)[0])


def test_two_of_four_correct_pass_five_of_six_pairs():
    assert one(4, 2, 1) == 0.5
    assert one(4, 2, 2) == pytest.approx(5 / 6)
    assert one(4, 2, 3) == 1.0


@PATIENT
@given(st.integers(1, 9), st.data())
def test_it_is_the_share_of_all_draws_with_a_correct_one(samples, data):
    right = data.draw(st.lists(st.booleans(), min_size=samples, max_size=samples))
    k = data.draw(st.integers(1, samples))
    passed = [any(drawn) for drawn in combinations(right, k)]
    assert one(samples, sum(right), k) == pytest.approx(sum(passed) / len(passed))


@pytest.mark.parametrize(("samples", "correct", "k"), [(1024, 3, 512), (200, 100, 64), (256, 1, 1)])
def test_large_counts_neither_overflow_nor_lose_digits(samples, correct, k):
    exact = 1 - comb(samples - correct, k) / comb(samples, k)
    assert one(samples, correct, k) == pytest.approx(exact, rel=1e-12)


def test_where_fewer_were_drawn_it_is_not_known():
    found = pass_at_k(np.array([4, 3, 2, 0]), np.array([1, 1, 1, 0]), 4)
    assert found[0] == 1.0
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize(
    ("samples", "correct", "k", "said"),
    [
        (4, 2, 0, "k must be at least 1, found 0"),
        (4, 5, 1, "each problem's correct samples must be between 0 and all of them"),
        (4, -1, 1, "each problem's correct samples must be between 0 and all of them"),
    ],
)
def test_counts_that_cannot_be_are_refused(samples, correct, k, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        one(samples, correct, k)


@pytest.mark.parametrize(
    ("most", "ks"), [(0, ()), (1, (1,)), (3, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4))]
)
def test_k_doubles_up_to_the_samples(most, ks):
    assert doublings(most) == ks


def test_the_mean_is_over_problems_with_the_interval_of_resampled_problems():
    samples, correct = np.full(40, 4), np.repeat([0, 2], 20)
    found = pass_at_k_estimates(samples, correct, Resampling.draw(40, 0, FEW))
    assert list(found) == [1, 2, 4]
    assert [each.value for each in found.values()] == pytest.approx([0.25, 5 / 12, 0.5])
    # Half of 40 problems: a standard error of 0.5 / sqrt(40) = 0.08.
    assert found[4].low == pytest.approx(0.5 - 1.96 * 0.08, abs=0.03)
    assert found[4].high == pytest.approx(0.5 + 1.96 * 0.08, abs=0.03)
    assert {each.reason for each in found.values()} == {None}


def test_problems_with_too_few_samples_are_left_out_and_a_doubt():
    samples, correct = np.array([4, 4, 2]), np.array([4, 0, 0])
    found = pass_at_k_estimates(samples, correct, Resampling.draw(3, 0, FEW))
    assert (found[2].value, found[2].reason) == (pytest.approx(1 / 3), None)
    assert (found[4].value, found[4].reason) == (0.5, "some_with_too_few_samples")


def test_where_every_problem_passes_the_next_may_not():
    found = pass_at_k_estimates(np.full(10, 2), np.full(10, 1), Resampling.draw(10, 0, FEW))[2]
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.05 ** (1 / 10))


def test_without_samples_there_is_no_k():
    none = np.zeros(3, dtype=np.int64)
    assert pass_at_k_estimates(none, none, Resampling.draw(3, 0, FEW)) == {}


@PATIENT
@given(st.integers(1, 40), st.data())
def test_it_grows_with_k_from_the_accuracy_to_whether_any_was_correct(samples, data):
    correct = data.draw(st.integers(0, samples))
    found = [one(samples, correct, k) for k in range(1, samples + 1)]
    assert found[0] == pytest.approx(correct / samples)
    assert found[-1] == float(correct > 0)
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(found))
