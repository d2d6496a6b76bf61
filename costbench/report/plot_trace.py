"""The plot of power against time, with the windows that were cut out of it below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from costbench.printable import clean
from costbench.report import wording
from costbench.report.contract import Report, TraceFacts, WindowMark
from costbench.report.plot_axes import COLORS, FAINT, QUIET, Datum, chart
from costbench.report.plot_frame import about_run, styled, titled, write_chart
from costbench.report.sections import sections
from costbench.report.wording import number
from costbench.types import Phase, Provenance

if TYPE_CHECKING:
    import altair as alt

_WIDTH, _HEIGHT, _ROW = 560, 150, 15
_MOST_PANELS, _MOST_CELLS, _MOST_DOMAINS = 4, 16, 3
_LONGEST_NAME, _NAME_SIZE = 38, 11
_HEADROOM = 1.12
_BAR, _INNER_BAR = 10, 4
_DASHES: dict[Provenance, list[int]] = {"measured": [1, 0], "modelled": [5, 2]}
_OTHER_DASH, _DASH_WORDS = [1.5, 2.5], {"measured": "solid", "modelled": "dashed"}
_ROWS: dict[Phase, str] = {
    "idle_bare": "idle, nothing loaded",
    "idle_context": "idle, model loaded",
    "warmup": "warm-up",
}
_TIMES = ((600.0, 1.0, "s"), (3 * 3600.0, 60.0, "min"), (float("inf"), 3600.0, "h"))
"""Up to so many seconds, time is written in units of so many."""


@dataclass(frozen=True)
class _Bar:
    """A window on its row, in seconds."""

    row: int
    mark: WindowMark


@dataclass(frozen=True)
class _Panel:
    """One trace; rows from the top."""

    trace: TraceFacts
    rows: tuple[str, ...]
    bars: tuple[_Bar, ...]

    @property
    def end_s(self) -> float:
        """Of the trace or its last window."""
        ends = [bar.mark.end_s for bar in self.bars]
        return max([self.trace.start_s + self.trace.bin_s * len(self.trace.watts), *ends])

    @property
    def time(self) -> tuple[float, str]:
        """The unit of the axis: its seconds and its name."""
        return next((unit, name) for limit, unit, name in _TIMES if self.end_s <= limit)


def write_trace_plots(report: Report, folder: Path) -> list[Path]:
    """trace.svg, .png and .pdf; nothing where no meter saw the work."""
    found = trace_chart(report)
    return [] if found is None else write_chart(found, folder / "trace")


def trace_words(report: Report) -> str | None:
    """What is to be seen, for those who do not see it; None where there is no trace."""
    if report.power_trace is None:
        return None
    traces = report.power_trace.traces
    sessions = len({trace.session for trace in traces})
    passes = sum(trace.passes for trace in traces)
    watts = "; ".join(
        f"mean {number(_mean_w(mine))} W {provenance}"
        for provenance in dict.fromkeys(trace.provenance for trace in traces)
        for mine in [[trace for trace in traces if trace.provenance == provenance]]
    )
    return f"Power against time, {_count(sessions, 'session')}, {watts}, {_count(passes, 'pass')}"


def trace_chart(report: Report) -> "alt.TopLevelMixin | None":
    """The chart, a panel per session and meter; None where there is no trace."""
    import altair as alt

    if report.power_trace is None:
        return None
    traces = report.power_trace.traces
    shown = [_panel(report, trace) for trace in traces[:_MOST_PANELS]]
    more = len(traces) - len(shown) + report.power_trace.traces_left_out
    about = [
        *about_run(report),
        *dict.fromkeys(_line_words(panel.trace) for panel in shown),
        _bar_words(shown),
        *([f"{more} more not shown"] if more else []),
    ]
    title = titled(trace_words(report) or "", about)
    if len(shown) == 1:
        return styled(_drawn(shown[0]).properties(title=title))
    parts = [
        _drawn(panel).properties(
            title=alt.TitleParams(
                text=_session_words(panel.trace), anchor="start", fontSize=12, offset=8
            )
        )
        for panel in shown
    ]
    return styled(alt.vconcat(*parts, spacing=26).properties(title=title))


def _panel(report: Report, trace: TraceFacts) -> _Panel:
    phases = [phase for phase in _ROWS if any(mark.phase == phase for mark in trace.windows)]
    names = _cell_names(report)
    worked = {mark.cell for mark in trace.windows if mark.phase not in _ROWS}
    cells = [*(cell for cell in names if cell in worked), *sorted(map(str, worked - set(names)))]
    rows = [_ROWS[phase] for phase in phases]
    if len(cells) > _MOST_CELLS:
        place = dict.fromkeys(cells, len(rows))
        rows.append(f"passes of {len(cells)} cells")
    else:
        place = {cell: len(rows) + at for at, cell in enumerate(cells)}
        rows += [wording.short(names.get(cell, clean(cell)), _LONGEST_NAME) for cell in cells]
    bars = tuple(
        _Bar(phases.index(m.phase) if m.phase in _ROWS else place[str(m.cell)], m)
        for m in trace.windows
    )
    return _Panel(trace, tuple(rows), bars)


def _cell_names(report: Report) -> dict[str, str]:
    """Short ones by id, in the order of the plan; ids where short ones would be alike."""
    named = [(cell.cell, part.name(cell)) for part in sections(report) for cell in part.cells]
    alike = len({name for _, name in named}) < len(named)
    return {cell: clean(cell) if alike else name for cell, name in named}


def _drawn(panel: _Panel) -> "alt.VConcatChart":
    import altair as alt

    below = [_windows(panel)] if panel.bars else []
    return alt.vconcat(_power(panel), *below, spacing=6)


def _power(panel: _Panel) -> "alt.Chart":
    import altair as alt

    trace = panel.trace
    top = max(watts for watts in trace.watts if watts is not None) * _HEADROOM
    scale = alt.Scale(domain=[0, top or 1.0], nice=False)
    axis = alt.Axis(tickCount=4, format=",~r", gridColor=FAINT)
    line: alt.Chart = chart(list(_points(panel))).mark_line(
        strokeWidth=1.4,
        strokeDash=_DASHES.get(trace.provenance, _OTHER_DASH),
        color=COLORS[3],
    )
    return line.encode(
        x=_x_axis(panel, "x", is_last=not panel.bars),
        y=alt.Y("y:Q", title=f"{trace.provenance} power, W", scale=scale, axis=axis),
        detail="run:N",
    ).properties(width=_WIDTH, height=_HEIGHT)


def _points(panel: _Panel) -> Iterator[Datum]:
    """The middle of each stretch, and the ends of every run of known ones: gaps stay gaps."""
    trace, (unit_s, _) = panel.trace, panel.time
    runs = groupby(enumerate(trace.watts), key=lambda found: found[1] is not None)
    for run, (is_known, found) in enumerate(runs):
        if not is_known:
            continue
        stretch = list(found)
        (first, begin_w), (last, end_w) = stretch[0], stretch[-1]
        middles = [(at + 0.5, watts) for at, watts in stretch]
        for at, watts in [(first, begin_w), *middles, (last + 1, end_w)]:
            yield {"run": run, "x": (trace.start_s + at * trace.bin_s) / unit_s, "y": watts}


def _windows(panel: _Panel) -> "alt.LayerChart":
    import altair as alt

    unit_s = panel.time[0]
    data: list[Datum] = [
        {"row": bar.row, "phase": bar.mark.phase}
        | {"x": bar.mark.start_s / unit_s, "end": bar.mark.end_s / unit_s}
        for bar in panel.bars
    ]
    place = {"x": _x_axis(panel, "x", is_last=True), "x2": "end:Q", "y": _row_axis(panel)}
    whole = chart([each for each in data if each["phase"] == "whole"])
    steady = chart([each for each in data if each["phase"] == "steady"])
    other = chart([each for each in data if each["phase"] in _ROWS])
    names: list[Datum] = [{"row": at, "name": name} for at, name in enumerate(panel.rows)]
    text = chart(names).mark_text(align="right", baseline="middle", fontSize=_NAME_SIZE)
    blue = COLORS[6]
    return alt.LayerChart(
        layer=[
            whole.mark_bar(size=_BAR, color=blue, stroke=blue, strokeWidth=0.8).encode(**place),
            steady.mark_bar(size=_INNER_BAR, color=COLORS[3]).encode(**place),
            other.mark_bar(size=_BAR - 2, fill="white", stroke=QUIET, strokeWidth=1.2).encode(
                **place
            ),
            text.encode(x=alt.value(-8), y=_row_axis(panel), text="name:N"),
        ],
        width=_WIDTH,
        height=_ROW * len(panel.rows),
    )


def _x_axis(panel: _Panel, field: str, *, is_last: bool) -> "alt.X":
    """Time; only the lowest of a panel's axes has labels."""
    import altair as alt

    unit_s, unit = panel.time
    axis = alt.Axis(
        labels=is_last, ticks=is_last, tickCount=8, format=",~r", grid=True, gridColor=FAINT
    )
    return alt.X(
        f"{field}:Q",
        title=f"time since the session began, {unit}" if is_last else None,
        scale=alt.Scale(domain=[0, panel.end_s / unit_s], nice=False),
        axis=axis,
    )


