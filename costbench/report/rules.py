"""Whether the rule by which windows are divided among attempts decides anything."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from costbench.analysis.attribution import Rule
from costbench.analysis.compare import verdict
from costbench.report.contract import AttributionFacts, Fit
from costbench.report.cuts import weakest
from costbench.report.figures import CellFigures
from costbench.report.measured import MeasuredRun, attribution_of, rules_for

_METRIC = "joules_per_correct"
Standing = dict[str, tuple[int, str]]
"""By cell: its place in the order of joules per correct, and its verdict against the cheapest."""


def attribution_facts(
    measured: MeasuredRun, groups: Sequence[Sequence[CellFigures]], margin: float | None
) -> AttributionFacts:
    """Order and verdicts under every rule that can be used; cells' totals are the same by construction."""
    differing: dict[str, None] = {}
    compared: dict[Rule, None] = {}
    ranked = False
    for figures in groups:
        known = [each for each in figures if each.measured.rankable and each.energy.joules]
        known = [each for each in known if each.headline(_METRIC).value is not None]
        if len(known) < 2:  # noqa: PLR2004 - nothing to rank
            continue
        ranked = True
        own = _standing(known, margin)
        rules = [rules_for(each.record, measured.fits) for each in known]
        for rule in [rule for rule in rules[0] if all(rule in others for others in rules)]:
            compared[rule] = None
            other = _standing([_under(each, rule, measured) for each in known], margin)
            differing |= dict.fromkeys(name for name in own if own[name] != other[name])
    every = [each for figures in groups for each in figures if each.energy.joules is not None]
    return AttributionFacts(
        rule=measured.rule,
        fits=tuple(
            Fit(
                model="/".join(key),
                base_w=fit.base_w,
                joules_per_token_read=fit.prefill_j,
                joules_per_token_written=fit.decode_j,
                residual=fit.residual,
                windows=fit.windows,
                provenance=weakest([f.energy.provenance for f in every if _of(f) == key]),
            )
            for key, fit in measured.fits.items()
        ),
        ranking=None if not ranked else "differs" if differing else "same",
        rules=tuple(compared),
        differs_in=tuple(differing),
    )


def _of(figures: CellFigures) -> tuple[str, str]:
    """Group and model."""
    return figures.record.spec["group"], figures.record.spec["model"]["name"]


def _under(figures: CellFigures, rule: Rule, measured: MeasuredRun) -> CellFigures:
    if rule == figures.measured.by.rule:
        return figures
    return figures.divided_by(
        replace(figures.measured, by=attribution_of(figures.record, rule, measured.fits))
    )


def _standing(figures: Sequence[CellFigures], margin: float | None) -> Standing:
    values = [each.headline(_METRIC).value or np.inf for each in figures]
    order = [int(at) for at in np.argsort(values, kind="stable")]
    best = figures[order[0]]
    found: Standing = {}
    for place, at in enumerate(order):
        each = figures[at]
        ratio = each.ratio(_METRIC).compared_with(best.ratio(_METRIC))
        found[each.record.id] = (place, verdict(ratio.estimate(), margin))
    return found
