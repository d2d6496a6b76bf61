"""One row of the report: a cell's estimates in the form of the contract."""

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Estimate, percentiles
from costbench.records import CORRECT, ERROR, TRUNCATED, UNGRADED, WRONG
from costbench.report.caveats import caveats_of, energy_reasons, quality_of, unknown_energy
from costbench.report.contract import (
    CellReport,
    E,
    EnergyFacts,
    FrontierMetric,
    LengthControl,
    LevelAccuracy,
    MoneyFacts,
    OnFrontier,
    Spread,
    WindowFacts,
    Windows,
)
from costbench.report.energy import CellEnergy
from costbench.report.figures import CellFigures, PricedCell
from costbench.units import kwh_from_joules

Floats = NDArray[np.float64]


def cell_report(figures: CellFigures, place: dict[FrontierMetric, OnFrontier]) -> CellReport:
    """The row as the contract has it."""
    record, spec, priced = figures.record, figures.record.spec, figures.priced
    outcomes = {code: int((figures.outcomes == code).sum()) for code in range(5)}
    joules, duration_s = figures.energy.joules, sum(w.duration_s for w in record.windows)
    output = record.columns["output_tokens"]
    reasons = energy_reasons(figures.energy, duration_s)
    money, carbon = _money_facts(priced), _carbon_facts(priced, figures.energy)
    return CellReport(
        cell=record.id,
        group=spec["group"],
        model=spec["model"]["name"],
        model_revision=spec["model"]["revision"],
        role=spec["model"]["role"],
        tier=spec["model"]["tier"],
        policy=spec["policy_name"],
        budget=spec["budget"],
        dataset=spec["dataset"],
        dataset_sha256=spec["dataset_sha256"],
        prompt_sha256=spec["prompt_sha256"],
        load={"concurrency": spec["concurrency"]},
        gpus=priced.gpus,
        problems=record.problems,
        samples=int(spec["sampling"]["samples_per_problem"]),
        attempts=record.attempts,
        correct=outcomes[CORRECT],
        wrong=outcomes[WRONG],
        truncated=outcomes[TRUNCATED],
        ungraded=outcomes[UNGRADED],
        errors=outcomes[ERROR],
        grader=record.grader[0],
        grader_version=record.grader[1],
        accuracy=to_e(figures.accuracy()),
        output_tokens=to_e(figures.mean(figures.tokens("output_tokens"))),
        reasoning_tokens=to_e(figures.mean(figures.tokens("reasoning_tokens"))),
        answer_tokens=to_e(
            figures.mean(figures.tokens("output_tokens") - figures.tokens("reasoning_tokens"))
        ),
        injected_tokens=to_e(figures.mean(figures.tokens("injected_tokens"))),
        input_tokens=to_e(figures.mean(figures.tokens("input_tokens"))),
        cached_tokens=to_e(figures.mean(figures.tokens("cached_tokens"))),
        latency_s=Spread(**percentiles(record.columns["latency_s"]), basis=figures.basis),
        ttft_s=Spread(**percentiles(record.columns["ttft_s"]), basis=figures.basis),
        tokens_per_second=_over(_sum(output), duration_s),
        mean_batch_size=percentiles(record.columns["batch_size"])["mean"],
        mean_power_w=_over(joules, duration_s),
        joules_per_output_token=to_e(figures.per_output_token(figures.joules)),
        joules_per_attempt=to_e(figures.mean(figures.joules, by_pass=True)),
        joules_per_correct=to_e(figures.per_correct(figures.joules)),
        kwh_per_correct=to_e(figures.per_correct(kwh_from_joules(1) * figures.joules)),
        machine_seconds_per_correct=to_e(figures.per_correct(figures.machine_seconds)),
        usd_per_attempt=to_e(figures.mean(figures.usd, by_pass=True), _money_reason(priced)),
        usd_per_correct=to_e(figures.per_correct(figures.usd), _money_reason(priced)),
        gco2e_per_attempt=to_e(figures.mean(figures.gco2e, by_pass=True), _grid_reason(priced)),
        gco2e_per_correct=to_e(figures.per_correct(figures.gco2e), _grid_reason(priced)),
        energy=EnergyFacts(
            provenance=figures.energy.provenance,
            method=figures.energy.method,
            scope=figures.energy.scope,
            by_domain=figures.energy.by_domain,
            quality=quality_of(reasons),
            reasons=reasons,
        ),
        usd=money,
        gco2e=carbon,
        windows=Windows(whole=WindowFacts(joules=joules, duration_s=duration_s)),
        length_control=_length_control(figures),
        on_frontier=place,
        by_level=_by_level(figures),
        caveats=caveats_of(record, reasons, *money.reasons, *carbon.reasons),
    )


