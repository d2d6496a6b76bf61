"""Price books: what an hour of this machine costs, and what a book with a wrong figure is told."""

import datetime
import re
from pathlib import Path

import pytest
from price_books import GOOD, load, machine, problems

from costbench.errors import SuiteError
from costbench.prices import PriceBook, headline, load_prices, tariffs

BUNDLED = sorted((Path(__file__).parents[1] / "suites" / "prices").glob("*.yaml"))


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, GOOD)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_bundled_books_give_every_figure_its_source_and_its_date(path: Path) -> None:
    book = load_prices(path)
    assert str(book.date)[:7] == path.stem
    assert book.machines
    assert all(price.source and price.provider for price in book.machines)
    assert all(price.as_of <= book.date for price in book.machines)
    assert all(price.provenance == "assumed" for price in book.machines)
    assert book.electricity
    assert book.electricity.source
    assert book.grid
    assert book.grid.source
    assert book.grid.year >= 2020


def test_there_is_a_bundled_book() -> None:
    assert BUNDLED


def test_a_book_says_what_it_says(book: PriceBook) -> None:
    assert book.date == datetime.date(2026, 11, 20)
    assert book.currency == "USD"
    assert [price.match for price in book.machines] == ["cpu", "H200", "box"]


def test_a_gpu_is_paid_by_the_number_that_works(book: PriceBook) -> None:
    tariff = headline(book, machine("NVIDIA H200", "NVIDIA H200"), gpus=2)
    assert tariff
    assert (tariff.deployment, tariff.basis["match"]) == ("rented", "H200")
    assert tariff.usd_per_s == pytest.approx(4 / 3600)


def test_a_name_is_matched_whatever_its_case(book: PriceBook) -> None:
    assert headline(book, machine("nvidia h200 nvl"), gpus=1)


def test_a_machine_without_a_gpu_is_paid_by_its_cores(book: PriceBook) -> None:
    tariff = headline(book, machine(cores=4), gpus=0)
    assert tariff
    assert tariff.usd_per_s == pytest.approx(0.16 / 3600)


def test_work_on_the_cpu_of_a_gpu_machine_is_paid_as_cpu_work(book: PriceBook) -> None:
    tariff = headline(book, machine("NVIDIA H200"), gpus=0)
    assert tariff
    assert tariff.basis["match"] == "cpu"


def test_a_whole_machine_is_paid_once(book: PriceBook) -> None:
    tariff = headline(book, machine("BigBox 9000", "BigBox 9000"), gpus=2)
    assert tariff
    assert tariff.usd_per_s == pytest.approx(9 / 3600)


def test_an_unknown_machine_has_no_price_rather_than_a_wrong_one(book: PriceBook) -> None:
    assert headline(book, machine("Other GPU"), gpus=1) is None
    assert headline(None, machine(), gpus=0) is None


def test_a_price_per_gpu_says_nothing_about_a_machine_without_one(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD.replace("match: cpu, per: vcpu", "match: cpu, per: gpu"))
    assert headline(book, machine(), gpus=0) is None  # and not 0 USD


def test_the_first_price_that_matches_counts(tmp_path: Path) -> None:
    anything = "  - {match: '', per: machine, usd_per_hour: 7, provider: P, source: S, as_of: 2026-01-01}\n"
    book = load(tmp_path, GOOD.replace("electricity:", f"{anything}electricity:"))
    for names, expected in ((["NVIDIA H200"], 2), (["Other GPU"], 7), ([], 0.16)):
        tariff = headline(book, machine(*names), gpus=len(names))
        assert tariff
        assert tariff.usd_per_s == pytest.approx(expected / 3600)


# Bad books


@pytest.mark.parametrize("price", ["0", "-1", "0.0", "null", "free", ".inf", "'inf'", "'nan'"])
@pytest.mark.parametrize(
    ("old", "place"),
    [
        ("usd_per_hour: 2", "4: machines[1].usd_per_hour"),
        ("usd_per_kwh: 0.09", "6: electricity.usd_per_kwh"),
        ("gco2e_per_kwh: 369.5", "7: grid.gco2e_per_kwh"),
    ],
)
def test_a_price_is_a_number_above_0(tmp_path: Path, price: str, old: str, place: str) -> None:
    (line,) = problems(tmp_path, GOOD.replace(old, f"{old.partition(':')[0]}: {price}"))
    if price == ".inf":
        assert line == f"{place.partition(':')[0]}: a number that is not finite"
    else:
        assert line.startswith(f"{place}: ")


