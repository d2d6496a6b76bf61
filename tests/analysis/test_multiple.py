import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.multiple import holm, touching

PATIENT = settings(max_examples=60)
NAN = float("nan")
P = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


def test_holm_is_that_of_a_sheet_of_paper():
    # Sorted: 4 x .005, 3 x .01, 2 x .03, and .04, which may not be below the one before.
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_the_example_of_benjamini_and_hochberg_has_three_findings():
    """Their section 4.1: fifteen p-values of a trial on myocardial infarction."""
    p = np.array(
        [
            *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
            *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
        ]
    )
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
    found = holm(p)
    assert (found >= p - 1e-12).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= -1e-12).all()
    assert holm(p[order]) == pytest.approx(found[order])


def test_a_comparison_that_could_not_be_made_does_not_count():
    known = holm(np.array([0.01, 0.03]))
    found = holm(np.array([NAN, 0.01, NAN, 0.03]))
    assert np.isnan(found).tolist() == [True, False, True, False]
    assert found[[1, 3]].tolist() == known.tolist()
    assert np.isnan(holm(np.array([NAN]))).all()
    assert holm(np.array([])).size == 0
    assert holm(np.array([0.2])).tolist() == [0.2]


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"^p-values must be between 0 and 1$"):
        holm(np.array([0.5, 1.5]))


@PATIENT
@given(st.floats(1e-11, 0.999))
def test_the_p_is_where_the_interval_begins_to_exclude(edge):
    assert touching(lambda p: p > edge) == pytest.approx(edge, rel=1e-6)


def test_what_no_interval_excludes_has_a_p_of_1_and_what_each_does_has_nearly_0():
    assert touching(lambda p: False) == 1.0
    assert touching(lambda p: True) == 1e-12
