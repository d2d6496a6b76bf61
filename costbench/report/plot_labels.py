"""The label of each point: its budget, and once per model its name."""

from itertools import pairwise
from typing import TYPE_CHECKING

from costbench.printable import clean
from costbench.report.plot_axes import (
    GRAY,
    HEIGHT,
    WIDTH,
    Datum,
    chart,
    color,
    data_at,
    datum,
    pixels,
    x_axis,
    y_axis,
)
from costbench.report.plot_data import Panel, Point
from costbench.report.plot_spots import (
    LABEL_SIZE,
    Align,
    Box,
    Label,
    Pixel,
    Spot,
    along,
    around,
    covered_by,
    overlap,
    place_labels,
)
from costbench.report.wording import short

if TYPE_CHECKING:
    import altair as alt

_POINT_REACH = 9.0
_LONGEST_NAME = 24
_MANY = 60
"""More points than that cannot all have a label."""
_SCARCELY = 12.0
"""Covered pixels that do not make a label hard to read."""


def labels(panel: Panel, *, only_with_room: bool = False) -> "list[alt.Chart]":
    """Each label on a halo, where it covers little; a line leads to those far off.

    With `only_with_room` those that would cover points or each other are left out, and budgets far off;
    of many points only the ends of lines have one.
    """
    data = _placed(panel, only_with_room)
    leads = [each for each in data if each["far"]]
    lines = chart(leads).mark_rule(strokeWidth=0.8, color=GRAY)
    aligns: tuple[Align, ...] = ("left", "center", "right")
    texts = {align: chart([each for each in data if each["align"] == align]) for align in aligns}
    place: Datum = {"x": x_axis(panel), "y": y_axis(), "text": "label:N"}
    style: Datum = {"baseline": "middle", "fontSize": LABEL_SIZE}
    halo: Datum = {"stroke": "white", "strokeWidth": 3.5, "strokeJoin": "round"}
    halos = [texts[a].mark_text(align=a, **style, **halo).encode(**place) for a in aligns]
    place |= {"color": color(panel)}
    return [
        lines.encode(x=x_axis(panel), y=y_axis(), x2="point_x:Q", y2="point_y:Q"),
        *halos,
        *(texts[a].mark_text(align=a, **style).encode(**place) for a in aligns),
    ]


def _placed(panel: Panel, only_with_room: bool) -> list[Datum]:
    """The points' data with their labels, moved to where these go."""
    points = _ends(panel) if only_with_room and len(panel.points) > _MANY else panel.points
    wanted = [Label(*pixels(panel, *p.at), _label(panel, p)) for p in points]
    spots = place_labels(wanted, _obstacles(panel), Box(0, 0, WIDTH, HEIGHT, weight=3))
    shown = _with_room(wanted, spots) if only_with_room else range(len(wanted))
    return [
        datum(point)
        | {"label": label.text, "align": spot.align, "far": spot.distance > 0}
        | {"point_x": point.at[0], "point_y": point.at[1]}
        | data_at(panel, label.x + spot.dx, label.y + spot.dy)
        for at, (point, label, spot) in enumerate(zip(points, wanted, spots, strict=True))
        if at in shown
    ]


def _ends(panel: Panel) -> list[Point]:
    """The first and the last budget of each line, and points alone."""
    ends = [id(end) for line in _lines(panel) for end in (line[0], line[-1])]
    return [point for point in panel.points if id(point) in ends]


def _with_room(wanted: list[Label], spots: list[Spot]) -> set[int]:
    """Those that stand clear of all points and of the labels before them, by number; names even far off."""
    taken = [around(label.x, label.y, _POINT_REACH) for label in wanted]
    found = set()
    for at, (label, spot) in enumerate(zip(wanted, spots, strict=True)):
        box = covered_by(label, spot)[0]
        far = spot.distance > 0 and label.text.isdigit()
        if not far and overlap([box], taken) <= _SCARCELY:
            found.add(at)
            taken.append(box)
    return found


def _label(panel: Panel, point: Point) -> str:
    cell = point.cell
    mine = [p for p in panel.points if p.cell.model == cell.model]
    named = next((p for p in mine if p.cell.budget is None), mine[-1])
    short_policy = panel.section.policy(cell).rpartition("@")[2]
    if not panel.several_models or point is not named:
        return short_policy
    model = short(clean(cell.model), _LONGEST_NAME)
    return model if cell.budget is None else f"{short_policy} {model}"


def _obstacles(panel: Panel) -> list[Box]:
    """What a label should not cover: points most of all, then error bars, lines and steps."""
    boxes = []
    for point in panel.points:
        x, y = pixels(panel, *point.at)
        boxes.append(around(x, y, _POINT_REACH, 4))
        for bar in _bars(panel, point):
            boxes += along(*bar, weight=0.7)
    for line in (*_series_lines(panel), [pixels(panel, *p.at) for p in panel.frontier]):
        for start, end in pairwise(line):
            boxes += along(start, end, weight=0.4)
    return boxes


def _bars(panel: Panel, point: Point) -> list[tuple[Pixel, Pixel]]:
    x, y = point.at
    ends = []
    if point.x.low is not None and point.x.high is not None:
        ends.append((pixels(panel, point.x.low, y), pixels(panel, point.x.high, y)))
    if point.y.low is not None and point.y.high is not None:
        ends.append((pixels(panel, x, point.y.low), pixels(panel, x, point.y.high)))
    return ends


def _series_lines(panel: Panel) -> list[list[Pixel]]:
    return [[pixels(panel, *point.at) for point in line] for line in _lines(panel)]


def _lines(panel: Panel) -> list[list[Point]]:
    """Points of one model and policy under one load, in order of budget."""
    lines: dict[tuple[str, str, str], list[Point]] = {}
    for point in panel.points:
        cell = point.cell
        lines.setdefault((cell.model, cell.policy, str(cell.load)), []).append(point)
    return [sorted(line, key=lambda point: point.cell.budget or 0) for line in lines.values()]
