import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.accuracy import Accuracy
from costbench.analysis.stats import CONFIDENCE

PATIENT = settings(max_examples=80)


def of(*rows):
    """Right (1) and wrong (0) answers, a row per problem."""
    correct = np.array(rows, dtype=float)
    return Accuracy.of(correct, np.ones_like(correct))


def once(right, of_problems):
    """One answer to each problem."""
    return of(*[[1]] * right, *[[0]] * (of_problems - right))


@st.composite
def tables(draw, least=2):
    """Two cells of the same problems and passes."""
    shape = draw(st.integers(least, 30)), draw(st.integers(1, 5))
    seed = draw(st.integers(0, 1 << 30))
    rng = np.random.default_rng(seed)
    chance = rng.beta(draw(st.floats(0.05, 9)), draw(st.floats(0.05, 9)), (shape[0], 1))
    return [Accuracy.of((rng.random(shape) < chance).astype(float), np.ones(shape)) for _ in "ab"]


def test_one_answer_each_is_wilson_s_interval_with_t_in_place_of_z():
    # Wilson 1927 for 45 of 50 with t(0.975; 49) = 2.0096: (45 + t^2/2 +- t sqrt(4.5 + t^2/4)) / (50 + t^2).
    t2 = 2.00958**2
    half = math.sqrt(t2 * (4.5 + t2 / 4))
    ends = [(45 + t2 / 2 + side * half) / (50 + t2) for side in (-1, 1)]
    found = once(45, 50).estimate()
    assert found.value == 0.9
    assert [found.low, found.high] == pytest.approx(ends, abs=1e-4)


def test_samples_of_a_problem_that_go_one_way_are_no_more_than_one():
    alike = of(*[[1, 1, 1, 1]] * 45, *[[0, 0, 0, 0]] * 5).estimate()
    single = once(45, 50).estimate()
    assert [alike.low, alike.high] == pytest.approx([single.low, single.high], abs=5e-3)


def test_samples_that_differ_freely_are_worth_nearly_as_many_problems():
    rng = np.random.default_rng(0)
    free = of(*(rng.random((400, 4)) < 0.7)).estimate()
    single = once(1120, 1600).estimate()
    assert free.high - free.low == pytest.approx(single.high - single.low, rel=0.1)


def test_where_nothing_went_wrong_the_next_problem_may():
    assert once(50, 50).estimate().high == 1.0
    lows = [once(n, n).estimate().low for n in (10, 50, 500)]
    assert lows == sorted(lows)
    assert lows[1] == pytest.approx(1 - 2.00958**2 / (50 + 2.00958**2), abs=1e-4)
    # One that goes wrong makes it no surer.
    assert once(49, 50).estimate().low < lows[1]
    assert of(*[[1] * 4] * 23, [1, 1, 1, 0]).estimate().low < of(*[[1] * 4] * 24).estimate().low


def test_without_a_wrong_answer_four_samples_are_worth_less_than_two_problems():
    """Half way between one and a quarter: 24 / 0.625 = 38.4 answers, t(0.975; 23) = 2.0687."""
    found = of(*[[1] * 4] * 24).estimate()
    assert found.low == pytest.approx(38.4 / (38.4 + 2.0687**2), abs=1e-4)


def test_a_difference_of_one_answer_excludes_nothing():
    """24 problems with four answers, one of 96 wrong: a resample cannot see a loss."""
    all_right, nearly = of(*[[1] * 4] * 24), of(*[[1] * 4] * 23, [1, 1, 1, 0])
    found = all_right.less(nearly).estimate()
    assert found.value == pytest.approx(1 / 96)
    assert found.low < -0.05
    assert found.high > 0.05


def test_problems_that_both_fail_at_make_a_difference_surer():
    mine = of(*[[1]] * 30, *[[0]] * 10, *[[0]] * 10)
    same = of(*[[1]] * 30, *[[1]] * 10, *[[0]] * 10)
    other = of(*[[0]] * 10, *[[1]] * 40)
    sure, unsure = mine.less(same).estimate(), mine.less(other).estimate()
    assert sure.value == unsure.value == pytest.approx(-0.2)
    assert sure.high - sure.low < 0.8 * (unsure.high - unsure.low)


def test_a_difference_on_paper():
    """Of 50 problems 12 are won and 2 lost: mean 10 / 52, squares 14 + 2 - 52 (10 / 52)^2, t(0.975; 49)."""
    one = of(*[[1]] * 36, *[[1]] * 12, *[[0]] * 2)
    base = of(*[[1]] * 36, *[[0]] * 12, *[[1]] * 2)
    half = 2.00958 * math.sqrt(16 - 100 / 52) / 52
    found = one.less(base).estimate()
    assert found.value == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([10 / 52 - half, 10 / 52 + half], abs=1e-5)
    # Newcombe (1998) has [0.056, 0.329] for this table, with z and without those two.
    assert found.low < 0.0562
    assert found.high > 0.3290


