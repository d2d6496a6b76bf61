"""Accuracy at equal length: budgeted cells against the lines of baselines' budgets, paired by problem.

"Equal" is the same nominal budget, and beside it the same measured tokens: what a budget counts is up to each
policy, and not every policy uses it up.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.budget_line import BudgetLine
from costbench.analysis.compare import Share, share_difference, share_ratio
from costbench.analysis.stats import Estimate
from costbench.report.contract import LengthComparison
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures
from costbench.suite import BUDGET_KEYS

Floats = NDArray[np.float64]

_OFTEN = 0.025
"""Share of resamples beyond a line's end from which the interval rests on them: one of its tails."""


@dataclass(frozen=True)
class Point:
    """A budgeted cell as a point of its line; arrays hold what was measured, then every resample."""

    figures: CellFigures

    @property
    def budget(self) -> int:
        """In tokens or in votes."""
        return int(self.figures.record.spec["budget"])

    @property
    def counts_votes(self) -> bool:
        """Whether the budget is a number of responses."""
        return bool(self.figures.record.spec["budget_counts"] == "votes")

    @property
    def share(self) -> Share:
        """Its accuracy."""
        return self.figures.share

    @cached_property
    def tokens(self) -> Floats:
        """Sampled and injected, per attempt; NaN where not known."""
        value = self.figures.per_attempt("output_tokens").value
        drawn = self.figures.draws.per_attempt["output_tokens"]
        return np.concatenate([[np.nan if value is None else value], drawn])

    @cached_property
    def accuracy(self) -> Floats:
        """As `tokens`; NaN where nothing was graded."""
        value = self.share.value
        return np.concatenate([[np.nan if value is None else value], self.share.draws])

    @property
    def is_known(self) -> bool:
        """Whether it has a place on a line."""
        return bool(self.tokens[0] > 0) and self.share.value is not None


@dataclass(frozen=True)
class Line:
    """All budgets of one model and policy, whose settings are otherwise the same, under one load."""

    points: tuple[Point, ...]

    @property
    def id(self) -> str:
        """As model/policy of cell ids."""
        spec = self.points[0].figures.record.spec
        return f"{spec['model']['name']}/{spec['policy_name']}"

    @property
    def is_baseline(self) -> bool:
        """Whether its model is one to compare with."""
        return bool(self.points[0].figures.record.spec["model"]["role"] == "baseline")

    @property
    def load(self) -> dict[str, Any]:
        """Of all its points."""
        return self.points[0].figures.record.load

    def of(self, model: str, load: dict[str, Any]) -> bool:
        """Whether it is this model's, under this load."""
        spec = self.points[0].figures.record.spec
        return bool(spec["model"]["name"] == model and self.load == load)

    def twin_of(self, other: Point) -> Point | None:
        """The cell of the same number, of whichever tokens; so many votes are something else."""
        wanted = other.budget, other.counts_votes
        return next((p for p in self.points if (p.budget, p.counts_votes) == wanted), None)

    def at_tokens(self, tokens: Floats) -> Share:
        """The accuracy at so many measured tokens, the line drawn anew in every resample."""
        curve = self._curve
        if np.isnan(tokens[0]):
            return Share(None, tokens, "not_measured")
        inside = curve.covers(tokens) if curve else np.zeros(1, dtype=bool)
        if curve is None or not inside[0]:
            return Share(None, tokens, "outside_curve")
        accuracy = curve.at(tokens)
        doubtful = 1 - inside[1:].mean() > _OFTEN
        return Share(float(accuracy[0]), accuracy[1:], "partly_outside_curve" if doubtful else None)

    @cached_property
    def _curve(self) -> BudgetLine | None:
        known = [point for point in self.points if point.is_known]
        if not known:
            return None
        tokens = np.stack([point.tokens for point in known], axis=-1)
        return BudgetLine.through(tokens, np.stack([point.accuracy for point in known], axis=-1))


def length_comparisons(figures: Sequence[CellFigures]) -> list[LengthComparison]:
    """Every line of budgets against every other one of a baseline; all cells of one group and dataset."""
    lines = lines_of(figures)
    pairs = (
        (candidate, reference)
        for candidate in lines
        for reference in lines
        if reference is not candidate and reference.is_baseline and reference.load == candidate.load
    )
    return [found for pair in pairs for found in _compare(*pair)]


def lines_of(figures: Sequence[CellFigures]) -> list[Line]:
    """Budgeted cells by model, policy with its other settings, and load."""
    points: dict[tuple[str, ...], list[Point]] = {}
    for cell in figures:
        spec = cell.record.spec
        if spec["budget"] is not None:
            settings = {
                key: value for key, value in spec["policy"].items() if key not in BUDGET_KEYS
            }
            facts = (spec["policy_name"], cell.record.load, json.dumps(settings, sort_keys=True))
            points.setdefault((spec["model"]["name"], *map(str, facts)), []).append(Point(cell))
    return [Line(tuple(found)) for found in points.values()]


class _Against(NamedTuple):
    accuracy: float | None
    difference: Estimate
    ratio: Estimate


def _compare(candidate: Line, reference: Line) -> Iterator[LengthComparison]:
    for point in candidate.points:
        twin = reference.twin_of(point)
        if twin is not None:
            mine, other = point.figures.right, twin.figures.right
            against = _Against(other.value, mine.less(other).estimate(), mine.over(other))
            yield _said(point, reference, against, twin)
        line = reference.at_tokens(point.tokens)
        both = point.share, line, point.figures.record.problems
        against = _Against(line.value, share_difference(*both), share_ratio(*both))
        yield _said(point, reference, against, None)


def _said(point: Point, reference: Line, other: _Against, twin: Point | None) -> LengthComparison:
    """The other is the cell at the same budget, or the line where there is no twin."""
    record, tokens = point.figures.record, float(point.tokens[0])
    return LengthComparison(
        group=record.spec["group"],
        dataset=record.spec["dataset"],
        candidate=record.id,
        reference=reference.id,
        reference_cell=twin.figures.record.id if twin else None,
        at="nominal_budget" if twin else "measured_tokens",
        budget=point.budget,
        tokens=None if np.isnan(tokens) else tokens,
        accuracy_candidate=point.share.value,
        accuracy_reference=other.accuracy,
        difference=to_e(other.difference),
        ratio=to_e(other.ratio),
    )