def to_e(estimate: Estimate, reason: str | None = None) -> E:
    """An estimate in the contract's form; a more telling reason replaces "not_measured"."""
    found = asdict(estimate)
    if estimate.reason == "not_measured" and reason:
        found["reason"] = reason
    return E(**found)


def _sum(values: Floats) -> float | None:
    return None if np.isnan(values).any() else float(values.sum())


def _over(value: float | None, by: float) -> float | None:
    return None if value is None or by <= 0 else value / by


def _money_reason(priced: PricedCell) -> str | None:
    if priced.rate is not None:
        return None
    return "no_price_book" if priced.book is None else "no_machine_price"


def _grid_reason(priced: PricedCell) -> str | None:
    return None if priced.gco2e_per_joule is not None else "no_grid_intensity"


def _money_facts(priced: PricedCell) -> MoneyFacts:
    if priced.rate is None:
        return _unavailable(_money_reason(priced))
    return MoneyFacts(
        provenance=priced.rate.price.provenance,
        method="machine_time_x_rental_price",
        basis=priced.rate.price.model_dump(mode="json"),
        reasons=("assumed_price",),
    )


def _carbon_facts(priced: PricedCell, energy: CellEnergy) -> MoneyFacts:
    grid = priced.book.grid if priced.book else None
    if grid is None:
        return _unavailable(_grid_reason(priced))
    if energy.joules is None:
        return _unavailable(*unknown_energy(energy))
    return MoneyFacts(
        provenance="assumed",
        method="energy_x_grid_intensity",
        basis=grid.model_dump(mode="json"),
        reasons=("assumed_grid",),
    )


def _unavailable(*reasons: str | None) -> MoneyFacts:
    given = tuple(reason for reason in reasons if reason)
    return MoneyFacts(provenance="unavailable", method=None, reasons=given)


def _length_control(figures: CellFigures) -> LengthControl | None:
    """How the stated budget was kept, in thinking tokens for budget forcing, in all tokens else."""
    budget = figures.record.spec["budget"]
    if budget is None:
        return None
    column = (
        "reasoning_tokens"
        if figures.record.spec["budget_counts"] == "thinking"
        else "output_tokens"
    )
    used = figures.record.columns[column]
    if np.isnan(used).any() or not used.size:
        return LengthControl(
            target=budget,
            mean_absolute_error_tokens=None,
            mean_absolute_error_relative=None,
            violation_rate=None,
        )
    error = float(np.abs(used - budget).mean())
    return LengthControl(
        target=budget,
        mean_absolute_error_tokens=error,
        mean_absolute_error_relative=error / budget,
        violation_rate=float((used > budget).mean()),
    )


def _by_level(figures: CellFigures) -> tuple[LevelAccuracy, ...]:
    record = figures.record
    levels = np.array([np.nan if level is None else level for level in record.levels])
    mine = levels[record.index("problem")]
    graded = np.isin(figures.outcomes, (CORRECT, WRONG, TRUNCATED))
    rows = []
    for level in sorted({int(level) for level in mine[~np.isnan(mine)]}):
        here = mine == level
        counted = int((here & graded).sum())
        right = int((here & (figures.outcomes == CORRECT)).sum())
        rows.append(
            LevelAccuracy(
                level=level,
                attempts=int(here.sum()),
                accuracy=right / counted if counted else None,
                output_tokens=_over(_sum(record.columns["output_tokens"][here]), float(here.sum())),
            )
        )
    return tuple(rows)