def test_a_price_of_0_is_told_as_such(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD.replace("usd_per_hour: 2", "usd_per_hour: 0")) == [
        "4: machines[1].usd_per_hour: input should be greater than 0, for unknown is not free "
        "(where nothing is paid, say `free: true`), found 0"
    ]


def test_all_wrong_figures_are_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("per: gpu", "per: hour")
        .replace("year: 2023, source: S}\ngrid", "year: soon}\ngrid")
        .replace("gco2e_per_kwh", "gco2_per_kwh")
        .replace("date: 2026-11-20", "date: someday")
    )
    found = problems(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "date",
        "machines[1].per",
        "electricity.year",
        "electricity.source",
        "grid.gco2e_per_kwh",
        "grid.gco2_per_kwh",
    ]
    assert found[-1].endswith("unknown key `gco2_per_kwh`; did you mean `gco2e_per_kwh`?")


@pytest.mark.parametrize("text", ["", "- a\n", "hello\n"])
def test_what_is_no_book_is_told_so(tmp_path: Path, text: str) -> None:
    (line,) = problems(tmp_path, text)
    assert line.startswith("1: the file: expected a mapping, found ")


def test_a_book_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"none\.yaml: no such file"):
        load_prices(tmp_path / "none.yaml")


def test_all_prices_that_fit_are_there_the_first_is_the_headline(tmp_path: Path) -> None:
    again = "  - {match: H200, per: machine, usd_per_hour: 1, provider: Q, source: S, as_of: 2026-01-01}\n"
    book = load(tmp_path, GOOD.replace("electricity:", f"{again}electricity:"))
    found = tariffs(book, machine("NVIDIA H200", "NVIDIA H200"), gpus=2)
    assert [(tariff.provider, tariff.usd_per_s * 3600) for tariff in found] == [
        ("P", pytest.approx(4)),
        ("Q", pytest.approx(1)),
    ]
    assert headline(book, machine("NVIDIA H200", "NVIDIA H200"), gpus=2) == found[0]


def test_idle_time_is_paid_for_by_the_time_that_is_used(tmp_path: Path) -> None:
    book = load(tmp_path, f"{GOOD}utilization: {{share: 0.25, source: S}}\n")
    (tariff,) = tariffs(book, machine("NVIDIA H200"), gpus=1)
    assert tariff.usd_per_s == pytest.approx(2 / 3600)
    assert tariff.usd_per_s_allocated == pytest.approx(8 / 3600)


def test_without_a_share_there_is_no_allocation_basis(book: PriceBook) -> None:
    (tariff,) = tariffs(book, machine("NVIDIA H200"), gpus=1)
    assert tariff.usd_per_s_allocated is None


def test_electricity_is_never_added_to_a_rent(tmp_path: Path, book: PriceBook) -> None:
    site = "pue: {value: 1.5, place: here, year: 2025, source: S}\n"
    dear = load(tmp_path, GOOD.replace("usd_per_kwh: 0.09", "usd_per_kwh: 90") + site)
    h200 = machine("NVIDIA H200")
    assert tariffs(dear, h200, gpus=1) == tariffs(book, h200, gpus=1)


def test_what_is_free_says_so(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD.replace("usd_per_hour: 2", "usd_per_hour: 0, free: true"))
    tariff = headline(book, machine("NVIDIA H200"), gpus=1)
    assert tariff
    assert (tariff.usd_per_s, tariff.basis["free"]) == (0, True)


def test_what_may_be_said_of_a_provider_is_in_the_basis(tmp_path: Path) -> None:
    said = "usd_per_hour: 2, provider_class: marketplace, region: eu-1, commitment: spot"
    tariff = headline(load(tmp_path, GOOD.replace("usd_per_hour: 2", said)), machine("H200"), 1)
    assert tariff
    found = [tariff.basis[key] for key in ("provider_class", "region", "commitment")]
    assert found == ["marketplace", "eu-1", "spot"]


