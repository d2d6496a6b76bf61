"""The plot: accuracy against cost per attempt, with lines of equal cost per correct answer."""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from costbench.errors import CostbenchError, StoreError
from costbench.printable import clean
from costbench.report import plot_layers as layers
from costbench.report import sentences, wording
from costbench.report.contract import CellReport, E, Report
from costbench.report.plot_axes import HEIGHT, WIDTH
from costbench.report.plot_data import Panel, Point, XAxis, panels, scale_of
from costbench.report.plot_labels import labels
from costbench.report.sections import sections
from costbench.report.wording import Scale
from costbench.types import LatencyBasis

if TYPE_CHECKING:
    import altair as alt

_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_INK, _QUIET = "#1a1a1a", "#555555"
_TITLE_LETTERS, _SUBTITLE_LETTERS = 100, 140
"""How many letters fit into a line of each."""
_MOST_NAMES = 4
_UNBROKEN = "\u00a0"
_PNG_SCALE = 2.0

_LEAST: dict[XAxis, str] = {
    "tokens": "fewest tokens",
    "latency": "least latency",
    "joules": "least energy",
    "usd": "cheapest",
    "gco2e": "least carbon",
}
_PER_CORRECT: dict[XAxis, Callable[[CellReport], E]] = {
    "usd": lambda cell: cell.usd_per_correct,
    "joules": lambda cell: cell.joules_per_correct,
    "gco2e": lambda cell: cell.gco2e_per_correct,
}
_COST: dict[XAxis, str] = {
    "tokens": "output and injected tokens",
    "latency": "mean latency",
    "joules": "energy",
    "usd": "cost",
    "gco2e": "carbon",
}
_CLOCKS: dict[LatencyBasis, str] = {
    "engine": "latency is stamped by the engine",
    "step": "latency is counted in the engine's decoding steps",
    "client": "latency is taken at the client's side of a socket",
}


def pareto_chart(report: Report, x: XAxis) -> "alt.TopLevelMixin":
    """The chart, a panel per group and dataset; raises CostbenchError where no cell has the figure."""
    import altair as alt

    scale = scale_of(report, x)
    found = panels(report, x, scale)
    if not found:
        raise CostbenchError("no cell of this report has an accuracy: there is nothing to plot")
    about = [
        *_about(report),
        f"{_source(report, x)}. Bars: 95 % intervals; overlapping ones leave the order open",
        _legend(scale),
        *_missing(report, found),
    ]
    if len(found) == 1:
        only = found[0]
        return _styled(_panel(only).properties(title=_title(_conclusion(only, x), about)))
    parts = [
        _panel(panel).properties(title=_title(panel.section.title, [_conclusion(panel, x)]))
        for panel in found
    ]
    title = _title(f"Accuracy against {_COST[x]} per attempt", about)
    return _styled(alt.vconcat(*parts, spacing=30).properties(title=title))


def write_plots(report: Report, folder: Path, x: XAxis) -> list[Path]:
    """pareto.svg and pareto.png, made without a browser or a network."""
    import altair as alt
    import vl_convert

    spec = pareto_chart(report, x).to_dict(validate=False)
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    svg, png = folder / "pareto.svg", folder / "pareto.png"
    try:
        svg.write_text(vl_convert.vegalite_to_svg(spec, vl_version=version), encoding="utf-8")
        png.write_bytes(vl_convert.vegalite_to_png(spec, vl_version=version, scale=_PNG_SCALE))
    except OSError as error:
        raise StoreError(f"{folder}: the plot cannot be written there: {error.strerror}") from error
    return [svg, png]


def _panel(panel: Panel) -> "alt.LayerChart":
    import altair as alt

    every = [
        *layers.isocosts(panel),
        *layers.frontier(panel),
        layers.series(panel),
        *layers.error_bars(panel),
        *layers.points(panel),
        *labels(panel),
    ]
    return alt.LayerChart(layer=every, width=WIDTH, height=HEIGHT)


def _title(text: str, lines: Sequence[str]) -> "alt.TitleParams":
    import altair as alt

    subtitle = [part for line in lines for part in wrap(line, _SUBTITLE_LETTERS)]
    return alt.TitleParams(text=wrap(text, _TITLE_LETTERS), subtitle=subtitle, anchor="start")


