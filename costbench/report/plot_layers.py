"""The layers of the plot, from the back to the front; labels of points are in plot_labels."""

from typing import TYPE_CHECKING

from costbench.report.plot_axes import (
    GRAY,
    QUIET,
    SHAPES,
    Datum,
    chart,
    color,
    columns,
    datum,
    pixels,
    x_axis,
    y_axis,
)
from costbench.report.plot_data import Isocost, Panel
from costbench.report.plot_spots import Box, around, overlap

if TYPE_CHECKING:
    import altair as alt

_POINT_SIZE = 95
_TOP = 99.0
"""Lines that end above this accuracy end at the top of the frame."""
_ISOCOST_ROOM = 7.0
"""Half the height of a label, and about the width of a letter."""
_PLAIN_SYMBOLS: Datum = {"symbolFillColor": "#666666", "symbolStrokeColor": "#666666"}


def isocosts(panel: Panel) -> "list[alt.Chart]":
    """Lines of equal cost per correct answer, each labeled at its end outside the frame."""
    labeled = _labeled(panel)
    curves = [
        {"per_correct": line.per_correct, "x": x, "y": y}
        for line, _ in labeled
        for x, y in line.curve
    ]
    ends: list[Datum] = [
        {
            "x": line.curve[-1][0],
            "y": line.curve[-1][1],
            "label": text,
            "per_correct": line.per_correct,
        }
        for line, text in labeled
    ]
    lines = chart(curves).mark_line(strokeDash=[4, 4], strokeWidth=1, color=GRAY)
    above = chart([end for end in ends if end["y"] > _TOP])
    beside = chart([end for end in ends if end["y"] <= _TOP])
    texts = (
        above.mark_text(fontSize=11, color=QUIET, align="center", dy=-9),
        beside.mark_text(fontSize=11, color=QUIET, align="left", dx=6),
    )
    return [
        lines.encode(x=x_axis(panel), y=y_axis(), detail="per_correct:Q"),
        *(text.encode(x=x_axis(panel), y=y_axis(), text="label:N") for text in texts),
    ]


def _labeled(panel: Panel) -> list[tuple[Isocost, str]]:
    """The lines whose labels have room."""
    taken: list[Box] = []
    found = []
    for line in panel.isocosts:
        text = f"{line.per_correct:,g} {panel.unit}"
        x, y = pixels(panel, *line.curve[-1])
        box = around(x, y, _ISOCOST_ROOM)
        if line.curve[-1][1] > _TOP:
            half = len(text) * _ISOCOST_ROOM / 2
            box = box._replace(left=x - half, right=x + half)
        if not overlap([box], taken):
            taken.append(box)
            found.append((line, text))
    return found


def frontier(panel: Panel) -> "list[alt.Chart]":
    """Steps: from each frontier point to the right until the next one is affordable."""
    steps = [{"x": point.at[0], "y": point.at[1]} for point in panel.frontier]
    line = chart(steps).mark_line(interpolate="step-after", strokeWidth=4, color="#d2d2d2")
    return [line.encode(x=x_axis(panel), y=y_axis())] if len(steps) > 1 else []


def series(panel: Panel, dash: "alt.StrokeDash | None" = None) -> "alt.Chart":
    """Points of one model and policy, joined in order of budget."""
    data = [datum(point) for point in panel.points if point.cell.budget is not None]
    line: alt.Chart = chart(data).mark_line(strokeWidth=1.2, opacity=0.75)
    own: Datum = {} if dash is None else {"strokeDash": dash}
    return line.encode(
        **own,
        x=x_axis(panel),
        y=y_axis(),
        color=color(panel),
        detail=["model:N", "policy:N", "load:N"],
        order="budget:Q",
    )


def error_bars(panel: Panel) -> "list[alt.Chart]":
    """95 % intervals, along both axes."""
    data = [datum(point) for point in panel.points]
    across = chart([d for d in data if d["x_low"] is not None and d["x_high"] is not None])
    along_y = chart([d for d in data if d["y_low"] is not None and d["y_high"] is not None])
    own = color(panel)
    return [
        across.mark_rule(strokeWidth=1.2).encode(
            x=x_axis(panel, "x_low"), x2="x_high:Q", y=y_axis(), color=own
        ),
        along_y.mark_rule(strokeWidth=1.2).encode(
            x=x_axis(panel), y=y_axis("y_low"), y2="y_high:Q", color=own
        ),
    ]


def points(panel: Panel) -> "list[alt.Chart]":
    """A shape per policy; filled on the frontier, hollow off it."""
    import altair as alt

    data = [datum(point) for point in panel.points]
    policies = list(dict.fromkeys(each["policy"] for each in data))
    shape = alt.Shape(
        "policy:N",
        scale=alt.Scale(
            domain=policies, range=[SHAPES[i % len(SHAPES)] for i in range(len(policies))]
        ),
        legend=alt.Legend(
            symbolSize=110,
            columns=columns(policies),
            **(_PLAIN_SYMBOLS if panel.several_models else {}),
        ),
    )
    encoding = {"x": x_axis(panel), "y": y_axis(), "color": color(panel), "shape": shape}
    hollow = chart([d for d in data if not d["on_frontier"]])
    filled = chart([d for d in data if d["on_frontier"]])
    return [  # the filled ones first: the legend takes its looks from the first layer
        filled.mark_point(size=_POINT_SIZE, filled=True, opacity=1).encode(**encoding),
        hollow.mark_point(size=_POINT_SIZE, fill="white", strokeWidth=1.8, opacity=1).encode(
            **encoding
        ),
    ]
