"""Places on the frontier for cells of one group and dataset, with how sure they are."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from costbench.analysis.pareto import frontier_probability, on_frontier
from costbench.report.contract import FrontierMetric, OnFrontier
from costbench.report.figures import CellFigures

_METRICS: tuple[FrontierMetric, ...] = get_args(FrontierMetric)


def place_on_frontier(figures: Sequence[CellFigures]) -> list[dict[FrontierMetric, OnFrontier]]:
    """For each cell and metric: on the frontier now, and in what share of the resamples.

    Energies of different scope (a GPU, a whole machine) are not compared: then joules have no frontier.
    A cell whose joules are unreliable has no place on it either, and takes nobody else's.
    """
    accuracy = np.array([_number(cell.accuracy().value) for cell in figures])
    drawn_accuracy = np.stack([cell.draws.accuracy for cell in figures], axis=1)
    places: list[dict[FrontierMetric, OnFrontier]] = [{} for _ in figures]
    one_scope = len({cell.energy.scope for cell in figures}) == 1
    for metric in _METRICS:
        cost = np.array([_number(cell.per_attempt(metric).value) for cell in figures])
        drawn = np.stack([cell.draws.per_attempt[metric] for cell in figures], axis=1)
        if metric == "joules":
            left_out = [at for at, cell in enumerate(figures) if not cell.measured.rankable]
            cost[left_out], drawn[:, left_out] = np.nan, np.nan
        now, probability = on_frontier(cost, accuracy), frontier_probability(drawn, drawn_accuracy)
        for at, place in enumerate(places):
            known = not np.isnan(cost[at] + accuracy[at]) and (one_scope or metric != "joules")
            place[metric] = OnFrontier(
                now=bool(now[at]) if known else None,
                probability=float(probability[at]) if known else None,
            )
    return places


def _number(value: float | None) -> float:
    return np.nan if value is None else value
