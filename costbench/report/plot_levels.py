"""The plot of tokens by level: whether a model writes more where problems are harder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from costbench.report.contract import Report
from costbench.report.level_lines import HEIGHT, WIDTH, LevelPanel, Line, level_panels
from costbench.report.plot_axes import COLORS, FAINT, Datum, chart
from costbench.report.plot_frame import about_run, styled, titled, write_chart
from costbench.report.plot_spots import LABEL_SIZE
from costbench.report.wording import number

if TYPE_CHECKING:
    import altair as alt

_POINT_SIZE = 60
_DASHES = ([1, 0], [6, 3], [2, 2])
"""Where there are more lines than colors."""


def write_level_plots(report: Report, folder: Path) -> list[Path]:
    """levels.svg and levels.png; nothing where no cell has levels."""
    chart = levels_chart(report)
    return [] if chart is None else write_chart(chart, folder / "levels")


def level_words(report: Report) -> str:
    """What is to be seen, for those who do not see it."""
    return ". ".join(
        f"{panel.section.place}: {_conclusion(panel)}" for panel in level_panels(report)
    )


def levels_chart(report: Report) -> "alt.TopLevelMixin | None":
    """The chart, a panel per group and dataset; None where no tokens are known by level."""
    import altair as alt

    panels = level_panels(report)
    if not panels:
        return None
    about = [
        *about_run(report),
        f"Sampled and injected tokens, counted by the engine. {_shown(panels)}",
        "Bars: 95 % intervals over the problems of a level; overlapping ones leave the order open",
    ]
    if len(panels) == 1:
        return styled(_layers(panels[0]).properties(title=titled(_conclusion(panels[0]), about)))
    parts = [
        _layers(panel).properties(title=titled(panel.section.title, [_conclusion(panel)]))
        for panel in panels
    ]
    title = titled("Tokens per attempt by level of difficulty", about)
    return styled(alt.vconcat(*parts, spacing=30).properties(title=title))


def _shown(panels: Sequence[LevelPanel]) -> str:
    lines = [line for panel in panels for line in panel.lines]
    if all(line.cell.budget is None for line in lines):
        return "Policies without a budget"
    return "Policies without a budget, and of a model that has none those with its largest"


def _conclusion(panel: LevelPanel) -> str:
    """How much more is written at the hardest level than at the easiest, for the extremes."""
    grown = sorted((growth, line.name) for line in panel.lines if (growth := panel.growth(line)))
    if not grown:
        return "Tokens per attempt by level of difficulty"
    first, last = panel.levels[0], panel.levels[-1]
    said = [f"{number(growth)}x ({name})" for growth, name in dict.fromkeys((grown[0], grown[-1]))]
    return f"Tokens at level {last} over those at level {first}: {' to '.join(said)}"


def _layers(panel: LevelPanel) -> "alt.LayerChart":
    import altair as alt

    points = [each for line in panel.lines for each in _points(panel, line)]
    own = _color(panel)
    place = {"x": _x_axis(panel), "y": _y_axis(panel, "y"), "color": own}
    lines = chart(points).mark_line(strokeWidth=1.6, opacity=0.85)
    bars = chart([each for each in points if each["low"] is not None and each["high"] is not None])
    return alt.LayerChart(
        layer=[
            lines.encode(**place, strokeDash=_dash(panel)),
            bars.mark_rule(strokeWidth=1.2).encode(
                x=_x_axis(panel), y=_y_axis(panel, "low"), y2="high:Q", color=own
            ),
            chart(points).mark_point(size=_POINT_SIZE, filled=True, opacity=1).encode(**place),
            *_names(panel),
        ],
        width=WIDTH,
        height=HEIGHT,
    )


def _points(panel: LevelPanel, line: Line) -> list[Datum]:
    return [
        {
            "line": str(line.number),
            "name": line.name,
            "level": point.level,
            "x": panel.x(line, point.level),
            "y": point.tokens,
            "low": point.low,
            "high": point.high,
        }
        for point in line.points
    ]


def _names(panel: LevelPanel) -> "list[alt.Chart]":
    """Each line's name beside its end, instead of a legend, with a stroke that leads to it."""
    data: list[Datum] = [
        {"line": str(line.number), "name": line.name}
        | {"end_x": at.end_x, "end_y": at.end_y, "x": at.x, "y": at.y}
        for line, at in zip(panel.lines, panel.names, strict=True)
    ]
    own = _color(panel)
    leads = chart(data).mark_rule(strokeWidth=0.8, opacity=0.6)
    names = chart(data).mark_text(align="left", baseline="middle", fontSize=LABEL_SIZE, dx=4)
    return [
        leads.encode(
            x=_x_axis(panel, "end_x"), y=_y_axis(panel, "end_y"), x2="x:Q", y2="y:Q", color=own
        ),
        names.encode(x=_x_axis(panel), y=_y_axis(panel, "y"), text="name:N", color=own),
    ]


def _x_axis(panel: LevelPanel, field: str = "x") -> "alt.X":
    import altair as alt

    named = [str(level) for level in panel.levels]
    axis = alt.Axis(
        values=list(range(len(named))),
        labelExpr=f"{named}[datum.value]",
        labelPadding=6,
        tickSize=0,
        grid=False,
    )
    scale = alt.Scale(domain=list(panel.x_domain), nice=False)
    return alt.X(f"{field}:Q", title="level of difficulty", scale=scale, axis=axis)


def _y_axis(panel: LevelPanel, field: str) -> "alt.Y":
    import altair as alt

    domain, ticks = list(panel.y_domain), list(panel.y_ticks)
    if panel.is_log:
        title = "tokens per attempt (log scale)"
        scale = alt.Scale(type="log", domain=domain, nice=False)
        axis = alt.Axis(values=ticks, format=",~r", gridColor=FAINT)
    else:
        title = "tokens per attempt"
        scale = alt.Scale(domain=domain, nice=False)
        axis = alt.Axis(tickCount=5, format=",~r", gridColor=FAINT)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=axis)


def _color(panel: LevelPanel) -> "alt.Color":
    import altair as alt

    used = [COLORS[line.number % len(COLORS)] for line in panel.lines]
    return alt.Color("line:N", scale=alt.Scale(domain=_numbers(panel), range=used), legend=None)


def _dash(panel: LevelPanel) -> "alt.StrokeDash":
    import altair as alt

    used = [_DASHES[line.number // len(COLORS) % len(_DASHES)] for line in panel.lines]
    scale = alt.Scale(domain=_numbers(panel), range=used)
    return alt.StrokeDash("line:N", scale=scale, legend=None)


def _numbers(panel: LevelPanel) -> list[str]:
    """Lines by number: two long names may look the same."""
    return [str(line.number) for line in panel.lines]
