"""The plot of costs by load: what a correct answer costs, and how fast tokens come, at each load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costbench.report import wording
from costbench.report.contract import CellReport, E, Report
from costbench.report.plot_axes import COLORS, FAINT, WIDTH, Datum, chart
from costbench.report.plot_axes import columns as legend_columns
from costbench.report.plot_data import DENSE, round_numbers
from costbench.report.plot_frame import about_run, styled, titled, write_chart
from costbench.report.sections import Section, sections
from costbench.report.serving_tables import PER_TOKEN, slo_words, swept_cells
from costbench.report.wording import Scale

if TYPE_CHECKING:
    import altair as alt

_HEIGHT, _GAP, _POINT_SIZE = 170, 74, 80
_ROOM = 1.6
"""Above the dearest point and below the cheapest, as a factor; intervals are cut there."""
_TICKS = 6
_X_TITLES = {False: "attempts in flight (log scale)", True: "arrivals per second (log scale)"}


@dataclass(frozen=True)
class _Figure:
    """One figure by load, for the y axis of a panel."""

    title: str
    of: Callable[[CellReport], E]
    scales: Sequence[Scale]
    per: tuple[str, ...] = ("correct",)
    """What costs are over: one, and many where that is another word; empty where it is no cost."""


_SPEED = _Figure(
    "output tokens / s",
    lambda cell: E(value=cell.serving.whole.output_tokens_per_second if cell.serving else None),
    wording.TOKENS,
    (),
)
_PER_CORRECT = (
    _Figure("USD", lambda cell: cell.usd_per_correct, wording.USD),
    _Figure("joules", lambda cell: cell.joules_per_correct, wording.JOULES),
    _SPEED,
)
_PER_TOKEN = (
    _Figure("USD", lambda cell: cell.usd_per_output_token, wording.USD, PER_TOKEN),
    _Figure("joules", lambda cell: cell.joules_per_output_token, wording.JOULES, PER_TOKEN),
    _SPEED,
)
"""Where nothing can be right."""


def write_load_plots(report: Report, folder: Path) -> list[Path]:
    """loads.svg and loads.png; nothing where no model was measured at several loads."""
    chart = loads_chart(report)
    return [] if chart is None else write_chart(chart, folder / "loads")


def loads_chart(report: Report) -> "alt.TopLevelMixin | None":
    """The chart, panels per group, dataset and kind of load; None where there is nothing to show."""
    import altair as alt

    places = [(section, opened) for section in sections(report) for opened in (False, True)]
    drawn = [(part, row) for part, opened in places if (row := _row(report, part, opened))]
    if not drawn:
        return None
    about = [*about_run(report), "Bars: 95 % intervals, of each load on its own; cut at the frame"]
    if report.slo is not None:
        about.append(f"Crosses miss the SLO: {slo_words(report.slo)}")
    title = titled(_title([section for section, _ in drawn]), about)
    rows = alt.vconcat(*(row for _, row in drawn), spacing=26)
    apart = rows.resolve_scale(color="independent", shape="independent")
    return styled(apart.properties(title=title))


def _title(drawn: Sequence[Section]) -> str:
    words = {True: "per correct answer", False: "per output token"}
    per = " or ".join(words[each] for each in (True, False) if each in {s.gradable for s in drawn})
    return f"Cost {per} and tokens per second, by load"


def _row(report: Report, section: Section, opened: bool) -> "alt.HConcatChart | None":
    """Every figure that is known, side by side, of one kind of load."""
    import altair as alt

    cells = [c for c in swept_cells(section) if ("request_rate" in c.load) is opened]
    figures = _PER_CORRECT if section.gradable else _PER_TOKEN
    shown = [each for each in figures if any(each.of(c).value is not None for c in cells)]
    if not shown:
        return None
    width = (WIDTH - _GAP * (len(shown) - 1)) // len(shown)
    panels = [_panel(report, section, cells, figure).properties(width=width) for figure in shown]
    title = alt.TitleParams(text=section.place, anchor="start", fontSize=12, offset=8)
    return alt.hconcat(*panels, spacing=20, title=title)


def _panel(
    report: Report, section: Section, cells: Sequence[CellReport], figure: _Figure
) -> "alt.LayerChart":
    import altair as alt

    known = [cell for cell in cells if figure.of(cell).value is not None]
    opened = "request_rate" in known[0].load
    scale = wording.fitting((figure.of(cell).value for cell in known), figure.scales)
    data = [_point(section, cell, figure.of(cell), scale.factor) for cell in known]
    y_title = f"{scale.per(*figure.per)} (log scale)" if figure.per else figure.title
    span = _span(data) if figure.per else None
    place = {"x": _x_axis(data, opened), "color": _color(data)}
    bars = chart([_within(each, span) for each in data if None not in (each["low"], each["high"])])
    points = chart(data).mark_point(size=_POINT_SIZE, filled=False, opacity=1, strokeWidth=2)
    return alt.LayerChart(
        layer=[
            chart(data)
            .mark_line(strokeWidth=1.4, opacity=0.6)
            .encode(**place, y=_y_axis("y", y_title, span)),
            bars.mark_rule().encode(**place, y=_y_axis("low", y_title, span), y2="high:Q"),
            points.encode(**place, y=_y_axis("y", y_title, span), shape=_shape(report)),
        ],
        height=_HEIGHT,
    )


def _point(section: Section, cell: CellReport, figure: E, factor: float) -> Datum:
    load = cell.load.get("request_rate") or cell.load["concurrency"]
    at_slo = cell.serving.at_slo if cell.serving else None
    several = len(section.models) > 1
    budget = "" if cell.budget is None else f"@{cell.budget}"
    low, high = (None if end is None else end * factor for end in (figure.low, figure.high))
    return {
        "line": f"{cell.model} " * several + f"{cell.policy}{budget}",
        "x": load,
        "y": (figure.value or 0.0) * factor,
        "low": low,
        "high": high,
        "slo": "missed" if at_slo is not None and at_slo.meets is False else "kept",
    }


def _x_axis(data: Sequence[Datum], opened: bool) -> "alt.X":
    import altair as alt

    loads = sorted({each["x"] for each in data})
    scale = alt.Scale(type="log", domain=[loads[0] / 1.2, loads[-1] * 1.2], nice=False)
    axis = alt.Axis(values=loads, format="~g", grid=False)
    return alt.X("x:Q", title=_X_TITLES[opened], scale=scale, axis=axis)


def _span(data: Sequence[Datum]) -> tuple[float, float]:
    """Of an axis of costs, by their values: one interval over decades would leave the rest a line."""
    values = [each["y"] for each in data]
    return min(values) / _ROOM, max(values) * _ROOM


def _within(point: Datum, span: tuple[float, float] | None) -> Datum:
    if span is None:
        return point
    return point | {"low": max(point["low"], span[0]), "high": min(point["high"], span[1])}


def _y_axis(field: str, title: str, span: tuple[float, float] | None) -> "alt.Y":
    """From 0, or over the span of a log scale."""
    import altair as alt

    if span is None:
        axis, scale = alt.Axis(tickCount=4, format=",~r", gridColor=FAINT), alt.Scale(zero=True)
    else:
        ticks = round_numbers(span, DENSE, _TICKS)
        axis = alt.Axis(values=ticks, format=",~r", gridColor=FAINT)
        scale = alt.Scale(type="log", domain=list(span), nice=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=axis)


def _color(data: Sequence[Datum]) -> "alt.Color":
    import altair as alt

    lines = list(dict.fromkeys(each["line"] for each in data))
    used = [COLORS[at % len(COLORS)] for at in range(len(lines))]
    legend = alt.Legend(symbolOpacity=1, columns=legend_columns(lines))
    return alt.Color("line:N", scale=alt.Scale(domain=lines, range=used), legend=legend)


def _shape(report: Report) -> Any:
    import altair as alt

    if report.slo is None:
        return alt.value("circle")
    scale = alt.Scale(domain=["kept", "missed"], range=["circle", "cross"])
    return alt.Shape("slo:N", scale=scale, legend=None)
