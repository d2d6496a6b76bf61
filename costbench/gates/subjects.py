"""What conditions are about: the cells of a report, or the pairs of two runs."""

from collections.abc import Collection
from functools import cache, partial
from typing import get_args

from costbench.gates.figures import Figure, figure, figures_of
from costbench.gates.judge import Subject
from costbench.report.across.contract import (
    Metric,
    MetricComparison,
    PairedCells,
    RunComparison,
)
from costbench.report.contract import CellReport, Report, Spread

_SIDES = ("baseline", "candidate")
_LATENCY = "latency_s"


@cache
def known_figures() -> dict[str, Collection[str]]:
    """By command, what a condition can name there."""
    # What a page computes with is no figure of its own.
    told = tuple(name for name in figures_of(CellReport) if not name.startswith("repricing."))
    return {"report": told, "compare": _figures_of_pairs()}


def of_report(report: Report) -> list[Subject]:
    """Its cells."""
    return [Subject((cell.cell,), partial(figure, cell)) for cell in report.cells]


def of_comparison(found: RunComparison) -> list[Subject]:
    """Its pairs; of those that are not compared nothing is known."""
    pairs = [
        Subject((each.candidate, each.baseline), partial(_of_pair, each)) for each in found.pairs
    ]
    refused = [
        Subject((each.candidate, each.baseline), partial(_of_none, each.reason))
        for each in found.refused
    ]
    return [*pairs, *refused]


def _figures_of_pairs() -> tuple[str, ...]:
    ends = ("", ".low", ".high")
    spread = [f"{_LATENCY}.{name}" for name in figures_of(Spread)]
    metrics = [f"{metric}{end}" for metric in get_args(Metric) for end in ends]
    return (
        "problems",
        *metrics,
        *spread,
        *(f"{side}.{name}" for side in _SIDES for name in (*metrics, *spread)),
        *(f"ratio.{name}" for name in metrics),
        *(f"difference.accuracy{end}" for end in ends),
    )


def _of_pair(pair: PairedCells, name: str) -> Figure:
    """A figure without a side is the candidate's."""
    if name == "problems":
        return Figure(pair.problems)
    first, _, rest = name.partition(".")
    part, key = (first, rest) if first in {*_SIDES, "ratio", "difference"} else ("candidate", name)
    metric, _, end = key.partition(".")
    if metric == _LATENCY and end in figures_of(Spread):
        return figure(pair.latency_s, f"{part}.{end}")
    found = figure(pair.metrics, f"{metric}.{part}{'.' if end else ''}{end}")
    return _with_sentence(found, part, next(v for k, v in pair.metrics.items() if k == metric))


def _with_sentence(found: Figure, part: str, metric: MetricComparison) -> Figure:
    """Why two are not compared, in the words of the rule."""
    if found.value is not None or metric.refused is None or part in _SIDES:
        return found
    return Figure(None, metric.refused.sentence)


def _of_none(reason: str, name: str) -> Figure:
    del name
    return Figure(None, reason)
