"""What tokens cost: by figures of the book, or by genai-prices, in both cases exactly."""

import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from price_books import load, problems

from costbench.errors import SuiteError
from costbench.prices import ApiPrice, PriceBook, api_price

FIGURES = """\
date: 2026-11-20
api:
  - {match: "small-*", provider: P, usd_per_million_input: 2, usd_per_million_cached_input: 0.5,
     usd_per_million_output: 8, source: S, as_of: 2026-10-01}
  - match: long
    provider: P
    usd_per_million_input: 1
    usd_per_million_output: 4
    tiers:
      - {above_input_tokens: 1000, usd_per_million_input: 2, usd_per_million_output: 6}
      - {above_input_tokens: 5000, usd_per_million_input: 3, usd_per_million_output: 9}
    source: S
    as_of: 2026-10-01
"""
LIBRARY = (
    ("openai", "gpt-4o"),
    ("openai", "o3-mini"),
    ("google", "gemini-2.5-pro"),
    ("anthropic", "claude-sonnet-4-5"),
    ("mistral", "mistral-large-latest"),
)


def price_of(book: PriceBook, model: str) -> ApiPrice:
    found = api_price(book, model)
    assert found
    return found


def by_library(provider: str, model: str) -> str:
    return f"date: 2026-11-20\napi: [{{match: '*', provider: {provider}, model: {model}}}]\n"


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, FIGURES)


def test_tokens_read_again_from_a_cache_cost_less(book: PriceBook) -> None:
    price = price_of(book, "small-1")
    # 1000 in, 400 of them cached, 100 out: 600 x 2 + 400 x 0.5 + 100 x 8 = 2200 per million
    found = price.usd(np.array([1000.0]), np.array([400.0]), np.array([100.0]))
    assert found == pytest.approx([0.0022])
    assert (price.provider, price.provenance) == ("P", "assumed")
    assert price.basis["usd_per_million_cached_input"] == 0.5


def test_a_model_that_no_entry_matches_has_no_price(book: PriceBook) -> None:
    assert api_price(book, "Small-1") is None  # a glob over names as they are written
    assert api_price(book, "a small-1") is None
    assert api_price(None, "small-1") is None


def test_an_unknown_count_makes_no_price_where_it_matters(book: PriceBook) -> None:
    some, unknown = np.array([1000.0]), np.array([np.nan])
    dear, same = price_of(book, "small-1"), price_of(book, "long")
    assert np.isnan(dear.usd(some, None, some)).all()
    assert np.isnan(dear.usd(some, unknown, some)).all()
    assert np.isnan(dear.usd(unknown, some, some)).all()
    assert np.isnan(dear.usd(some, some, unknown)).all()
    assert same.usd(some, None, some) == pytest.approx([0.005])  # cached or not, it costs the same
    assert same.usd(some, unknown, some) == pytest.approx([0.005])


def test_more_cached_than_was_read_is_no_count(book: PriceBook) -> None:
    one = np.array([1.0])
    assert np.isnan(price_of(book, "small-1").usd(one, 2 * one, one)).all()


def test_a_tier_is_of_all_tokens_of_a_request_and_begins_above_its_start(book: PriceBook) -> None:
    price = price_of(book, "long")
    read = np.array([1000.0, 1001.0, 5000.0, 5001.0])
    found = price.usd(read, None, np.full(4, 100.0))
    expected = np.array([1000 * 1 + 400, 1001 * 2 + 600, 5000 * 2 + 600, 5001 * 3 + 900]) / 1e6
    assert found == pytest.approx(expected)
    assert price.linear_up_to_input_tokens == 1000
    assert price_of(book, "small-1").linear_up_to_input_tokens is None


