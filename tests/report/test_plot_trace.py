"""The picture of power against time: windows on rows, measured and modelled told apart without color."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from costbench.policies.truncation import Truncation
from costbench.report.files import write_report
from costbench.report.markdown import render_markdown
from costbench.report.plot_trace import trace_chart, trace_words, write_trace_plots
from tests.report.example import HOSTILE, example_report
from tests.report.traced import (
    METER,
    MODEL_METER,
    at_watts,
    cell_at,
    idling,
    reported,
    traced,
)


def both(*stretches, **more):
    return dict.fromkeys(("cpu", "ram"), at_watts(*stretches, **more))


def drawn(report):
    """By panel and part: each layer's mark with its rows."""
    spec = trace_chart(report).to_dict()
    panels = [spec] if "vconcat" not in spec["vconcat"][0] else spec["vconcat"]
    sets = spec["datasets"]

    def layers(part):
        return [(one["mark"], sets[one["data"]["name"]]) for one in part.get("layer", [part])]

    return spec, [[layers(part) for part in panel["vconcat"]] for panel in panels]


def text_of(spec):
    return " ".join(spec["title"]["text"] + spec["title"]["subtitle"])


def example_trace():
    cells = (cell_at((12, 20), (30, 38)), cell_at((21, 29), policy=Truncation(budget=32)))
    idle = (idling(2, 10), idling(10.5, 11.5, phase="idle_context", whose="g/base"))
    counters = {1: both((10, 12), (45, 28))}
    return traced(*cells, counters=counters, idle=idle)


def test_each_window_is_a_bar_on_the_row_of_its_cell_or_phase():
    _, ((power, windows),) = drawn(reported(example_trace()))
    assert len(power) == 1
    (_, whole), (_, steady), (_, other), (_, names) = windows
    rows = [row["name"] for row in names]
    assert rows == [
        "idle, nothing loaded",
        "idle, model loaded",
        "unconstrained",
        "truncation@32",
    ]
    assert [(rows[bar["row"]], bar["x"], bar["end"]) for bar in whole] == [
        ("unconstrained", 12, 20),
        ("truncation@32", 21, 29),
        ("unconstrained", 30, 38),
    ]
    assert [(rows[bar["row"]], bar["x"], bar["end"]) for bar in other] == [
        ("idle, nothing loaded", 2, 10),
        ("idle, model loaded", 10.5, 11.5),
    ]
    assert steady == []


def test_the_line_goes_through_the_mean_of_every_stretch_and_begins_and_ends_with_them():
    report = reported(example_trace())
    (trace,) = report.power_trace.traces
    _, (((_, line),), _), *_ = *drawn(report)[:1], *drawn(report)[1]
    assert len(line) == len(trace.watts) + 2
    assert (line[0]["x"], line[0]["y"]) == (0, pytest.approx(20))
    assert (line[-1]["x"], line[-1]["y"]) == (pytest.approx(40), pytest.approx(90))


def test_a_gap_breaks_the_line():
    counters = {1: both((20, 10), (None, 8), (20, 10))}
    _, (((power,), *_),) = drawn(reported(traced(cell_at((2, 9)), counters=counters)))
    runs = {row["run"] for row in power[1]}
    assert len(runs) == 2
    ends = [[row["x"] for row in power[1] if row["run"] == run] for run in sorted(runs)]
    assert ends[0][-1] == pytest.approx(10, abs=0.3)
    assert ends[1][0] == pytest.approx(18, abs=0.3)


@pytest.mark.parametrize(
    ("meter", "dash", "said"),
    [(METER, [1, 0], "Line (solid): measured"), (MODEL_METER, [5, 2], "Line (dashed): modelled")],
)
def test_measured_and_modelled_power_differ_by_dash_and_by_word(meter, dash, said):
    run = traced(cell_at((2, 9)), counters={1: both((20, 10))}, meter=meter)
    spec, (((power,), _),) = drawn(reported(run))
    assert power[0]["strokeDash"] == dash
    assert said in text_of(spec)
    axis = spec["vconcat"][0]["encoding"]["y"]
    assert axis["title"] == f"{meter.provenance} power, W"
    assert axis["scale"]["domain"][0] == 0


def test_steady_parts_are_lines_inside_their_passes():
    report = reported(example_trace())
    (trace,) = report.power_trace.traces
    steady = trace.windows[3].model_copy(update={"phase": "steady", "start_s": 13.0, "end_s": 19.0})
    trace = trace.model_copy(update={"windows": (*trace.windows, steady)})
    power_trace = report.power_trace.model_copy(update={"traces": (trace,)})
    spec, ((_, windows),) = drawn(report.model_copy(update={"power_trace": power_trace}))
    assert "the dark line inside their steady part" in text_of(spec)
    (whole, _), (inner, (bar,)), *_ = windows
    assert inner["size"] < whole["size"]
    assert (bar["row"], bar["x"], bar["end"]) == (3, 13, 19)


