"""The second opinion on synthetic sessions: counters in steps, and CodeCarbon's coarser ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.metering.codecarbon import GPUS
from costbench.metering.sampler import JOULES
from costbench.metering.second_opinion import second_opinion
from costbench.metering.trace import trace_of

A, B = "gpu:GPU-a", "gpu:GPU-b"
UPDATE_S = 0.1


def counter(watts, at_s, each_s=1.0):
    """Joules at some times of a counter that moves each 100 ms, with the power of each second."""
    seen_s = np.floor(np.maximum(at_s, 0) / UPDATE_S + 1e-9) * UPDATE_S
    edges = np.arange(len(watts) + 1) * each_s
    return 5000 + np.interp(seen_s, edges, np.concatenate(([0], np.cumsum(watts) * each_s)))


def session(watts, *, gain=1.0, read_s=None, lag_s=0.0):
    """Two GPUs, the second at 50 W, and CodeCarbon's sum of both, which we poll each 100 ms."""
    length_s = float(len(watts))
    polls, slow_polls = np.arange(0, length_s, 0.02), np.arange(0, length_s, 0.1)
    read_s = np.arange(0.33, length_s, 0.5) if read_s is None else read_s
    idle = [50.0] * len(watts)
    total = counter(watts, read_s) + counter(idle, read_s)
    told = np.searchsorted(read_s + lag_s, slow_polls, side="right") - 1
    joules = gain * (total - total[0])[np.maximum(told, 0)]
    moved = joules > 0  # until then the meter gives nothing
    return trace_of(
        {
            (A, JOULES): (polls, counter(watts, polls)),
            (B, JOULES): (polls, counter(idle, polls)),
            (GPUS, JOULES): (slow_polls[moved], joules[moved]),
        }
    )


def without(trace, domain):
    kept = {name: series for name, series in trace.counters.items() if name != domain}
    return type(trace)(kept, trace.gauges)


def test_the_same_joules_are_used():
    found = second_opinion(session([300.0] * 60), [A, B])
    assert found.used
    assert found.reason is None
    assert found.difference == pytest.approx(0, abs=0.01)
    assert found.ours_joules == pytest.approx(350 * 59, rel=0.02)


@settings(max_examples=60)
@given(
    watts=st.lists(st.floats(60, 700), min_size=10, max_size=60),
    jitter=st.integers(0, 2**32 - 1),
    lag_s=st.floats(0, 0.04),
)
def test_when_it_reads_and_when_it_tells_is_no_difference(watts, jitter, lag_s):
    gaps = np.random.default_rng(jitter).uniform(0.45, 0.8, 3 * len(watts))
    read_s = np.cumsum(gaps)
    found = second_opinion(session(watts, read_s=read_s[read_s < len(watts)], lag_s=lag_s), [A, B])
    assert found.used
    # Both edges are uncertain by an update and a poll, at whatever power there was.
    assert abs(found.joules - found.ours_joules) <= 2 * 0.2 * (max(watts) + 50)


@settings(max_examples=40)
@given(
    watts=st.lists(st.floats(200, 700), min_size=40, max_size=60),
    gain=st.floats(0.01, 0.85) | st.floats(1.15, 5),
)
def test_other_joules_are_dropped_and_still_told(watts, gain):
    found = second_opinion(session(watts, gain=gain), [A, B])
    assert (found.used, found.reason) == (False, "second_opinion_dropped")
    assert found.difference == pytest.approx(gain - 1, abs=0.05 * max(1, gain))


def test_the_gate_is_five_percent():
    assert second_opinion(session([300.0] * 300, gain=1.045), [A, B]).used
    assert not second_opinion(session([300.0] * 300, gain=1.055), [A, B]).used
    assert second_opinion(session([300.0] * 300, gain=1.055), [A, B], gate=0.06).used


def test_one_gpu_of_two_is_dropped():
    found = second_opinion(session([300.0] * 30, gain=300 / 350), [A, B])
    assert not found.used


def test_a_figure_that_does_not_move_is_dropped():
    trace = session([300.0] * 30, read_s=np.array([0.2, 0.7]))
    found = second_opinion(trace, [A, B])
    assert (found.joules, found.difference, found.used) == (0.0, -1.0, False)
    assert found.ours_joules == pytest.approx(350 * 29, rel=0.05)


def test_a_figure_that_stops_midway_is_dropped():
    found = second_opinion(session([300.0] * 30, read_s=np.arange(0.2, 15, 0.5)), [A, B])
    assert not found.used
    assert found.difference == pytest.approx(14.7 / 29.9 - 1, abs=0.05)


def test_a_pause_that_its_next_figure_makes_up_for_is_none():
    read_s = np.concatenate((np.arange(0.2, 10, 0.5), np.arange(20, 30, 0.5)))
    assert second_opinion(session([300.0] * 30, read_s=read_s), [A, B]).used


def test_after_a_gpu_is_lost_nothing_is_compared():
    whole = session([300.0] * 30)
    lost = whole.counters[A].between(0, 15)
    trace = type(whole)({**whole.counters, A: lost}, whole.gauges)
    found = second_opinion(trace, [A, B])
    assert found.used
    assert found.ours_joules == pytest.approx(350 * 13.5, rel=0.05)


@pytest.mark.parametrize("missing", [A, B, GPUS])
def test_where_one_is_missing_there_is_no_second_opinion(missing):
    assert second_opinion(without(session([300.0] * 30), missing), [A, B]) is None


def test_nothing_can_be_told_in_a_moment_or_over_a_reset_or_of_no_gpu():
    assert second_opinion(session([300.0] * 4), [A, B]) is None
    assert second_opinion(session([300.0] * 30), []) is None
    whole = session([300.0] * 30)
    reset = whole.counters[A]
    joules = np.where(reset.t_s > 15, reset.joules - 5000, reset.joules)
    trace = type(whole)({**whole.counters, A: type(reset)(reset.t_s, joules)}, whole.gauges)
    assert second_opinion(trace, [A, B]) is None
