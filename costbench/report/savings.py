"""What a cell saves against a baseline's own budgets: at equal accuracy, and what it has at equal cost.

The question the harness exists for: is a variant worth more than cutting the baseline short? The line runs
through all budgets of one baseline and policy, and ends at the baseline without a budget.
"""

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.frontier_line import (
    Place,
    accuracy_at_equal_cost,
    saving_at_equal_accuracy,
)
from costbench.analysis.stats import Estimate
from costbench.report.budgets import Line, lines_of
from costbench.report.comparisons import incomparable, paired
from costbench.report.contract import FrontierMetric, Saving
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures

Floats = NDArray[np.float64]

_METRICS: tuple[FrontierMetric, ...] = get_args(FrontierMetric)


def savings(figures: Sequence[CellFigures], baseline: str | None) -> list[Saving]:
    """Every cell of other models against every line of its baseline; all cells of one group and dataset."""
    lines = [line for line in lines_of(figures) if line.is_baseline]
    found = []
    for candidate, base in paired(figures, baseline):
        spec = base.record.spec
        if candidate.record.spec["model"]["name"] == spec["model"]["name"]:
            continue
        mine = [line for line in lines if line.of(spec["model"]["name"], base.record.load)]
        found += [each for line in mine for each in _against(candidate, line, base)]
    return found


def _against(candidate: CellFigures, line: Line, base: CellFigures) -> Iterator[Saving]:
    cells = [*(point.figures for point in line.points), base]
    for metric in _METRICS:
        at_accuracy, at_cost = _compared(candidate, cells, metric)
        yield Saving(
            candidate=candidate.record.id,
            reference=line.id,
            metric=metric,
            cost_ratio_at_equal_accuracy=to_e(at_accuracy),
            accuracy_at_equal_cost=to_e(at_cost),
        )


def _compared(
    candidate: CellFigures, cells: Sequence[CellFigures], metric: FrontierMetric
) -> tuple[Estimate, Estimate]:
    reasons = [incomparable(candidate, cell, f"{metric}_per_correct") for cell in cells]
    reason = next((reason for reason in reasons if reason), None)
    if reason is not None:
        unknown = Estimate(None, reason=reason)
        return unknown, unknown
    place = Place(_costs(candidate, metric), _accuracies(candidate))
    line = Place(
        np.stack([_costs(cell, metric) for cell in cells], axis=-1),
        np.stack([_accuracies(cell) for cell in cells], axis=-1),
    )
    problems = candidate.record.problems
    return saving_at_equal_accuracy(place, line), accuracy_at_equal_cost(place, line, problems)


def _costs(cell: CellFigures, metric: FrontierMetric) -> Floats:
    return _with_draws(cell.per_attempt(metric).value, cell.draws.per_attempt[metric])


def _accuracies(cell: CellFigures) -> Floats:
    return _with_draws(cell.share.value, cell.share.draws)


def _with_draws(value: float | None, draws: Floats) -> Floats:
    return np.concatenate([[np.nan if value is None else value], draws])
