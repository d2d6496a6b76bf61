"""What the plot shows, as numbers: points, the two axes, lines of equal cost, the frontier."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Literal

import numpy as np

from costbench.analysis.pareto import on_frontier
from costbench.errors import CostbenchError
from costbench.report import wording
from costbench.report.contract import CellReport, E, FrontierMetric, Report
from costbench.report.sections import Section, sections
from costbench.report.wording import Scale

XAxis = Literal["tokens", "latency", "joules", "usd", "gco2e"]

_SERIES: tuple[Sequence[float], ...] = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
"""Round numbers of a decade, about evenly spaced, from few to many."""
DENSE: tuple[Sequence[float], ...] = (*_SERIES, range(1, 10))
_CURVE_POINTS = 60
_LEAST_VISIBLE = 12.0
"""A line of equal cost has to reach this accuracy in % inside the plot to be drawn."""
_MOST_ISOCOSTS, _MOST_TICKS = 6, 10


@dataclass(frozen=True)
class Point:
    """A cell on the plot: cost per attempt in the axis's unit, accuracy in %."""

    cell: CellReport
    x: E
    y: E
    on_frontier: bool

    @property
    def at(self) -> tuple[float, float]:
        """Both values; a point exists only where they are known."""
        assert self.x.value is not None
        assert self.y.value is not None
        return self.x.value, self.y.value


@dataclass(frozen=True)
class Isocost:
    """Points at which a correct answer costs the same."""

    per_correct: float
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Panel:
    """One group and dataset."""

    section: Section
    points: tuple[Point, ...]
    domain: tuple[float, float]
    ticks: tuple[float, ...]
    isocosts: tuple[Isocost, ...]
    x_title: str
    unit: str

    @property
    def several_models(self) -> bool:
        """Whether the panel has to tell models apart."""
        return len(self.section.models) > 1

    @property
    def frontier(self) -> tuple[Point, ...]:
        """The points on the frontier, from cheap to dear."""
        return tuple(sorted((p for p in self.points if p.on_frontier), key=lambda p: p.at))


def scale_of(report: Report, x: XAxis) -> Scale:
    """The unit of the x axis; raises CostbenchError when no cell has the figure."""
    costs = [cost_of(cell, x).value for cell in report.cells]
    if not any(costs):
        known = known_axes(report)
        rest = f"use --x {' or '.join(known)}" if known else "nothing else is known either"
        raise CostbenchError(f"--x {x}: no cell of this report has that figure; {rest}")
    return wording.fitting(costs, SCALES[x])


def known_axis(report: Report) -> XAxis:
    """The first cost that any cell has a figure for, money before energy before tokens."""
    axes: tuple[XAxis, ...] = ("usd", "joules", "tokens")
    known = known_axes(report)
    return next((x for x in axes if x in known), axes[0])


def known_axes(report: Report) -> tuple[XAxis, ...]:
    """All costs that any cell has a figure for."""
    return tuple(x for x in _COST if any(cost_of(cell, x).value for cell in report.cells))


def frontier_place(cell: CellReport, x: XAxis) -> bool | None:
    """Whether the report has it on its frontier; None where that is not known, or has no metric."""
    metric = _FRONTIERS.get(x)
    place = cell.on_frontier.get(metric) if metric else None
    return place.now if place else None


def cost_of(cell: CellReport, x: XAxis) -> E:
    """Of an attempt, in SI units, USD or gCO2e."""
    return _COST[x](cell)


def axis_title(x: XAxis, scale: Scale) -> str:
    """With the unit."""
    return f"{_NAMES[x]} {scale.per('attempt', 'attempts')} (log scale)"


def panels(report: Report, x: XAxis, scale: Scale) -> tuple[Panel, ...]:
    """A panel per group and dataset that has a point to show."""
    title = axis_title(x, scale)
    found = ((section, _points(section, x, scale)) for section in sections(report))
    return tuple(
        _panel(section, points, (title, scale.unit)) for section, points in found if points
    )


def isocosts(points: Sequence[Point], domain: tuple[float, float]) -> tuple[Isocost, ...]:
    """Lines of equal cost per correct answer, accuracy = x / k, for a few round k that cross the plot.

    They are those around the points' own costs, so that the lines lie where they help to read.
    """
    own = [100 * p.at[0] / p.at[1] for p in points if p.at[1] > 0] or list(domain)
    least = max(min(own) * 0.8, domain[0] * 1.2)
    most = min(max(own) * 1.5, domain[1] * 100 / _LEAST_VISIBLE)
    rounded = round_numbers((least, most), _SERIES, _MOST_ISOCOSTS)
    return tuple(Isocost(k, _curve(k, domain)) for k in rounded)


