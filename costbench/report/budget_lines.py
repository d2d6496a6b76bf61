"""s1's figures of each line of budgets: how it is kept, what more tokens are worth, its best accuracy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.scaling import control, performance, scaling_linear, scaling_per_doubling
from costbench.analysis.stats import Estimate, highest_unseen_rate, percentile_interval
from costbench.records import ERROR
from costbench.report.budgets import Line, Point, lines_of
from costbench.report.contract import BudgetLine
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures

Floats = NDArray[np.float64]


def budget_lines(figures: Sequence[CellFigures]) -> Iterator[BudgetLine]:
    """Of every line of one group and dataset; arrays hold what was measured, then every resample."""
    lines = lines_of(figures)
    counted = [_counted(point.figures) for line in lines for point in line.points]
    figures[0].resampling.prepare(table for tables in counted for table in tables)
    for line in lines:
        record = line.points[0].figures.record
        spec = record.spec
        counts = spec["budget_counts"]
        tokens = np.stack([point.tokens for point in line.points], axis=-1)
        accuracy = np.stack([point.accuracy for point in line.points], axis=-1)
        why = _why_no_slope(tokens[0], accuracy[0])
        yield BudgetLine(
            line=line.id,
            group=spec["group"],
            dataset=spec["dataset"],
            concurrency=spec["concurrency"],
            load=line.load,
            cells=tuple(point.figures.record.id for point in line.points),
            counts=counts if counts in {"thinking", "votes"} else "response",
            control=to_e(_control(line)),
            scaling_per_doubling=to_e(_slope(scaling_per_doubling(tokens, accuracy), why)),
            scaling_per_1000_tokens=to_e(_slope(scaling_linear(tokens, accuracy), why)),
            performance=to_e(_best(performance(accuracy), record.problems)),
        )


def _control(line: Line) -> Estimate:
    if line.points[0].counts_votes:
        return Estimate(None, reason="budget_in_votes")
    used = np.stack([_mean_counted(point) for point in line.points], axis=-1)
    limits = np.array([float(point.budget) for point in line.points])
    return _estimate(control(used, np.broadcast_to(limits, used.shape)), "not_measured")


def _counted(cell: CellFigures) -> tuple[Floats, Floats]:
    """What the budget counts, and of how many attempts; what the engine refused has no length."""
    thinking = cell.record.spec["budget_counts"] == "thinking"
    used = cell.tokens("reasoning_tokens" if thinking else "output_tokens")
    return used.sum(axis=1)[:, None], cell.counted(cell.outcomes != ERROR)


def _mean_counted(point: Point) -> Floats:
    used, tried = _counted(point.figures)
    resampling = point.figures.resampling
    if not tried.sum():
        return np.full(1 + len(resampling.counts), np.nan)
    return np.concatenate([[used.sum() / tried.sum()], resampling.ratio(used, tried)])


def _why_no_slope(tokens: Floats, accuracy: Floats) -> str:
    if len(tokens) == 1:
        return "one_budget"
    if np.isnan(accuracy).any():
        return "nothing_graded"
    return "not_measured" if not (tokens > 0).all() else "same_tokens"


def _slope(values: Floats, why: str) -> Estimate:
    found = _estimate(values, why)
    if found.value is None or found.low is None or found.low != found.high:
        return found
    return Estimate(found.value, reason="alike_on_every_problem")  # the next one may not be


def _best(values: Floats, problems: int) -> Estimate:
    found, unseen = _estimate(values, "nothing_graded"), highest_unseen_rate(problems)
    if found.value == 1:
        return replace(found, low=min(1 - unseen, found.low or 0.0))
    return replace(found, high=max(unseen, found.high or 0.0)) if found.value == 0 else found


def _estimate(values: Floats, why: str) -> Estimate:
    if np.isnan(values[0]):
        return Estimate(None, reason=why)
    low, high = percentile_interval(values[1:])
    return Estimate(float(values[0]), low, high, reason="unbounded" if high is None else None)
