import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import PATIENT, counters, moments

from costbench.metering.sampler import Reading
from costbench.metering.settling import MAX_GAP_S
from costbench.metering.trace import (
    Series,
    Trace,
    build_trace,
    series_of,
    total_joules,
    window_joules,
)
from costbench.units import joules_from_kwh, kwh_from_joules


def polled(counter, every_s, phase):
    """What a sampler reads of a counter, from its first step on."""
    start_s, end_s = counter.t_s[0] + phase * every_s, counter.t_s[-1] + every_s
    t_s = np.arange(start_s, end_s, every_s)
    return [Reading("gpu:0", float(t), float(counter.at(t))) for t in t_s]


@PATIENT
@given(counters(), st.data())
def test_windows_side_by_side_add_up(counter, data):
    series = series_of(counter.t_s, counter.joules)
    a, b, c = data.draw(moments(series.t_s[0], series.t_s[-1], 3))
    whole, first, second = series.energy(a, c), series.energy(a, b), series.energy(b, c)
    assume(None not in (whole, first, second))
    assert first + second == pytest.approx(whole, abs=1e-6)


@PATIENT
@given(counters(), st.data())
def test_a_window_inside_a_rising_trace_has_a_positive_energy_of_at_most_all(counter, data):
    series = series_of(counter.t_s, counter.joules)
    start_s, end_s = data.draw(moments(series.t_s[0], series.t_s[-1], 2))
    found = series.energy(start_s, end_s)
    assume(counter.joules[0] < 1e6)  # beyond, a stretch of a milligram is lost in the digits
    assert found is not None
    assert 0 < found <= counter.joules[-1] - counter.joules[0] + 1e-6


@PATIENT
@given(counters(), st.data())
def test_a_counter_that_goes_back_never_gives_a_number(counter, data):
    fall = data.draw(st.integers(1, len(counter.t_s) - 1))
    joules = counter.joules.copy()
    joules[fall:] = data.draw(st.floats(0, 1)) * joules[fall - 1] * 0.999 + np.arange(
        len(joules) - fall
    )
    assume(joules[fall] < joules[fall - 1])
    series = series_of(counter.t_s, joules)
    changed = (counter.t_s[fall - 1] + counter.t_s[fall]) / 2
    start_s = data.draw(moments(series.t_s[0], changed, 2))[0]
    end_s = data.draw(moments(changed, series.t_s[-1], 2))[1]
    assert series.energy(start_s, end_s) is None


@PATIENT
@given(counters(), st.floats(0.001, 100), st.floats(0.001, 100))
def test_a_window_that_readings_do_not_cover_is_unknown_and_never_zero(counter, before, after):
    series = series_of(counter.t_s, counter.joules)
    first, last = series.t_s[0], series.t_s[-1]
    assert series.energy(first - before, last) is None
    assert series.energy(first, last + after) is None
    assert series.energy(last + after, last + 2 * after) is None
    assert series.energy(first - 2 * before, first - before) is None


@PATIENT
@given(st.floats(0, 1e8), st.lists(st.floats(0.01, 1), min_size=2, max_size=20))
def test_a_counter_that_does_not_move_measures_nothing(joules, gaps):
    t_s = np.cumsum(gaps)
    stuck = series_of(t_s, np.full(len(t_s), joules))
    assert stuck.energy(t_s[0], t_s[-1]) is None
    # The same where a flat stretch stands between two changes.
    flat = Series(np.array([0.0, 1.0, 3.0, 4.0]), np.array([0.0, 5.0, 5.0, 9.0]))
    assert flat.energy(1.5, 2.5) is None
    assert flat.energy(0.5, 3.5) == pytest.approx(2.5 + 2.0)


