"""The frontier that a reader can turn: figures for the page's script, and a Vega-Lite chart of them."""

from typing import TYPE_CHECKING, Any

from costbench.printable import clean
from costbench.report.columns import frontier_metric
from costbench.report.contract import CellReport, E, Report
from costbench.report.plot_axes import COLORS, GRAY, QUIET, SHAPES, y_axis
from costbench.report.plot_data import (
    AXES,
    SCALES,
    XAxis,
    axis_title,
    cost_of,
    frontier_place,
    known_axes,
    scale_of,
)
from costbench.report.repricing import repriced
from costbench.report.sections import Section, sections
from costbench.report.sliders import sliders
from costbench.report.wording import Scale, fitting

if TYPE_CHECKING:
    import altair as alt

Data = dict[str, Any]

HEIGHT = 320
_PADDING = {"left": 5, "right": 60, "top": 24, "bottom": 5}
"""Room for labels beyond the frame."""
_LEGEND = {"expr": "width < 500 ? 2 : 6"}
_POINT_SIZE, _LABEL = 95, 200
_STEPS = 40
"""Of a line of equal cost; on a log axis it is a curve."""


def frontier_data(report: Report) -> Data:
    """What the script draws: axes with their units, and cells by section."""
    axes = _axes(report)
    return {
        "axes": {x: _axis(x, scale) for x, scale in axes.items()},
        "sections": [_section(part, tuple(axes)) for part in sections(report)],
        "frontier_metric": frontier_metric(report),
        "assumptions": report.repricing.model_dump(mode="json") if report.repricing else None,
    }


def _axes(report: Report) -> dict[XAxis, Scale]:
    """Costs that are known, and those that will be once a reader has put in a price."""
    found = {x: scale_of(report, x) for x in known_axes(report)}
    for x, costs in _in_the_middle(report).items():
        if x not in found and any(costs):
            found[x] = fitting(costs, SCALES[x])
    return {x: found[x] for x in AXES if x in found}


