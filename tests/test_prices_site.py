"""Where energy comes from and what making a machine has emitted: by places, by entries."""

from pathlib import Path

import pytest
from price_books import load, machine, problems

from costbench.locations import bundled_prices
from costbench.prices import PriceBook, embodied_gco2e_per_s, load_prices
from costbench.prices.grid_table import intensity

DATE = "date: 2026-11-20\n"
EMBODIED = """\
embodied:
  - {match: H100, per: gpu, kgco2e: 164, life_years: 3, utilization: 1, source: S, as_of: 2025-11-13}
  - {match: H100, per: machine, gpus: 8, kgco2e: 5700, life_years: 3, utilization: 1, source: S,
     as_of: 2025-11-13}
"""
SECONDS_PER_HOUR = 3600


def grid(folder: Path, said: str) -> PriceBook:
    return load(folder, f"{DATE}grid: {{{said}}}\n")


# Grids by place


@pytest.mark.parametrize(
    ("country", "region"),
    [("USA", None), ("FRA", None), ("USA", "virginia"), ("SWE", "SE3"), ("CHN", "beijing")],
)
def test_places_have_the_intensity_that_codecarbon_itself_goes_by(
    country: str, region: str | None
) -> None:
    from codecarbon.core.emissions import Emissions
    from codecarbon.core.units import Energy
    from codecarbon.external.geography import GeoMetadata
    from codecarbon.input import DataSource

    geo = GeoMetadata(country_iso_code=country, country_name=country, region=region)
    kg = Emissions(DataSource()).get_private_infra_emissions(Energy.from_energy(kWh=1), geo)
    assert intensity(country, region).gco2e_per_kwh == pytest.approx(kg * 1000)


def test_a_country_says_its_year_and_its_source(tmp_path: Path) -> None:
    found = grid(tmp_path, "country: USA").grid
    assert found
    assert (found.gco2e_per_kwh, found.place, found.year) == (369.473, "USA", 2023)
    assert found.source == "CodeCarbon 3.3.2 global_energy_mix.json (Our World in Data / Ember)"


def test_it_is_what_the_bundled_book_says() -> None:
    found = load_prices(bundled_prices()).grid
    assert found
    assert (found.gco2e_per_kwh, found.year) == (
        intensity("USA").gco2e_per_kwh,
        intensity("USA").year,
    )


@pytest.mark.parametrize("region", ["VA", "va", "Virginia", "virginia"])
def test_a_state_goes_by_its_name_or_its_letters(tmp_path: Path, region: str) -> None:
    found = grid(tmp_path, f"country: USA, region: {region}").grid
    assert found
    assert (found.place, found.year, found.region) == ("Virginia, USA", 2023, region)
    assert "eGRID2023" in found.source


def test_a_stored_book_keeps_the_figure_and_is_not_looked_up_again(tmp_path: Path) -> None:
    book = grid(tmp_path, "country: FRA, market_based_gco2e_per_kwh: 0")
    assert book.grid
    assert book.grid.market_based_gco2e_per_kwh == 0
    assert PriceBook.model_validate(book.model_dump(mode="json")) == book


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("country: France", "country: no country 'France' in CodeCarbon's table (ISO codes of three "
         "letters); did you mean `FRA` (France)?; or write `gco2e_per_kwh`"),
        ("country: usa", "country: no country 'usa' in CodeCarbon's table (ISO codes of three letters); "
         "did you mean `USA` (United States)?"),
        ("country: QQQ", "country: no country 'QQQ' in CodeCarbon's table (ISO codes of three letters); "
         "or write `gco2e_per_kwh`"),
        ("country: CAF", "country: no carbon intensity of CAF in CodeCarbon's table"),
        ("country: CAN, region: quebec", "region: for CAN CodeCarbon has a mix of fuels for its provinces, "
         "but neither an intensity nor a year; leave `region` out"),
        ("country: DEU, region: Bavaria", "region: no regions of DEU in CodeCarbon's tables; leave"),
        ("country: USA, region: Virginnia", "region: no 'Virginnia' of USA in CodeCarbon's tables; did you "
         "mean `virginia`?"),
        ("country: USA, region: _source", "region: no '_source' of USA in CodeCarbon's tables"),
        ("country: NOR, region: SE3", "region: no 'SE3' of NOR in CodeCarbon's tables"),
        ("country: CHN, region: Tibet", "region: no 'Tibet' of CHN in CodeCarbon's tables"),
        ("country: USA, gco2e_per_kwh: 3", "gco2e_per_kwh: the grid's country says its gco2e_per_kwh"),
        ("country: USA, year: 2020", "year: the grid's country says its year already; leave one"),
    ],
)  # fmt: skip
def test_a_place_that_the_tables_do_not_have_is_refused(
    tmp_path: Path, said: str, told: str
) -> None:
    (line,) = problems(tmp_path, f"{DATE}grid: {{{said}}}\n")
    assert line.startswith(f"2: grid.{told}")


