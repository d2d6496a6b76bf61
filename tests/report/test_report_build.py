"""A run folder written by hand, read back and reported: every figure checked with pencil and paper."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from costbench.analysis.stats import Resampling
from costbench.metering.sampler import Reading
from costbench.policies.truncation import Truncation
from costbench.prices import OwnedMachine
from costbench.report.build import Pricing
from costbench.report.caveats import explain
from costbench.report.cell_tables import PricedCell
from costbench.report.contract import Report
from costbench.report.figures import CellFigures
from costbench.report.measured import measure_run
from costbench.report.sentences import prices
from tests.report.hand import (
    ALL_RIGHT,
    BOOK,
    CLOCK,
    CPU_W,
    GPU_METER,
    GRAMS_PER_KWH,
    META,
    METER,
    PASSES,
    RAM_W,
    TWO_RIGHT,
    USD_PER_HOUR,
    WATTS,
    Hand,
    Try,
    make_cell,
)


@pytest.fixture(autouse=True)
def _time_that_is_told(monkeypatch):
    monkeypatch.setattr("costbench.store.time", CLOCK)


@pytest.fixture
def hand(tmp_path):
    """Makes run folders, and closes them after the test."""
    made = []

    def make(*cells, **options):
        made.append(Hand(tmp_path / f"run-{len(made)}", *cells, **options))
        return made[-1]

    yield make
    for one in made:
        with one.store:
            pass


@pytest.fixture
def measured(hand):
    """A cell of two passes: 6 right answers of 8, 200 tokens."""
    cell = make_cell()
    run = hand(cell)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    run.work(cell, 1, TWO_RIGHT)
    return run, cell


def test_counts_accuracy_and_tokens_are_those_of_the_attempts(measured):
    run, cell = measured
    (row,) = run.report().cells
    assert (row.cell, row.group, row.model, row.policy) == (
        cell.id,
        "hand",
        "base",
        "unconstrained",
    )
    assert (row.problems, row.samples, row.attempts, row.correct, row.wrong) == (4, 2, 8, 6, 2)
    assert row.accuracy.value == 6 / 8
    assert row.accuracy.low <= 6 / 8 <= row.accuracy.high
    assert row.output_tokens.value == 200 / 8
    assert row.reasoning_tokens.value == (200 - 8 * 2) / 8
    assert row.answer_tokens.value == 2
    assert row.injected_tokens.value == 0
    assert row.input_tokens.value == 7
    assert row.mean_batch_size == 2
    assert row.load == {"concurrency": 2}
    assert [(level.level, level.attempts, level.accuracy) for level in row.by_level] == [
        (1, 4, 3 / 4),
        (2, 4, 3 / 4),
    ]


def test_joules_are_power_times_time_and_a_ratio_of_sums(measured):
    run, cell = measured
    (row,) = run.report().cells
    joules = WATTS * run.seconds(cell)
    assert row.windows.whole.duration_s == pytest.approx(run.seconds(cell))
    assert row.windows.whole.joules == pytest.approx(joules)
    assert row.energy.by_domain == {
        "cpu": pytest.approx(joules * CPU_W / WATTS),
        "ram": pytest.approx(joules * RAM_W / WATTS),
    }
    assert row.joules_per_attempt.value == pytest.approx(joules / 8)
    assert row.joules_per_correct.value == pytest.approx(joules / 6)
    assert row.kwh_per_correct.value == pytest.approx(joules / 6 / 3.6e6)
    assert row.joules_per_output_token.value == pytest.approx(joules / 200)
    assert row.machine_seconds_per_correct.value == pytest.approx(run.seconds(cell) / 6)
    assert row.machine_seconds_per_attempt.value == pytest.approx(run.seconds(cell) / row.attempts)
    assert row.mean_power_w == pytest.approx(WATTS)
    assert row.tokens_per_second == pytest.approx(200 / run.seconds(cell))
    assert row.energy.provenance == "measured"
    assert (row.energy.method, row.energy.scope) == ("counter_interpolated", "test_bench")
    assert row.energy.quality == "degraded"
    assert "low_resolution" in row.energy.reasons  # 6 s in all


def test_each_attempt_gets_its_share_of_the_joules_and_seconds_of_its_own_pass(measured):
    run, _ = measured
    record = run.read()
    (cell,) = record.cells
    resampling = Resampling.draw(cell.problems, 0)
    energy = measure_run(record, None, "output_tokens").cells[cell.id]
    figures = CellFigures(record, PricedCell(cell, None, None, 0), energy, resampling)
    for number, window in enumerate(cell.windows):
        for at, tokens in enumerate((10, 20, 30, 40)):
            seconds = window.duration_s * tokens / 100
            assert figures.machine_seconds[at, number] == pytest.approx(seconds)
            assert figures.joules[at, number] == pytest.approx(WATTS * seconds)


def test_money_is_machine_time_at_the_rental_price_and_carbon_energy_on_the_grid(measured):
    run, cell = measured
    report = run.report(Pricing(BOOK, "prices/test.yaml"))
    (row,) = report.cells
    usd = run.seconds(cell) / 3600 * USD_PER_HOUR  # two cores at half of it each
    grams = WATTS * run.seconds(cell) / 3.6e6 * GRAMS_PER_KWH
    assert row.usd_per_attempt.value == pytest.approx(usd / 8)
    assert row.usd_per_correct.value == pytest.approx(usd / 6)
    assert row.gco2e_per_attempt.value == pytest.approx(grams / 8)
    assert row.gco2e_per_correct.value == pytest.approx(grams / 6)
    assert (row.usd.provenance, row.usd.method) == ("assumed", "machine_time_x_rental_price")
    assert row.gco2e.method == "energy_x_grid_intensity"
    assert report.prices["file"] == "prices/test.yaml"


def test_each_attempt_has_exactly_one_outcome(hand):
    cell = make_cell(problems=6, passes=1)
    run = hand(cell)
    run.session()
    verdicts = ("correct", "wrong", "truncated", "ungraded", "error", "correct")
    run.work(cell, 0, {at: Try(10, verdict) for at, verdict in enumerate(verdicts)})
    (row,) = run.report().cells
    outcomes = (row.correct, row.wrong, row.truncated, row.ungraded, row.errors)
    assert outcomes == (2, 1, 1, 1, 1)
    assert sum(outcomes) == row.attempts == 6
    assert row.accuracy.value == 2 / 4  # ungraded ones and errors count neither way
    # ... but what they cost is in the price of the right answers
    assert row.joules_per_correct.value == pytest.approx(WATTS * run.seconds(cell) / 2)
    assert {"many_ungraded", "many_truncated", "one_pass", "few_problems"} <= set(row.caveats)
    assert "incomplete" not in row.caveats


@pytest.mark.parametrize(
    ("unclosed", "otherwise", "many"),
    [(1, "correct", False), (2, "correct", True), (0, "truncated", False)],
)
def test_many_responses_that_end_within_their_thinking_are_a_caveat(
    unclosed, otherwise, many, hand
):
    cell = make_cell(problems=10, passes=1)
    run = hand(cell)
    run.session()
    verdicts = ["unclosed"] * unclosed + [otherwise] * (10 - unclosed)
    run.work(cell, 0, {at: Try(10, verdict) for at, verdict in enumerate(verdicts)})
    (row,) = run.report().cells
    assert ("many_unclosed" in row.caveats) is many
    assert row.wrong == unclosed


def test_what_nobody_measured_is_null_with_its_reason(hand):
    cell = make_cell()
    run = hand(cell, metered=False)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    run.work(cell, 1, TWO_RIGHT)
    report = run.report()
    (row,) = report.cells
    unmeasured = (row.joules_per_attempt, row.joules_per_correct, row.joules_per_output_token)
    for found in (*unmeasured, row.kwh_per_correct):
        assert (found.value, found.low, found.high, found.reason) == (None,) * 3 + ("no_meter",)
    assert (row.cached_tokens.value, row.cached_tokens.reason) == (None, "not_measured")
    for found in (row.usd_per_attempt, row.usd_per_correct):
        assert (found.value, found.reason) == (None, "no_price_book")
    for found in (row.gco2e_per_attempt, row.gco2e_per_correct):
        assert (found.value, found.reason) == (None, "no_price_book")
    assert row.windows.whole.joules is None
    assert row.mean_power_w is None
    assert row.energy.provenance == row.energy.quality == "unavailable"
    assert row.energy.by_domain == {}
    assert (row.usd.provenance, row.usd.reasons) == ("unavailable", ("no_price_book",))
    assert {"no_meter", "no_price_book"} <= set(row.caveats)
    assert "no_grid_intensity" not in row.caveats  # of no book nobody can say what it names
    assert row.footprint.kwh_facility_per_correct.reason == "no_price_book"
    assert row.footprint.water_l_per_correct.reason == "no_price_book"
    assert report.prices is None
    # Time was measured all the same, and its figures stand.
    assert row.machine_seconds_per_correct.value == pytest.approx(run.seconds(cell) / 6)
    assert row.on_frontier["usd"].now is None
    assert row.on_frontier["joules"].probability is None
    assert row.on_frontier["output_tokens"].now is True


def test_a_price_book_without_this_machine_says_so_and_a_grid_without_energy_too(hand):
    cell = make_cell(passes=1)
    run = hand(cell, metered=False)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    foreign = BOOK.machines[0].model_copy(update={"match": "H200"})
    book = BOOK.model_copy(update={"machines": (foreign,)})
    (row,) = run.report(Pricing(book, None)).cells
    assert (row.usd_per_correct.value, row.usd_per_correct.reason) == (None, "no_machine_price")
    assert (row.gco2e_per_correct.value, row.gco2e_per_correct.reason) == (None, "no_meter")
    assert row.gco2e.reasons == ("no_meter",)


def test_an_owned_machine_is_priced_at_what_owning_it_costs(hand):
    cell = make_cell(passes=1)
    run = hand(cell)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    owned = OwnedMachine(
        match="cpu", gpus=0, usd_capital=8760, residual_share=0, life_years=1,
        maintenance_share_per_year=0, usd_space_per_hour=0.8, space_includes_power=True,
        utilization=0.5, source="an offer", as_of="2026-11-20",
    )  # fmt: skip
    book = BOOK.model_copy(update={"owned": (owned,), "deployment": "colocated"})
    report = run.report(Pricing(book, None))
    (row,) = report.cells
    assert row.usd_per_attempt.value == pytest.approx(1.8 / 3600 * run.seconds(cell) / 4)
    assert (row.usd.method, row.usd.reasons) == (
        "machine_time_x_cost_of_ownership",
        ("assumed_ownership",),
    )
    assert "cpu 1.80 USD per machine and hour, assumed (owned machine; an offer" in prices(report)
    assert "rental price" not in " ".join(explain(code) for code in row.caveats)


def test_without_a_right_answer_the_cost_has_a_bound_and_no_value(hand):
    cell = make_cell(passes=1)
    run = hand(cell)
    run.session()
    run.work(cell, 0, {at: Try(10, "wrong") for at in range(4)})
    (row,) = run.report().cells
    per_attempt = WATTS * run.seconds(cell) / 4
    found = row.joules_per_correct
    assert (found.value, found.high, found.reason) == (None, None, "none_correct")
    assert found.low == pytest.approx(per_attempt / (1 - 0.05 ** (1 / 4)))
    assert row.accuracy.value == 0


def test_a_window_that_the_meter_did_not_cover_is_unknown_and_no_smaller(hand):
    cell = make_cell()
    run = hand(cell)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    run._metered = False  # the meter's last reading was in the first pass
    run.work(cell, 1, TWO_RIGHT, lasting_s=0.1)
    (row,) = run.report().cells
    assert row.windows.whole.joules is None
    assert row.joules_per_correct.reason == "energy_uncovered"
    assert (row.energy.provenance, row.energy.quality) == ("unavailable", "unavailable")
    assert "energy_uncovered" in row.caveats


def test_a_cell_with_attempts_missing_is_flagged_and_one_without_any_is_left_out(hand):
    cell, never = make_cell(), make_cell(model="never", role="variant")
    run = hand(cell, never)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    run.work(cell, 1, {0: Try(10), 1: Try(20)})
    (row,) = run.report().cells
    assert row.attempts == 6
    assert "incomplete" in row.caveats
    assert row.accuracy.value == 1
    assert row.output_tokens.value == pytest.approx(130 / 6)
    assert row.joules_per_correct.value == pytest.approx(WATTS * run.seconds(cell) / 6)


@pytest.mark.parametrize("metered", [True, False])
def test_a_run_of_two_sessions_is_flagged_and_keeps_the_time_of_both(hand, metered):
    cell = make_cell()
    run = hand(cell, metered=metered)
    run.session()
    run.work(cell, 0, {0: Try(10), 1: Try(20)})
    run.session()
    run.work(cell, 0, {2: Try(30), 3: Try(40)})
    run.work(cell, 1, TWO_RIGHT)
    (row,) = run.report().cells
    assert row.attempts == 8
    assert "resumed" in row.caveats
    assert len(run.read().cells[0].windows) == 3
    assert row.machine_seconds_per_correct.value == pytest.approx(run.seconds(cell) / 6)
    if metered:
        assert row.windows.whole.joules == pytest.approx(WATTS * run.seconds(cell))
        assert row.joules_per_attempt.value == pytest.approx(WATTS * run.seconds(cell) / 8)


# A process that opens a window, commits what the arguments say and dies in it.
CRASH = """
import os, sys, time
from pathlib import Path
from costbench.metering.sampler import Reading
from costbench.store import Attempt, Store
from costbench.types import MeterFacts, Solution
folder, cell, facts, attempts, last_reading_s = sys.argv[1:]
store = Store.open(Path(folder))
store.begin_session({})
if facts:
    store.add_meters([MeterFacts.model_validate_json(facts)])
