import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.metering.uncertainty import COVERAGE_FACTOR, Uncertainty, uncertainty_of
from costbench.metering.window_energy import COUNTER, INTEGRAL

PATIENT = settings(max_examples=60)
SENSOR = COVERAGE_FACTOR * 0.05
BRIDGED = f"{COUNTER}+{INTEGRAL}"
METHODS = st.sampled_from([COUNTER, INTEGRAL, BRIDGED, "rapl"])
HOW = {
    "update_period_s": st.none() | st.floats(0.001, 2),
    "power_covered": st.booleans(),
}
SECONDS = st.floats(0, 1e5)


@PATIENT
@given(METHODS, SECONDS, st.fixed_dictionaries(HOW))
def test_what_is_measured_is_never_better_than_its_sensor(method, duration_s, how):
    found = uncertainty_of(method, "measured", duration_s, **how)
    assert found.absolute > SENSOR
    assert found.ratio > 0
    assert found.ratio == pytest.approx(COVERAGE_FACTOR * 2**0.5 * found.window)


@PATIENT
@given(METHODS, SECONDS, SECONDS, st.fixed_dictionaries(HOW))
def test_a_longer_window_is_never_less_certain(method, one_s, other_s, how):
    short, long = (uncertainty_of(method, "measured", s, **how) for s in sorted((one_s, other_s)))
    assert long.absolute <= short.absolute
    assert long.ratio <= short.ratio
    assert long.common == short.common


@PATIENT
@given(st.sampled_from([COUNTER, INTEGRAL]), st.floats(0.01, 1000))
def test_a_window_twice_as_long_is_more_certain(method, duration_s):
    short, long = (uncertainty_of(method, "measured", s) for s in (duration_s, 2 * duration_s))
    assert long.window < short.window


def test_half_a_minute_by_the_counter_is_good_for_what_the_budget_says():
    found = uncertainty_of(COUNTER, "measured", 30.0, update_period_s=0.1)
    assert found.absolute == pytest.approx(0.105, abs=0.0005)
    assert found.ratio == pytest.approx(0.044, abs=0.0005)


@pytest.mark.parametrize(("duration_s", "edges"), [(30, 0.000333), (10, 0.001), (1, 0.01)])
def test_the_edges_of_an_interpolated_window_are_as_simulated(duration_s, edges):
    """A tenth of an update period, beside heat and scatter that every window has."""
    found = uncertainty_of(COUNTER, "measured", duration_s, update_period_s=0.1)
    always = uncertainty_of(COUNTER, "measured", 1e9, update_period_s=0.1)
    assert found.window**2 - always.window**2 == pytest.approx(edges**2, rel=0.01)


def test_a_counter_is_taken_to_move_ten_times_a_second_where_nobody_knows():
    known = uncertainty_of(COUNTER, "measured", 1.0, update_period_s=0.1)
    assert uncertainty_of(COUNTER, "measured", 1.0) == known
    assert uncertainty_of(COUNTER, "measured", 1.0, update_period_s=0.5).window > known.window


def test_power_that_sees_part_of_the_time_is_less_certain_than_power_that_sees_all():
    all_of_it, part = (
        uncertainty_of(INTEGRAL, "measured", 30.0, power_covered=covered)
        for covered in (True, False)
    )
    assert part.window > all_of_it.window
    assert part.common == all_of_it.common


def test_a_counter_that_power_bridges_is_as_certain_as_a_counter():
    bridged = uncertainty_of(BRIDGED, "measured", 1.0, power_covered=False)
    assert bridged == uncertainty_of(COUNTER, "measured", 1.0, power_covered=False)


@PATIENT
@given(METHODS, SECONDS, st.sampled_from(["modelled", "assumed", "unavailable"]))
def test_a_model_is_off_by_four_fifths_however_long_and_cancels_nowhere(
    method, duration_s, provenance
):
    found = uncertainty_of(method, provenance, duration_s)
    assert found == Uncertainty.of_model()
    assert found.absolute == pytest.approx(0.8)
    assert found.ratio == pytest.approx(0.8 * 2**0.5)


def test_a_counter_that_nobody_here_knows_has_no_budget():
    assert uncertainty_of("wall_meter", "measured", 30.0) is None


def test_how_far_joules_of_another_tool_are_off_nobody_here_knows():
    assert uncertainty_of(COUNTER, "imported", 30.0) is None
    assert uncertainty_of(None, "measured", 30.0) is None
