"""A cell by every way of paying: two passes of four problems, 8 attempts, 6 right, 7 tokens read each."""

import io
import json

import numpy as np
import pytest
import yaml
from rich.console import Console

from costbench.errors import SuiteError
from costbench.policies.unconstrained import Unconstrained
from costbench.prices import PriceBook
from costbench.report.build import Pricing, build_report
from costbench.report.markdown import render_markdown
from costbench.report.table import print_table
from tests.report.hand import ALL_RIGHT, BOOK, CLOCK, PASSES, UNPRICED, Hand, make_cell
from tests.report.in_memory import record, run_of, with_column

DATED = {"source": "a test", "as_of": "2026-11-20"}
CHEAP = {"match": "cpu", "per": "machine", "usd_per_hour": 0.18, "provider": "spot", **DATED}
OWNED = {
    "match": "cpu", "gpus": 0, "usd_capital": 8760.0, "residual_share": 0.0, "life_years": 1.0,
    "maintenance_share_per_year": 0.0, "usd_space_per_hour": 1.0, "space_includes_power": True,
    "utilization": 0.5, **DATED,
}  # fmt: skip
API = {
    "match": "base", "provider": "a host", "usd_per_million_input": 1.0,
    "usd_per_million_output": 10.0, **DATED,
}  # fmt: skip


def book(**entries):
    """The plain book, with these entries beside."""
    return PriceBook.model_validate(BOOK.model_dump(mode="json") | entries)


def machines(*more):
    return [each.model_dump(mode="json") for each in BOOK.machines] + list(more)


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr("costbench.store.time", CLOCK)


@pytest.fixture
def priced(tmp_path):
    cell = make_cell()
    run = Hand(tmp_path / "run", cell)
    run.session()
    for number, tries in enumerate(PASSES):
        run.work(cell, number, tries)
    yield lambda prices, **pricing: run.report(Pricing(prices, "test.yaml", **pricing))
    run.store.db.close()


def test_every_tariff_is_the_same_machine_seconds_the_headline_first(priced):
    report = priced(book(machines=machines(CHEAP), owned=[OWNED]))
    (row,) = report.cells
    assert [(t.deployment, t.provider) for t in row.tariffs] == [
        ("rented", "test"), ("rented", "spot"), ("colocated", "owned machine"),
    ]  # fmt: skip
    headline, spot, colocated = row.tariffs
    assert headline.usd_per_attempt == row.usd_per_attempt
    assert headline.usd_per_correct.value == row.usd_per_correct.value
    assert headline.usd_per_correct.high == pytest.approx(row.usd_per_correct.high)
    # 0.36, 0.18 and 1 + 1 USD an hour
    assert spot.usd_per_correct.value == pytest.approx(row.usd_per_correct.value / 2)
    assert colocated.usd_per_correct.value == pytest.approx(row.usd_per_correct.value * 2 / 0.36)
    assert colocated.usd_per_machine_hour == pytest.approx(2.0)
    assert colocated.usd_per_correct_allocated.value == pytest.approx(
        2 * colocated.usd_per_correct.value
    )


def test_without_a_utilization_there_is_no_allocation_basis_and_the_reason_says_so(priced):
    (tariff,) = priced(BOOK).cells[0].tariffs
    found = tariff.usd_per_correct_allocated
    assert (found.value, found.reason) == (None, "no_utilization")


def test_a_rental_price_is_the_same_whatever_electricity_costs(priced):
    electricity = {"usd_per_kwh": 100.0, "place": "here", "year": 2026, "source": "a test"}
    dear = priced(book(electricity=electricity)).cells[0].tariffs
    assert dear == priced(BOOK).cells[0].tariffs


def test_an_api_is_paid_for_tokens_read_and_sampled(priced):
    (row,) = priced(book(api=[API])).cells
    # 8 attempts read 7 tokens each at 1, and wrote 10 + 20 + 30 + 40, twice, at 10 USD a million
    usd = (8 * 7 * 1 + 200 * 10) / 1e6
    assert row.api.usd_per_attempt.value == pytest.approx(usd / 8)
    assert row.api.usd_per_correct.value == pytest.approx(usd / 6)
    assert (row.api.provenance, row.api.provider) == ("assumed", "a host")
    assert "category 1" in row.api.ghg.operational


def test_a_model_without_an_api_price_has_none_and_no_break_even(priced):
    (row,) = priced(book(api=[API | {"match": "another"}])).cells
    assert row.api is None
    assert row.tariffs[0].break_even is None


def test_the_break_even_is_the_months_price_of_the_machine_over_the_apis_of_an_attempt(priced):
    (row,) = priced(book(api=[API])).cells
    found = row.tariffs[0].break_even
    assert found.usd_per_month == pytest.approx(0.36 * 730)
    assert found.attempts_per_month.value == pytest.approx(
        0.36 * 730 / row.api.usd_per_attempt.value
    )
    assert found.capacity_per_month.value == pytest.approx(730 * 3600 / (6.0 / 8), rel=1e-3)
    assert found.within_capacity is (row.usd_per_attempt.value <= row.api.usd_per_attempt.value)


def api_of(cell, entry):
    prices = PriceBook.model_validate({"date": "2026-11-20", "api": [API | entry]})
    (row,) = build_report(run_of(cell), "by-hand", Pricing(prices, None)).cells
    return row.api.usd_per_attempt


