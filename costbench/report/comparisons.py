"""Candidates against a baseline, paired by problem."""

from collections.abc import Sequence

from costbench.analysis.compare import resampled_ratio, verdict
from costbench.analysis.stats import Estimate, highest_unseen_rate, percentile_interval
from costbench.report.cells import to_e
from costbench.report.contract import Comparison, E
from costbench.report.figures import CellFigures


def compare_cells(
    figures: Sequence[CellFigures], baseline: str | None, margin: float | None
) -> list[Comparison]:
    """Every cell against the baseline of its load: the one named, else role baseline x unconstrained."""
    found = []
    for candidate in figures:
        base = _baseline_for(candidate, figures, baseline)
        if base is not None and base is not candidate:
            found += _compare(candidate, base, margin)
    return found


def _baseline_for(
    candidate: CellFigures, figures: Sequence[CellFigures], named: str | None
) -> CellFigures | None:
    if named is not None:
        return next((cell for cell in figures if cell.record.id == named), None)
    load = candidate.record.spec["concurrency"]
    return next(
        (
            cell
            for cell in figures
            if cell.record.spec["model"]["role"] == "baseline"
            and cell.record.spec["policy"]["kind"] == "unconstrained"
            and cell.record.spec["concurrency"] == load
        ),
        None,
    )


def _compare(candidate: CellFigures, base: CellFigures, margin: float | None) -> list[Comparison]:
    ids = {"baseline": base.record.id, "candidate": candidate.record.id, "margin": margin}
    difference = _accuracy_difference(candidate, base)
    unknown = E(value=None, reason="not_applicable")
    found = [
        Comparison(
            **ids,
            metric="accuracy",
            ratio=unknown,
            difference=to_e(difference),
            verdict=_sign(difference),
        )
    ]
    for metric in candidate.draws.per_correct:
        ratio = _ratio(candidate, base, metric)
        found.append(
            Comparison(
                **ids,
                metric=metric,
                ratio=to_e(ratio),
                difference=unknown,
                verdict=verdict(ratio, margin),
            )
        )
    return found


def _ratio(candidate: CellFigures, base: CellFigures, metric: str) -> Estimate:
    """Joules of a GPU are not compared with those of a whole machine, nor unreliable ones at all."""
    if metric == "joules_per_correct" and not (
        candidate.measured.rankable and base.measured.rankable
    ):
        known = candidate.energy.joules is not None and base.energy.joules is not None
        return Estimate(None, reason="unreliable_energy" if known else "not_measured")
    scopes = {candidate.energy.scope, base.energy.scope}
    if metric == "joules_per_correct" and len(scopes) > 1 and None not in scopes:
        return Estimate(None, reason="different_scope")
    draws = candidate.draws.per_correct[metric], base.draws.per_correct[metric]
    return resampled_ratio(candidate.headline(metric), base.headline(metric), *draws)


def _accuracy_difference(candidate: CellFigures, base: CellFigures) -> Estimate:
    mine, other = candidate.accuracy(), base.accuracy()
    if mine.value is None or other.value is None:
        return Estimate(None, reason="nothing_graded")
    difference = mine.value - other.value
    low, high = percentile_interval(candidate.draws.accuracy - base.draws.accuracy)
    if low is not None and low == high:  # alike on every problem seen, but the next may differ
        unseen = highest_unseen_rate(candidate.record.problems)
        low, high = max(-1.0, difference - unseen), min(1.0, difference + unseen)
    return Estimate(difference, low, high)


def _sign(difference: Estimate) -> str:
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "inconclusive"
    return "higher" if difference.low > 0 else "lower"
