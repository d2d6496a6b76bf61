"""Candidates against a baseline, paired by problem."""

from collections.abc import Iterator, Sequence

import numpy as np

from costbench.analysis.compare import Verdict, verdict
from costbench.analysis.multiple import holm
from costbench.analysis.stats import CONFIDENCE, Estimate
from costbench.report.contract import Comparison, E
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures


def compare_cells(
    figures: Sequence[CellFigures], baseline: str | None, margin: float | None
) -> list[Comparison]:
    """Every cell of one group and dataset against its baseline.

    The more cells, the likelier one differs by chance: verdicts hold for all candidates of a metric at once.
    """
    found = []
    for candidate, base in paired(figures, baseline):
        found += _compare(candidate, base, margin)
    return _together(found)


def _together(found: Sequence[Comparison]) -> list[Comparison]:
    """P-values adjusted within each metric (Holm); what is no longer sure is inconclusive."""
    adjusted: dict[int, float] = {}
    for metric in {each.metric for each in found}:
        at = [n for n, each in enumerate(found) if each.metric == metric]
        p = np.array([np.nan if found[n].p is None else found[n].p for n in at], dtype=float)
        adjusted |= dict(zip(at, holm(p).tolist(), strict=True))
    return [_judged(each, adjusted[n]) for n, each in enumerate(found)]


def _judged(one: Comparison, p: float) -> Comparison:
    if np.isnan(p):
        return one
    sure = p < 1 - CONFIDENCE or one.verdict not in {"lower", "higher"}
    return one.model_copy(
        update={"p_adjusted": p, "verdict": one.verdict if sure else "inconclusive"}
    )


def paired(
    figures: Sequence[CellFigures], baseline: str | None
) -> Iterator[tuple[CellFigures, CellFigures]]:
    """Every cell and the baseline of its load: the one named, else role baseline x unconstrained."""
    for candidate in figures:
        base = _baseline_for(candidate, figures, baseline)
        if base is not None and base is not candidate:
            yield candidate, base


def _baseline_for(
    candidate: CellFigures, figures: Sequence[CellFigures], named: str | None
) -> CellFigures | None:
    if named is not None:
        return next((cell for cell in figures if cell.record.id == named), None)
    load = candidate.record.load
    return next(
        (
            cell
            for cell in figures
            if cell.record.spec["model"]["role"] == "baseline"
            and cell.record.spec["policy"]["kind"] == "unconstrained"
            and cell.record.load == load
        ),
        None,
    )


def _compare(candidate: CellFigures, base: CellFigures, margin: float | None) -> list[Comparison]:
    ids = {"baseline": base.record.id, "candidate": candidate.record.id, "margin": margin}
    fewer = candidate.right.less(base.right)
    difference = fewer.estimate()
    found = [
        Comparison(
            **ids,
            metric="accuracy",
            ratio=to_e(candidate.right.over(base.right)),
            difference=to_e(difference),
            p=fewer.p_value(),
            verdict=difference_verdict(difference),
        )
    ]
    for metric in candidate.compared:
        ratio, p = _ratio(candidate, base, metric)
        found.append(
            Comparison(
                **ids,
                metric=metric,
                ratio=to_e(ratio),
                difference=E(value=None, reason="not_applicable"),
                p=p,
                verdict=verdict(ratio, margin),
            )
        )
    return found


def _ratio(candidate: CellFigures, base: CellFigures, metric: str) -> tuple[Estimate, float | None]:
    reason = incomparable(candidate, base, metric)
    if reason is not None:
        return Estimate(None, reason=reason), None
    found = candidate.ratio(metric).compared_with(base.ratio(metric))
    return found.estimate(), found.p_value()


def incomparable(candidate: CellFigures, base: CellFigures, metric: str) -> str | None:
    """Joules of a GPU are not compared with those of a whole machine, nor unreliable ones at all.

    A batch's end is not compared with a response's: latencies have to be of one basis.
    """
    if metric == "latency_s" and candidate.basis != base.basis:
        return "different_latency_basis"
    if metric != "joules_per_correct":
        return None
    if not (candidate.measured.rankable and base.measured.rankable):
        known = candidate.energy.joules is not None and base.energy.joules is not None
        return "unreliable_energy" if known else "not_measured"
    scopes = {candidate.energy.scope, base.energy.scope}
    return "different_scope" if len(scopes) > 1 and None not in scopes else None


def difference_verdict(difference: Estimate) -> Verdict:
    """What the interval of a difference allows to say."""
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "inconclusive"
    return "higher" if difference.low > 0 else "lower"
