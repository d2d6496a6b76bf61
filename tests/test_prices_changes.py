"""`--set`: figures of one's own in place of a book's, and what becomes of their sources."""

from pathlib import Path

import pytest
from price_books import GOOD, load, machine

from costbench.errors import SuiteError
from costbench.prices import PriceBook, api_price, headline, with_changes

FULL = f"""{GOOD}exchange: {{eur: {{usd: 1.2, as_of: 2026-11-19, source: a bank}}}}
owned:
  - {{match: H200, gpus: 8, eur_capital: 100000, residual_share: 0, life_years: 4,
     maintenance_share_per_year: 0, usd_space_per_hour: 1, space_includes_power: true,
     source: S, as_of: 2026-01-01}}
api:
  - {{match: "gpt*", provider: p, usd_per_million_input: 1, usd_per_million_output: 2,
     source: S, as_of: 2026-01-01}}
human: {{usd_per_problem: {{"v1.5*": 3}}, source: S}}
"""


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, GOOD)


@pytest.fixture
def full(tmp_path: Path) -> PriceBook:
    return load(tmp_path, FULL)


def test_a_price_of_one_s_own_is_that_of_the_whole_machine(book: PriceBook) -> None:
    changed = with_changes(book, {"machine.usd_per_hour": "1.2"})
    for names in ((), ("NVIDIA H200", "NVIDIA H200"), ("A GPU that the book does not know",)):
        tariff = headline(changed, machine(*names), gpus=len(names))
        assert tariff
        assert tariff.usd_per_s == pytest.approx(1.2 / 3600)
        assert (tariff.provider, tariff.basis["source"]) == (
            "user",
            "--set machine.usd_per_hour=1.2",
        )


def test_a_price_of_one_s_own_works_with_a_book_without_machines(tmp_path: Path) -> None:
    book = with_changes(load(tmp_path, "date: 2026-11-20\n"), {"machine.usd_per_hour": "1.2"})
    assert headline(book, machine(), gpus=0)


def test_other_figures_can_be_changed_and_name_their_source(book: PriceBook) -> None:
    changed = with_changes(book, {"grid.gco2e_per_kwh": "56"})
    assert changed.grid
    assert (changed.grid.gco2e_per_kwh, changed.grid.source) == (56, "--set grid.gco2e_per_kwh=56")
    assert (changed.grid.place, changed.grid.year) == ("as set", None)  # no longer the book's
    assert changed.electricity == book.electricity
    assert changed.machines == book.machines
    assert book.grid
    assert book.grid.gco2e_per_kwh == 369.5  # the book itself stays as it was


@pytest.mark.parametrize(
    "key",
    [
        "",
        "grid",
        "grid.",
        "grid.place",
        "machine",
        "machine.per",
        "machines.0.per",
        "machines.7.usd_per_hour",
        "machines.one.usd_per_hour",
        "exchange.eur.usd",
        "human.usd_per_problem.gsm8k",
        "date",
        "deployment.rented",
        "a.b.c",
    ],
)
def test_a_key_that_no_book_has_is_told_with_those_there_are(book: PriceBook, key: str) -> None:
    with pytest.raises(SuiteError) as caught:
        with_changes(book, {key: "1"})
    told = str(caught.value)
    assert told.startswith(f"--set {key}: no such figure; ")
    assert "there are machine.usd_per_hour, deployment, grid.country, grid.region, " in told


@pytest.mark.parametrize("value", ["0", "-1", "", "much", "inf", "nan"])
@pytest.mark.parametrize("key", ["machine.usd_per_hour", "grid.gco2e_per_kwh"])
def test_a_value_that_is_no_price_is_told(book: PriceBook, key: str, value: str) -> None:
    with pytest.raises(
        SuiteError, match=rf"^--set: [][a-z0-9_.]+: input should be .*found .{value}.$"
    ):
        with_changes(book, {key: value})


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("grid.contry", "grid.country"),
        ("electricity.usd_kwh", "electricity.usd_per_kwh"),
        ("owned.0.life_year", "owned.0.life_years"),
        ("utilisation.share", "utilization.share"),
    ],
)
def test_the_nearest_key_is_named(full: PriceBook, key: str, meant: str) -> None:
    with pytest.raises(SuiteError, match=f"did you mean {meant}\\?"):
        with_changes(full, {key: "1"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("electricity.usd_per_kwh", 0.2),
        ("pue.value", 1.3),
        ("utilization.share", 0.5),
        ("host.w_per_gpu", 200),
    ],
)
def test_a_single_figure_takes_the_option_as_its_source(
    book: PriceBook, key: str, value: float
) -> None:
    section, figure = key.split(".")
    entry = getattr(with_changes(book, {key: str(value)}), section)
    assert (getattr(entry, figure), entry.source) == (value, f"--set {key}={value}")
    assert getattr(entry, "place", "as set") == "as set"  # no longer the book's
    assert getattr(entry, "year", None) is None


