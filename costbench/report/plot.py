"""The plot: accuracy against cost per attempt, with lines of equal cost per correct answer."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from costbench.errors import CostbenchError
from costbench.report import plot_layers as layers
from costbench.report import sentences, wording
from costbench.report.contract import CellReport, E, Report
from costbench.report.plot_axes import HEIGHT, WIDTH
from costbench.report.plot_data import Panel, Point, XAxis, panels, scale_of
from costbench.report.plot_frame import about_run, styled, titled, write_chart
from costbench.report.plot_labels import labels
from costbench.report.sections import sections
from costbench.report.wording import Scale
from costbench.types import LatencyBasis

if TYPE_CHECKING:
    import altair as alt

_MOST_NAMES = 4
_UNBROKEN = "\u00a0"

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
        *about_run(report),
        f"{_source(report, x)}. Bars: 95 % intervals; overlapping ones leave the order open",
        _legend(scale),
        *_missing(report, found),
    ]
    if len(found) == 1:
        only = found[0]
        return styled(_panel(only).properties(title=titled(_conclusion(only, x), about)))
    parts = [
        _panel(panel).properties(title=titled(panel.section.title, [_conclusion(panel, x)]))
        for panel in found
    ]
    title = titled(f"Accuracy against {_COST[x]} per attempt", about)
    # A legend of its own for each: what one panel does not show must not use up another's colors.
    apart = alt.vconcat(*parts, spacing=30).resolve_scale(color="independent", shape="independent")
    return styled(apart.properties(title=title))


def pareto_words(report: Report, x: XAxis) -> str:
    """What is to be seen, for those who do not see it."""
    found = panels(report, x, scale_of(report, x))
    said = [f"{panel.section.place}: {_conclusion(panel, x)}" for panel in found]
    return ". ".join([f"Accuracy against {_COST[x]} per attempt", *said])


def write_plots(report: Report, folder: Path, x: XAxis) -> list[Path]:
    """pareto.svg and pareto.png."""
    return write_chart(pareto_chart(report, x), folder / "pareto")


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
