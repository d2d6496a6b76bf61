"""What a demand would take, by hand: 10 machine-seconds and 500 J an attempt, 0.0001 USD a second."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from costbench.analysis.demand import MONTH_S
from costbench.metering.trace import trace_of
from costbench.prices import Electricity, Grid, MachinePrice, OwnedMachine, PriceBook, Pue
from costbench.records import IdleWindow
from costbench.report.build import Pricing, View, build_report
from costbench.report.contract import Report
from costbench.report.demand import Server
from costbench.report.markdown import render_markdown
from costbench.report.table import print_table
from costbench.types import MeterFacts
from costbench.wanted import Decision, Demand, Wanted
from tests.report.in_memory import MACHINE, figures_of, run_of
from tests.report.test_report_decision import ALPHA, BOOK, NONE_RIGHT, RIGHT, cell

WATTS = 50.0
METER = MeterFacts(
    name="clock", provenance="measured", method="a_clock", scope="test_bench", period_s=0.1,
    settle_s=0.1, headline=("machine",),
)  # fmt: skip
GRID = Grid(gco2e_per_kwh=360.0, place="Testland", year=2025, source="a test")
SPOT = MachinePrice(
    match="cpu", per="machine", usd_per_hour=0.18, provider="other", source="a test",
    as_of="2026-11-20", commitment="spot", region="eu",
)  # fmt: skip
OWN = OwnedMachine(  # 1 USD an hour, and 0.01 USD for its power at work, 0.005 USD idle
    match="cpu", gpus=0, usd_capital=8760, residual_share=0, life_years=1,
    maintenance_share_per_year=0, active_w=100, idle_w=50, source="a test", as_of="2026-11-20",
)  # fmt: skip
FULL = PriceBook(
    date="2026-11-20",
    machines=(*BOOK.machines, SPOT),
    electricity=Electricity(usd_per_kwh=0.1, place="here", year=2026, source="a test"),
    pue=Pue(value=1.0, place="here", source="a test", year=2026),
    owned=(OWN,),
    grid=GRID,
)
DEMAND = Demand(answers_per_month=MONTH_S / 5, peak_to_mean=2.0)  # 2 machines' work, 4 at the peak
IDLE = IdleWindow(1, "idle_context", "g/base", 100.0, 130.0)


def tiered(found, tier):
    model = found.spec["model"] | {"tier": tier}
    return replace(found, spec=found.spec | {"model": model})


def served(*cells, book=BOOK, demand=DEMAND, idle=(), **decision):
    moments = np.linspace(-1.0, 1000.0, 10_011)
    run = replace(
        run_of(*cells),
        traces={1: trace_of({("machine", "joules"): (moments, WATTS * (moments + 1.0))})},
        meters={1: (METER,)},
        idle=idle,
    )
    view = View(wanted=Wanted(decision=Decision(**decision), demand=demand))
    return build_report(run, "by-hand", Pricing(book, None), view)


def first(report):
    return report.demand.cells[0]


def test_machines_are_those_of_the_peak_and_rented_all_month():
    found = first(served(cell(40.0, RIGHT)))
    assert found.reason is None
    assert found.machine_seconds_per_attempt.value == pytest.approx(10.0)
    assert found.machines.value == 4
    assert (found.gpus_per_machine, found.gpus.value) == (0, 0)
    (bill,) = found.bills
    assert (bill.deployment, bill.provider, bill.terms) == ("rented", "test", "")
    assert bill.usd_per_month.value == pytest.approx(4 * MONTH_S * 0.0001)


def test_a_machine_is_as_many_gpus_as_the_cell_used():
    (figures,) = figures_of(cell(40.0, RIGHT))
    figures.priced = replace(figures.priced, gpus=2, machine=MACHINE)
    found = Server(figures, DEMAND, None, ()).served()
    assert (found.machines.value, found.gpus_per_machine, found.gpus.value) == (4, 2, 8)


def test_an_owned_machine_that_idles_draws_less():
    bills = {bill.provider: bill for bill in first(served(cell(40.0, RIGHT), book=FULL)).bills}
    assert list(bills) == ["test", "other", "owned machine"]
    assert bills["other"].terms == "eu, spot"
    # 2 machines at work for 1.01 USD an hour, 2 idle for 1.005 USD.
    assert bills["owned machine"].usd_per_month.value == pytest.approx(730.5 * (2.02 + 2.01))


def test_energy_is_that_of_attempts_and_of_idling_and_a_bound_where_idling_is_not_known():
    # 525,960 attempts of 500 J are 73.05 kWh; 2 idle machines of 50 W as much again.
    bound = first(served(cell(40.0, RIGHT), book=FULL))
    assert (bound.kwh_per_month.value, bound.kwh_per_month.reason) == (None, "no_idle")
    assert bound.kwh_per_month.low == pytest.approx(73.05, rel=0.1)
    assert bound.kwh_per_month.low <= 73.05 * (1 + 1e-6)
    found = first(served(cell(40.0, RIGHT), book=FULL, idle=(IDLE,)))
    assert found.kwh_per_month.value == pytest.approx(146.1, rel=1e-3)
    assert found.kwh_per_month.low <= 146.1 * 1.001
    assert found.kgco2e_per_month.value == pytest.approx(146.1 * 0.36, rel=1e-3)


def test_what_is_not_known_is_null_with_its_reason():
    unmetered = build_report(
        run_of(cell(40.0, RIGHT)), "by-hand", Pricing(None, None),
        View(wanted=Wanted(demand=DEMAND)),
    )  # fmt: skip
    found = first(unmetered)
    assert found.machines.value == 4
    assert found.bills == ()
    assert found.kwh_per_month.value is None
    assert found.kwh_per_month.reason not in {None, "no_idle"}
    assert found.kgco2e_per_month.reason == "no_price_book"
    (tier,) = unmetered.demand.tiers
    assert (tier.cell, tier.provider, tier.reason) == (None, None, "no_price_book")


@pytest.mark.parametrize("own", [True, False])
def test_a_cell_that_is_too_slow_gets_no_machines_whoever_asks(own):
    if own:
        demand = DEMAND.model_copy(update={"p95_latency_s": 0.5})
        report = served(cell(40.0, RIGHT), demand=demand)
    else:
        report = served(cell(40.0, RIGHT), p95_latency_s=0.5)
    found = first(report)
    assert report.demand.p95_latency_s == 0.5
    for figure in (found.machines, found.bills[0].usd_per_month, found.kwh_per_month):
        assert (figure.value, figure.reason) == (None, "latency_too_high")


def test_an_unknown_latency_serves_no_bound():
    unknown = cell(40.0, RIGHT)
    unknown.columns["latency_s"][:] = np.nan
    assert first(served(unknown, p95_latency_s=5.0)).reason == "latency_unknown"
    assert first(served(unknown)).machines.value == 4


def test_every_tier_has_its_cheapest_cell_that_meets_the_decision_at_every_provider():
    cells = (
        tiered(cell(40.0, RIGHT), "small"),
        tiered(cell(20.0, RIGHT, "alpha"), "small"),
        tiered(cell(4.0, NONE_RIGHT, "beta"), "small"),  # cheapest, and surely not accurate enough
        tiered(cell(80.0, NONE_RIGHT, "gamma"), "large"),
    )
    report = served(*cells, book=FULL, accuracy_at_least=0.28)
    chosen = {(each.tier, each.provider): each for each in report.demand.tiers}
    assert list(chosen) == [
        (tier, provider)
        for tier in ("small", "large")
        for provider in ("test", "other", "owned machine")
    ]
    assert {chosen["small", name].cell for name in ("test", "other", "owned machine")} == {ALPHA}
    assert (chosen["large", "test"].cell, chosen["large", "test"].reason) == (
        None,
        "cannot_be_told",
    )


def test_without_a_decision_every_cell_may_be_the_cheapest_of_its_tier():
    report = served(cell(40.0, RIGHT), cell(4.0, NONE_RIGHT, "beta"))
    (tier,) = report.demand.tiers
    assert (tier.tier, tier.cell) == (None, "g/beta/unconstrained/sums/c2")


def test_a_tier_of_which_no_cell_is_fast_enough_says_so():
    report = served(tiered(cell(40.0, RIGHT), "small"), demand=DEMAND.model_copy(
        update={"p95_latency_s": 0.5}
    ))  # fmt: skip
    assert [each.reason for each in report.demand.tiers] == ["latency_too_high"]


def test_the_interval_of_machines_comes_from_that_of_machine_seconds():
    slow = cell(40.0, RIGHT)
    slow.columns["output_tokens"][:] = [10, 10, 10, 70]  # machine time goes by tokens
    found = first(served(slow))
    seconds, machines = found.machine_seconds_per_attempt, found.machines
    assert seconds.low < 10.0 < seconds.high
    assert machines.low == np.ceil(0.4 * seconds.low)
    assert machines.high == np.ceil(0.4 * seconds.high)


def test_the_page_and_the_console_have_the_tables():
    report = served(tiered(cell(40.0, RIGHT), "small"), book=FULL, idle=(IDLE,))
    page = render_markdown(report, None)
    head = "526,000 answers a month, at the peak 2 x the mean"
    assert f"## Demand\n\nWhat is asked for: {head}. Machines are those " in page
    assert "### By tier" in page
    assert "| small | other (rented, eu, spot) | base unconstrained | 4 | " in page
    console = Console(file=io.StringIO(), width=160)
    print_table(report, console)
    assert f"Demand: {head}" in console.file.getvalue()
    assert "base unconstrained" in console.file.getvalue().partition("Demand: ")[2]
    assert Report.model_validate_json(report.model_dump_json()) == report
