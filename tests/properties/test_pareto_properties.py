import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import NAN, PATIENT, points

from costbench.analysis.pareto import frontier_probability, on_frontier


def dominates(cost, accuracy, one, other):
    """The definition, one pair at a time."""
    if np.isnan([cost[one], accuracy[one], cost[other], accuracy[other]]).any():
        return False
    no_worse = cost[one] <= cost[other] and accuracy[one] >= accuracy[other]
    return no_worse and (cost[one] < cost[other] or accuracy[one] > accuracy[other])


@PATIENT
@given(points())
def test_no_point_of_the_frontier_is_dominated_and_every_other_known_one_is(found):
    cost, accuracy = found
    for at, chosen in enumerate(on_frontier(cost, accuracy)):
        beaten = any(dominates(cost, accuracy, other, at) for other in range(len(cost)))
        known = not np.isnan(cost[at] + accuracy[at])
        assert chosen == (known and not beaten)


@PATIENT
@given(points())
def test_a_point_with_an_unknown_figure_is_on_no_frontier_and_changes_none(found):
    cost, accuracy = found
    known = ~np.isnan(cost + accuracy)
    assert not on_frontier(cost, accuracy)[~known].any()
    assert (
        on_frontier(cost, accuracy)[known].tolist()
        == on_frontier(cost[known], accuracy[known]).tolist()
    )


@PATIENT
@given(points(), st.data())
def test_adding_a_dominated_point_changes_nothing(found, data):
    cost, accuracy = found
    before = on_frontier(cost, accuracy)
    assume(before.any())
    better = data.draw(st.sampled_from(np.flatnonzero(before).tolist()))
    dearer = data.draw(st.integers(0, 3))
    worse = data.draw(st.integers(0 if dearer else 1, 3))
    after = on_frontier(
        np.append(cost, cost[better] + dearer), np.append(accuracy, accuracy[better] - worse)
    )
    assert after.tolist() == [*before.tolist(), False]


@PATIENT
@given(points())
def test_the_frontier_is_there_whenever_one_point_is_known(found):
    cost, accuracy = found
    assert on_frontier(cost, accuracy).any() == (~np.isnan(cost + accuracy)).any()


@PATIENT
@given(points(), st.data())
def test_the_order_of_the_points_does_not_matter(found, data):
    cost, accuracy = found
    order = data.draw(st.permutations(range(len(cost))))
    assert (
        on_frontier(cost[order], accuracy[order]).tolist()
        == on_frontier(cost, accuracy)[order].tolist()
    )


def test_twins_share_a_place_on_the_frontier():
    assert on_frontier(np.array([1.0, 1.0]), np.array([0.5, 0.5])).tolist() == [True, True]


def test_a_cheap_and_wrong_model_is_on_the_frontier_and_a_dear_and_equally_right_one_is_not():
    cost, accuracy = np.array([32.0, 150.0, 180.0, NAN]), np.array([0.3, 0.9, 0.9, 0.95])
    assert on_frontier(cost, accuracy).tolist() == [True, True, False, False]


@PATIENT
@given(points(largest=5), st.integers(1, 4))
def test_every_resample_has_a_frontier_of_its_own(found, resamples):
    cost, accuracy = found
    shifted = np.stack([np.roll(cost, at) for at in range(resamples)])
    places = on_frontier(shifted, np.stack([accuracy] * resamples))
    for at in range(resamples):
        assert places[at].tolist() == on_frontier(shifted[at], accuracy).tolist()


def test_the_probability_is_the_share_of_resamples_on_the_frontier():
    cost = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 2.0], [NAN, 2.0]])
    accuracy = np.array([[0.5, 0.4], [0.5, 0.6], [0.5, 0.6], [0.5, 0.6]])
    assert frontier_probability(cost, accuracy) == pytest.approx([0.5, 0.75])
