"""What the plot of levels shows, as numbers: a line per cell, the two axes, places for names."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

from costbench.printable import clean
from costbench.report.contract import CellReport, Report
from costbench.report.plot_data import round_numbers
from costbench.report.sections import Section, sections
from costbench.report.wording import short

WIDTH, HEIGHT = 560, 304
_LONGEST_NAME = 30
_FROM_RATIO = 20.0
"""Where the largest figure is this many times the smallest, a linear axis would hide the small ones."""
_APART, _ALL_APART = 0.08, 0.36
"""Lines stand side by side at a level, in steps of the axis, so that their bars can be told apart."""
_ROOM = 0.4
"""Beyond the first and the last level, in the same steps."""
_NAME_GAP, _NAME_AT = 15.0, WIDTH + 12.0
"""Between names, and where they begin, in pixels."""
_HEADROOM, _LOG_HEADROOM = 1.06, 1.25
_MOST_TICKS = 7
_EVEN: tuple[Sequence[float], ...] = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))


@dataclass(frozen=True)
class Point:
    """Tokens per attempt at a level, with the ends of the interval where they are known."""

    level: int
    tokens: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """One cell, from its easiest level to its hardest."""

    number: int
    cell: CellReport
    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Name:
    """Where a line ends, and where its name goes, in the units of the axes."""

    end_x: float
    end_y: float
    x: float
    y: float


@dataclass(frozen=True)
class LevelPanel:
    """One group and dataset."""

    section: Section
    levels: tuple[int, ...]
    lines: tuple[Line, ...]

    def x(self, line: Line, level: int) -> float:
        """In steps from level to level, with the lines side by side."""
        apart = min(_APART, _ALL_APART / len(self.lines))
        return self.levels.index(level) + apart * (line.number - (len(self.lines) - 1) / 2)

    @property
    def x_domain(self) -> tuple[float, float]:
        """From left of the first level to right of the last one."""
        return -_ROOM, len(self.levels) - 1 + _ROOM

    @cached_property
    def is_log(self) -> bool:
        """Whether the figures are too far apart for a linear axis."""
        known = [point.tokens for line in self.lines for point in line.points]
        return max(known) > _FROM_RATIO * min(known) > 0

    @cached_property
    def y_domain(self) -> tuple[float, float]:
        """From 0, or on a log axis from below the lowest, to above the highest end of an interval."""
        points = [point for line in self.lines for point in line.points]
        top = max(point.high or point.tokens for point in points)
        least = min(point.low or point.tokens for point in points)
        if self.is_log:
            return least / _LOG_HEADROOM, top * _LOG_HEADROOM
        return 0.0, top * _HEADROOM or 1.0

    @property
    def y_ticks(self) -> tuple[float, ...]:
        """A few round numbers; empty leaves them to a linear axis."""
        return tuple(round_numbers(self.y_domain, _EVEN, _MOST_TICKS)) if self.is_log else ()

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """A name beside the end of each line, moved up or down where others are in its way."""
        ends = [line.points[-1] for line in self.lines]
        places = spread([self._pixel(end.tokens) for end in ends], HEIGHT)
        first, last = self.x_domain
        x = first + (last - first) * _NAME_AT / WIDTH
        return tuple(
            Name(self.x(line, end.level), end.tokens, x, self._value(place))
            for line, end, place in zip(self.lines, ends, places, strict=True)
        )

    def growth(self, line: Line) -> float | None:
        """Tokens at the hardest level over those at the easiest; None where one is not known."""
        first, last = line.points[0], line.points[-1]
        whole = (first.level, last.level) == (self.levels[0], self.levels[-1])
        return last.tokens / first.tokens if whole and first.tokens and first != last else None

    def _pixel(self, tokens: float) -> float:
        """From the upper edge of the frame."""
        least, most = self.y_domain
        if self.is_log:
            return HEIGHT * (1 - log(tokens / least) / log(most / least))
        return HEIGHT * (1 - tokens / most)

    def _value(self, pixel: float) -> float:
        """The inverse of `_pixel`."""
        least, most = self.y_domain
        share = 1 - pixel / HEIGHT
        return least * (most / least) ** share if self.is_log else float(most * share)


def level_panels(report: Report) -> tuple[LevelPanel, ...]:
    """A panel per group and dataset that has tokens by level to show."""
    found = ((section, _lines(section)) for section in sections(report))
    return tuple(
        LevelPanel(section, tuple(sorted({p.level for line in lines for p in line.points})), lines)
        for section, lines in found
        if lines
    )


def spread(wanted: Sequence[float], room: float) -> list[float]:
    """Places for names, near those wanted, in the same order, none upon another."""
    gap = min(_NAME_GAP, room / max(1, len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    blocks: list[list[int]] = []
    for at in order:
        blocks.append([at])
        # A block that is run into takes the next name in, and stands at the mean of what all of it wants.
        while len(blocks) > 1 and _first(blocks[-1], wanted, gap) < (
            _first(blocks[-2], wanted, gap) + gap * len(blocks[-2])
        ):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    places = {
        at: _first(block, wanted, gap) + gap * step
        for block in blocks
        for step, at in enumerate(block)
    }
    return [places[at] for at in range(len(wanted))]


def _first(block: Sequence[int], wanted: Sequence[float], gap: float) -> float:
    return sum(wanted[at] - gap * step for step, at in enumerate(block)) / len(block)


def _lines(section: Section) -> tuple[Line, ...]:
    known = [(cell, points) for cell in section.freest if (points := _points(cell))]
    models = [cell.model for cell, _ in known]
    return tuple(
        Line(number, cell, _name(section, cell, models), points)
        for number, (cell, points) in enumerate(known)
    )


def _points(cell: CellReport) -> tuple[Point, ...]:
    found = ((each.level, each.tokens_per_attempt) for each in cell.by_level)
    return tuple(
        Point(level, tokens.value, tokens.low, tokens.high)
        for level, tokens in found
        if tokens.value is not None
    )


def _name(section: Section, cell: CellReport, models: Sequence[str]) -> str:
    """The model alone where that says it all."""
    if cell.budget is None and models.count(cell.model) == 1:
        return short(clean(cell.model), _LONGEST_NAME)
    return short(f"{clean(cell.model)} {section.policy(cell)}", _LONGEST_NAME)
