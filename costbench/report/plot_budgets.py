"""The plot of budgets: accuracy against the tokens that an attempt writes, a line per model and policy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor, log2
from pathlib import Path
from typing import TYPE_CHECKING

from costbench.printable import clean
from costbench.report import plot_layers as layers
from costbench.report import wording
from costbench.report.contract import BudgetLine, CellReport, E, Report
from costbench.report.plot_axes import HEIGHT, WIDTH, datum
from costbench.report.plot_data import Panel, panels
from costbench.report.plot_frame import about_run, styled, titled, write_chart
from costbench.report.plot_labels import labels
from costbench.report.sections import sections

if TYPE_CHECKING:
    import altair as alt

_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 3])
_FEWEST_TICKS, _MOST_TICKS, _MOST_TOLD = 2, 12, 3
_X_TITLE = "tokens written per attempt, output and injected (log2 scale)"


def write_budget_plots(report: Report, folder: Path) -> list[Path]:
    """budgets.svg, .png and .pdf; nothing where no cell has a budget."""
    found = budget_chart(report)
    return [] if found is None else write_chart(found, folder / "budgets")


def budget_words(report: Report) -> str | None:
    """What is to be seen, for those who do not see it; None where no cell has a budget."""
    found = _panels(report)
    if not found:
        return None
    points = [point for panel in found for point in panel.points]
    lines = {
        (p.cell.group, p.cell.dataset, *_line(p.cell)) for p in points if p.cell.budget is not None
    }
    tokens = [point.at[0] for point in points]
    shares = [point.at[1] for point in points]
    budgets = "1 line of budgets" if len(lines) == 1 else f"{len(lines)} lines of budgets"
    cells = "1 cell" if len(points) == 1 else f"{len(points)} cells"
    accuracy = _from_to(f"{min(shares):.1f}", f"{max(shares):.1f}")
    written = _from_to(wording.number(min(tokens)), wording.number(max(tokens)))
    return (
        f"Accuracy against tokens per attempt, {budgets}, {cells}: {accuracy} % at {written} tokens"
    )


def _from_to(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def budget_chart(report: Report) -> "alt.TopLevelMixin | None":
    """The chart, a panel per group and dataset; None where no cell has a budget."""
    import altair as alt

    found = _panels(report)
    if not found:
        return None
    about = [
        *about_run(report),
        "Tokens are counted by the engine. A line joins the budgets of one model and policy; a number is a "
        "budget, a single point has none",
        "Bars: 95 % intervals; overlapping ones leave the order open. Filled points: none is as accurate "
        "with fewer tokens",
    ]
    if len(found) == 1:
        only = found[0]
        # The others have no budget: what is said of the run is about them, too.
        place = [only.section.title] if len(sections(report)) > 1 else []
        title = titled(_conclusion(report, only), [*place, *about])
        return styled(_drawn(only).properties(title=title))
    parts = [
        _drawn(panel).properties(title=titled(panel.section.title, [_conclusion(report, panel)]))
        for panel in found
    ]
    # A legend of its own for each, as in the plot of the frontier.
    apart = alt.vconcat(*parts, spacing=30).resolve_scale(
        color="independent", shape="independent", strokeDash="independent"
    )
    return styled(apart.properties(title=titled("Accuracy against tokens, by budget", about)))


def _panels(report: Report) -> list[Panel]:
    """Those with a budget, on an axis of powers of two."""
    return [
        replace(panel, ticks=_powers_of_two(panel), isocosts=(), x_title=_X_TITLE)
        for panel in panels(report, "tokens", wording.TOKENS[0])
        if any(point.cell.budget is not None for point in panel.points)
    ]


def _powers_of_two(panel: Panel) -> tuple[float, ...]:
    """Or every second, third, ... of too many; other round numbers where there are not two."""
    powers = range(ceil(log2(panel.domain[0])), floor(log2(panel.domain[1])) + 1)
    if len(powers) < _FEWEST_TICKS:
        return panel.ticks
    every = ceil(len(powers) / _MOST_TICKS) or 1
    return tuple(2.0**power for power in powers[::every])


def _drawn(panel: Panel) -> "alt.LayerChart":
    import altair as alt

    every = [
        layers.series(panel, _dash(panel)),
        *layers.error_bars(panel),
        *layers.points(panel),
        *labels(panel, only_with_room=True),
    ]
    return alt.LayerChart(layer=every, width=WIDTH, height=HEIGHT)


def _dash(panel: Panel) -> "alt.StrokeDash":
    """By line, for those who see no color."""
    import altair as alt

    budgeted = [point for point in panel.points if point.cell.budget is not None]
    names = list(dict.fromkeys(datum(point)["line"] for point in budgeted))
    used = [_DASHES[at % len(_DASHES)] for at in range(len(names))]
    return alt.StrokeDash("line:N", scale=alt.Scale(domain=names, range=used), legend=None)


def _line(cell: CellReport) -> tuple[str, str, str]:
    return cell.model, cell.policy, str(cell.load)


def _conclusion(report: Report, panel: Panel) -> str:
    """What a doubling of tokens gains, with its interval; of many lines the least and the most."""
    place = panel.section.group, panel.section.dataset
    lines = [each for each in report.budget_lines if (each.group, each.dataset) == place]
    found = [each for each in lines if _says_something(each.scaling_per_doubling)]
    if not found:
        return "Accuracy against tokens per attempt, by budget"
    if len(found) > _MOST_TOLD:
        found.sort(key=lambda each: each.scaling_per_doubling.value or 0.0)
        found = [found[0], found[-1]]
    return f"Points of accuracy gained per doubling of tokens: {'; '.join(_gains(found, panel))}"


def _says_something(slope: E) -> bool:
    """Whether the interval leaves anything out: budgets that write much the same tokens have no slope."""
    if slope.value is None:
        return False
    return slope.low is None or slope.high is None or slope.high - slope.low <= 1


def _gains(lines: Sequence[BudgetLine], panel: Panel) -> Iterator[str]:
    for line in lines:
        model, _, policy = line.line.rpartition("/")
        name = f"{clean(model)} {clean(policy)}" if panel.several_models else clean(policy)
        yield f"{name} {wording.change(line.scaling_per_doubling)}"
