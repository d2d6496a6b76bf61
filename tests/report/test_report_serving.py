"""Serving figures of runs by hand: times, rates, goodput, cost at an SLO, and how they are written."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costbench.policies.unconstrained import Unconstrained
from costbench.prices import MachinePrice, PriceBook
from costbench.records import CORRECT, ERROR, Window
from costbench.report.build import Pricing, View, build_report
from costbench.report.csv import render_csv
from costbench.report.markdown import render_markdown
from costbench.report.plot_loads import loads_chart
from costbench.report.serving_tables import _few
from costbench.wanted import Demand, Slo, Wanted, set_wanted
from tests.report.in_memory import record, run_of

NAN = float("nan")
PATIENT = settings(max_examples=40)
POLICY = Unconstrained(max_tokens=64)


def served(times, *, concurrency=2, tokens=11, **columns):
    """A cell in one window from 0 to 10 s; times are (begun, first token, end) by problem."""
    cell = record(POLICY, [[tokens]] * len(times), [[1]] * len(times), concurrency=concurrency)
    begun, first, ended = (np.array(column, dtype=float) for column in zip(*times, strict=True))
    more = {
        "started_s": begun,
        "first_token_s": first,
        "finished_s": ended,
        "latency_s": ended - begun,
        "ttft_s": first - begun,
        "ttfat_s": first - begun + 0.5,
        "tpot_s": (ended - first) / (tokens - 1),
        "arrived_s": begun,
        "sent_s": np.full(len(times), NAN),
    }
    more |= {name: np.array(values, dtype=float) for name, values in columns.items()}
    return replace(cell, columns=cell.columns | more, windows=(Window(1, 0, 0.0, 10.0),))


FOUR = ((0, 1, 3), (0, 1.5, 4), (3.1, 3.5, 7), (4.1, 5, 6))


def told(*cells, slo=None):
    view = View(wanted=Wanted(slo=Slo(**slo)) if slo else None)
    return build_report(run_of(*cells), "by-hand", Pricing(None, None), view)


def serving(cell, slo=None):
    return told(cell, slo=slo).cells[0].serving


def test_rates_are_over_the_whole_window_and_times_are_from_arrival():
    found = serving(served(FOUR)).whole
    assert (found.attempts, found.errors, found.duration_s) == (4, 0, 10.0)
    assert found.requests_per_second == pytest.approx(0.4)
    assert found.output_tokens_per_second == pytest.approx(4.4)
    assert found.ttft_s.mean == pytest.approx((1 + 1.5 + 0.4 + 0.9) / 4)
    assert found.ttft_s.p50 == pytest.approx(0.95)
    assert found.ttfat_s.p50 == pytest.approx(1.45)
    assert found.tpot_s.mean == pytest.approx((0.2 + 0.25 + 0.35 + 0.1) / 4)
    assert found.latency_s.p99 == pytest.approx(3.9 + 0.97 * 0.1)  # between 3.9 and 4 s


def test_the_steady_part_has_the_times_of_who_came_in_it_and_the_rates_of_what_ended_in_it():
    """As for energy, from 1.5 to 6 s: two came in it; three ended, the one at 6 s included."""
    found = serving(served(FOUR)).steady
    assert found.duration_s == pytest.approx(4.5)
    assert found.attempts == 2
    assert found.ttft_s.mean == pytest.approx((0.4 + 0.9) / 2)
    assert found.requests_per_second == pytest.approx(3 / 4.5)
    shares = 1.5 / 2 + 2.5 / 2.5 + 2.5 / 3.5 + 1 / 1
    assert found.output_tokens_per_second == pytest.approx(11 * shares / 4.5)


def test_goodput_counts_who_kept_all_of_the_slo_and_errors_miss_it():
    cell = served(FOUR, outcome=[CORRECT, CORRECT, CORRECT, ERROR])
    found = serving(cell, {"ttft_s": 1.0, "latency_s": 3.5})
    assert (found.whole.attempts, found.whole.errors) == (3, 1)
    assert found.whole.requests_per_second == pytest.approx(0.3)
    assert found.whole.goodput_per_second == pytest.approx(0.1)  # the first alone: 1 s, 3 s
    assert found.at_slo.share.value == pytest.approx(1 / 4)
    assert found.at_slo.meets is False
    assert serving(cell, {"latency_s": 9, "share_at_least": 0.75}).at_slo.meets is True


def test_a_correct_answer_at_the_slo_is_paid_with_all_attempts():
    """10 s of the machine for 4 correct answers, 2 of which came in time."""
    cell = served(FOUR)
    price = MachinePrice(
        match="cpu", per="machine", usd_per_hour=3600, provider="t", source="t", as_of="2026-11-20"
    )
    book = PriceBook(date="2026-11-20", machines=(price,))
    view = View(wanted=Wanted(slo=Slo(latency_s=3.0)))
    (found,) = build_report(run_of(cell), "x", Pricing(book, "b.yaml"), view).cells
    assert found.usd_per_correct.value == pytest.approx(10 / 4)
    assert found.serving.at_slo.usd_per_correct.value == pytest.approx(10 / 2)
    assert found.serving.at_slo.joules_per_correct.value is None


def test_what_nobody_told_is_null_with_the_reason():
    unknown = [NAN] * 4
    cell = served(FOUR, ttft_s=unknown, ttfat_s=unknown, tpot_s=unknown)
    found = serving(cell, {"ttft_s": 1})
    assert found.whole.ttft_s.p50 is None
    assert found.whole.goodput_per_second is None
    assert found.at_slo.meets is None
    assert found.at_slo.share.reason == "no_first_token_time"
    assert found.reasons == {
        "ttft_s": "no_first_token_time",
        "ttfat_s": "no_answer_token_time",
        "tpot_s": "no_token_times",
        "inter_token_s": "not_streamed",
        "goodput_per_second": "no_first_token_time",
    }


def test_votes_are_several_responses_and_have_no_token_after_another():
    cell = served(FOUR)
    found = serving(replace(cell, spec=cell.spec | {"votes": 3}))
    assert found.whole.tpot_s.mean is None
    assert found.reasons["tpot_s"] == "several_responses"
    assert found.whole.latency_s.mean is not None


def opened(cell, rate=1.0, sent_after_s=0.001):
    arrived = cell.columns["arrived_s"]
    spec = {"concurrency": None, "open_loop": {"request_rate": rate, "burstiness": 1.0}}
    columns = cell.columns | {"sent_s": arrived + sent_after_s}
    name = cell.id.rpartition("/")[0] + f"/r{rate:g}"
    return replace(cell, id=name, spec=cell.spec | spec, columns=columns)


def test_arrivals_that_were_late_by_us_are_a_caveat():
    prompt, late = (told(opened(served(FOUR), sent_after_s=s)).cells[0] for s in (0.001, 0.5))
    assert prompt.serving.arrival_lag_s.p99 == pytest.approx(0.001)
    assert "late_arrivals" not in prompt.caveats
    assert "late_arrivals" in late.caveats
    assert prompt.load == {"request_rate": 1.0, "burstiness": 1.0}


@PATIENT
@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.floats(0.01, 2), st.floats(0.01, 3), st.booleans()),
        min_size=2,
        max_size=12,
    ),
    st.floats(0.1, 4),
)
def test_goodput_is_at_most_the_requests_and_percentiles_are_in_order(drawn, limit):
    times = [(begun, begun + wait, begun + wait + rest) for begun, wait, rest, _ in drawn]
    outcome = [ERROR if failed else CORRECT for *_, failed in drawn]
    found = serving(served(times, outcome=outcome), {"latency_s": limit, "ttft_s": limit})
    for part in filter(None, (found.whole, found.steady)):
        assert part.goodput_per_second <= part.requests_per_second + 1e-12
        for spread in (part.ttft_s, part.tpot_s, part.latency_s):
            if spread.p50 is not None:
                assert spread.p50 <= spread.p95 + 1e-12 <= spread.p99 + 2e-12


def test_who_has_no_slo_and_one_load_is_shown_nothing_of_it():
    page = render_markdown(told(served(FOUR)), None)
    assert "## Serving" not in page
    assert "## Cost against load" not in page
    assert "slo" not in told(served(FOUR)).model_dump()


def test_the_page_has_both_parts_beside_each_other_and_who_keeps_the_slo():
    tokens = {"input_tokens": [10] * 4, "cached_tokens": [4] * 4}
    fast, slow = (served(FOUR, concurrency=load, **tokens) for load in (2, 8))
    page = render_markdown(told(fast, slow, slo={"latency_s": 3.5}), None)
    serving_part = page.split("## Serving")[1].split("\n## ")[0]
    assert "latency at most 3.5 s, by at least 95 % of attempts" in serving_part
    assert "missed by unconstrained c2 (50.0 %), unconstrained c8 (50.0 %)" in serving_part
    assert serving_part.count("| steady |") == 1  # four attempts have no steady part of eight
    assert "| unconstrained c8 | whole | 4 |" in serving_part
    header, _, *rows = [line for line in serving_part.splitlines() if line.startswith("| ")]
    assert header.endswith("| input tokens / attempt | from cache % |")
    assert {row.split(" | ", 2)[1]: row.split(" | ")[-2:] for row in rows} == {
        "whole": ["10.0", "40.0 |"],
        "steady": ["", " |"],
    }
    loads = page.split("## Cost against load")[1].split("\n## ")[0]
    assert "| unconstrained c2 | 4.40 |" in loads
    assert "missed" in loads


def test_the_plot_marks_the_loads_that_miss_the_slo():
    assert loads_chart(told(served(FOUR))) is None
    report = told(served(FOUR), opened(served(FOUR)), served(FOUR, concurrency=8))
    chart = loads_chart(report).to_dict(validate=False)
    assert len(chart["vconcat"]) == 2  # tokens per second in a closed loop, and in an open one
    missed = loads_chart(
        told(served(FOUR), served(FOUR, concurrency=8), slo={"latency_s": 1})
    ).to_dict(validate=False)
    data = missed["vconcat"][0]["hconcat"][0]["layer"][-1]["data"]
    points = data["values"] if "values" in data else missed["datasets"][data["name"]]
    assert [(each["x"], each["slo"]) for each in points] == [(2, "missed"), (8, "missed")]


def test_the_csv_has_the_same_columns_whatever_is_known():
    one, two = (
        render_csv(told(served(FOUR), slo=slo)).splitlines()[0] for slo in (None, {"ttft_s": 1})
    )
    assert one == two
    assert "serving_steady_ttft_s_p99" in one
    assert "serving_at_slo_usd_per_correct" in one


def test_a_promise_of_the_command_line_replaces_the_suites_and_can_be_taken_back():
    wanted = Wanted(slo=Slo(ttft_s=1, latency_s=9))
    found = set_wanted(wanted, {"slo.ttft_s": "2"})
    assert found.slo.limits == {"ttft_s": 2, "latency_s": 9}
    assert set_wanted(Wanted(slo=Slo(ttft_s=1)), {"slo.ttft_s": "none"}).slo is None
    assert set_wanted(Wanted(), {"slo.tpot_s": "0.05"}).slo.limits == {"tpot_s": 0.05}


@pytest.mark.parametrize(("limit", "reason"), [(9.0, None), (1.0, "misses_slo")])
def test_a_demand_is_not_served_by_a_load_that_misses_the_slo(limit, reason):
    wanted = Wanted(slo=Slo(latency_s=limit), demand=Demand(answers_per_month=1000))
    view = View(wanted=wanted)
    report = build_report(run_of(served(FOUR)), "x", Pricing(None, None), view)
    (found,) = report.demand.cells
    assert found.reason == reason
    assert (found.machines.value is None) is (reason is not None)


def test_a_demand_under_an_slo_that_cannot_be_told_says_so():
    cell = served(FOUR, ttft_s=[NAN] * 4)
    wanted = Wanted(slo=Slo(ttft_s=1), demand=Demand(answers_per_month=1000))
    report = build_report(run_of(cell), "x", Pricing(None, None), View(wanted=wanted))
    assert report.demand.cells[0].reason == "slo_unknown"
    assert "whether it keeps the SLO is not known" in render_markdown(report, None)


@pytest.mark.parametrize(
    ("names", "of", "told"),
    [
        (["a"], 9, "a"),
        (list("abcd"), 4, "a, b, c, d"),
        (list("abcde"), 5, "all 5 cells"),
        (list("abcde"), 9, "5 of 9 cells"),
    ],
)
def test_many_cells_are_counted_and_few_are_named(names, of, told):
    assert _few(names, of) == told