def _row_axis(panel: _Panel) -> "alt.Y":
    import altair as alt

    scale = alt.Scale(domain=list(range(len(panel.rows))), padding=0)
    return alt.Y("row:O", scale=scale, axis=None)


def _line_words(trace: TraceFacts) -> str:
    known, several = wording.PROVENANCE[trace.provenance].meaning, len(trace.domains)
    what = " + ".join(map(clean, trace.domains)) if several <= _MOST_DOMAINS else f"{several} parts"
    dash = _DASH_WORDS.get(trace.provenance, "dotted")
    return (
        f"Line ({dash}): {trace.provenance} ({known}), {clean(trace.meter)}: {what}. "
        f"Each point is the mean over {number(trace.bin_s)} s; where nothing is known, the line is broken"
    )


def _bar_words(panels: Sequence[_Panel]) -> str:
    """Of the rows below."""
    marks = [bar.mark for panel in panels for bar in panel.bars]
    steady = any(mark.phase == "steady" for mark in marks)
    out = sum(panel.trace.windows_left_out for panel in panels)
    return (
        "Filled bars: whole passes"
        + (", the dark line inside their steady part" if steady else "")
        + (
            "; hollow bars: idling and warm-ups, which no cell counts"
            if any(m.phase in _ROWS for m in marks)
            else ""
        )
        + (f"; {out} short windows not shown" if out else "")
    )


def _session_words(trace: TraceFacts) -> str:
    passes = _count(trace.passes, "pass")
    return (
        f"Session {trace.session}, {trace.provenance}: mean {number(trace.mean_w)} W, "
        f"{number(trace.joules / 1e3)} kJ, {passes}"
    )


def _mean_w(traces: Sequence[TraceFacts]) -> float:
    """Over all the time that is known of them."""
    known_s = [trace.bin_s * sum(watts is not None for watts in trace.watts) for trace in traces]
    return sum(trace.joules for trace in traces) / sum(known_s)


def _count(many: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{many:,} {what if many == 1 else plural}"