def _in_the_middle(report: Report) -> dict[XAxis, list[float | None]]:
    """What attempts would cost with every price that nobody named in the middle of its slider."""
    at = report.repricing
    if at is None:
        return {}
    for slider in sliders(report).shown:
        if slider.headline is None:
            at = slider.put(at, slider.stops[len(slider.stops) // 2])
    priced = [repriced(cell.repricing, at) for cell in report.cells if cell.repricing]
    return {
        "usd": [each.usd_per_attempt.value for each in priced],
        "gco2e": [each.gco2e_per_attempt.value for each in priced],
    }


def _axis(x: XAxis, scale: Scale) -> Data:
    return {
        "name": AXES[x],
        "title": axis_title(x, scale),
        "unit": scale.unit,
        "factor": scale.factor,
        "per": scale.per("attempt", "attempts"),
    }


def _section(section: Section, axes: tuple[XAxis, ...]) -> Data:
    return {
        "place": section.place,
        "cells": [_cell(section, cell, axes) for cell in section.cells],
    }


def _cell(section: Section, cell: CellReport, axes: tuple[XAxis, ...]) -> Data:
    return {
        "name": section.name(cell),
        "model": clean(cell.model),
        "policy": clean(cell.policy),
        "load": clean(str(cell.load)),
        "budget": cell.budget,
        "accuracy": _bounds(cell.accuracy),
        "cost": {x: _bounds(cost_of(cell, x)) for x in axes},
        "on_frontier": {x: frontier_place(cell, x) for x in axes},
        "usage": cell.repricing.model_dump(mode="json") if cell.repricing else None,
    }


def _bounds(figure: E) -> list[float | None]:
    return [figure.value, figure.low, figure.high]


def frontier_spec(section: Section) -> Data:
    """Layers over data sets that the script fills: `points` and `equal` (lines of equal cost).

    Vega-Lite, with the parameters `least` and `most`, the ends of the cost axis.
    """
    import altair as alt

    layers = [
        *_equal_cost(),
        *_frontier(),
        _series(section),
        *_error_bars(section),
        *_points(section),
    ]
    params = [alt.param(name="least", value=1), alt.param(name="most", value=10)]
    chart = alt.LayerChart(
        layer=layers, width="container", height=HEIGHT, padding=_PADDING
    ).add_params(*params)
    chart = chart.configure(font="Liberation Sans, Arial, Helvetica, sans-serif")
    chart = chart.configure_view(stroke=None).configure_axis(
        labelFontSize=12, titleFontSize=12, titleFontWeight="normal"
    )
    chart = chart.configure_legend(orient="bottom", title=None, labelFontSize=12, labelLimit=300)
    spec: Data = chart.to_dict(validate=False)
    spec["config"]["legend"]["layout"] = {"bottom": {"anchor": "start", "direction": "vertical"}}
    return spec


def _x(field: str = "x") -> "alt.X":
    import altair as alt

    ends: Any = [alt.ExprRef("least"), alt.ExprRef("most")]
    return alt.X(
        f"{field}:Q",
        title=None,
        scale=alt.Scale(type="log", domain=ends, nice=False),
        axis=alt.Axis(format=",~g", grid=False, tickCount=6, labelOverlap="greedy"),
    )


def _named(name: str) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.NamedData(name=name))


def _equal_cost() -> "list[alt.Chart]":
    import altair as alt

    curves = (
        _named("equal")
        .transform_calculate(
            ratio=f"pow(most / least, 1 / {_STEPS})", step=f"sequence(0, {_STEPS} + 1)"
        )
        .transform_flatten(["step"])
        .transform_calculate(x="least * pow(datum.ratio, datum.step)")
        .transform_calculate(y="100 * datum.x / datum.cost")
        .transform_filter("datum.y <= 100.5")
    )
    ends = _named("equal").transform_calculate(x="min(most, datum.cost)")
    ends = ends.transform_calculate(y="100 * datum.x / datum.cost")
    above = ends.transform_filter("datum.y > 99")
    beside = ends.transform_filter("datum.y <= 99")
    label = alt.Text("label:N")
    return [
        curves.mark_line(strokeDash=[4, 4], strokeWidth=1, color=GRAY).encode(
            x=_x(), y=y_axis(), detail="cost:Q"
        ),
        above.mark_text(fontSize=11, color=QUIET, dy=-9).encode(x=_x(), y=y_axis(), text=label),
        beside.mark_text(fontSize=11, color=QUIET, align="right", dx=-4, dy=-7).encode(
            x=_x(), y=y_axis(), text=label
        ),
    ]


def _frontier() -> "list[alt.Chart]":
    line = _named("points").transform_filter("datum.on_frontier")
    return [
        line.mark_line(interpolate="step-after", strokeWidth=4, color="#d2d2d2").encode(
            x=_x(), y=y_axis(), order="x:Q"
        )
    ]


def _series(section: Section) -> "alt.Chart":
    line: alt.Chart = (
        _named("points")
        .transform_filter("datum.budget !== null")
        .mark_line(strokeWidth=1.2, opacity=0.75)
        .encode(
            x=_x(),
            y=y_axis(),
            color=_color(section),
            detail=["model:N", "policy:N", "load:N"],
            order="budget:Q",
        )
    )
    return line


def _error_bars(section: Section) -> "list[alt.Chart]":
    bars = _named("points").mark_rule(strokeWidth=1.2)
    across = bars.transform_filter("datum.x_low !== null && datum.x_high !== null")
    along = bars.transform_filter("datum.y_low !== null && datum.y_high !== null")
    return [
        across.encode(x=_x("x_low"), x2="x_high:Q", y=y_axis(), color=_color(section)),
        along.encode(x=_x(), y=y_axis("y_low"), y2="y_high:Q", color=_color(section)),
    ]


def _points(section: Section) -> "list[alt.Chart]":
    import altair as alt

    policies = list(dict.fromkeys(clean(cell.policy) for cell in section.cells))
    shape = alt.Shape(
        "policy:N",
        scale=alt.Scale(
            domain=policies, range=[SHAPES[i % len(SHAPES)] for i in range(len(policies))]
        ),
        legend=alt.Legend(symbolSize=110, columns=_LEGEND),
    )
    said = {"name": "configuration", "accuracy": "accuracy", "cost": "cost"}
    tooltip = [alt.Tooltip(f"{field}:N", title=title) for field, title in said.items()]
    marks = _named("points").encode(
        x=_x(),
        y=y_axis(),
        color=_color(section),
        shape=shape,
        tooltip=tooltip,
        description="said:N",
    )
    names = _named("points").transform_filter("datum.on_frontier")
    return [
        marks.transform_filter("datum.on_frontier").mark_point(
            size=_POINT_SIZE, filled=True, opacity=1
        ),
        marks.transform_filter("!datum.on_frontier").mark_point(
            size=_POINT_SIZE, fill="white", strokeWidth=1.8, opacity=1
        ),
        names.mark_text(dy=alt.ExprRef("datum.label_dy"), fontSize=11, limit=_LABEL).encode(
            x=_x(), y=y_axis(), text="label:N", color=alt.value("#1a1a1a")
        ),
    ]


def _color(section: Section) -> "alt.Color":
    import altair as alt

    several = len(section.models) > 1
    names = [clean(cell.model if several else cell.policy) for cell in section.cells]
    names = list(dict.fromkeys(names))
    return alt.Color(
        "model:N" if several else "policy:N",
        scale=alt.Scale(domain=names, range=[COLORS[i % len(COLORS)] for i in range(len(names))]),
        legend=alt.Legend(symbolOpacity=1, symbolSize=110, columns=_LEGEND),
    )