def test_figures_of_one_entry_that_come_together_are_set_together(book: PriceBook) -> None:
    changes = {"water.site_l_per_kwh": "0.5", "water.grid_l_per_kwh": "4"}
    water = with_changes(book, changes).water
    assert water
    assert (water.site_l_per_kwh, water.grid_l_per_kwh) == (0.5, 4)
    assert water.source == "--set water.site_l_per_kwh=0.5; --set water.grid_l_per_kwh=4"
    with pytest.raises(SuiteError, match=r"^--set: water.grid_l_per_kwh: is missing$"):
        with_changes(book, {"water.site_l_per_kwh": "0.5"})


def test_a_figure_beside_others_leaves_their_source(book: PriceBook) -> None:
    grid = with_changes(book, {"grid.market_based_gco2e_per_kwh": "0"}).grid
    assert grid
    assert (grid.gco2e_per_kwh, grid.market_based_gco2e_per_kwh) == (369.5, 0)
    assert grid.source == "S; --set grid.market_based_gco2e_per_kwh=0"


def test_a_place_is_looked_up_anew(book: PriceBook) -> None:
    grid = with_changes(book, {"grid.country": "FRA"}).grid
    assert grid
    assert (round(grid.gco2e_per_kwh), grid.place, grid.year) == (56, "FRA", 2023)
    assert grid.source.startswith("--set grid.country=FRA; CodeCarbon ")
    both = with_changes(book, {"grid.region": "VA", "grid.country": "USA"}).grid
    assert both
    assert both.place == "Virginia, USA"
    assert both.source.startswith("--set grid.country=USA; --set grid.region=VA; CodeCarbon ")


def test_a_region_needs_its_country(book: PriceBook) -> None:
    with pytest.raises(SuiteError, match=r"of which country\? Set grid\.country, too$"):
        with_changes(book, {"grid.region": "VA"})


def test_a_place_that_is_not_there_is_told(book: PriceBook) -> None:
    with pytest.raises(SuiteError, match=r"^--set: grid\.country: no country 'France' .*`FRA`"):
        with_changes(book, {"grid.country": "France"})


def test_entries_of_lists_are_set_by_their_number(full: PriceBook) -> None:
    changed = with_changes(full, {"owned.0.life_years": "5", "machines.1.usd_per_hour": "3"})
    assert changed.owned[0].life_years == 5
    assert changed.owned[0].source == "S; --set owned.0.life_years=5"
    assert changed.owned[0].usd_capital == pytest.approx(120_000)
    assert [price.usd_per_hour for price in changed.machines] == [0.04, 3, 9]
    assert changed.machines[1].source == "--set machines.1.usd_per_hour=3"
    assert (changed.machines[1].provider, changed.machines[1].as_of) == ("P", full.date)


def test_tokens_and_people_can_have_other_prices(full: PriceBook) -> None:
    key = "human.usd_per_problem.v1.5*"
    changed = with_changes(full, {"api.0.usd_per_million_output": "8", key: "4"})
    price = api_price(changed, "gpt-x")
    assert price
    assert price.usd(0, None, 1e6) == pytest.approx(8)
    assert changed.human
    assert changed.human.usd_per_problem == {"v1.5*": 4}
    assert changed.human.source == f"S; --set {key}=4"


def test_another_exchange_rate_converts_again(full: PriceBook) -> None:
    changed = with_changes(full, {"exchange.eur.usd": "2", "owned.0.life_years": "5"})
    assert changed.owned[0].usd_capital == pytest.approx(200_000)
    assert changed.owned[0].life_years == 5
    assert changed.exchange["eur"].source == "--set exchange.eur.usd=2"
    assert changed.owned[0].converted
    assert changed.owned[0].converted["usd_capital"].source == "--set exchange.eur.usd=2"


def test_another_currency_can_be_set_and_replaces_the_figure(full: PriceBook) -> None:
    changed = with_changes(full, {"electricity.eur_per_kwh": "0.5", "machine.eur_per_hour": "10"})
    assert changed.electricity
    assert changed.electricity.usd_per_kwh == pytest.approx(0.6)
    assert changed.electricity.source == "--set electricity.eur_per_kwh=0.5"
    assert [price.usd_per_hour for price in changed.machines] == [pytest.approx(12)]
    dollars = with_changes(full, {"owned.0.usd_capital": "70"}).owned[0]
    assert (dollars.usd_capital, dollars.converted) == (70, None)


def test_the_way_of_paying_can_be_set(full: PriceBook) -> None:
    node = machine(*["NVIDIA H200"] * 8)
    for way in ("rented", "colocated"):
        tariff = headline(with_changes(full, {"deployment": way}), node, gpus=8)
        assert tariff
        assert tariff.deployment == way
    with pytest.raises(SuiteError, match=r"^--set: deployment: owned, but nothing in the book is"):
        with_changes(full, {"deployment": "owned"})


def test_a_price_of_one_s_own_is_the_headline_whatever_the_book_goes_by(full: PriceBook) -> None:
    owning = with_changes(full, {"deployment": "colocated"})
    tariff = headline(with_changes(owning, {"machine.usd_per_hour": "1"}), machine("H200"), gpus=1)
    assert tariff
    assert (tariff.deployment, tariff.provider) == ("rented", "user")


def test_nothing_else_changes(full: PriceBook) -> None:
    assert with_changes(full, {}) == full
    changed = with_changes(full, {"pue.value": "1.3"})
    assert changed.model_copy(update={"pue": None}) == full
