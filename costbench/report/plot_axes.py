"""The frame of the plot: its size, its axes and colors, and the fields of a point."""

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING, Any, cast

from costbench.printable import clean
from costbench.report.plot_data import Panel, Point

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 724, 304
GRAY, QUIET, FAINT = "#9a9a9a", "#6a6a6a", "#ececec"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00", "#56B4E9", "#882255")
"""Okabe and Ito's, told apart by color-blind readers; those that are too light for text come late, and
an eighth of Paul Tol's stands for a yellow that is lighter still."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")

_SYMBOL_WIDTH, _LETTER_WIDTH = 30, 6.5

Datum = dict[str, Any]


def pixels(panel: Panel, x: float, y: float) -> tuple[float, float]:
    """From data to pixels, from the upper left corner of the frame."""
    first, last = panel.domain
    return WIDTH * log(x / first) / log(last / first), HEIGHT * (1 - y / 100)


def data_at(panel: Panel, x: float, y: float) -> Datum:
    """From pixels to data: the inverse of `pixels`."""
    first, last = panel.domain
    return {"x": first * (last / first) ** (x / WIDTH), "y": 100 * (1 - y / HEIGHT)}


def datum(point: Point) -> Datum:
    """The fields of a point, with names made safe to show."""
    cell = point.cell
    return {
        "cell": clean(cell.cell),
        "model": clean(cell.model),
        "policy": clean(cell.policy),
        "load": clean(str(cell.load)),
        "budget": cell.budget,
        "line": clean(f"{cell.model} {cell.policy}"),
        "x": point.x.value,
        "x_low": point.x.low,
        "x_high": point.x.high,
        "y": point.y.value,
        "y_low": point.y.low,
        "y_high": point.y.high,
        "on_frontier": point.on_frontier,
    }


def chart(data: Sequence[Datum]) -> "alt.Chart":
    """A chart that carries its own data."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=cast(Any, list(data))))


def x_axis(panel: Panel, field: str = "x") -> "alt.X":
    """Cost per attempt, the same scale for every layer."""
    import altair as alt

    return alt.X(
        f"{field}:Q",
        title=panel.x_title,
        scale=alt.Scale(type="log", domain=list(panel.domain), nice=False),
        axis=alt.Axis(values=list(panel.ticks), format=",~g", grid=False),
    )


def y_axis(field: str = "y") -> "alt.Y":
    """Accuracy in %, always from 0 to 100."""
    import altair as alt

    return alt.Y(
        f"{field}:Q",
        title="accuracy, % of graded attempts",
        scale=alt.Scale(domain=[0, 100], nice=False),
        axis=alt.Axis(values=list(range(0, 101, 20)), gridColor=FAINT),
    )


def color(panel: Panel) -> "alt.Color":
    """By model; a single model leaves color free to tell policies apart a second way."""
    import altair as alt

    field = "model" if panel.several_models else "policy"
    names = list(dict.fromkeys(datum(point)[field] for point in panel.points))
    used = [COLORS[i % len(COLORS)] for i in range(len(names))]
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=names, range=used),
        legend=alt.Legend(symbolOpacity=1, symbolSize=110, columns=columns(names)),
    )


def columns(names: Sequence[str]) -> int:
    """Of a legend as wide as the frame."""
    widest = _SYMBOL_WIDTH + _LETTER_WIDTH * max(map(len, names))
    return max(1, min(len(names), int(WIDTH / widest)))