def test_an_entry_is_printed_and_stored_as_it_always_was(book: PriceBook) -> None:
    assert book.machines[1].model_dump(mode="json") == {
        "match": "H200",
        "per": "gpu",
        "usd_per_hour": 2.0,
        "provider": "P",
        "source": "S",
        "as_of": "2026-04-03",
        "provenance": "assumed",
    }
    stored = book.model_dump(mode="json")
    assert list(stored) == ["date", "currency", "machines", "electricity", "grid"]
    assert PriceBook.model_validate(stored) == book


def test_a_book_with_nothing_in_it_is_stored_with_what_readers_look_for(tmp_path: Path) -> None:
    assert load(tmp_path, "date: 2026-11-20\n").model_dump(mode="json") == {
        "date": "2026-11-20",
        "currency": "USD",
        "machines": [],
        "electricity": None,
        "grid": None,
    }


def test_the_bundled_headlines_are_what_reports_were_priced_with() -> None:
    book = load_prices(BUNDLED[-1])
    for names, usd_per_hour in ((["NVIDIA H200"], 1.74), (["H100 PCIe"], 1.69), ([], 0.1632)):
        tariff = headline(book, machine(*names), gpus=len(names))
        assert tariff
        assert tariff.usd_per_s * 3600 == pytest.approx(usd_per_hour)


def test_the_example_of_the_page_is_a_book(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "prices.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    book = load(tmp_path, example)
    named = {key.partition(":")[0] for key in example.splitlines() if key[0].isalpha()}
    assert named == set(PriceBook.model_fields) - {"currency"}
    tariff = headline(book, machine("NVIDIA H200"), gpus=1)
    assert tariff
    assert tariff.deployment == "owned"


# Ways of paying


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("owned", "owned, but nothing in the book is; add the machine to `owned`, without"),
        ("colocated", "colocated, but nothing in the book is; add the machine to `owned`, with"),
        ("api", "api, but nothing in the book is; add the model to `api`"),
        ("rent", "input should be 'rented', 'owned', 'colocated' or 'api', found 'rent'"),
    ],
)
def test_a_way_of_paying_that_is_not_in_the_book_is_told(
    tmp_path: Path, way: str, said: str
) -> None:
    (line,) = problems(tmp_path, f"{GOOD}deployment: {way}\n")
    assert line.startswith(f"8: deployment: {said}")


def test_a_machine_that_cannot_be_paid_for_in_the_way_named_has_no_headline(tmp_path: Path) -> None:
    api = (
        "api: [{match: x, provider: p, usd_per_million_input: 1, usd_per_million_output: 2,"
        " source: S, as_of: 2026-01-01}]\n"
    )
    book = load(tmp_path, f"{GOOD}deployment: api\n{api}")
    assert headline(book, machine("NVIDIA H200"), gpus=1) is None
    assert len(tariffs(book, machine("NVIDIA H200"), gpus=1)) == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("utilization: {share: 50, source: S}", "utilization.share: input should be less than"),
        ("utilization: {share: 0.5}", "utilization.source: is missing"),
        ("host: {w_per_gpu: 150}", "host.source: is missing"),
        ("host: {w_per_gpu: 0, source: S}", "host.w_per_gpu: input should be greater than 0"),
        ("water: {site_l_per_kwh: 1, source: S}", "water.grid_l_per_kwh: is missing"),
        ("human: {usd_per_problem: {a: 1}}", "human.source: is missing"),
        ("human: {usd_per_problem: {a: 0}, source: S}", "human.usd_per_problem.a: input should"),
        ("pue: {value: 0.9, place: x, year: 2025, source: S}", "pue.value: input should be"),
        ("pue: {value: 1.2, year: 2025, source: S}", "pue: needs `place` (whose it is) or `prof"),
        ("pue: {value: 1.2, place: x, source: S}", "pue.year: is missing"),
        ("hosst: {}", "hosst: unknown key `hosst`; did you mean `host`?"),
    ],
)
def test_every_figure_has_its_source_and_its_bounds(tmp_path: Path, entry: str, said: str) -> None:
    (line,) = problems(tmp_path, f"{GOOD}{entry}\n")
    assert line.startswith(f"8: {said}")