# Embodied


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, DATE + EMBODIED)


def test_a_gpu_hour_carries_its_gpu_and_an_eighth_of_its_server(book: PriceBook) -> None:
    # (164 + 5700 / 8) kg / (3 x 8760 h)
    found = embodied_gco2e_per_s(book, machine("NVIDIA H100 80GB"), gpus=1)
    assert found
    assert found * SECONDS_PER_HOUR == pytest.approx(33.35, abs=0.005)


def test_two_gpus_carry_twice_as_much(book: PriceBook) -> None:
    one, two = (embodied_gco2e_per_s(book, machine(*["H100"] * n), gpus=n) for n in (1, 2))
    assert one
    assert two == pytest.approx(2 * one)


def test_a_machine_without_a_count_is_shared_by_the_gpus_it_has(tmp_path: Path) -> None:
    book = load(tmp_path, DATE + EMBODIED.replace(" gpus: 8,", ""))
    found = embodied_gco2e_per_s(book, machine("H100", "H100"), gpus=1)
    assert found
    assert found * SECONDS_PER_HOUR == pytest.approx((164 + 5700 / 2) * 1000 / (3 * 8760))


def test_hours_of_no_use_are_carried_by_those_of_use(tmp_path: Path) -> None:
    half = load(tmp_path, DATE + EMBODIED.replace("utilization: 1", "utilization: 0.5"))
    found = embodied_gco2e_per_s(half, machine("H100"), gpus=1)
    assert found
    assert found * SECONDS_PER_HOUR == pytest.approx(66.7, abs=0.01)


def test_cpu_work_carries_a_whole_machine_and_no_gpu(tmp_path: Path) -> None:
    text = EMBODIED.replace("H100, per: machine, gpus: 8", "cpu, per: machine")
    found = embodied_gco2e_per_s(load(tmp_path, DATE + text), machine(), gpus=0)
    assert found
    assert found * SECONDS_PER_HOUR == pytest.approx(5700 * 1000 / (3 * 8760))


def test_of_a_machine_that_is_not_in_the_book_nothing_is_known(book: PriceBook) -> None:
    assert embodied_gco2e_per_s(book, machine("B200"), gpus=1) is None
    assert embodied_gco2e_per_s(book, machine(), gpus=0) is None
    assert embodied_gco2e_per_s(None, machine("H100"), gpus=1) is None


def test_the_bundled_book_says_what_stands_in_for_the_h200() -> None:
    book = load_prices(bundled_prices())
    found = embodied_gco2e_per_s(book, machine("NVIDIA H200"), gpus=1)
    assert found
    assert found * SECONDS_PER_HOUR == pytest.approx(33.35, abs=0.005)
    proxies = [entry.source.startswith("proxy: ") for entry in book.embodied]
    assert [entry.match == "H200" for entry in book.embodied] == proxies


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("per: gpu,", "per: gpu, gpus: 8,", "3: embodied[0]: `gpus` says how many share a machine; it goes"),
        ("kgco2e: 164", "kgco2e: 0", "3: embodied[0].kgco2e: input should be greater than 0, found 0"),
        (" as_of: 2025-11-13}\n  -", "}\n  -", "3: embodied[0].as_of: is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_embodied_figure_is_told(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (line,) = problems(tmp_path, DATE + EMBODIED.replace(old, new, 1))
    assert line.startswith(said)
