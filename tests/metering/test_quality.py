"""Every threshold that decides the quality of joules, from both of its sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.metering.quality import judge_gpu, judge_repeats, judge_sampler, judged_energy
from costbench.metering.reasons import REASONS
from costbench.metering.sampler import CLOCK, GAP, WALL
from costbench.metering.trace import NOTHING, Samples, Series, Trace
from costbench.metering.window_energy import COUNTER, INTEGRAL, LOST, GpuTrace, WindowEnergy
from costbench.types import Device

WATTS = 400.0
WINDOW = (10.0, 40.0)
TIMES = np.arange(1001) / 20
DEVICE = Device(
    domain="gpu:GPU-1", name="H200", update_period_s=0.05, power_window_s=1.0, power_covered=True,
    power_limit_w=700.0, processes=0, memory_used_mib=500.0,
)  # fmt: skip


def gpu(counter=None, watts=WATTS, gauges=None, lost=None, **device):
    """A constant load; its counter moves 600 times in WINDOW, and its power readings say `watts`."""
    return GpuTrace(
        device=DEVICE.model_copy(update=device),
        counter=Series(TIMES, WATTS * TIMES) if counter is None else counter,
        power=NOTHING if watts is None else Samples(TIMES, np.full(TIMES.size, watts)),
        gauges=gauges or {},
        lost=lost,
    )


def gauge(**values):
    """Readings over the whole trace: a number is constant, a pair goes straight from one to the other."""
    return {
        name: Samples(np.array([0.0, 50.0]), np.broadcast_to(value, 2).astype(float))
        for name, value in values.items()
    }


def judged(found_gpu, window=WINDOW, watts=WATTS, idle_w=None, **found):
    found = {"joules": watts * (window[1] - window[0]), "method": COUNTER, **found}
    return judge_gpu(found_gpu, window, WindowEnergy(**found), idle_w)


def differing(share, **device):
    """Power that is off the counter by so much."""
    return gpu(watts=WATTS * (1 + share), **device)


def test_a_quiet_gpu_is_beyond_doubt():
    assert judged(gpu()) == ()


def test_doubts_of_the_device_and_of_the_window_come_first_and_once():
    found = judged(gpu(reasons=("mig",)), reasons=("counter_reset", "mig"))
    assert found == ("mig", "counter_reset")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("covered", "length_s", "share", "code"),
    [
        (True, 10, 0.019, None), (True, 10, 0.021, "counter_differs"),
        (True, 10, 0.049, "counter_differs"), (True, 10, 0.051, "counter_disagrees"),
        (False, 30, 0.029, None), (False, 30, 0.031, "counter_differs"),
        (False, 30, 0.079, "counter_differs"), (False, 30, 0.081, "counter_disagrees"),
        (False, 29.9, 0.059, None), (False, 29.9, 0.061, "counter_differs"),
        (False, 10, 0.159, "counter_differs"), (False, 10, 0.161, "counter_disagrees"),
        (True, 9.9, 0.9, None), (False, 9.9, 0.9, None),
    ],
)  # fmt: skip
def test_counter_and_power_agree_as_far_as_power_sees_the_time(
    covered, length_s, share, code, sign
):
    found = judged(differing(sign * share, power_covered=covered), (10.0, 10.0 + length_s))
    assert found == ((code,) if code else ())


def test_what_cannot_be_compared_raises_no_doubt():
    assert judged(gpu(watts=None)) == ()
    assert judge_gpu(differing(0.5), WINDOW, WindowEnergy(None), 1e6) == ()


UPDATES = [(100, None), (99, "some_updates"), (20, "some_updates"), (19, "few_updates")]


@pytest.mark.parametrize(("updates", "code"), UPDATES)
def test_a_counter_that_moves_seldom_in_a_window_is_coarse(updates, code):
    t_s = np.concatenate(([5.0], np.linspace(*WINDOW, updates), [45.0]))
    seldom = gpu(Series(t_s, WATTS * t_s))
    assert judged(seldom) == ((code,) if code else ())
    assert judged(seldom, method=f"{COUNTER}+{INTEGRAL}") == ((code,) if code else ())
    assert judged(seldom, method=INTEGRAL) == ()


@pytest.mark.parametrize(
    ("idle_w", "limit_w", "plausible"),
    [
        (499.0, None, True), (501.0, None, False), (None, 382.0, True), (None, 380.0, False),
        (None, None, True),
    ],
)  # fmt: skip
def test_a_mean_power_below_idle_or_above_the_limit_is_misread(idle_w, limit_w, plausible):
    """400 W are 0.8 times 500 W, and 1.05 times 381 W."""
    found = judged(gpu(power_limit_w=limit_w), idle_w=idle_w)
    assert found == (() if plausible else ("power_implausible",))


@pytest.mark.parametrize(
    ("quantity", "grown_s", "code"),
    [
        ("hardware_slowdown_s", 0.0, None), ("hardware_slowdown_s", 0.001, "hardware_slowdown"),
        ("power_capped_s", 0.29, None), ("power_capped_s", 0.31, "power_capped"),
        ("software_slowdown_s", 0.29, None), ("software_slowdown_s", 0.31, "software_throttled"),
    ],
)  # fmt: skip
def test_throttling_counts_by_its_share_of_the_window(quantity, grown_s, code):
    """A hundredth of 30 s; of hardware any. It grew evenly over 50 s, and before them, too."""
    grown = (7.0, 7.0 + grown_s * 50 / 30)
    assert judged(gpu(gauges=gauge(**{quantity: grown}))) == ((code,) if code else ())


def test_throttling_before_a_window_is_not_its_own():
    before = {"hardware_slowdown_s": Samples(np.array([0.0, 9.0, 50.0]), np.array([0.0, 5.0, 5.0]))}
    assert judged(gpu(gauges=before)) == ()
    assert judged(gpu(gauges=before), (8.0, 38.0)) == ("hardware_slowdown",)


@pytest.mark.parametrize(
    ("drift_c", "code"),
    [
        (3.0, None), (3.1, "temperature_drift"), (8.0, "temperature_drift"),
        (8.1, "temperature_far"), (-8.1, "temperature_far"),
    ],
)  # fmt: skip
def test_a_temperature_that_moves_in_a_window_is_told(drift_c, code):
    warm = Samples(np.array([5.0, 15.0, 35.0, 45.0]), np.array([20.0, 50.0, 50 + drift_c, 99.0]))
    assert judged(gpu(gauges={"temperature_c": warm})) == ((code,) if code else ())


@pytest.mark.parametrize(
    ("own", "foreign", "unknown", "before", "memory_mib", "code"),
    [
        (1, 0, 0, 0, 500, None), (0, 0, 0, 0, 500, None), (1, 0, 0, 3, 9999, None),
        (1, 1, 0, 0, 500, "shared_gpu"), (0, 1, 0, 0, 500, "shared_gpu"),
        (0, 0, 1, 0, 1024, "processes_hidden"), (0, 0, 1, 0, 1025, "shared_gpu"),
        (0, 0, 1, None, None, "processes_hidden"), (0, 0, 1, 1, 500, "shared_gpu"),
    ],
)  # fmt: skip
def test_only_processes_of_others_share_a_gpu(own, foreign, unknown, before, memory_mib, code):
    owners = {"own_processes": own, "foreign_processes": foreign, "unknown_processes": unknown}
    listed = gauge(processes=own + foreign + unknown, **owners)
    found = judged(gpu(gauges=listed, processes=before, memory_used_mib=memory_mib))
    assert found == ((code,) if code else ())


def test_another_process_counts_if_it_was_there_for_a_part_of_the_window():
    seconds = np.arange(51.0)
    visitor = Samples(seconds, ((seconds >= 20) & (seconds <= 21)).astype(float))
    shared = gpu(gauges=gauge(processes=1, own_processes=1) | {"foreign_processes": visitor})
    assert judged(shared) == ("shared_gpu",)
    assert judged(shared, (22.0, 40.0)) == ()
    # Between two readings the nearest one to its start tells.
    assert "shared_gpu" in judged(shared, (20.1, 20.9))
    assert "shared_gpu" not in judged(shared, (25.1, 25.9))


def test_processes_that_cannot_be_listed_may_be_anybodys():
    assert judged(gpu(gauges=gauge(memory_used_mib=500))) == ("processes_hidden",)
    assert judged(gpu(gauges=gauge(temperature_c=50))) == ()  # nobody asked


@pytest.mark.parametrize(
    ("share", "watts", "window", "proven"),
    [
        (0.0, WATTS, WINDOW, True), (0.049, WATTS, WINDOW, True), (0.051, WATTS, WINDOW, False),
        (0.0, None, WINDOW, False), (0.0, WATTS, (10.0, 19.9), False),
    ],
    ids=["agrees", "differs", "disagrees", "no power", "too short"],
)  # fmt: skip
def test_a_virtual_gpu_is_measured_only_where_its_counter_is_proven(share, watts, window, proven):
    virtual = gpu(watts=None if watts is None else watts * (1 + share), reasons=("vgpu",))
    assert ("vgpu_unproven" in judged(virtual, window)) is not proven
    found = judged_energy(virtual, window)
    assert (found.joules is not None) is proven
    assert "vgpu" in found.reasons
    assert "vgpu_unproven" not in judge_gpu(virtual, window, WindowEnergy(None), None)


def test_a_virtual_gpu_whose_counter_stands_still_is_not_proven():
    stuck = Series(np.array([0.0, 5.0]), np.array([0.0, 2000.0]))
    found = judged_energy(gpu(stuck, reasons=("vgpu",)), WINDOW)
    assert "counter_stuck" in found.reasons
    assert found.joules is None


def test_a_counter_beyond_belief_beside_power_of_zero_is_unknown():
    """Every step of it is steeper than this GPU can draw, so that power bridges them all."""
    assert judged_energy(gpu(watts=0.0, power_limit_w=100.0), WINDOW).joules is None


def test_energy_with_others_in_it_is_an_upper_bound():
    shared = gauge(processes=2, own_processes=1, foreign_processes=1)
    cases = (gpu(), gpu(reasons=("mig",)), gpu(gauges=shared))
    assert [judged_energy(each, WINDOW).bound for each in cases] == ["exact", "upper", "upper"]
    lost = judged_energy(gpu(gauges=shared, lost=("gpu_lost", 30.0)), WINDOW)
    # Part of it is missing and others' is in it: a bound of nothing.
    assert (lost.joules, lost.reasons) == (None, ("gpu_lost", "shared_gpu"))


def test_a_lower_bound_is_not_held_against_its_power():
    lost = gpu(watts=2 * WATTS, lost=("gpu_lost", 30.0))
    assert judged(lost, idle_w=1e6, bound="partial", reasons=("gpu_lost",)) == ("gpu_lost",)


@pytest.mark.parametrize(
    ("ended_s", "length_s", "codes"),
    [
        (20.0, 0.19, ()), (20.0, 0.21, ("sampler_late",)),
        (20.0, 0.99, ("sampler_late",)), (20.0, 1.01, ("sampler_stalled",)),
        (10.1, 0.19, ()), (10.1, 0.21, ("sampler_stalled",)),
        (40.1, 0.19, ()), (40.1, 0.21, ("sampler_stalled",)),
        (9.9, 5.0, ()), (50.0, 9.9, ()),
    ],
)  # fmt: skip
def test_a_pause_of_the_sampler_matters_by_its_length_and_place(ended_s, length_s, codes):
    trace = Trace({}, {(CLOCK, GAP): Samples(np.array([ended_s]), np.array([length_s]))})
    assert judge_sampler(trace, WINDOW, 0.1) == codes


def test_many_pauses_are_told_once():
    gaps = Samples(np.array([20.0, 21.0, 30.0]), np.array([0.3, 0.3, 2.0]))
    found = judge_sampler(Trace({}, {(CLOCK, GAP): gaps}), WINDOW, 0.1)
    assert found == ("sampler_late", "sampler_stalled")


@pytest.mark.parametrize(("step_s", "codes"), [(0.49, ()), (-0.51, ("clock_step",))])
def test_a_clock_that_was_set_is_told_if_it_was_in_the_window(step_s, codes):
    wall = Samples(np.array([5.0, 15.0, 25.0, 45.0]), np.array([0.0, 99.0, 99 + step_s, 200.0]))
    assert judge_sampler(Trace({}, {(CLOCK, WALL): wall}), WINDOW, 0.1) == codes


@pytest.mark.parametrize(
    ("scatter", "codes"),
    [
        (0.0199, ()), (0.0201, ("repeats_vary",)),
        (0.0499, ("repeats_vary",)), (0.0501, ("repeats_scatter",)),
    ],
)  # fmt: skip
def test_passes_that_differ_are_told_by_their_coefficient_of_variation(scatter, codes):
    away = scatter / np.sqrt(
        2
    )  # of two values the standard deviation is their distance over root 2
    assert judge_repeats([3 * (1 - away), 3 * (1 + away)]) == codes


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")], [0.0, 0.0]])
def test_passes_that_cannot_be_compared_raise_no_doubt(values):
    assert judge_repeats(values) == ()


@st.composite
def troubled(draw):
    """A GPU with anything wrong with it, a window of it, and its idle power."""
    ends = st.tuples(st.floats(0, 100), st.floats(0, 100))
    names = ("hardware_slowdown_s", "power_capped_s", "software_slowdown_s", "temperature_c")
    counts = ("processes", "own_processes", "foreign_processes", "unknown_processes")
    gauges = {name: draw(ends) for name in draw(st.lists(st.sampled_from(names)))}
    gauges |= {name: draw(st.integers(0, 2)) for name in draw(st.lists(st.sampled_from(counts)))}
    seen = TIMES[:: draw(st.integers(1, 50))]
    set_back = seen >= draw(st.floats(-1, 60))
    found = gpu(
        Series(seen, np.where(set_back, 0.0, 1e5) + WATTS * seen),
        watts=draw(st.none() | st.floats(0, 1000)),
        gauges=gauge(**gauges),
        lost=draw(st.none() | st.tuples(st.sampled_from(LOST), st.floats(0, 50))),
        reasons=draw(st.sampled_from([(), ("mig",), ("vgpu",), ("gpu_module",)])),
        power_covered=draw(st.booleans()),
        power_limit_w=draw(st.none() | st.floats(100, 1000)),
    )
    start_s = draw(st.floats(-5, 50))
    window = start_s, start_s + draw(st.floats(0.01, 40))
    return found, window, draw(st.none() | st.floats(1, 900))


@settings(max_examples=150)
@given(troubled())
def test_whatever_goes_wrong_there_are_known_codes_and_no_zero(case):
    found = judged_energy(*case)
    assert set(found.reasons) <= set(REASONS)
    assert len(set(found.reasons)) == len(found.reasons)
    assert found == judged_energy(*case)
    assert found.joules is None or found.joules > 0
    assert found.joules is not None or found.reasons