def test_accuracies_that_are_alike_on_every_problem_may_differ_on_the_next():
    one = once(45, 50)
    found = one.less(one).estimate()
    assert found.value == 0
    assert -0.2 < found.low < 0 < found.high < 0.2
    assert one.less(one).p_value() == 1.0
    ratio = one.over(one)
    assert ratio.low < 1 < ratio.high


@PATIENT
@given(tables())
def test_intervals_hold_their_value_and_stay_in_range(cells):
    one, base = cells
    single, less = one.estimate(), one.less(base).estimate()
    assert 0 <= single.low <= single.value <= single.high <= 1
    assert -1 <= less.low <= less.value <= less.high <= 1
    ratio = one.over(base)
    if base.value:
        assert 0 <= ratio.low <= ratio.value * (1 + 1e-9)
        assert ratio.high is None or ratio.high >= ratio.value * (1 - 1e-9)
    else:
        assert (ratio.value, ratio.reason) == (None, "none_correct")


@PATIENT
@given(tables())
def test_turned_around_the_difference_is_mirrored(cells):
    one, base = cells
    there, back = one.less(base), base.less(one)
    assert [there.estimate().low, there.estimate().high] == pytest.approx(
        [-back.estimate().high, -back.estimate().low]
    )
    assert there.p_value() == pytest.approx(back.p_value())


@PATIENT
@given(tables())
def test_p_and_the_interval_agree(cells):
    one, base = cells
    found = one.less(base)
    interval = found.estimate()
    excluded = interval.low > 0 or interval.high < 0
    assert (found.p_value() < 1 - CONFIDENCE) == excluded


def test_more_confidence_is_a_wider_interval():
    one = once(30, 50)
    widths = [np.ptp(one.limits(confidence)) for confidence in (0.5, 0.9, 0.99)]
    assert widths == sorted(widths)


def test_what_nobody_graded_and_what_was_left_out():
    nothing = Accuracy.of(np.zeros((3, 1)), np.zeros((3, 1)))
    assert nothing.estimate().reason == "nothing_graded"
    assert nothing.less(once(2, 3)).estimate().reason == "nothing_graded"
    assert nothing.less(once(2, 3)).p_value() is None
    assert once(2, 3).over(nothing).reason == "nothing_graded"
    graded = np.array([[1.0, 1], [1, 0], [0, 0], [1, 1]])
    found = Accuracy.of(graded * [[1, 1], [1, 0], [0, 0], [0, 0]], graded)
    assert (found.value, found.problems, found.samples) == (3 / 5, 3, pytest.approx(5 / 3))


def test_a_single_problem_says_nothing_about_the_next():
    found = of([1, 0, 1, 1]).estimate()
    assert (found.value, found.low, found.high) == (0.75, 0.0, 1.0)


@PATIENT
@given(tables())
def test_the_ratio_leaves_1_out_where_the_difference_leaves_out_0(cells):
    one, base = cells
    ratio = one.over(base)
    if ratio.value is not None:
        difference = one.less(base).estimate()
        beside = ratio.low > 1 or (ratio.high is not None and ratio.high < 1)
        assert beside == (difference.low > 0 or difference.high < 0)


@PATIENT
@given(tables(), st.floats(0.05, 3))
def test_a_ratio_is_in_its_interval_where_the_sums_are_near_enough(cells, r):
    """Fieller: r is inside where the interval of the mean of one - r * base holds 0."""
    one, base = cells
    found = one.over(base)
    if found.value is None:
        return
    z = one.pulls + one.value - r * (base.pulls + base.value)
    count, pair = len(z) + 2, one.less(base)
    spread = (z**2).sum() + 2 * pair._at_once - z.sum() ** 2 / count
    inside = abs(z.sum()) <= pair._quantile(CONFIDENCE) * math.sqrt(spread)
    if found.high is not None:  # else what is far below may fit as well as what is far above
        assert inside == (found.low <= r <= found.high)


def test_of_a_base_that_is_seldom_right_a_ratio_is_unbounded():
    found = once(25, 50).over(once(1, 50))
    assert (found.value, found.high, found.reason) == (25, None, "unbounded")
    assert found.low > 5
    single = of([1, 1]).over(of([1, 0]))
    assert (single.value, single.low, single.high, single.reason) == (2, 0, None, "unbounded")
