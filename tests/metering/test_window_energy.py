"""Windows cut out of the trace of one GPU whose true energy is known at every moment."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.metering.sampler import Reading
from costbench.metering.trace import NOTHING, Samples, Series, build_trace, series_of
from costbench.metering.window_energy import (
    COUNTER,
    INTEGRAL,
    GpuTrace,
    counter_energy,
    power_integral,
    window_energy,
)
from costbench.types import Device

TIMES = np.arange(601) / 10
EARLY, LOST = TIMES[TIMES <= 30.0], ("gpu_lost", 30.05)
DOMAIN = "gpu:GPU-1"
DEVICE = Device(
    domain=DOMAIN, name="H200", update_period_s=0.1, power_window_s=1.0, power_covered=True,
    power_limit_w=700.0,
)  # fmt: skip


def energy(t_s, step_s=20.0):
    """200 W, and 600 W from `step_s` on."""
    return 200.0 * t_s + 400.0 * np.maximum(0.0, t_s - step_s)


def true(start_s, end_s):
    return energy(end_s) - energy(start_s)


def counted(t_s=TIMES):
    return Series(t_s, 1e6 + energy(t_s))


def averaged(window_s=1.0, step_s=20.0, t_s=TIMES):
    """Each reading is the mean power of the stretch before it."""
    watts = (energy(t_s, step_s) - energy(t_s - window_s, step_s)) / window_s
    return Samples(t_s, watts)


def gpu(counter=None, power=None, lost=None, **device):
    return GpuTrace(
        device=DEVICE.model_copy(update=device),
        counter=counted() if counter is None else counter,
        power=averaged() if power is None else power,
        gauges={},
        lost=lost,
    )


def no_counter(**changes):
    return replace(gpu(**changes), counter=None)


def times_without(begin_s, end_s):
    before, after = begin_s + 1e-9 >= TIMES, end_s - 1e-9 <= TIMES
    return TIMES[before | after]


def set_back(series, *at_s):
    """The counter begins again from 0 at these times."""
    joules = series.joules.copy()
    for moment in at_s:
        after = series.t_s >= moment - 1e-9
        joules[after] -= joules[after][0]
    return Series(series.t_s, joules)


@pytest.mark.parametrize("window", [(10.03, 12.57), (5.0, 55.0), (19.99, 20.31)])
def test_a_window_has_what_the_counter_counted_wherever_its_edges_fall(window):
    found = window_energy(gpu(), *window)
    assert found.joules == pytest.approx(true(*window), rel=1e-6)
    assert (found.method, found.bound, found.reasons) == (COUNTER, "exact", ())


def test_a_window_under_two_updates_is_below_the_resolution():
    found = window_energy(gpu(), 30.0, 30.19)
    assert (found.joules, found.reasons) == (None, ("below_resolution",))
    assert window_energy(gpu(), 30.0, 30.21).joules == pytest.approx(0.21 * 600)


@pytest.mark.parametrize("window", [(-5.0, 5.0), (55.0, 65.0), (70.0, 80.0)])
def test_a_window_that_was_not_sampled_throughout_is_unknown(window):
    found = window_energy(gpu(), *window)
    assert (found.joules, found.method, found.reasons) == (None, None, ("energy_uncovered",))


def test_a_silence_of_over_five_seconds_leaves_a_window_unknown_and_a_shorter_one_does_not():
    t_s = times_without(30.0, 35.2)
    found = window_energy(gpu(counted(t_s), averaged(t_s=t_s)), 25.0, 45.0)
    assert (found.joules, found.reasons) == (None, ("energy_uncovered",))
    t_s = times_without(30.0, 34.8)
    found = window_energy(gpu(counted(t_s), averaged(t_s=t_s)), 25.0, 45.0)
    assert found.joules == pytest.approx(true(25.0, 45.0))


def test_a_gpu_finds_its_own_series_and_gauges_in_a_trace():
    readings = [
        Reading(domain, t, value, quantity)
        for t in (0.0, 1.0)
        for domain, quantity, value in (
            (DOMAIN, "joules", 7 * t),
            (DOMAIN, "power_w", 300.0),
            (DOMAIN, "temperature_c", 50.0),
            ("gpu:other", "joules", 9 * t),
            ("gpu:other", "temperature_c", 90.0),
        )
    ]
    found = GpuTrace.of(build_trace(readings), DEVICE)
    assert found.counter.joules.tolist() == [0, 7]
    assert found.power.values.tolist() == [300, 300]
    assert sorted(found.gauges) == ["power_w", "temperature_c"]
    assert found.gauges["temperature_c"].values.tolist() == [50, 50]
    stranger = GpuTrace.of(build_trace([]), DEVICE)
    assert (stranger.counter, stranger.power, stranger.gauges) == (None, NOTHING, {})


@pytest.mark.parametrize("window", [(10.0, 40.0), (19.5, 30.0), (10.0, 20.5), (21.3, 22.7)])
def test_without_a_counter_averages_of_a_second_give_the_energy_of_a_step(window):
    found = window_energy(no_counter(), *window)
    assert found.joules == pytest.approx(true(*window), rel=1e-9)
    assert (found.method, found.bound, found.reasons) == (INTEGRAL, "exact", ("power_integral",))


def test_averages_that_are_not_shifted_by_half_their_window_would_miss_part_of_a_step():
    unshifted = power_integral(no_counter(power_window_s=None), 10.0, 40.0)
    assert unshifted == pytest.approx(true(10.0, 40.0) - 0.5 * 400)


@settings(max_examples=60)
@given(st.integers(150, 450), st.integers(20, 100), st.integers(20, 100), st.booleans())
def test_a_step_at_any_time_is_counted_whole(at, before, after, short):
    """With steps and windows on the grid of readings, a trapezoid is exact."""
    step_s, window_s = at / 10, 0.2 if short else 1.0
    power = averaged(window_s, step_s)
    start_s, end_s = step_s - before / 10, step_s + after / 10
    found = power_integral(no_counter(power=power, power_window_s=window_s), start_s, end_s)
    assert found == pytest.approx(energy(end_s, step_s) - energy(start_s, step_s), rel=1e-9)


def test_a_counter_that_never_moved_when_measuring_began_is_not_used():
    found = window_energy(gpu(update_period_s=None), 10.0, 40.0)
    assert (found.method, found.reasons) == (INTEGRAL, ("power_integral",))


def test_power_that_was_not_read_for_over_a_second_is_not_integrated():
    lacking = averaged(t_s=times_without(30.0, 31.1))
    found = window_energy(no_counter(power=lacking), 25.0, 45.0)
    assert (found.joules, found.reasons) == (None, ("power_integral", "energy_uncovered"))
    dense = averaged(t_s=times_without(30.0, 30.9))
    assert window_energy(no_counter(power=dense), 25.0, 45.0).joules == pytest.approx(12_000)


def test_no_power_readings_or_no_power_in_them_is_unknown_and_never_zero():
    found = window_energy(no_counter(power=NOTHING), 10.0, 40.0)
    assert (found.joules, found.reasons) == (None, ("power_integral", "counter_unsupported"))
    found = window_energy(no_counter(power=Samples(TIMES, 0 * TIMES)), 10.0, 40.0)
    assert (found.joules, found.reasons) == (None, ("power_integral", "energy_uncovered"))


@pytest.mark.parametrize(
    ("still_until_s", "method"), [(30.5, COUNTER), (30.6, INTEGRAL), (99.0, INTEGRAL)]
)
def test_a_counter_that_misses_over_five_updates_gives_way_to_power(still_until_s, method):
    found = window_energy(gpu(counted(times_without(30.0, still_until_s))), 25.0, 45.0)
    assert found.method == method
    assert found.reasons == (() if method == COUNTER else ("counter_stuck",))
    assert found.joules == pytest.approx(true(25.0, 45.0))


def test_a_counter_that_stands_still_without_power_is_not_stuck():
    power = averaged()
    off = Samples(power.t_s, np.where((TIMES > 29.0) & (TIMES < 33.0), 0.0, power.values))
    found = window_energy(gpu(counted(times_without(30.0, 32.0)), off), 25.0, 45.0)
    assert (found.method, found.reasons) == (COUNTER, ())


def test_nobody_reading_for_two_seconds_is_no_stuck_counter():
    t_s = times_without(30.0, 32.0)
    found = window_energy(gpu(counted(t_s), averaged(t_s=t_s)), 25.0, 45.0)
    assert (found.method, found.reasons) == (COUNTER, ())
    assert found.joules == pytest.approx(true(25.0, 45.0))


def test_nobody_reading_for_less_than_a_second_is_no_stuck_counter_either():
    t_s = times_without(30.0, 30.7)
    found = window_energy(gpu(counted(t_s), averaged(t_s=t_s)), 25.0, 45.0)
    assert (found.method, found.reasons) == (COUNTER, ())


def read_with_a_pause(update_s, pause_s, still_s=0.0):
    """Polls every 21 ms or so but for a pause at 20 s, where the counter then stands still for a while."""
    dice = np.random.default_rng(0)
    polls_s = np.cumsum(0.0205 + dice.uniform(0, 0.002, 1800))
    polls_s[polls_s >= 20.0] += pause_s
    updates = np.floor(polls_s / update_s + 1e-9)
    stands = (polls_s >= 20.0 + pause_s) & (polls_s < 20.0 + pause_s + still_s)
    updates[stands] = np.floor((20.0 + pause_s) / update_s)
    power_s = polls_s[::5]
    return gpu(
        series_of(polls_s, 500.0 * update_s * updates),
        Samples(power_s, np.full(power_s.shape, 500.0)),
        update_period_s=update_s,
    )


@pytest.mark.parametrize("update_s", [0.02, 0.025, 0.05, 0.1])
@pytest.mark.parametrize("pause_s", [0.06, 0.09, 0.12, 0.15, 0.2, 0.25])
def test_a_pause_of_our_own_readings_is_no_stuck_counter_however_fast_it_is(update_s, pause_s):
    for start_s in (5.0, 20.05):
        found = window_energy(read_with_a_pause(update_s, pause_s), start_s, 35.0)
        assert (found.method, found.reasons) == (COUNTER, ())
        assert found.joules == pytest.approx(500 * (35.0 - start_s), rel=0.002)


@pytest.mark.parametrize("update_s", [0.02, 0.025, 0.05, 0.1])
@pytest.mark.parametrize("pause_s", [0.0, 0.15])
def test_a_counter_that_is_read_and_stands_still_is_stuck_however_fast_it_is(update_s, pause_s):
    found = window_energy(read_with_a_pause(update_s, pause_s, 8 * update_s), 5.0, 35.0)
    assert (found.method, found.reasons) == (INTEGRAL, ("counter_stuck",))


@pytest.mark.parametrize(("paused_until_s", "method"), [(31.4, INTEGRAL), (32.0, COUNTER)])
def test_a_pause_of_ours_while_the_counter_stands_still_hides_it_only_if_little_is_left(
    paused_until_s, method
):
    """Stuck for 1.6 s; what is left of that has to be over half a second in one piece."""
    power = averaged(t_s=times_without(30.6, paused_until_s))
    found = window_energy(gpu(counted(times_without(30.1, 31.7 + 0.5)), power), 25.0, 45.0)
    assert found.method == method
    assert found.joules == pytest.approx(true(25.0, 45.0), rel=0.01)


def test_a_short_recording_is_not_bent_by_a_pause_in_it():
    """Two seconds of a 100 ms counter: what was first seen after a pause came at the end of it."""
    polls_s = np.arange(0, 2.4, 0.02)
    polls_s = polls_s[(polls_s <= 1.31) | (polls_s >= 1.9)]
    series = series_of(polls_s, 50.0 * np.floor(polls_s / 0.1 + 1e-9))
    assert series.t_s.size < 21
    assert series.energy(0.3, 1.6) == pytest.approx(500 * 1.3, rel=0.05)


@pytest.mark.parametrize("times_s", [(0.0, 5.0), (0.0,)])
def test_a_counter_that_moved_once_resolves_no_window(times_s):
    once = Series(np.array(times_s), 10.0 * np.arange(len(times_s)))
    assert counter_energy(once, 1.0, 4.0, "rapl", updates=2).reasons == ("below_resolution",)
    assert counter_energy(once, 1.0, 4.0, "rapl", updates=2).joules is None


def test_any_other_counter_is_known_where_it_is_covered_and_resolved():
    found = counter_energy(counted(), 10.0, 12.0, "rapl")
    assert (found.joules, found.method, found.reasons) == (pytest.approx(400), "rapl", ())
    short = counter_energy(counted(), 10.0, 10.19, "rapl", updates=2)
    assert (short.joules, short.reasons) == (None, ("below_resolution",))
    assert counter_energy(counted(), 50.0, 61.0, "rapl").reasons == ("energy_uncovered",)
    assert counter_energy(None, 10.0, 12.0, "rapl").reasons == ("energy_uncovered",)


@pytest.mark.parametrize(
    ("window", "at_s"),
    [
        ((10.0, 50.0), (30.0,)),
        ((10.0, 50.0), (25.0, 30.0)),
        ((10.0, 29.95), (30.0,)),
        ((29.95, 50.0), (30.0,)),
    ],
    ids=["inside", "twice", "at the end", "at the start"],
)
def test_a_counter_that_is_set_back_in_a_window_is_bridged_by_power(window, at_s):
    found = window_energy(gpu(set_back(counted(), *at_s)), *window)
    assert found.joules == pytest.approx(true(*window), rel=1e-6)
    assert (found.method, found.bound) == (f"{COUNTER}+{INTEGRAL}", "exact")
    assert found.reasons == ("counter_reset",)


def test_a_counter_that_is_set_back_is_unknown_where_power_cannot_bridge_it():
    found = window_energy(gpu(set_back(counted(), 30.0), NOTHING), 10.0, 50.0)
    assert (found.joules, found.method) == (None, None)
    assert found.reasons == ("counter_reset", "energy_uncovered")


@pytest.mark.parametrize(("back_s", "bridged"), [(31.9, True), (32.1, False)])
def test_only_two_seconds_are_bridged(back_s, bridged):
    """Of a slow counter: a faster one has stood still for five updates by then."""
    t_s = np.sort(np.append(TIMES[::5], back_s))
    t_s = t_s[(t_s <= 30.0) | (t_s >= back_s)]
    found = window_energy(gpu(set_back(counted(t_s), back_s), update_period_s=0.5), 10.0, 50.0)
    assert found.reasons == ("counter_reset", *(() if bridged else ("energy_uncovered",)))
    assert found.joules == (pytest.approx(true(10.0, 50.0), rel=1e-6) if bridged else None)


@pytest.mark.parametrize(("extra_j", "believed"), [(90.0, True), (120.0, False)])
def test_a_jump_that_is_steeper_than_the_gpu_can_draw_is_taken_for_a_reset(extra_j, believed):
    """A step of an update has 60 J here; 1.2 times the limit over two updates are 168 J."""
    jumped = counted()
    jumped.joules[TIMES >= 30.0] += extra_j
    found = window_energy(gpu(jumped), 10.0, 50.0)
    own = true(10.0, 50.0)
    assert found.joules == pytest.approx(own + extra_j if believed else own, rel=1e-9)
    assert found.reasons == (() if believed else ("counter_reset",))
    assert window_energy(gpu(jumped, power_limit_w=None), 10.0, 50.0).reasons == ()


@pytest.mark.parametrize("window", [(31.0, 50.0), (10.0, 29.0)])
def test_a_counter_that_is_set_back_outside_of_a_window_takes_nothing_from_it(window):
    found = window_energy(gpu(set_back(counted(), 30.0)), *window)
    assert (found.joules, found.reasons) == (pytest.approx(true(*window)), ())


def test_a_counter_that_is_set_back_after_a_pause_says_so():
    found = window_energy(gpu(set_back(counted(times_without(30.0, 31.0)), 31.0)), 10.0, 50.0)
    assert "counter_reset" in found.reasons


def test_a_counter_that_is_set_back_and_then_ends_leaves_the_window_unknown():
    early = TIMES[TIMES <= 40.0]
    found = window_energy(gpu(set_back(counted(early), 30.0), averaged(t_s=early)), 10.0, 55.0)
    assert found.joules is None


def test_after_a_loss_the_counter_up_to_it_is_a_lower_bound():
    found = window_energy(gpu(counted(EARLY), averaged(t_s=EARLY), LOST), 10.0, 50.0)
    assert found.joules == pytest.approx(true(10.0, 30.0))
    assert (found.method, found.bound, found.reasons) == (COUNTER, "partial", ("gpu_lost",))


def test_after_a_loss_without_a_counter_power_up_to_it_is_a_lower_bound():
    """The last average tells of half a second before it was read."""
    lost = no_counter(power=averaged(t_s=EARLY), lost=("driver_gone", 30.05))
    found = window_energy(lost, 10.0, 50.0)
    assert found.joules == pytest.approx(true(10.0, 29.5))
    assert (found.method, found.bound, found.reasons) == (INTEGRAL, "partial", ("driver_gone",))


def test_a_window_after_a_loss_has_nothing_and_one_before_it_is_whole():
    lost = gpu(counted(EARLY), averaged(t_s=EARLY), LOST)
    assert window_energy(lost, 35.0, 50.0).joules is None
    assert window_energy(lost, 35.0, 50.0).reasons == ("gpu_lost",)
    before = window_energy(lost, 10.0, 29.0)
    assert (before.joules, before.bound) == (pytest.approx(true(10.0, 29.0)), "exact")
    nothing = window_energy(no_counter(power=NOTHING, lost=LOST), 10.0, 50.0)
    assert (nothing.joules, nothing.reasons) == (None, ("gpu_lost",))


def test_a_window_that_begins_within_the_first_update_is_exact():
    """The first value was there before it was read: half an update would be 15 J too many."""
    polls_s = np.arange(0.05, 20.0, 0.02)
    joules = 300.0 * 0.1 * np.floor(polls_s / 0.1)
    series = series_of(polls_s, joules)
    assert series.energy(0.06, 10.0) == pytest.approx(300 * 9.94, abs=1.0)


def test_a_counter_that_moves_at_every_reading_is_placed_at_its_readings() -> None:
    read_s = np.array([0.0, 0.2, 0.4, 0.75, 0.9, 1.3])  # polls of a busy machine: uneven
    series = series_of(read_s, 65 * read_s)
    for start_s, end_s in [(0.05, 0.15), (0.41, 0.5), (0.3, 1.2)]:
        assert series.energy(start_s, end_s) == pytest.approx(65 * (end_s - start_s))
