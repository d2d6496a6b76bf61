"""Which attempts keep a promise, and where an open loop is steady: on a sheet of paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.analysis.serving import as_promised, kept
from costbench.analysis.steady import arrival_span

NAN = float("nan")
PATIENT = settings(max_examples=100)
COLUMNS = {
    "ttft_s": np.array([1.0, 2.0, 3.0, NAN]),
    "ttfat_s": np.array([1.5, NAN, NAN, NAN]),
    "tpot_s": np.array([0.1, 0.3, NAN, NAN]),
    "latency_s": np.array([4.0, 5.0, 6.0, NAN]),
    "output_tokens": np.array([11.0, 11.0, 1.0, 0.0]),
    "reasoning_tokens": np.array([5.0, 11.0, 0.0, 0.0]),
}
ANSWERED = np.array([True, True, True, False])


def keep(**limits):
    found, unknown = kept(limits, as_promised(COLUMNS), ANSWERED)
    return found.tolist(), unknown


def test_an_attempt_keeps_a_promise_that_it_just_reaches_and_all_have_to_be_kept():
    assert keep(ttft_s=2.0) == ([True, True, False, False], ())
    assert keep(ttft_s=2.0, latency_s=4.0) == ([True, False, False, False], ())


def test_a_single_token_keeps_any_time_per_token():
    assert keep(tpot_s=0.2) == ([True, False, True, False], ())


def test_thinking_that_never_ended_misses_the_time_of_its_answer():
    assert keep(ttfat_s=9.0) == ([True, False, False, False], ())


def test_what_is_known_of_no_attempt_cannot_be_told():
    unknown = COLUMNS | {"ttft_s": np.full(4, NAN)}
    assert kept({"ttft_s": 1.0}, as_promised(unknown), ANSWERED)[1] == ("ttft_s",)
    # but where all only thought, it is known that no answer came
    thought = COLUMNS | {
        "ttfat_s": np.full(4, NAN), "reasoning_tokens": COLUMNS["output_tokens"],
    }  # fmt: skip
    assert kept({"ttfat_s": 1.0}, as_promised(thought), ANSWERED)[1] == ()


@PATIENT
@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.1, 9))
def test_a_stricter_promise_is_kept_by_no_more(times, limit):
    columns = {"latency_s": np.array(times)}
    answered = np.ones(len(times), dtype=bool)
    loose, _ = kept({"latency_s": limit}, columns, answered)
    strict, _ = kept({"latency_s": limit / 2}, columns, answered)
    assert not (strict & ~loose).any()
    assert loose.sum() == sum(time <= limit for time in times)


def test_an_open_loop_is_steady_from_its_mean_number_in_flight_to_the_last_arrival():
    """Arrivals every second, each lasting 2 s: 2 in flight, on average 7 / 4 up to the last arrival."""
    arrived = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert arrival_span(arrived, arrived + 2) == (1.0, 4.0)
    assert arrival_span(arrived[::-1], arrived[::-1] + 2) == (1.0, 4.0)


@pytest.mark.parametrize(("arrived", "ended"), [([], []), ([0, 1], [5, 6]), ([2, 2, 2], [3, 4, 5])])
def test_without_a_middle_there_is_no_steady_part(arrived, ended):
    assert arrival_span(np.array(arrived, dtype=float), np.array(ended, dtype=float)) is None


@PATIENT
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 50)), min_size=3, max_size=40))
def test_the_steady_part_lies_between_the_first_and_the_last_arrival(drawn):
    arrived = np.array([at for at, _ in drawn])
    span = arrival_span(arrived, arrived + np.array([lasting for _, lasting in drawn]))
    if span is not None:
        assert arrived.min() <= span[0] < span[1] == arrived.max()