def test_a_stored_book_has_the_same_prices(book: PriceBook) -> None:
    assert PriceBook.model_validate(book.model_dump(mode="json")) == book


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("usd_per_million_input: 2,", "usd_per_million_input: 0,",
         "3: api[0].usd_per_million_input: input should be greater than 0, for unknown is not free"),
        ("usd_per_million_output: 8,", "",
         "3: api[0]: `usd_per_million_output` is missing; an api has usd_per_million_input,"),
        ("source: S, as_of: 2026-10-01}", "source: S}", "3: api[0]: `as_of` is missing; an api has"),
        ("usd_per_million_output: 9", "usd_per_million_output: 0",
         "11: api[1].tiers[1].usd_per_million_output: input should be greater than 0, for unknown"),
        ("above_input_tokens: 5000", "above_input_tokens: 1000",
         "5: api[1]: `tiers` go from fewer input tokens to more"),
        ("usd_per_million_cached_input", "usd_per_million_cached",
         "3: api[0].usd_per_million_cached: unknown key `usd_per_million_cached`; did you mean"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_figures_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    (line,) = problems(tmp_path, FIGURES.replace(old, new, 1))
    assert line.startswith(said)


def test_free_tokens_say_so(tmp_path: Path) -> None:
    text = FIGURES.replace("usd_per_million_input: 2,", "usd_per_million_input: 0, free: true,", 1)
    price = price_of(load(tmp_path, text), "small-1")
    assert price.usd(np.array([1e6]), np.array([0.0]), np.array([1e6])) == pytest.approx([8])


# By genai-prices


@pytest.fixture(scope="module", params=LIBRARY, ids=lambda pair: pair[1])
def looked_up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    provider, model = request.param
    book = load(tmp_path_factory.mktemp("book"), by_library(provider, model))
    return provider, model, price_of(book, "any")


@given(read=st.integers(0, 2_000_000), share=st.floats(0, 1), written=st.integers(0, 200_000))
def test_figures_looked_up_say_to_the_cent_what_the_library_says(
    looked_up: tuple[str, str, ApiPrice], read: int, share: float, written: int
) -> None:
    import datetime

    from genai_prices import Usage, calc_price

    provider, model, price = looked_up
    cached = int(read * share)
    usage = Usage(input_tokens=read, cache_read_tokens=cached, output_tokens=written)
    day = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
    expected: Decimal = calc_price(
        usage, model, provider_id=provider, genai_request_timestamp=day
    ).total_price
    found = price.usd(
        np.array([float(read)]), np.array([float(cached)]), np.array([float(written)])
    )
    assert found == pytest.approx([float(expected)], rel=1e-9, abs=1e-12)


def test_what_is_looked_up_names_the_library_and_its_date(tmp_path: Path) -> None:
    book = load(tmp_path, by_library("openai", "gpt-4o"))
    (entry,) = book.api
    assert entry.source
    assert entry.source.startswith("genai-prices 0.2.")
    assert "gpt-4o of openai, as charged on 2026-11-20" in entry.source
    assert entry.as_of
    assert "2026-10" < str(entry.as_of) <= "2026-11-20"
    assert PriceBook.model_validate(book.model_dump(mode="json")) == book


def test_the_price_is_that_of_the_books_date(tmp_path: Path) -> None:
    then, now = (
        load(tmp_path, by_library("openai", "o3").replace("2026-11-20", date)).api[0]
        for date in ("2025-06-01", "2026-11-20")
    )
    assert (then.usd_per_million_input, now.usd_per_million_input) == (10, 2)
    assert then.as_of
    assert then.as_of.year == 2025


def test_what_it_has_a_price_for_and_we_no_count_of_is_said(tmp_path: Path) -> None:
    (entry,) = load(tmp_path, by_library("anthropic", "claude-sonnet-4-5")).api
    assert entry.not_priced == ("cache_write_mtok", "cache_write_1h_mtok")
    (entry,) = load(tmp_path, by_library("openai", "gpt-4o")).api
    assert entry.not_priced is None


@pytest.mark.parametrize(
    ("provider", "model", "said"),
    [
        ("opnai", "gpt-4o", "provider: genai-prices knows no 'opnai'; did you mean 'openai'?"),
        ("openai", "gtp-4o", "model: genai-prices knows no 'gtp-4o' of openai; did you mean 'gpt-4o'?"),
        ("deepseek", "deepseek-reasoner", "model: the price of deepseek-reasoner depends on the time of"),
        ("perplexity", "sonar", "model: genai-prices charges `requests_kcount` for it, which cannot be told"),
        ("perplexity", "sonar-deep-research", "model: genai-prices charges `output_reasoning_mtok` for it,"),
        ("openai", "text-embedding-3-small", "model: genai-prices has no `output_mtok` for it; write"),
    ],
)  # fmt: skip
def test_what_cannot_be_priced_exactly_is_refused(
    tmp_path: Path, provider: str, model: str, said: str
) -> None:
    (line,) = problems(tmp_path, by_library(provider, model))
    assert line.startswith(f"2: api[0].{said}")


def test_a_machine_without_the_library_can_load_the_book_but_not_price_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    book = load(tmp_path, by_library("openai", "gpt-4o"))
    assert not book.api[0].looked_up
    with pytest.raises(SuiteError) as caught:
        api_price(book, "any")
    assert str(caught.value) == (
        "price book: api[0].model: prices by name come from genai-prices, which is not installed: "
        "pip install 'costbench[api]', or write the figures (usd_per_million_input, …) instead of `model`"
    )
    monkeypatch.undo()
    found = price_of(book, "any").usd(np.array([1e6]), np.array([0.0]), np.array([0.0]))
    assert found == pytest.approx([2.5])