@PATIENT
@given(st.floats(0, 10), st.floats(0, 10))
def test_a_window_of_no_length_measures_nothing(one, other):
    series = Series(np.array([0.0, 4.0, 8.0, 12.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    start_s, end_s = max(one, other), min(one, other)
    assert series.energy(start_s, end_s) is None


@PATIENT
@given(counters(), st.floats(0.005, 0.04), st.floats(0, 1), st.data())
def test_polling_gives_the_energy_of_the_true_steps_to_within_a_poll(counter, every_s, phase, data):
    readings = polled(counter, every_s, phase)
    series = build_trace(readings).counters["gpu:0"]
    assume(series.t_s.size > 3)
    # The first reading is no change, so the first window may start at the first change.
    start_s, end_s = data.draw(moments(series.t_s[1], series.t_s[-1] - every_s, 2))
    assume(end_s - start_s > 2 * every_s)
    true = Series(counter.t_s, counter.joules)
    least = true.energy(start_s + every_s, end_s - every_s)
    most = true.energy(start_s - every_s, end_s + every_s)
    found = series.energy(start_s, end_s)
    assume(None not in (least, most))
    assert least - 1e-6 <= found <= most + 1e-6


@PATIENT
@given(counters(), st.data())
def test_readings_between_two_changes_add_nothing(counter, data):
    readings = polled(counter, 0.02, data.draw(st.floats(0, 1)))
    changes = build_trace(readings).counters["gpu:0"]
    steps = np.flatnonzero(np.diff([r.value for r in readings]))
    assert len(changes.t_s) == len(steps) + 1
    assert changes.joules.tolist() == [
        readings[0].value,
        *(readings[at + 1].value for at in steps),
    ]


@PATIENT
@given(st.floats(MAX_GAP_S * 1.01, 1000), st.floats(0, 0.4))
def test_a_window_over_a_long_silence_is_unknown_and_its_sides_are_not(silence_s, inset):
    t_s = np.array([0.0, 1.0, 2.0, 2.0 + silence_s, 3.0 + silence_s, 4.0 + silence_s])
    series = Series(t_s, np.array([0.0, 10.0, 20.0, 900.0, 910.0, 920.0]))
    assert series.energy(1.0 + inset, 3.0 + silence_s) is None
    assert series.energy(3.0, 4.0) is None
    assert series.energy(inset, 2.0) == pytest.approx(10 * (2 - inset))
    assert series.energy(2.0 + silence_s, 4.0 + silence_s - inset) == pytest.approx(20 - 10 * inset)


def test_a_change_is_placed_between_the_reading_before_and_the_first_after():
    readings = [Reading("cpu", t, j) for t, j in ((0, 5), (1, 5), (2, 5), (3, 8), (4, 8), (5, 9))]
    series = build_trace(readings).counters["cpu"]
    assert series.t_s.tolist() == [0.0, 2.5, 4.5]
    assert series.joules.tolist() == [5, 8, 9]


def test_domains_are_kept_apart_and_a_missing_one_is_unknown():
    watts = {"cpu": 30.0, "ram": 20.0}
    readings = [Reading(domain, t, t * watts[domain]) for t in range(5) for domain in watts]
    trace = build_trace(readings).counters
    found = window_joules(trace, ("cpu", "ram", "gpu:0"), 1.0, 2.0)
    assert found == {"cpu": pytest.approx(30), "ram": pytest.approx(20), "gpu:0": None}


@pytest.mark.parametrize(
    ("by_domain", "total"),
    [
        ({"cpu": 30.0, "ram": 20.0}, 50.0),
        ({"cpu": 30.0, "ram": None}, None),
        ({"cpu": None}, None),
        ({}, None),
    ],
)
def test_a_total_is_known_only_when_every_part_is(by_domain, total):
    assert total_joules(by_domain) == total


def test_a_trace_without_readings_knows_nothing():
    assert build_trace([]) == Trace({}, {})
    assert Series(np.array([]), np.array([])).energy(0.0, 1.0) is None
    assert Series(np.array([1.0]), np.array([3.0])).energy(0.5, 1.5) is None


@PATIENT
@given(st.floats(-1e12, 1e12))
def test_units_go_there_and_back(amount):
    assert kwh_from_joules(joules_from_kwh(amount)) == pytest.approx(amount)
    assert joules_from_kwh(1) == 3_600_000