start_s = time.monotonic()
with store.window(cell, 0, "whole"):
    time.sleep(0.05)
    done = [
        Attempt(cell, f"p{at}", 0, 0, start_s, start_s + 1.0, (), Solution(pieces=(), finished=True))
        for at in range(int(attempts))
    ]
    readings = []
    if last_reading_s:
        end_s, at = start_s + float(last_reading_s), start_s - 1.0
        while at <= end_s + 0.001:
            readings += [Reading("cpu", at, 90 * at), Reading("ram", at, 30 * at)]
            at += 0.01
    store.add_attempts(done, readings)
    os._exit(9)
"""


def crash(run, cell, attempts, last_reading_s):
    """A session that dies in its first window; where that window began."""
    facts = METER.model_dump_json() if last_reading_s else ""
    arguments = [str(run.store.folder), cell.id, facts, str(attempts), last_reading_s]
    died = subprocess.run([sys.executable, "-c", CRASH, *arguments], timeout=60, check=False)
    assert died.returncode == 9
    query = "SELECT start_s, end_s FROM windows ORDER BY id DESC LIMIT 1"
    start_s, end_s = run.store.db.execute(query).fetchone()
    assert end_s is None
    return start_s


@pytest.mark.parametrize(
    ("last_reading_s", "lasted_s"),
    [
        ("2.0", 2.0),  # the trace goes on after the last attempt that was stored
        ("0.6", 0.6),  # it stops before: nobody measured what came then
        ("", 1.0),  # no meter: the last attempt is the last thing known
        ("-0.5", 1.0),  # a meter that was dead by then: the same
    ],
)
def test_a_window_left_open_by_a_crash_ends_with_the_last_thing_measured(
    hand, last_reading_s, lasted_s
):
    cell = make_cell()
    run = hand(cell)
    start_s = crash(run, cell, 2, last_reading_s)
    (record,) = run.read().cells
    (window,) = record.windows
    assert window.start_s == start_s
    assert window.duration_s == pytest.approx(lasted_s, abs=0.2)
    (row,) = run.report().cells
    assert row.attempts == 2
    assert "incomplete" in row.caveats
    if lasted_s == 1.0:
        assert row.windows.whole.joules is None
    else:
        assert row.windows.whole.joules == pytest.approx(WATTS * window.duration_s)


def test_work_lost_in_a_crash_before_any_attempt_stays_in_the_cost_of_its_pass(hand):
    cell = make_cell(passes=1)
    run = hand(cell)
    crash(run, cell, 0, "1.0")
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    record = run.read()
    lost_s, kept_s = (window.duration_s for window in record.cells[0].windows)
    assert lost_s == pytest.approx(1.0, abs=0.2)
    (row,) = run.report().cells
    joules = WATTS * (lost_s + kept_s)
    assert row.windows.whole.joules == pytest.approx(joules)
    assert row.joules_per_correct.value == pytest.approx(joules / 4)
    assert row.machine_seconds_per_correct.value == pytest.approx((lost_s + kept_s) / 4)
    assert {"resumed", "one_pass"} <= set(row.caveats)


def test_an_empty_crash_leaves_nothing_to_report(hand):
    cell = make_cell()
    run = hand(cell)
    crash(run, cell, 0, "")
    assert run.report().cells == ()


@pytest.fixture
def compared(hand):
    """A baseline and a variant that samples half as much on the very same problems, as rightly."""
    base = make_cell()
    half = make_cell(Truncation(budget=16), model="half", role="variant")
    run = hand(base, half)
    run.session()
    halved = [{at: Try(one.tokens // 2, one.verdict) for at, one in p.items()} for p in PASSES]
    for number, tries in enumerate(PASSES):
        run.work(base, number, tries, lasting_s=30.0)
        run.work(half, number, halved[number], lasting_s=3.0)
    return run, base, half


def test_a_variant_is_compared_with_the_baseline_problem_by_problem(compared):
    run, base, half = compared
    report = run.report(Pricing(BOOK, None))
    found = {each.metric: each for each in report.comparisons}
    assert {(each.baseline, each.candidate) for each in report.comparisons} == {(base.id, half.id)}
    assert {each.margin for each in report.comparisons} == {0.05}
    tokens = found["output_tokens"]
    assert [tokens.ratio.value, tokens.ratio.low, tokens.ratio.high] == pytest.approx([0.5] * 3)
    assert tokens.verdict == "lower"
    right = found["accuracy"]
    difference = right.difference
    assert difference.value == 0
    assert difference.low < -0.2  # alike on all four problems: the next may still differ
    assert difference.high == pytest.approx(-difference.low)
    assert right.verdict == "inconclusive"
    ratio = run.seconds(half) / run.seconds(base)
    for metric in ("usd_per_correct", "joules_per_correct", "machine_seconds_per_correct"):
        assert found[metric].ratio.value == pytest.approx(ratio)
        assert found[metric].ratio.low <= ratio <= found[metric].ratio.high


def test_the_frontier_has_the_cheaper_of_two_that_are_as_often_right(compared):
    run, _, _ = compared
    base, half = run.report(Pricing(BOOK, None)).cells
    for metric in ("usd", "joules", "output_tokens"):
        assert half.on_frontier[metric].now is True
        assert base.on_frontier[metric].now is False
    assert half.on_frontier["output_tokens"].probability == 1
    assert base.on_frontier["output_tokens"].probability == 0


def test_a_budget_is_told_with_how_it_was_kept(compared):
    run, _, _ = compared
    base, half = run.report().cells
    assert base.length_control is None
    kept = half.length_control  # 5, 10, 15 and 20 tokens twice over, where 16 were allowed
    assert kept.target == 16
    assert kept.mean_absolute_error_tokens == (11 + 6 + 1 + 4) / 4
    assert kept.violation_rate == 1 / 4


def test_another_cell_can_be_named_as_the_baseline(compared):
    run, base, half = compared
    found = run.report(baseline=half.id).comparisons
    assert {(each.baseline, each.candidate) for each in found} == {(half.id, base.id)}
    tokens = next(each for each in found if each.metric == "output_tokens")
    assert (tokens.ratio.value, tokens.verdict) == (2, "higher")


def test_joules_of_different_scopes_are_neither_compared_nor_on_one_frontier(hand):
    base, other = make_cell(passes=1), make_cell(passes=1, model="other", role="variant")
    run = hand(base, other)
    run.session()
    run.work(base, 0, ALL_RIGHT)
    run.store.begin_session({})
    run.store.add_meters([METER.model_copy(update={"scope": "another_bench"})])
    run.work(other, 0, ALL_RIGHT)
    report = run.report()
    found = {each.metric: each for each in report.comparisons}
    joules = found["joules_per_correct"]
    assert (joules.ratio.value, joules.ratio.reason) == (None, "different_scope")
    assert joules.verdict == "inconclusive"
    assert found["machine_seconds_per_correct"].ratio.value is not None
    assert {row.on_frontier["joules"].now for row in report.cells} == {None}


def test_the_same_run_gives_the_same_report_to_the_last_digit(measured):
    run, _ = measured
    assert run.report(Pricing(BOOK, None)) == run.report(Pricing(BOOK, None))


def test_a_report_comes_back_from_json_as_it_was(compared):
    run, _, _ = compared
    for report in (run.report(), run.report(Pricing(BOOK, "prices/test.yaml"))):
        text = report.model_dump_json()
        assert Report.model_validate_json(text) == report
        assert "NaN" not in text
        assert "Infinity" not in text


def test_what_surrounds_the_figures_is_in_the_report(measured):
    run, _ = measured
    run.store.add_event("failed", "the model cannot be loaded", "other-group")
    run.store.add_event("meter", "nvml: GPU is lost")
    report = run.report()
    assert (report.suite, report.run, report.protocol) == ("hand", "by-hand", "quick")
    assert (report.complete, report.started_at) == (True, META["started_at"])
    assert report.machine["label"] == "2-core Test (no GPU)"
    assert [(skipped.group, skipped.reason) for skipped in report.skipped] == [
        ("gpu", "no CUDA GPU on this machine")
    ]
    assert [(failed.group, failed.reason) for failed in report.failed] == [
        ("other-group", "the model cannot be loaded")
    ]
    assert report.notes == ("A meter could not be used: nvml: GPU is lost",)


def test_only_the_gpus_that_an_engine_used_are_its_energy(hand):
    meter = GPU_METER
    one, none = make_cell(passes=1), make_cell(passes=1, model="on-the-cpu")
    run = hand(one, none, metered=False)
    run.session()
    run.store.add_meters([meter])
    for cell, uuids in ((one, ["GPU-b"]), (none, [])):
        run.store.set_meta(
            f"engine:{cell.id}", {"gpu_uuids": {"1": uuids}, "latency_basis": "step"}
        )
        start_s = CLOCK.monotonic()
        run.work(cell, 0, ALL_RIGHT)
        moments = np.arange(start_s - 0.05, CLOCK.monotonic() + 0.05, 0.01)
        watts = {"gpu:GPU-a": 700.0, "gpu:GPU-b": 300.0}
        readings = [
            Reading(d, float(at), w * float(at)) for d, w in watts.items() for at in moments
        ]
        run.store.add_attempts([], readings)
        CLOCK.sleep(0.12)
    with_gpu, without = run.report().cells
    assert with_gpu.gpus == 1
    assert with_gpu.windows.whole.joules == pytest.approx(300 * run.seconds(one))
    assert with_gpu.energy.by_domain.keys() == {"gpu:GPU-b"}
    assert (without.gpus, without.windows.whole.joules) == (0, None)
    assert "no_meter" in without.caveats


def test_an_error_before_the_first_call_has_used_no_tokens_and_hides_none(hand):
    cell = make_cell(passes=1)
    run = hand(cell)
    run.session()
    run.work(cell, 0, {**ALL_RIGHT, 3: Try(40, "error")})
    (row,) = run.report().cells
    assert row.errors == 1
    assert row.output_tokens.value == 60 / 4
    assert row.on_frontier["output_tokens"].now is True


def test_passes_that_were_not_run_are_not_resampled(hand):
    cell = make_cell(problems=8, passes=4)
    run = hand(cell)
    run.session()
    mixed = {at: Try(10, "correct" if at % 2 else "wrong") for at in range(8)}
    run.work(cell, 0, mixed)
    (row,) = run.report(Pricing(BOOK, None)).cells
    assert {"incomplete", "one_pass"} <= set(row.caveats)
    assert row.usd_per_correct.high is not None
    assert row.usd_per_correct.low < row.usd_per_correct.value < row.usd_per_correct.high


@pytest.mark.parametrize(("verdict", "ends"), [("correct", (0.2831, 1)), ("wrong", (0, 0.7169))])
def test_problems_that_are_all_alike_leave_room_for_others(hand, verdict, ends):
    cell = make_cell(passes=1)
    run = hand(cell)
    run.session()
    run.work(cell, 0, {at: Try(10, verdict) for at in range(4)})
    (row,) = run.report().cells
    assert (row.accuracy.low, row.accuracy.high) == pytest.approx(ends, abs=1e-4)


def test_two_uses_of_one_dataset_are_not_compared(hand):
    plain = make_cell(passes=1)
    shouted = make_cell(Truncation(budget=16), passes=1, model="other", role="variant")
    shouted = replace(shouted, id="hand/other/truncation@16/shouted/c2", dataset_name="shouted")
    run = hand(plain, shouted)
    run.session()
    run.work(plain, 0, ALL_RIGHT)
    run.work(shouted, 0, TWO_RIGHT)
    report = run.report()
    assert report.comparisons == ()
    assert [row.on_frontier["output_tokens"].now for row in report.cells] == [True, True]


def test_a_failure_that_a_later_session_made_good_is_forgotten(hand):
    cell = make_cell(passes=1)
    run = hand(cell)
    run.session()
    run.store.add_event("failed", "the GPU was busy", cell.group)
    run.work(cell, 0, {0: Try(10)})
    assert [failed.reason for failed in run.report().failed] == ["the GPU was busy"]
    run.work(cell, 0, {at: Try(10) for at in (1, 2, 3)})
    assert run.report().failed == ()


def test_carbon_says_that_the_energy_is_unknown_not_that_there_was_no_meter(hand):
    cell = make_cell(passes=1)
    run = hand(cell, metered=False)
    run.session()
    run.store.add_meters([METER])  # it ran, but left no reading
    run.work(cell, 0, ALL_RIGHT)
    (row,) = run.report(Pricing(BOOK, None)).cells
    assert row.gco2e.reasons == ("energy_uncovered",)
    assert "no_meter" not in row.caveats


def test_a_run_that_went_on_with_another_gpu_has_the_joules_of_both(hand):
    meter = GPU_METER
    cell = make_cell()
    run = hand(cell, metered=False)
    uuids = {"1": ["GPU-a"], "2": ["GPU-b"]}
    run.store.set_meta(f"engine:{cell.id}", {"gpu_uuids": uuids, "latency_basis": "step"})
    for number in range(2):
        run.session()
        run.store.add_meters([meter])
        start_s = CLOCK.monotonic()
        run.work(cell, number, ALL_RIGHT)
        moments = np.arange(start_s - 0.05, CLOCK.monotonic() + 0.05, 0.01)
        watts = {"gpu:GPU-a": 700.0, "gpu:GPU-b": 300.0}
        readings = [
            Reading(d, float(at), w * float(at)) for d, w in watts.items() for at in moments
        ]
        run.store.add_attempts([], readings)
    (row,) = run.report().cells
    first_s, second_s = (window.duration_s for window in run.read().cells[0].windows)
    assert row.windows.whole.joules == pytest.approx(700 * first_s + 300 * second_s)
    assert row.gpus == 1


def test_unreliable_joules_are_neither_ranked_nor_compared(hand):
    base, short = make_cell(passes=1), make_cell(passes=1, model="short", role="variant")
    run = hand(base, short)
    run.session()
    run.work(base, 0, ALL_RIGHT, lasting_s=30.0)
    run.work(short, 0, ALL_RIGHT, lasting_s=1.0)  # under 2 s: cheapest by far, if it counted
    report = run.report(Pricing(BOOK, None))
    long_row, short_row = report.cells
    assert short_row.energy.quality == "unreliable"
    assert short_row.joules_per_attempt.value > 0  # it keeps its figure
    assert short_row.on_frontier["joules"].now is None
    assert long_row.on_frontier["joules"].now is True  # and takes nobody's place
    found = {each.metric: each for each in report.comparisons}
    joules = found["joules_per_correct"].ratio
    assert (joules.value, joules.reason) == (None, "unreliable_energy")
    assert found["usd_per_correct"].ratio.value is not None
