"""Power against time: thinning loses no joule, what is not known stays unknown, and there is a limit."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.metering.mean_power import counter_power
from costbench.metering.trace import Series
from costbench.report.contract import Report
from costbench.report.traces import MOST_POINTS, MOST_POINTS_OF_ONE, MOST_TRACES, MOST_WINDOWS
from tests.report.in_memory import report_of
from tests.report.traced import (
    GPU_METER,
    GPUS,
    at_watts,
    cell_at,
    idling,
    reported,
    traced,
)

SECONDS = st.floats(0.01, 4.9)


def one_trace(run):
    (found,) = reported(run).power_trace.traces
    return found


def on_gpus(cell, counters, **more):
    """The cell's engine is on both."""
    uuids = [domain.removeprefix("gpu:") for domain in counters]
    key = {f"engine:{cell.id}": {"gpu_uuids": {"1": uuids}}}
    return traced(cell, counters={1: counters}, meter=GPU_METER, **key, **more)


def test_watts_are_the_sum_of_all_domains_that_count():
    cpu, ram = at_watts((40, 10), (80, 10)), at_watts((5, 20))
    found = one_trace(traced(cell_at((2, 18)), counters={1: {"cpu": cpu, "ram": ram}}))
    assert (found.meter, found.provenance, found.unit) == ("clock", "measured", "W")
    assert found.domains == ("cpu", "ram")
    assert found.watts[0] == pytest.approx(45)
    assert found.watts[-1] == pytest.approx(85)
    assert (found.mean_w, found.joules) == (pytest.approx(65), pytest.approx(65 * 20))


def test_stretches_are_no_shorter_than_two_changes_of_the_counter():
    found = one_trace(traced(cell_at((2, 18)), counters={1: {
        "cpu": at_watts((40, 20)), "ram": at_watts((5, 20))
    }}))  # fmt: skip
    assert found.bin_s == pytest.approx(0.2, rel=0.02)
    assert len(found.watts) * found.bin_s == pytest.approx(20)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(SECONDS, st.floats(0.001, 1000)), min_size=1, max_size=60),
    st.integers(1, 50),
)
def test_joules_over_all_stretches_are_the_counters_difference(steps, stretches):
    """However unevenly it moved: what is thinned away is no energy."""
    gaps, joules = (np.array(column) for column in zip(*steps, strict=True))
    t_s = 1000 + np.concatenate(([0.0], np.cumsum(gaps)))
    counter = Series(t_s, np.concatenate(([0.0], np.cumsum(joules))))
    edges = np.linspace(t_s[0], t_s[-1], stretches + 1)
    watts, methods = counter_power(counter, "counter_interpolated").mean_watts(edges)
    assert (watts * np.diff(edges)).sum() == pytest.approx(joules.sum())
    assert methods == ("counter_interpolated",)


def test_joules_of_a_long_session_are_kept_in_four_hundred_stretches():
    stretches = [(20 + 60 * (at % 3), 7.3) for at in range(100)]
    cpu, ram = at_watts(*stretches), at_watts((5, 730))
    found = one_trace(traced(cell_at((2, 700)), counters={1: {"cpu": cpu, "ram": ram}}))
    assert len(found.watts) == MOST_POINTS_OF_ONE
    total = cpu[1][-1] + ram[1][-1]
    assert sum(found.watts) * found.bin_s == pytest.approx(total, rel=1e-8)
    assert found.joules == pytest.approx(total, rel=1e-8)


def test_a_pause_of_the_counter_stays_a_gap():
    cpu = at_watts((40, 10), (None, 8), (40, 10))
    ram = at_watts((5, 28))
    found = one_trace(traced(cell_at((2, 9), (19, 27)), counters={1: {"cpu": cpu, "ram": ram}}))
    unknown = [at * found.bin_s for at, watts in enumerate(found.watts) if watts is None]
    assert min(unknown) == pytest.approx(10, abs=0.3)
    assert max(unknown) == pytest.approx(18, abs=0.3)
    assert all(watts is None or watts == pytest.approx(45) for watts in found.watts)
    assert found.mean_w == pytest.approx(45)


def test_a_pause_of_less_than_five_seconds_is_bridged_by_the_counter():
    cpu = at_watts((40, 10), (None, 4), (40, 10))
    found = one_trace(traced(cell_at((2, 9)), counters={1: {"cpu": cpu, "ram": at_watts((5, 24))}}))
    assert None not in found.watts
    assert found.joules == pytest.approx(cpu[1][-1] + 5 * 24)


def test_a_reset_of_the_counter_is_no_negative_power():
    t_s, joules = at_watts((40, 20))
    reset = t_s, np.where(t_s > 10.05, joules - joules[100], joules)
    found = one_trace(
        traced(cell_at((2, 9)), counters={1: {"cpu": reset, "ram": at_watts((5, 20))}})
    )
    assert found.watts.count(None) in {1, 2}
    assert all(watts is None or watts == pytest.approx(45) for watts in found.watts)


