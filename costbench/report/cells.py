"""One row of the report: a cell's estimates in the form of the contract."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Estimate, percentiles
from costbench.metering.trace import total_joules
from costbench.prices import ApiPrice
from costbench.records import CORRECT, ERROR, TRUNCATED, UNGRADED, WRONG
from costbench.report.caveats import caveats_of, missing_of, unknown_energy
from costbench.report.cell_tables import PricedCell
from costbench.report.contract import (
    CellReport,
    E,
    EnergyFacts,
    FrontierMetric,
    IdleFacts,
    LengthControl,
    LevelAccuracy,
    MoneyFacts,
    OnFrontier,
    Spread,
    WindowFacts,
    Windows,
)
from costbench.report.costs import api_facts, tariff_facts
from costbench.report.energy import CellEnergy, Stretch
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures
from costbench.report.footprint import footprint
from costbench.report.repricing import usage_facts
from costbench.report.scores import Scores
from costbench.report.serving import serving_facts
from costbench.report.token_costs import TokenCost
from costbench.units import kwh_from_joules
from costbench.wanted import Slo

Floats = NDArray[np.float64]


def cell_report(
    figures: CellFigures,
    place: dict[FrontierMetric, OnFrontier],
    levels: tuple[LevelAccuracy, ...],
    scores: Scores,
    slo: Slo | None,
) -> CellReport:
    """The row as the contract has it."""
    record, spec, priced = figures.record, figures.record.spec, figures.priced
    outcomes = {code: int((figures.outcomes == code).sum()) for code in range(5)}
    energy, reasons = figures.energy, figures.measured.reasons
    joules, duration_s = energy.joules, float(energy.window_seconds.sum())
    output = record.columns["output_tokens"]
    no_carbon = _grid_reason(priced) or figures.unknown_energy_reason
    money, carbon = _money_facts(priced), _carbon_facts(priced, figures.energy)
    api = api_facts(figures)
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
        load=record.load,
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
        tokens_per_attempt=to_e(figures.mean(figures.written_tokens)),
        input_tokens=to_e(figures.mean(figures.tokens("input_tokens"))),
        cached_tokens=to_e(figures.mean(figures.tokens("cached_tokens"))),
        cache_hit_rate=_over(
            _sum(figures.tokens("cached_tokens")), _sum(figures.tokens("input_tokens"))
        ),
        latency_s=Spread(**percentiles(record.columns["latency_s"]), basis=figures.basis),
        ttft_s=Spread(**percentiles(record.columns["ttft_s"]), basis=figures.basis),
        tokens_per_second=_over(_sum(output), duration_s),
        mean_batch_size=percentiles(record.columns["batch_size"])["mean"],
        mean_power_w=_over(joules, duration_s),
        joules_per_output_token=_joules(
            figures, figures.per_output_token(figures.joules, joules=True), _sum(output)
        ),
        joules_per_attempt=_joules(
            figures, figures.mean(figures.joules, joules=True), record.attempts
        ),
        joules_per_correct=_joules(
            figures, figures.per_correct(figures.joules, joules=True), outcomes[CORRECT]
        ),
        net_context_joules_per_correct=_net(figures, energy.idle.context_w),
        net_bare_joules_per_correct=_net(figures, energy.idle.bare_w),
        kwh_per_correct=to_e(
            figures.per_correct(kwh_from_joules(1) * figures.joules, joules=True),
            figures.unknown_energy_reason,
        ),
        machine_seconds_per_correct=to_e(figures.per_correct(figures.machine_seconds)),
        usd_per_attempt=to_e(figures.mean(figures.usd, by_pass=True), money_reason(priced)),
        usd_per_correct=to_e(figures.per_correct(figures.usd), money_reason(priced)),
        usd_per_output_token=to_e(figures.per_output_token(figures.usd), money_reason(priced)),
        gco2e_per_attempt=to_e(figures.mean(figures.gco2e, joules=True), no_carbon),
        gco2e_per_correct=to_e(figures.per_correct(figures.gco2e, joules=True), no_carbon),
        energy=_energy_facts(figures),
        usd=money,
        gco2e=carbon,
        windows=Windows(
            whole=_windows(energy.whole), steady=_windows(energy.steady) if energy.steady else None
        ),
        length_control=_length_control(figures),
        on_frontier=place,
        by_level=levels,
        caveats=caveats_of(record, reasons, *money.reasons, *carbon.reasons),
        kwh_per_attempt=to_e(
            figures.mean(kwh_from_joules(1) * figures.joules, joules=True),
            figures.unknown_energy_reason,
        ),
        machine_seconds_per_attempt=to_e(figures.mean(figures.machine_seconds, by_pass=True)),
        tariffs=tariff_facts(figures, api),
        api=api,
        footprint=footprint(figures),
        ock_score=to_e(scores.ock_score),
        pass_at_k={k: to_e(found) for k, found in scores.pass_at_k.items()},
        majority_at_k={k: to_e(found) for k, found in scores.majority_at_k.items()},
        serving=serving_facts(figures, slo, money_reason(priced)),
        repricing=usage_facts(figures),
    )


def _energy_facts(figures: CellFigures) -> EnergyFacts:
    energy, found = figures.energy, figures.energy.uncertainty
    idle = energy.idle
    return EnergyFacts(
        provenance=energy.provenance,
        method=energy.method,
        scope=energy.scope,
        by_domain=energy.by_domain,
        quality=figures.measured.quality,
        reasons=figures.measured.reasons,
        bound=energy.bound,
        at_least_joules=energy.at_least,
        uncertainty_cell=found.absolute if found else None,
        uncertainty_ratio=found.ratio if found else None,
        idle=IdleFacts(
            bare_w=idle.bare_w,
            context_before_w=idle.context_before_w,
            context_after_w=idle.context_after_w,
        ),
        neighbors=energy.neighbors,
        attribution_range=figures.measured.attribution_range,
    )


def _windows(stretches: Sequence[Stretch]) -> WindowFacts:
    joules = total_joules({str(at): each.cut.joules for at, each in enumerate(stretches)})
    return WindowFacts(
        joules=joules,
        duration_s=sum(each.cut.duration_s for each in stretches) if stretches else None,
        output_tokens=total_joules({str(n): s.output_tokens for n, s in enumerate(stretches)}),
    )


def _joules(figures: CellFigures, estimate: Estimate, over: float | None) -> E:
    """Of a GPU that was lost midway a lower bound is known, if no more."""
    at_least = figures.energy.at_least
    if estimate.value is not None or at_least is None:
        return to_e(estimate, figures.unknown_energy_reason)
    return E(value=None, low=_over(at_least, over or 0), reason=figures.unknown_energy_reason)


def _net(figures: CellFigures, idle_w: float | None) -> E:
    if idle_w is None:
        return E(value=None, reason="no_idle")
    found = to_e(figures.net_per_correct(idle_w), figures.unknown_energy_reason)
    if found.value is not None and found.value <= 0:
        return E(value=None, reason="not_above_idle")
    return found


def _sum(values: Floats) -> float | None:
    return None if np.isnan(values).any() else float(values.sum())


def _over(value: float | None, by: float | None) -> float | None:
    return None if value is None or by is None or by <= 0 else value / by


def money_reason(priced: PricedCell) -> str | None:
    """Why a cell has no price; None where it has one."""
    imported = priced.record.columns.get("usd")
    if imported is not None:
        return "no_imported_cost" if np.isnan(imported).any() else None
    if priced.tokens is not None:
        return priced.tokens.reason
    if priced.tariff is not None:
        return None
    if priced.machine is None and priced.book is not None and not priced.record.imported:
        return "remote_machine"
    if priced.book is not None and priced.record.imported and not priced.gpus:
        return "imported_without_machine"
    return missing_of(priced.book, "no_machine_price")


def _grid_reason(priced: PricedCell) -> str | None:
    return (
        None if priced.gco2e_per_joule is not None else missing_of(priced.book, "no_grid_intensity")
    )


def _money_facts(priced: PricedCell) -> MoneyFacts:
    tariff = priced.tariff
    if "usd" in priced.record.columns and money_reason(priced) is None:
        return MoneyFacts(
            provenance="imported", method="cost_of_attempts_imported", reasons=("imported_cost",)
        )
    if "usd" not in priced.record.columns and priced.tokens and priced.tokens.price:
        return _token_facts(priced.tokens, priced.tokens.price)
    if tariff is None or "usd" in priced.record.columns:
        return _unavailable(money_reason(priced))
    rented = tariff.deployment == "rented"
    return MoneyFacts(
        provenance=tariff.provenance,
        method=f"machine_time_x_{'rental_price' if rented else 'cost_of_ownership'}",
        basis=tariff.basis,
        reasons=("assumed_price" if rented else "assumed_ownership",),
    )


def _token_facts(tokens: TokenCost, price: ApiPrice) -> MoneyFacts:
    if tokens.reason is not None:
        return _unavailable(tokens.reason)
    return MoneyFacts(
        provenance=price.provenance,
        method="tokens_x_api_price",
        basis=price.basis,
        reasons=("assumed_api_price",),
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
    """How a budget in tokens was kept, in thinking tokens for budget forcing, in all tokens else."""
    budget = figures.record.spec["budget"]
    if budget is None or figures.record.spec["budget_counts"] == "votes":
        return None
    thinking = figures.record.spec["budget_counts"] == "thinking"
    column = figures.record.columns["reasoning_tokens" if thinking else "output_tokens"]
    used = column[figures.outcomes != ERROR]  # what the engine refused has no length
    known = used.size > 0 and not np.isnan(used).any()
    error = float(np.abs(used - budget).mean()) if known else None
    return LengthControl(
        target=budget,
        mean_absolute_error_tokens=error,
        mean_absolute_error_relative=_over(error, budget),
        violation_rate=float((used > budget).mean()) if known else None,
        counts="thinking" if thinking else "response",
    )