def test_what_is_to_be_seen_is_said_in_a_sentence():
    assert trace_words(reported(example_trace())) == (
        "Power against time, 1 session, mean 69.0 W measured, 3 passes"
    )
    cells = [cell_at((2, 9), session=at, name=f"m{at}") for at in (1, 2)]
    run = traced(*cells, counters={1: both((20, 10)), 2: both((50, 30))})
    run = replace(run, meters={1: (METER,), 2: (MODEL_METER,)})
    assert trace_words(reported(run)) == (
        "Power against time, 2 sessions, mean 40.0 W measured; mean 100 W modelled, 2 passes"
    )
    assert trace_words(example_report()) is None


def test_sessions_have_a_panel_each_and_the_fifth_is_counted():
    cells = [cell_at((2, 9), session=at, name=f"m{at}") for at in range(1, 7)]
    run = traced(*cells, counters={at: both((20, 10)) for at in range(1, 7)})
    spec, panels = drawn(reported(run))
    assert len(panels) == 4
    assert "2 more not shown" in text_of(spec)
    titles = [panel["title"]["text"] for panel in spec["vconcat"]]
    assert titles[1] == "Session 2, measured: mean 40.0 W, 0.400 kJ, 1 pass"


def test_many_cells_share_a_row():
    report = reported(example_trace())
    (trace,) = report.power_trace.traces
    mark = trace.windows[-1]
    marks = tuple(
        mark.model_copy(update={"cell": f"cell {at}", "start_s": at / 5, "end_s": (at + 1) / 5})
        for at in range(200)
    )
    trace = trace.model_copy(update={"windows": marks})
    power_trace = report.power_trace.model_copy(update={"traces": (trace,)})
    _, ((_, windows),) = drawn(report.model_copy(update={"power_trace": power_trace}))
    assert [row["name"] for row in windows[-1][1]] == ["passes of 200 cells"]
    assert len(windows[0][1]) == 200


@pytest.mark.parametrize(
    ("seconds", "unit", "end"), [(500, "s", 500), (1200, "min", 20), (14400, "h", 4)]
)
def test_long_sessions_are_drawn_in_minutes_or_hours(seconds, unit, end):
    counters = {1: both((20, seconds), step_s=1.0)}
    spec = trace_chart(reported(traced(cell_at((2, 9)), counters=counters))).to_dict()
    x = spec["vconcat"][1]["layer"][0]["encoding"]["x"]
    assert x["title"].endswith(f", {unit}")
    assert x["scale"]["domain"] == [0, pytest.approx(end)]


def test_power_of_nothing_at_all_is_drawn_on_an_axis():
    counters = {1: dict.fromkeys(("cpu", "ram"), (np.arange(100) / 10, np.arange(100) * 1e-300))}
    assert trace_chart(reported(traced(cell_at((2, 9)), counters=counters))) is not None


def hostile():
    report = reported(example_trace())
    cells = tuple(c.model_copy(update={"policy": HOSTILE}) for c in report.cells)
    (trace,) = report.power_trace.traces
    trace = trace.model_copy(update={"meter": HOSTILE, "domains": (HOSTILE,)})
    power_trace = report.power_trace.model_copy(update={"traces": (trace,)})
    return report.model_copy(update={"cells": cells, "power_trace": power_trace})


def test_a_hostile_name_is_only_text(tmp_path):
    svg, png, pdf = write_trace_plots(hostile(), tmp_path)
    text = svg.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "<b>" not in text
    assert "\u202e" not in text
    shown = "".join(ElementTree.fromstring(text).itertext())
    assert r'=cmd|"/x"\x1b[31m<b>`|\u202e&amp;' in shown
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF-")


def test_the_page_shows_the_picture_with_its_sentence(tmp_path):
    report = reported(example_trace())
    paths = write_report(report, tmp_path, x="tokens", pareto=True)
    assert {"trace.svg", "trace.png", "trace.pdf"} <= {path.name for path in paths}
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    picture = "![Power against time, 1 session, mean 69.0 W measured, 3 passes](trace.svg)"
    assert picture in page[page.index("## Energy") :]
    assert "trace.svg" not in render_markdown(report, None)


def test_without_a_meter_there_is_no_picture(tmp_path):
    assert trace_chart(example_report()) is None
    assert write_trace_plots(example_report(), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_same_report_gives_the_same_bytes(tmp_path):
    def written(name):
        (tmp_path / name).mkdir()
        paths = write_trace_plots(reported(example_trace()), tmp_path / name)
        return [path.read_bytes() for path in paths]

    assert written("one") == written("other")
