"""Whether compute follows difficulty: tokens and accuracy of a cell by the level of its problems."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.ratio import Ratio
from costbench.analysis.stats import Resampling, accuracy_estimate
from costbench.report.contract import LevelAccuracy
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Tables:
    """A cell's problems of one level, over all passes: neither tokens nor grades are resampled by pass."""

    level: int
    attempts: int
    output_tokens: float
    tried: Floats
    graded: Floats
    correct: Floats
    written: Floats


def by_level(figures: Sequence[CellFigures]) -> list[tuple[LevelAccuracy, ...]]:
    """For each cell of one group and dataset its levels; none where the dataset has none."""
    levels = np.array([np.nan if n is None else n for n in figures[0].record.levels], dtype=float)
    names = sorted({int(level) for level in levels[~np.isnan(levels)]})
    if not names:
        return [()] * len(figures)
    every = [_tables(cell, levels, names) for cell in figures]
    # Levels of one size share their resamples, and all cells are summed at once: drawing and reading
    # them is what takes the time.
    parts: dict[int, Resampling] = {}
    for size in {int((levels == level).sum()) for level in names}:
        parts[size] = figures[0].resampling.part(size)
        mine = [each for tables in every for each in tables if each.tried.shape[0] == size]
        parts[size].prepare(table for each in mine for table in (each.graded, each.correct))
    return [
        tuple(_row(each, parts[each.tried.shape[0]]) for each in tables if each.attempts)
        for tables in every
    ]


def _tables(cell: CellFigures, levels: Floats, names: Sequence[int]) -> list[_Tables]:
    output, injected = cell.tokens("output_tokens"), cell.tokens("injected_tokens")
    of_attempts = levels[cell.record.index("problem")]
    found = []
    for level in names:
        here = levels == level
        tried, graded, correct, written = (
            table[here].sum(axis=1)[:, None]
            for table in (cell.attempts, cell.graded, cell.correct, output + injected)
        )
        attempts, sampled = int((of_attempts == level).sum()), float(output[here].sum())
        found.append(_Tables(level, attempts, sampled, tried, graded, correct, written))
    return found


def _row(tables: _Tables, resampling: Resampling) -> LevelAccuracy:
    accuracy = accuracy_estimate(tables.correct, tables.graded, resampling)
    output = tables.output_tokens / tables.tried.sum()
    return LevelAccuracy(
        level=tables.level,
        attempts=tables.attempts,
        accuracy=accuracy.value,
        output_tokens=None if np.isnan(output) else float(output),
        problems=int((tables.tried > 0).sum()),
        accuracy_estimate=to_e(accuracy),
        tokens_per_attempt=to_e(Ratio.of(tables.written, tables.tried).estimate()),
    )
