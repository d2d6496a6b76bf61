"""Figures in other currencies: converted by the book's own rates, or refused with what is missing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from price_books import GOOD, load, machine, problems

from costbench.prices import PriceBook, api_price, headline
from costbench.prices.exchange import as_written, in_usd

RATES = """\
date: 2026-11-20
exchange:
  eur: {usd: 1.5, as_of: 2026-11-19, source: a bank}
  CHF: {usd: 2, as_of: 2026-11-18, source: another bank}
"""
BOOK = f"""{RATES}machines:
  - {{match: H200, per: gpu, eur_per_hour: 2, provider: P, source: S, as_of: 2026-04-03}}
owned:
  - {{match: H200, gpus: 8, chf_capital: 100, residual_share: 0.2, life_years: 4, eur_space_per_hour: 4,
     maintenance_share_per_year: 0, space_includes_power: true, source: S, as_of: 2026-04-03}}
electricity: {{eur_per_kwh: 0.2, place: Paris, year: 2025, source: S}}
api:
  - {{match: x, provider: p, eur_per_million_input: 2, usd_per_million_output: 10, source: S,
     as_of: 2026-04-03}}
human: {{eur_per_problem: {{gsm8k: 3, "aime*": 20}}, source: S}}
"""


def rented(figures: str) -> str:
    return (
        f"{RATES}machines:\n  - {{match: H200, per: gpu, {figures}, provider: P, source: S, "
        "as_of: 2026-04-03}\n"
    )


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, BOOK)


def test_every_figure_of_money_may_be_in_another_currency(book: PriceBook) -> None:
    assert book.machines[0].usd_per_hour == 3
    assert (book.owned[0].usd_capital, book.owned[0].usd_space_per_hour) == (200, 6)
    assert book.electricity
    assert book.electricity.usd_per_kwh == pytest.approx(0.3)
    assert book.human
    assert book.human.usd_per_problem == {"gsm8k": 4.5, "aime*": 30}
    price = api_price(book, "x")
    assert price
    assert price.usd(1e6, None, 1e6) == pytest.approx(13)


def test_the_prices_of_a_tier_are_converted_too(tmp_path: Path) -> None:
    tier = "tiers: [{above_input_tokens: 9, chf_per_million_input: 3, usd_per_million_output: 12}], source"
    price = api_price(load(tmp_path, BOOK.replace("10, source", f"10, {tier}")), "x")
    assert price
    assert price.usd(1e6, None, 0.0) == pytest.approx(6)
    book = PriceBook.model_validate(load(tmp_path, BOOK).model_dump(mode="json"))
    assert as_written(book.model_dump(mode="json"))["api"][0]["eur_per_million_input"] == 2


def test_an_entry_keeps_what_was_written_and_the_rate(book: PriceBook) -> None:
    tariff = headline(book, machine("NVIDIA H200"), gpus=1)
    assert tariff
    assert tariff.basis["converted"] == {
        "usd_per_hour": {
            "written": 2,
            "currency": "eur",
            "usd": 1.5,
            "as_of": "2026-11-19",
            "source": "a bank",
        }
    }
    assert book.human
    assert book.human.converted
    assert book.human.converted["usd_per_problem"].written == {"gsm8k": 3, "aime*": 20}


def test_a_stored_book_is_not_converted_twice(book: PriceBook) -> None:
    assert PriceBook.model_validate(book.model_dump(mode="json")) == book


def test_what_is_in_usd_has_no_trace_of_it(tmp_path: Path) -> None:
    (price,) = load(tmp_path, rented("usd_per_hour: 2")).machines
    assert price.converted is None


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            "gbp_per_hour: 2",
            "gbp_per_hour: no exchange rate for gbp: add `exchange: {gbp: {usd: …, as_of: …, source: …}}`",
        ),
        (
            "eru_per_hour: 2",
            "eru_per_hour: no exchange rate for eru: add `exchange: {eru: {usd: …, as_of: …, source: …}}`; "
            "did you mean `eur_per_hour`?",
        ),
        (
            "eur_per_hour: 2, usd_per_hour: 3",
            "eur_per_hour: one figure in two currencies (`usd_per_hour` too); keep one of them",
        ),
        (
            "eur_per_hour: 0",
            "eur_per_hour: input should be greater than 0, for unknown is not free "
            "(where nothing is paid, say `free: true`), found 0.0",
        ),
        ("eur_per_hour: much", "eur_per_hour: expected a number, found 'much'"),
        ("eur_per_hour: true", "eur_per_hour: expected a number, found True"),
    ],
)
def test_what_cannot_be_converted_is_told_where_it_stands(
    tmp_path: Path, figures: str, said: str
) -> None:
    assert problems(tmp_path, rented(figures)) == [f"6: machines[0].{said}"]


def test_two_foreign_currencies_for_one_figure_are_told_of_both(tmp_path: Path) -> None:
    found = problems(tmp_path, rented("eur_per_hour: 2, chf_per_hour: 2"))
    assert [line.split(";")[0] for line in found] == [
        "6: machines[0].eur_per_hour: one figure in two currencies (`chf_per_hour` too)",
        "6: machines[0].chf_per_hour: one figure in two currencies (`eur_per_hour` too)",
    ]


def test_a_key_of_another_entry_is_unknown_in_every_currency(tmp_path: Path) -> None:
    found = problems(tmp_path, rented("usd_per_hour: 2, eur_per_kwh: 2"))
    assert [line.partition("; ")[0] for line in found] == [
        "6: machines[0].eur_per_kwh: unknown key `eur_per_kwh`"
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("usd: 1.5", "usd: 0", "3: exchange.eur.usd: input should be greater than 0, found 0"),
        ("usd: 1.5", "usd: x", "3: exchange.eur.usd: input should be a valid number"),
        (", source: a bank", "", "3: exchange.eur.source: is missing"),
        (", as_of: 2026-11-19", "", "3: exchange.eur.as_of: is missing"),
    ],
)
def test_a_wrong_rate_is_told_once(tmp_path: Path, old: str, new: str, said: str) -> None:
    (line,) = problems(tmp_path, BOOK.replace(old, new))
    assert line.startswith(said)


def test_wrong_figures_of_other_kinds_are_told_beside(tmp_path: Path) -> None:
    text = GOOD.replace("usd_per_kwh", "eur_per_kwh").replace("usd_per_hour: 2", "usd_per_hour: 0")
    found = problems(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "electricity.eur_per_kwh",
        "machines[1].usd_per_hour",
    ]


@given(
    amount=st.floats(1e-6, 1e9),
    rate=st.floats(1e-3, 1e3),
    key=st.sampled_from(["eur_per_hour", "chf_capital", "gbp_per_million_cached_input"]),
)
def test_converted_content_goes_back_to_what_was_written(
    amount: float, rate: float, key: str
) -> None:
    rates = {key[:3]: {"usd": rate, "as_of": "2026-11-19", "source": "S"}}
    content = {"exchange": rates, "owned": [{key: amount, "match": ""}]}
    found = in_usd(content)
    assert found.problems == []
    assert found.content["owned"][0][f"usd{key[3:]}"] == pytest.approx(amount * rate)
    assert as_written(found.content) == content
