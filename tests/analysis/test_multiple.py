import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.multiple import (
    benjamini_hochberg,
    bootstrap_p,
    holm,
    simultaneous_level,
)
from costbench.analysis.stats import Resampling, percentile_interval

PATIENT = settings(deadline=None, derandomize=True, max_examples=60)
NAN = float("nan")
P = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


def test_holm_is_that_of_a_sheet_of_paper():
    # Sorted: 4 x .005, 3 x .01, 2 x .03, and .04, which may not be below the one before.
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_and_hochberg_is_that_of_a_sheet_of_paper():
    # From the largest: .04, 4/3 x .03, which may not be above the one after, 4/2 x .01, 4 x .005.
    found = benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_the_example_of_benjamini_and_hochberg_has_four_findings_and_three_with_holm():
    """Their section 4.1: fifteen p-values of a trial on myocardial infarction."""
    p = np.array(
        [
            *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
            *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
        ]
    )
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4
    assert (holm(p) <= 0.05).sum() == 3


def by_steps(p, level):
    """Holm's procedure: from the smallest on, until one is not small enough for those that are left."""
    rejected = np.zeros(len(p), dtype=bool)
    for step, at in enumerate(np.argsort(p, kind="stable")):
        if (len(p) - step) * p[at] > level:
            break
        rejected[at] = True
    return rejected


@PATIENT
@given(P, st.floats(0.001, 0.999))
def test_what_is_adjusted_below_the_level_is_what_the_steps_reject(p, level):
    assert (holm(p) <= level).tolist() == by_steps(p, level).tolist()


@PATIENT
@given(P, st.data())
def test_adjusting_makes_no_p_smaller_keeps_their_order_and_does_not_see_where_they_stand(p, data):
    order = data.draw(st.permutations(range(len(p))))
    for adjust in (holm, benjamini_hochberg):
        found = adjust(p)
        assert (found >= p - 1e-12).all()
        assert (found <= 1).all()
        assert (np.diff(found[np.argsort(p, kind="stable")]) >= -1e-12).all()
        assert adjust(p[order]) == pytest.approx(found[order])
    assert (holm(p) >= benjamini_hochberg(p) - 1e-12).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_a_comparison_that_could_not_be_made_does_not_count(adjust):
    known = adjust(np.array([0.01, 0.03]))
    found = adjust(np.array([NAN, 0.01, NAN, 0.03]))
    assert np.isnan(found).tolist() == [True, False, True, False]
    assert found[[1, 3]].tolist() == known.tolist()
    assert np.isnan(adjust(np.array([NAN]))).all()
    assert adjust(np.array([])).size == 0
    assert adjust(np.array([0.2])).tolist() == [0.2]


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_what_is_no_probability_is_refused(adjust):
    with pytest.raises(ValueError, match=r"^p-values must be between 0 and 1$"):
        adjust(np.array([0.5, 1.5]))


def test_p_is_twice_the_smaller_side_with_one_more_resample():
    draws = np.array([-1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    assert float(bootstrap_p(draws)) == pytest.approx(2 * (1 + 1) / 10)
    assert float(bootstrap_p(-draws)) == pytest.approx(2 * (1 + 1) / 10)
    assert float(bootstrap_p(draws + 2)) == pytest.approx(2 * (0 + 1) / 10)  # never 0


def test_what_is_alike_or_unknown_in_a_resample_speaks_for_no_difference():
    assert float(bootstrap_p(np.zeros(99))) == 1.0
    some = np.array([0.0, NAN, *np.ones(97)])
    for side in (some, -some):
        assert float(bootstrap_p(side)) == pytest.approx(2 * 3 / 100)
    assert float(bootstrap_p(np.array([np.inf, *np.ones(98)]))) == pytest.approx(2 / 100)
    assert np.isnan(bootstrap_p(np.full(9, NAN)))


def test_every_comparison_has_its_p():
    draws = np.stack([np.ones(99), np.zeros(99), np.full(99, NAN)])
    found = bootstrap_p(draws)
    assert found[:2].tolist() == [0.02, 1.0]
    assert np.isnan(found[2])


@PATIENT
@given(st.lists(st.integers(-50, 150), min_size=199, max_size=199))
def test_p_and_the_interval_agree_but_for_a_resample_at_its_edge(values):
    draws = np.array(values, dtype=np.float64)
    low, high = percentile_interval(draws)
    excluded = low > 0 or high < 0
    assert bool(bootstrap_p(draws) < 0.05 - 2 / 200) <= excluded
    assert excluded <= bool(bootstrap_p(draws) < 0.05 + 3 / 200)


def test_without_any_difference_small_p_are_about_as_rare_as_they_say():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        differences = rng.normal(size=(60, 1))
        resampled = Resampling.draw(60, int(rng.integers(1 << 32)), 400)
        found.append(float(bootstrap_p(resampled.ratio(differences, np.ones((60, 1))))))
    assert 0.02 <= np.mean(np.array(found) <= 0.05) <= 0.09
    assert 0.4 <= np.mean(np.array(found) <= 0.5) <= 0.6


def test_ten_intervals_hold_together_if_each_holds_at_99_5_percent():
    assert simultaneous_level(10, 0.95) == pytest.approx(0.995)
    assert simultaneous_level(1, 0.95) == pytest.approx(0.95)
    with pytest.raises(ValueError, match=r"^a level is for at least one interval, found 0$"):
        simultaneous_level(0, 0.95)