def _conclusion(panel: Panel, x: XAxis) -> str:
    """What the points say, in plain words, where intervals are known only what they exclude."""
    right = [point for point in panel.points if point.at[1] > 0]
    if not right:
        return "No answer was correct"
    best = max(right, key=lambda point: (point.at[1], -point.at[0]))
    least = min(right, key=lambda point: point.at[0] / point.at[1])
    if best is least:
        both = f"Most accurate, and {_LEAST[x]} per correct answer"
        return f"{both}: {_named(panel, best)}"
    first = f"Most accurate: {_named(panel, best)}"
    if x in _PER_CORRECT and not _is_clearly_less(_PER_CORRECT[x], least, best):
        return f"{first}. No other has clearly less {_COST[x]} per correct answer"
    return f"{first}. {_LEAST[x].capitalize()} per correct answer: {_named(panel, least)}"


def _is_clearly_less(cost: Callable[[CellReport], E], one: Point, other: Point) -> bool:
    """Whether the intervals of two costs do not touch."""
    high, low = cost(one.cell).high, cost(other.cell).low
    return high is not None and low is not None and high < low


def _named(panel: Panel, point: Point) -> str:
    return f"{panel.section.name(point.cell)} ({point.at[1]:.1f}{_UNBROKEN}%)"


def _about(report: Report) -> list[str]:
    """What the models are, for a plot must not be taken for more than it shows; where it was measured."""
    if report.notes:
        what = sentences.first_sentence(report.notes[0])
    else:
        models = dict.fromkeys(clean(cell.model) for cell in report.cells)
        what = f"Models: {', '.join(models)}."
    places = dict.fromkeys(f"{clean(c.group)} · {clean(c.dataset)}" for c in report.cells)
    where = f"{sentences.machine(report)} · protocol {report.protocol}"
    return [what, f"{where} · {', '.join(places)}"]


def _source(report: Report, x: XAxis) -> str:
    """Where the figures of the x axis come from, in words."""
    if x == "tokens":
        return "Tokens are counted by the engine"
    if x == "latency":
        bases = dict.fromkeys(cell.latency_s.basis for cell in report.cells)
        return _sentence(", ".join(_CLOCKS[basis] for basis in bases))
    if said := sentences.source_caveats(report, x):
        return _sentence("; ".join(said))
    facts = (cell.energy if x == "joules" else getattr(cell, x) for cell in report.cells)
    found = dict.fromkeys(fact.provenance for fact in facts)
    words = "; ".join(f"{word} ({wording.PROVENANCE[word].meaning})" for word in found)
    return f"{_COST[x].capitalize()}: {words}"


def _legend(scale: Scale) -> str:
    equal = scale.per("correct answer", "correct answers").replace(" / ", " per ")
    return f"Dashed: equal {equal}. Stepped line and filled points: the frontier"


def _missing(report: Report, found: Sequence[Panel]) -> list[str]:
    """Cells without a point, so that nobody takes the plot for the whole."""
    shown = {point.cell.cell for panel in found for point in panel.points}
    names = [
        part.name(cell)
        for part in sections(report)
        for cell in part.cells
        if cell.cell not in shown
    ]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    listed = ", ".join(names[:_MOST_NAMES])
    return [f"Not shown, since a figure is not known: {listed}{more}"] if names else []


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _styled(chart: Any) -> "alt.TopLevelMixin":
    styled: alt.TopLevelMixin = (
        chart.configure(font=_FONT, background="white", padding=14)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            labelColor=_INK,
            titleColor=_INK,
            domainColor=_QUIET,
            tickColor=_QUIET,
        )
        .configure_title(
            fontSize=16,
            subtitleFontSize=11.5,
            subtitlePadding=6,
            subtitleLineHeight=16,
            offset=24,
            color=_INK,
            subtitleColor=_QUIET,
        )
        .configure_legend(orient="bottom", labelFontSize=12, labelLimit=360, title=None, padding=4)
    )
    return styled
