from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis import majority_at_k as module
from costbench.analysis.majority_at_k import MOST_EXACT, Votes, majority_at_k
from costbench.analysis.pass_at_k import pass_at_k

PATIENT = settings(max_examples=60)


def votes(classes, correct):
    return Votes(np.array(classes, dtype=np.int64), np.array(correct, dtype=np.bool_))


def at(classes, correct, k):
    return float(majority_at_k(votes(classes, correct), [k])[0])


@st.composite
def problems(draw, largest=8):
    """Up to 4 answers, each correct or not, and samples that gave one of them or none."""
    correct = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    answer = st.integers(-1, len(correct) - 1)
    return draw(st.lists(answer, min_size=1, max_size=largest)), correct


def by_enumeration(classes, correct, k):
    """The definition, one draw at a time."""
    shares = []
    for drawn in combinations(classes, k):
        counts = Counter(answer for answer in drawn if answer >= 0)
        winners = [answer for answer in counts if counts[answer] == max(counts.values())]
        shares.append(np.mean([correct[answer] for answer in winners]) if winners else 0.0)
    return np.mean(shares)


def test_two_right_ones_of_three_win_all_three_and_each_pair_as_often_as_one_alone():
    assert at([0, 0, 1], [True, False], 3) == 1.0
    assert at([0, 0, 1], [True, False], 2) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert at([0, 0, 1], [True, False], 1) == pytest.approx(2 / 3)


def test_a_tie_counts_for_the_part_of_it_that_is_right():
    assert at([0, 1], [True, False], 2) == 0.5
    assert at([0, 1, 2], [True, False, False], 3) == pytest.approx(1 / 3)
    assert at([0, 1], [True, True], 2) == 1.0  # two ways of writing the right answer


def test_a_sample_without_an_answer_has_no_vote():
    assert at([0, -1, -1], [True], 3) == 1.0
    assert at([0, -1, -1], [True], 2) == pytest.approx(2 / 3)  # of three pairs, one has no answer
    assert at([-1, -1], [], 2) == 0.0


@PATIENT
@given(problems())
def test_it_is_the_mean_over_all_draws(found):
    classes, correct = found
    ks = range(1, len(classes) + 1)
    expected = [by_enumeration(classes, correct, k) for k in ks]
    assert majority_at_k(votes(classes, correct), ks) == pytest.approx(expected)


@PATIENT
@given(problems(largest=40))
def test_one_vote_is_the_accuracy_and_no_vote_beats_having_any_right_one(found):
    classes, correct = found
    right = sum(correct[answer] for answer in classes if answer >= 0)
    ks = range(1, len(classes) + 1)
    chance = majority_at_k(votes(classes, correct), ks)
    assert chance[0] == pytest.approx(right / len(classes))
    passed = [pass_at_k(np.array([len(classes)]), np.array([right]), k)[0] for k in ks]
    assert (chance <= np.array(passed) + 1e-12).all()
    assert ((chance >= 0) & (chance <= 1)).all()


@PATIENT
@given(problems(), st.data())
def test_neither_the_order_of_samples_nor_the_names_of_answers_matter(found, data):
    classes, correct = found
    names = data.draw(st.permutations(range(len(correct))))
    shuffled = data.draw(st.permutations([names[a] if a >= 0 else a for a in classes]))
    renamed = [correct[names.index(at)] for at in range(len(correct))]
    ks = range(1, len(classes) + 1)
    assert (
        majority_at_k(votes(shuffled, renamed), ks).tolist()
        == majority_at_k(votes(classes, correct), ks).tolist()
    )


@pytest.mark.parametrize("right", [True, False])
def test_samples_that_all_agree_are_exactly_certain(right):
    ks = [1, 2, 32, 64]
    assert majority_at_k(votes([0] * MOST_EXACT, [right]), ks).tolist() == [float(right)] * 4


def test_the_largest_counts_still_fit():
    """As many right as wrong, symmetrically: half, whatever the number of draws."""
    even = votes([0] * 32 + [1] * 32, [True, False])
    assert majority_at_k(even, [1, 16, 32, 63, 64]) == pytest.approx([0.5] * 5, rel=1e-12)
    apart = votes(range(64), [True] + [False] * 63)
    assert majority_at_k(apart, [1, 32, 64]) == pytest.approx([1 / 64] * 3, rel=1e-12)


def test_draws_stand_in_for_counting_where_there_are_too_many(monkeypatch):
    many = votes([0] * 30 + [1] * 25 + [2] * 5 + [-1] * 4, [True, False, False])
    ks = [1, 4, 16, 64]
    exact = majority_at_k(many, ks)
    monkeypatch.setattr(module, "MOST_EXACT", 16)
    drawn = majority_at_k(many, ks, seed=1)
    assert drawn == pytest.approx(exact, abs=0.035)  # three standard errors of 2000 draws
    assert drawn[-1] == 1.0  # all 64: nothing is left to chance
    assert drawn.tolist() == majority_at_k(many, ks, seed=1).tolist()
    assert drawn.tolist() != majority_at_k(many, ks, seed=2).tolist()


def test_draws_of_samples_without_any_answer_are_wrong():
    blank = votes([-1] * (MOST_EXACT + 1), [True])
    assert majority_at_k(blank, [1, 8]).tolist() == [0.0, 0.0]


def test_with_fewer_samples_than_k_it_is_not_known():
    found = majority_at_k(votes([0, 0], [True]), [2, 4])
    assert found[0] == 1.0
    assert np.isnan(found[1])


def test_an_answer_without_a_verdict_is_refused():
    with pytest.raises(ValueError, match=r"from 0 to 1, or -1 for none, found \[0, 2\]$"):
        votes([0, 2, -1], [True, False])
    with pytest.raises(ValueError, match=r"found \[-2\]$"):
        votes([-2], [True])
    with pytest.raises(ValueError, match=r"^k must be at least 1, found 0$"):
        majority_at_k(votes([0], [True]), [1, 0])
