"""The steady part of a window, on attempts that fit on a sheet of paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.steady import share_inside, steady_span

NAN = float("nan")
PATIENT = settings(max_examples=60)

# Two in flight: the third begins when the first has ended, the fourth when the second has.
STARTED = np.array([0.0, 0.0, 3.1, 4.1])
FIRST_TOKEN = np.array([1.0, 1.5, 3.5, 5.0])
FINISHED = np.array([3.0, 4.0, 7.0, 6.0])


def test_the_span_is_from_the_first_token_of_all_in_flight_to_the_first_end_of_the_last():
    assert steady_span(STARTED, FIRST_TOKEN, FINISHED, 2) == (1.5, 6.0)


def test_with_one_in_flight_the_last_attempt_is_left_to_its_end():
    started, first, finished = (np.array(v) for v in ([0.0, 2.1], [1.0, 3.0], [2.0, 5.0]))
    assert steady_span(started, first, finished, 1) == (1.0, 5.0)


@pytest.mark.parametrize("concurrency", [4, 5, 100])
def test_there_is_no_steady_part_unless_there_are_more_attempts_than_places(concurrency):
    assert steady_span(STARTED, FIRST_TOKEN, FINISHED, concurrency) is None


def test_there_is_no_steady_part_where_one_ends_before_all_have_begun_to_write():
    """The third token comes at 3.5 s, an attempt of the last that were begun ends at 3.4 s."""
    started = np.array([0.0, 0.0, 0.0, 3.1])
    first, finished = np.array([1.0, 1.5, 3.5, 3.3]), np.array([3.0, 6.0, 7.0, 3.4])
    assert steady_span(started, first, finished, 4 - 1) == (3.3, 3.4)
    assert steady_span(started, np.array([1.0, 3.4, 3.5, 3.6]), finished, 3) is None


def test_without_attempts_there_is_no_steady_part():
    nothing = np.array([])
    assert steady_span(nothing, nothing, nothing, 1) is None


def test_where_no_first_tokens_are_told_the_first_end_stands_for_them():
    unknown = np.full(4, NAN)
    found = steady_span(STARTED, unknown, FINISHED, 2)
    assert found == (3.0, 6.0)
    assert found[0] >= steady_span(STARTED, FIRST_TOKEN, FINISHED, 2)[0]


def test_the_order_of_attempts_does_not_matter():
    order = [2, 0, 3, 1]
    columns = (STARTED[order], FIRST_TOKEN[order], FINISHED[order])
    assert steady_span(*columns, 2) == (1.5, 6.0)


def test_an_attempt_that_failed_at_once_does_not_begin_the_steady_part():
    """A refused request has no first token, and ends before the others have theirs."""
    started = np.append(STARTED, 0.0)
    first, finished = np.append(FIRST_TOKEN, NAN), np.append(FINISHED, 0.01)
    assert steady_span(started, first, finished, 2)[0] >= 1.5


def test_tokens_are_taken_as_written_evenly_from_begin_to_end():
    begun, finished = np.array([0.0, 2.0, 4.0, 8.0, 0.0]), np.array([2.0, 6.0, 5.0, 9.0, 10.0])
    found = share_inside(begun, finished, (3.0, 7.0))
    assert found.tolist() == [0.0, 0.75, 1.0, 0.0, 0.4]


def test_an_attempt_of_a_single_token_is_inside_where_its_moment_is():
    """With `max_tokens: 1` the first token is the last one."""
    moment = np.array([2.0, 5.0])
    assert share_inside(moment, moment, (3.0, 7.0)).tolist() == [0.0, 1.0]


TIMES = st.floats(0, 1000)


@st.composite
def attempts(draw):
    """Begin and end of 1 to 20 attempts."""
    pairs = draw(st.lists(st.tuples(TIMES, st.floats(0.001, 100)), min_size=1, max_size=20))
    begun, length = np.array(pairs).T
    return begun, begun + length


@PATIENT
@given(attempts(), st.lists(TIMES, min_size=3, max_size=3, unique=True).map(sorted))
def test_shares_are_shares_and_those_of_two_halves_add_up(each, moments):
    a, b, c = moments
    whole = share_inside(*each, (a, c))
    assert ((whole >= 0) & (whole <= 1)).all()
    halves = share_inside(*each, (a, b)) + share_inside(*each, (b, c))
    assert halves == pytest.approx(whole, abs=1e-9)


@PATIENT
@given(attempts())
def test_a_span_around_an_attempt_has_all_of_it(each):
    assert share_inside(*each, (-1.0, 2000.0)).tolist() == [1.0] * len(each[0])
    assert share_inside(*each, (2000.0, 3000.0)).tolist() == [0.0] * len(each[0])


@PATIENT
@given(
    st.integers(1, 8), st.lists(st.floats(0.1, 5), min_size=2, max_size=30), st.floats(0.01, 0.99)
)
def test_a_steady_part_lies_within_the_work_and_ends_where_an_attempt_does(places, lengths, at):
    """Attempts in turn, each as soon as a place is free."""
    free, rows = [0.0] * places, []
    for length in lengths:
        start_s = min(free)
        free[free.index(start_s)] = start_s + length
        rows.append((start_s, start_s + at * length, start_s + length))
    started, first, finished = np.array(rows).T
    span = steady_span(started, first, finished, places)
    if len(lengths) <= places:
        assert span is None
    if span is not None:
        assert started.min() < span[0] < span[1] <= finished.max()
        assert span[0] in first
        assert span[1] in finished
        assert (first <= span[0]).sum() >= places
