from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.over_samples import doublings, mean_share
from costbench.analysis.pass_at_k import pass_at_k

PATIENT = settings(max_examples=60)


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


def test_the_mean_is_over_problems_with_the_interval_of_so_many():
    samples, correct = np.full(40, 4), np.repeat([0, 2], 20)
    found = [mean_share(pass_at_k(samples, correct, k), 4 / k) for k in (1, 2, 4)]
    assert [each.value for each in found] == pytest.approx([0.25, 5 / 12, 0.5])
    # Half of 40 problems: a standard error of 0.5 / sqrt(40) = 0.08.
    assert found[2].low == pytest.approx(0.5 - 1.96 * 0.08, abs=0.03)
    assert found[2].high == pytest.approx(0.5 + 1.96 * 0.08, abs=0.03)
    assert {each.reason for each in found} == {None}


def test_problems_with_too_few_samples_are_left_out_and_a_doubt():
    samples, correct = np.array([4, 4, 2]), np.array([4, 0, 0])
    two, four = (mean_share(pass_at_k(samples, correct, k), 4 / k) for k in (2, 4))
    assert (two.value, two.reason) == (pytest.approx(1 / 3), None)
    assert (four.value, four.reason) == (0.5, "some_with_too_few_samples")
    assert mean_share(np.full(3, np.nan), 1).reason == "too_few_samples"


def test_where_every_problem_passes_the_next_may_not():
    found = mean_share(pass_at_k(np.full(10, 2), np.full(10, 1), 2), 1)
    assert (found.value, found.high) == (1.0, 1.0)
    # Wilson's interval of 10 out of 10 with t(0.975; 9) = 2.262.
    assert found.low == pytest.approx(10 / (10 + 2.262**2), abs=1e-3)


@PATIENT
@given(st.integers(1, 40), st.data())
def test_it_grows_with_k_from_the_accuracy_to_whether_any_was_correct(samples, data):
    correct = data.draw(st.integers(0, samples))
    found = [one(samples, correct, k) for k in range(1, samples + 1)]
    assert found[0] == pytest.approx(correct / samples)
    assert found[-1] == float(correct > 0)
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(found))