def cell_that_reads(tokens, cached=None, injected=0):
    found = record(Unconstrained(max_tokens=64), [[10], [10]], [[True], [True]])
    found = with_column(found, "input_tokens", [tokens, tokens])
    found = with_column(found, "injected_tokens", [injected, injected])
    return with_column(found, "cached_tokens", [np.nan if cached is None else cached] * 2)


def test_injected_tokens_are_nobodys_output():
    plain = api_of(cell_that_reads(100), {})
    assert plain.value == pytest.approx((100 + 10 * 10) / 1e6)
    assert api_of(cell_that_reads(100, injected=50), {}) == plain


def test_cached_tokens_have_their_own_price_and_where_nobody_counted_them_a_bound_is_known():
    cheaper = {"usd_per_million_cached_input": 0.5}
    assert api_of(cell_that_reads(100, cached=40), cheaper).value == pytest.approx(
        (60 + 40 * 0.5 + 100) / 1e6
    )
    found = api_of(cell_that_reads(100), cheaper)
    assert (found.value, found.reason) == (None, "cached_tokens_unknown")
    assert found.high == pytest.approx((100 + 100) / 1e6)


def test_above_a_tier_sums_over_calls_do_not_tell_what_requests_cost():
    tiers = {
        "tiers": [
            {"above_input_tokens": 100, "usd_per_million_input": 2, "usd_per_million_output": 20}
        ]
    }
    assert api_of(cell_that_reads(100), tiers).value == pytest.approx(200 / 1e6)
    found = api_of(cell_that_reads(101), tiers)
    assert (found.value, found.reason) == (None, "api_tier_by_request")


def test_a_model_that_cannot_be_looked_up_leaves_the_rest_of_the_report(monkeypatch):
    def refuse(book, model):
        raise SuiteError("no genai-prices here")

    monkeypatch.setattr("costbench.report.token_costs.api_price", refuse)
    found = api_of(cell_that_reads(100), {})
    assert (found.value, found.reason) == (None, "api_price_not_looked_up")


def test_the_page_shows_tariffs_only_where_the_book_has_more_than_one_price(priced):
    assert "## Costs by tariff" not in render_markdown(priced(BOOK), None)
    page = render_markdown(priced(book(machines=machines(CHEAP), owned=[OWNED], api=[API])), None)
    section = page.partition("## Costs by tariff")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[1:3] for line in section.splitlines() if line.startswith("| uncon")]
    assert rows == [
        ["rented", "test"], ["rented", "spot"], ["colocated", "owned machine"], ["api", "a host"],
    ]  # fmt: skip
    assert "GHG Protocol, colocated: electricity: scope 2" in section


def test_another_book_stands_beside_the_first(priced):
    other = book(machines=[CHEAP], grid=None)
    report = priced(BOOK, others=(("other.yaml", other),))
    (row,), ((beside,),) = report.cells, [found.cells for found in report.books]
    assert row.usd_per_correct == priced(BOOK).cells[0].usd_per_correct
    assert beside.usd_per_correct.value == pytest.approx(row.usd_per_correct.value / 2)
    carbon = beside.gco2e_per_correct
    assert (carbon.value, carbon.reason) == (None, "no_grid_intensity")
    page = render_markdown(report, None)
    assert "other.yaml of 2026-11-20: USD" in page.partition("## By price book")[2]


def test_the_same_book_beside_itself_gives_the_same_figures(priced):
    report = priced(BOOK, others=(("same.yaml", BOOK),))
    row, beside = report.cells[0], report.books[0].cells[0]
    for name in ("usd_per_correct", "gco2e_per_correct"):
        for end in ("value", "low", "high"):
            mine, theirs = getattr(getattr(row, name), end), getattr(getattr(beside, name), end)
            assert mine == pytest.approx(theirs)


def test_the_console_has_a_line_where_there_is_more(priced):
    def printed(report):
        console = Console(width=120, file=io.StringIO())
        print_table(report, console)
        return console.file.getvalue()

    assert "tariffs" not in printed(priced(BOOK))
    assert "2 prices fit" in printed(priced(book(machines=machines(CHEAP))))


def test_without_a_book_there_are_no_tariffs(tmp_path):
    cell = make_cell(passes=1)
    run = Hand(tmp_path / "bare", cell)
    run.session()
    run.work(cell, 0, ALL_RIGHT)
    (row,) = run.report(UNPRICED).cells
    run.store.db.close()
    assert (row.tariffs, row.api) == ((), None)


def test_the_command_takes_several_books_and_the_first_is_the_headline(priced, tmp_path):
    from click.testing import CliRunner

    from costbench.cli import main

    priced(None)
    for name, usd in (("a.yaml", 0.36), ("b.yaml", 0.72)):
        content = {"date": "2026-11-20", "machines": [CHEAP | {"usd_per_hour": usd}]}
        (tmp_path / name).write_text(yaml.safe_dump(content))
    books = [part for name in "ab" for part in ("--prices", str(tmp_path / f"{name}.yaml"))]
    out = ["--out", str(tmp_path / "out"), "--format", "json"]
    found = CliRunner().invoke(main, ["report", str(tmp_path / "run"), *books, *out])
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout)
    assert (report["prices"]["file"], report["books"][0]["file"]) == ("a.yaml", "b.yaml")
    headline = report["cells"][0]["usd_per_correct"]["value"]
    other = report["books"][0]["cells"][0]["usd_per_correct"]["value"]
    assert other == pytest.approx(2 * headline)