def _panel(section: Section, points: tuple[Point, ...], words: tuple[str, str]) -> Panel:
    domain = _domain(points)
    ticks = tuple(round_numbers(domain, DENSE, _MOST_TICKS))
    return Panel(section, points, domain, ticks, isocosts(points, domain), *words)


def _points(section: Section, x: XAxis, scale: Scale) -> tuple[Point, ...]:
    known = [c for c in section.cells if _COST[x](c).value and c.accuracy.value is not None]
    costs = [_times(_COST[x](cell), scale.factor) for cell in known]
    shares = [_times(cell.accuracy, 100) for cell in known]
    places = _frontier(known, x, costs)
    return tuple(Point(*each) for each in zip(known, costs, shares, places, strict=True))


def _frontier(cells: Sequence[CellReport], x: XAxis, costs: Sequence[E]) -> list[bool]:
    """As the report says where it has the metric, else of the points as drawn."""
    if x in _FRONTIERS:
        return [bool(frontier_place(cell, x)) for cell in cells]
    cost = np.array([figure.value for figure in costs], dtype=np.float64)
    accuracy = np.array([cell.accuracy.value for cell in cells], dtype=np.float64)
    return [bool(place) for place in on_frontier(cost, accuracy)]


def _tokens(cell: CellReport) -> E:
    """Sampled and injected; of older reports the ends of the two intervals are added, rather too wide."""
    if cell.tokens_per_attempt.value is not None:
        return cell.tokens_per_attempt
    sampled, injected = cell.output_tokens, cell.injected_tokens
    return E(
        value=_sum(sampled.value, injected.value),
        low=_sum(sampled.low, injected.low),
        high=_sum(sampled.high, injected.high),
    )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _times(figure: E, factor: float) -> E:
    bounds = (figure.value, figure.low, figure.high)
    value, low, high = (None if each is None else each * factor for each in bounds)
    return E(value=value, low=low, high=high)


def _domain(points: Sequence[Point]) -> tuple[float, float]:
    """The points' range with their error bars and some room for labels."""
    lows = [p.x.low or p.at[0] for p in points]
    highs = [p.x.high or p.at[0] for p in points]
    return min(lows) / 1.25, max(highs) * 1.25


def round_numbers(
    between: tuple[float, float], series: Sequence[Sequence[float]], most: int
) -> list[float]:
    """As many as are wanted of 1, 2, 5, 10, ... or a finer or coarser series, between two numbers."""
    powers = range(floor(log10(between[0])), ceil(log10(between[1])) + 1)
    found = [
        [x for p in powers for s in steps if between[0] <= (x := float(f"{s}e{p}")) <= between[1]]
        for steps in series
    ]
    return max((numbers for numbers in found if len(numbers) <= most), key=len, default=[])


def _curve(per_correct: float, domain: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Straight on linear axes, an exponential on a log x; it ends at 100 % or at the edge of the plot."""
    first, last = domain[0], min(domain[1], per_correct)
    ratio = (last / first) ** (1 / (_CURVE_POINTS - 1))
    xs = [first * ratio**step for step in range(_CURVE_POINTS - 1)] + [last]
    return tuple((x, 100 * x / per_correct) for x in xs)


_COST: Mapping[XAxis, Callable[[CellReport], E]] = {
    "tokens": _tokens,
    "latency": lambda cell: E(value=cell.latency_s.mean),
    "joules": lambda cell: cell.joules_per_attempt,
    "usd": lambda cell: cell.usd_per_attempt,
    "gco2e": lambda cell: cell.gco2e_per_attempt,
}
"""Cost per attempt; of latency the mean, since that is what adds up over attempts."""
AXES: Mapping[XAxis, str] = {
    "tokens": "output tokens",
    "latency": "latency",
    "joules": "energy",
    "usd": "USD",
    "gco2e": "carbon",
}
"""As a reader chooses them."""
_NAMES: Mapping[XAxis, str] = {
    "tokens": "output and injected",
    "latency": "mean latency,",
    "joules": "energy,",
    "usd": "cost,",
    "gco2e": "carbon,",
}
SCALES: Mapping[XAxis, Sequence[Scale]] = {
    "tokens": wording.TOKENS,
    "latency": wording.SECONDS,
    "joules": wording.JOULES,
    "usd": wording.USD,
    "gco2e": wording.GCO2E,
}
_FRONTIERS: Mapping[XAxis, FrontierMetric] = {
    "usd": "usd",
    "joules": "joules",
    "gco2e": "joules",
    "tokens": "output_tokens",
}
"""Grams are joules times one grid's figure, so they share a frontier."""