def test_windows_are_marked_from_the_first_reading_on():
    cell = cell_at((102, 108), (110, 115))
    counters = {1: {d: at_watts((30, 20), start_s=100.0) for d in ("cpu", "ram")}}
    whose = "g/base"
    idle = [idling(100.5, 101), idling(116, 118, phase="idle_context", whose=whose)]
    found = one_trace(traced(cell, counters=counters, idle=idle))
    assert (found.start_s, found.passes) == (0, 2)
    marks = [(m.phase, m.cell, m.pass_number, m.start_s, m.end_s) for m in found.windows]
    assert marks == [
        ("idle_bare", None, None, 0.5, 1),
        ("whole", cell.id, 0, 2, 8),
        ("whole", cell.id, 1, 10, 15),
        ("idle_context", whose, None, 16, 18),
    ]


def test_a_window_before_the_first_reading_begins_the_session():
    counters = {1: {d: at_watts((30, 20), start_s=100.0) for d in ("cpu", "ram")}}
    found = one_trace(traced(cell_at((97, 108)), counters=counters))
    assert found.start_s == 3
    assert (found.windows[0].start_s, found.windows[0].end_s) == (0, 11)


def test_two_gpus_are_one_power_and_a_lost_one_ends_it():
    cell = cell_at((2, 8))
    names = [device.domain for device in GPUS]
    both = one_trace(on_gpus(cell, {name: at_watts((300, 10)) for name in names}))
    assert both.domains == tuple(names)
    assert both.mean_w == pytest.approx(600)
    lost = {names[0]: at_watts((300, 10)), names[1]: at_watts((300, 6))}
    found = one_trace(on_gpus(cell, lost))
    assert found.start_s + found.bin_s * len(found.watts) == pytest.approx(6)


def test_where_a_gpus_counter_is_gone_its_power_readings_stand_in():
    cell, name = cell_at((2, 18)), GPUS[0].domain
    readings = np.arange(0, 20.05, 0.1)
    gauges = {1: {(name, "power_w"): (readings, np.full(readings.size, 250.0))}}
    found = one_trace(on_gpus(cell, {name: at_watts((300, 8))}, gauges=gauges))
    assert found.method == "counter_interpolated+power_integral"
    assert found.watts[0] == pytest.approx(300)
    assert found.watts[-1] == pytest.approx(250)
    assert None not in found.watts


def test_without_a_domain_there_is_no_trace_and_nothing_is_guessed():
    assert (
        reported(traced(cell_at((2, 8)), counters={1: {"cpu": at_watts((30, 10))}})).power_trace
        is None
    )
    still = {"cpu": at_watts((30, 10)), "ram": (np.array([0.0, 10.0]), np.array([1.0, 1.0]))}
    assert reported(traced(cell_at((2, 8)), counters={1: still})).power_trace is None


def test_without_a_meter_nothing_is_said():
    report = report_of(cell_at((2, 8)))
    assert report.power_trace is None
    assert "power_trace" not in report.model_dump_json()


def test_an_imported_run_has_no_trace():
    run = traced(cell_at((2, 8)), counters={1: {d: at_watts((30, 10)) for d in ("cpu", "ram")}})
    imported = {"kind": "import", "imported": {"format": "jsonl", "files": ["a"]}}
    assert reported(replace(run, meta=run.meta | imported)).power_trace is None


def many_sessions(count):
    cells = [cell_at((2, 8), name=f"m{at}", session=at) for at in range(1, count + 1)]
    pair = {d: at_watts((30, 60)) for d in ("cpu", "ram")}
    return traced(*cells, counters=dict.fromkeys(range(1, count + 1), pair))


@pytest.mark.parametrize(("sessions", "points"), [(1, 300), (5, 300), (10, 200), (110, 20)])
def test_a_report_has_at_most_two_thousand_points(sessions, points):
    found = reported(many_sessions(sessions)).power_trace
    assert {len(trace.watts) for trace in found.traces} <= {points, points - 1}
    assert sum(len(trace.watts) for trace in found.traces) <= MOST_POINTS
    assert found.traces_left_out == max(0, sessions - MOST_TRACES)
    assert [trace.session for trace in found.traces] == list(
        range(1, min(sessions, MOST_TRACES) + 1)
    )


def test_of_too_many_windows_the_shortest_are_left_out_and_counted():
    starts = 2 + np.arange(620) * 0.5
    spans = [(start, start + (0.4 if at < 550 else 0.2)) for at, start in enumerate(starts)]
    counters = {1: {d: at_watts((30, 400)) for d in ("cpu", "ram")}}
    found = one_trace(traced(cell_at(*spans), counters=counters))
    assert (len(found.windows), found.windows_left_out, found.passes) == (MOST_WINDOWS, 120, 620)
    assert {round(mark.end_s - mark.start_s, 6) for mark in found.windows} == {0.4}
    assert list(found.windows) == sorted(found.windows, key=lambda mark: mark.start_s)


def test_the_same_run_gives_the_same_trace_and_json_gives_it_back():
    one, other = (reported(many_sessions(3)) for _ in range(2))
    assert one.model_dump_json() == other.model_dump_json()
    assert Report.model_validate_json(one.model_dump_json()) == one
    watts = chain.from_iterable(trace.watts for trace in one.power_trace.traces)
    assert all(each == pytest.approx(60) for each in watts)
