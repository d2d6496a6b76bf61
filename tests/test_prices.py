"""Price books: what an hour of this machine costs, and what a book with a wrong figure is told."""

import datetime
from pathlib import Path

import pytest

from costbench.errors import SuiteError
from costbench.hardware import Gpu, Machine
from costbench.prices import PriceBook, load_prices, machine_rate, with_changes

BUNDLED = sorted((Path(__file__).parents[1] / "suites" / "prices").glob("*.yaml"))

GOOD = """\
date: 2026-11-20
machines:
  - {match: cpu, per: vcpu, usd_per_hour: 0.04, provider: P, source: S, as_of: 2026-06-17}
  - {match: H200, per: gpu, usd_per_hour: 2, provider: P, source: S, as_of: 2026-04-03}
  - {match: box, per: machine, usd_per_hour: 9, provider: P, source: S, as_of: 2026-04-03}
electricity: {usd_per_kwh: 0.09, place: Virginia, year: 2023, source: S}
grid: {gco2e_per_kwh: 369.5, place: USA, year: 2023, source: S}
"""


def load(folder: Path, text: str) -> PriceBook:
    path = folder / "book.yaml"
    path.write_text(text)
    return load_prices(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        load(folder, text)
    return [
        line.removeprefix(f"{folder / 'book.yaml'}:") for line in str(caught.value).splitlines()
    ]


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, GOOD)


def machine(*gpus: str, cores: int = 4) -> Machine:
    return Machine(
        cpu="Test CPU",
        cores=cores,
        memory_gib=8,
        system="Linux 6",
        python="3.11.0",
        virtual=None,
        gpus=tuple(Gpu(name=name, memory_gib=141) for name in gpus),
        versions={},
    )


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
    rate = machine_rate(book, machine("NVIDIA H200", "NVIDIA H200"), gpus=2)
    assert rate
    assert (rate.usd_per_hour, rate.price.match) == (4, "H200")
    assert rate.usd_per_s == pytest.approx(4 / 3600)


def test_a_name_is_matched_whatever_its_case(book: PriceBook) -> None:
    assert machine_rate(book, machine("nvidia h200 nvl"), gpus=1)


def test_a_machine_without_a_gpu_is_paid_by_its_cores(book: PriceBook) -> None:
    rate = machine_rate(book, machine(cores=4), gpus=0)
    assert rate
    assert rate.usd_per_hour == pytest.approx(0.16)


def test_work_on_the_cpu_of_a_gpu_machine_is_paid_as_cpu_work(book: PriceBook) -> None:
    rate = machine_rate(book, machine("NVIDIA H200"), gpus=0)
    assert rate
    assert rate.price.match == "cpu"


def test_a_whole_machine_is_paid_once(book: PriceBook) -> None:
    rate = machine_rate(book, machine("BigBox 9000", "BigBox 9000"), gpus=2)
    assert rate
    assert rate.usd_per_hour == 9


def test_an_unknown_machine_has_no_price_rather_than_a_wrong_one(book: PriceBook) -> None:
    assert machine_rate(book, machine("Other GPU"), gpus=1) is None
    assert machine_rate(None, machine(), gpus=0) is None


def test_a_price_per_gpu_says_nothing_about_a_machine_without_one(tmp_path: Path) -> None:
    book = load(tmp_path, GOOD.replace("match: cpu, per: vcpu", "match: cpu, per: gpu"))
    assert machine_rate(book, machine(), gpus=0) is None  # and not 0 USD


def test_the_first_price_that_matches_counts(tmp_path: Path) -> None:
    anything = "  - {match: '', per: machine, usd_per_hour: 7, provider: P, source: S, as_of: 2026-01-01}\n"
    book = load(tmp_path, GOOD.replace("electricity:", f"{anything}electricity:"))
    for names, expected in ((["NVIDIA H200"], 2), (["Other GPU"], 7), ([], 0.16)):
        rate = machine_rate(book, machine(*names), gpus=len(names))
        assert rate
        assert rate.usd_per_hour == pytest.approx(expected)


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
        "4: machines[1].usd_per_hour: input should be greater than 0, found 0"
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


# Prices of one's own


def test_a_price_of_one_s_own_is_that_of_the_whole_machine(book: PriceBook) -> None:
    changed = with_changes(book, {"machine.usd_per_hour": "1.2"})
    for names in ((), ("NVIDIA H200", "NVIDIA H200"), ("A GPU that the book does not know",)):
        rate = machine_rate(changed, machine(*names), gpus=len(names))
        assert rate
        assert rate.usd_per_hour == 1.2
        assert (rate.price.provider, rate.price.source) == (
            "user",
            "--set machine.usd_per_hour=1.2",
        )


def test_a_price_of_one_s_own_works_with_a_book_without_machines(tmp_path: Path) -> None:
    book = with_changes(load(tmp_path, "date: 2026-11-20\n"), {"machine.usd_per_hour": "1.2"})
    assert machine_rate(book, machine(), gpus=0)


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
        "electricity.usd_per_kwh",
        "machine",
        "machine.per",
        "date",
        "a.b.c",
    ],
)
def test_a_key_that_no_book_has_is_told_with_those_there_are(book: PriceBook, key: str) -> None:
    with pytest.raises(SuiteError) as caught:
        with_changes(book, {key: "1"})
    assert str(caught.value) == (
        f"--set {key}: no such figure; there are machine.usd_per_hour and grid.gco2e_per_kwh"
    )


@pytest.mark.parametrize("value", ["0", "-1", "", "much", "inf", "nan"])
@pytest.mark.parametrize("key", ["machine.usd_per_hour", "grid.gco2e_per_kwh"])
def test_a_value_that_is_no_price_is_told(book: PriceBook, key: str, value: str) -> None:
    with pytest.raises(SuiteError, match=r"^--set: [a-z0-9_.]+: Input should be "):
        with_changes(book, {key: value})
