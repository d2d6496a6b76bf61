"""What an hour of an owned machine costs: the formula by hand, and the tariffs made of it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from price_books import load, machine, problems

from costbench.analysis.ownership import Capital, Ownership, Power
from costbench.prices import PriceBook, headline, tariffs

# An illustrative node of 8 GPUs: 350,000 USD, a fifth of it left after 4 years, 60 % of its hours useful.
NODE = Capital(usd=350_000, residual_usd=70_000, life_years=4)

HEAD = """\
date: 2026-11-20
electricity: {usd_per_kwh: 0.10, place: here, year: 2025, source: S}
pue: {value: 1.3, place: here, year: 2025, source: S}
"""
OWNED = (
    "{match: H200, gpus: 8, usd_capital: 350000, residual_share: 0.2, life_years: 4, "
    "maintenance_share_per_year: 0, active_w: 7000, idle_w: 7000, utilization: 0.6, source: S, "
    "as_of: 2026-01-01}"
)
BOOK = f"{HEAD}owned:\n  - {OWNED}\n"
COLOCATED = OWNED.replace("active_w: 7000, idle_w: 7000", "usd_space_per_hour: 4")
RENT = "{match: H200, per: gpu, usd_per_hour: 2, provider: P, source: S, as_of: 2026-04-03}"


def owning(capital: Capital = NODE, power: Power | None = None, *, units: int = 8) -> Ownership:
    return Ownership(capital, maintenance_usd_per_year=0, units=units, power=power)


def test_the_capital_part_of_a_delivered_gpu_hour() -> None:
    # 280,000 USD / (4 x 8760 h) / (8 x 0.6)
    assert owning().usd_per_unit_hour(0.6) == pytest.approx(1.6648, abs=5e-5)


def test_money_that_costs_8_percent_makes_it_dearer() -> None:
    # The recovery factor of 8 % and 4 years is 0.30192: 105,672 - 15,534 USD a year.
    lent = Capital(usd=350_000, residual_usd=70_000, life_years=4, cost_of_capital=0.08)
    assert Capital(1, 0, 4, 0.08).usd_per_year == pytest.approx(0.30192, abs=5e-6)
    assert lent.usd_per_year == pytest.approx(90_138, abs=1)
    assert owning(lent).usd_per_unit_hour(0.6) == pytest.approx(2.1437, abs=5e-5)


def test_electricity_before_utilization() -> None:
    # 7 kW x 1.3 x 0.10 USD/kWh / 8 GPUs
    power = Power(active_w=7000, idle_w=7000, pue=1.3, usd_per_kwh=0.10)
    assert owning(Capital(1e-9, 0, 4), power).usd_per_unit_hour(1.0) == pytest.approx(0.11375)


def test_idle_power_is_paid_for_by_what_works() -> None:
    # Half the time 8 kW, half the time 2 kW: 5 kWh of 0.1 USD an hour, for half an hour of work.
    power = Power(active_w=8000, idle_w=2000, pue=1.0, usd_per_kwh=0.1)
    cost = owning(Capital(1e-9, 0, 4), power, units=1)
    assert cost.usd_per_unit_hour(0.5) == pytest.approx(1.0)
    assert cost.usd_per_unit_hour_idle == pytest.approx(0.2)


def test_a_reserved_second_is_as_dear_idle_where_rented_and_saves_power_where_owned() -> None:
    text = f"{HEAD}machines:\n  - {RENT}\nowned:\n  - {OWNED.replace('idle_w: 7000', 'idle_w: 3000')}\n"
    rented, owned = tariffs(PriceBook.model_validate(yaml.safe_load(text)), machine("H200"), gpus=2)
    assert rented.usd_per_s_idle == rented.usd_per_s == pytest.approx(4 / 3600)
    # 4 kW less for 8 GPUs: 1 kW less for two, x 1.3 x 0.10 USD.
    assert owned.usd_per_s - owned.usd_per_s_idle == pytest.approx(0.13 / 3600)


def test_maintenance_and_space_are_paid_by_the_hour() -> None:
    cost = Ownership(Capital(1e-9, 0, 1), 8760, units=2, space_usd_per_hour=3)
    assert cost.usd_per_unit_hour(1.0) == pytest.approx((1 + 3) / 2)


@given(
    usd=st.floats(1, 1e7),
    residual=st.floats(0, 0.9),
    years=st.integers(1, 20),
    rate=st.floats(1e-3, 0.5),
)
def test_payments_and_what_is_left_are_worth_the_capital_today(
    usd: float, residual: float, years: int, rate: float
) -> None:
    capital = Capital(usd, usd * residual, years, rate)
    payments = sum(capital.usd_per_year / (1 + rate) ** year for year in range(1, years + 1))
    left = usd * residual / (1 + rate) ** years
    assert payments + left == pytest.approx(usd)


@given(usd=st.floats(1, 1e7), residual=st.floats(0, 0.9), years=st.floats(0.5, 20))
def test_money_that_costs_next_to_nothing_is_a_straight_line(
    usd: float, residual: float, years: float
) -> None:
    straight = Capital(usd, usd * residual, years)
    lent = Capital(usd, usd * residual, years, 1e-12)
    assert lent.usd_per_year == pytest.approx(straight.usd_per_year, rel=1e-6)


@given(utilization=st.floats(0.01, 1), units=st.integers(1, 16))
def test_nothing_is_cheaper_than_full_use(utilization: float, units: int) -> None:
    power = Power(active_w=7000, idle_w=1000, pue=1.2, usd_per_kwh=0.1)
    cost = owning(power=power, units=units)
    assert cost.usd_per_unit_hour(utilization) >= cost.usd_per_unit_hour(1.0) * (1 - 1e-12)


# Tariffs


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    return load(tmp_path, BOOK)


def test_a_gpu_of_an_owned_node_on_both_bases(book: PriceBook) -> None:
    tariff = headline(book, machine("NVIDIA H200"), gpus=1)
    assert tariff
    assert (tariff.deployment, tariff.provider, tariff.provenance) == (
        "owned",
        "owned machine",
        "assumed",
    )
    used, allocated = 280_000 / 35_040 / 8 + 0.11375, 280_000 / 35_040 / 4.8 + 0.11375 / 0.6
    assert tariff.usd_per_s * 3600 == pytest.approx(used)
    assert tariff.usd_per_s_allocated
    assert tariff.usd_per_s_allocated * 3600 == pytest.approx(allocated)


def test_its_basis_says_all_that_went_into_it(book: PriceBook) -> None:
    tariff = headline(book, machine(*["NVIDIA H200"] * 8), gpus=8)
    assert tariff
    assert tariff.basis["usd_capital"] == 350_000
    assert tariff.basis["electricity"]["usd_per_kwh"] == 0.10
    assert tariff.basis["pue"]["value"] == 1.3
    assert tariff.basis["per"] == "gpu"
    assert tariff.basis["usd_per_hour"] * 8 == pytest.approx(tariff.usd_per_s * 3600)


def test_the_books_utilization_stands_in_for_the_machines(tmp_path: Path) -> None:
    text = BOOK.replace(" utilization: 0.6,", "")
    bare = headline(load(tmp_path, text), machine("H200"), gpus=1)
    shared = headline(
        load(tmp_path, f"{text}utilization: {{share: 0.6, source: S}}\n"), machine("H200"), gpus=1
    )
    own = headline(load(tmp_path, BOOK), machine("H200"), gpus=1)
    assert bare
    assert shared
    assert own
    assert bare.usd_per_s_allocated is None
    assert shared.usd_per_s_allocated == own.usd_per_s_allocated
    assert bare.usd_per_s == own.usd_per_s


def test_a_machine_without_gpus_is_one_unit_and_no_gpu_machine(tmp_path: Path) -> None:
    text = BOOK.replace("match: H200, gpus: 8", "match: cpu, gpus: 0")
    book = load(tmp_path, text)
    tariff = headline(book, machine("NVIDIA H200"), gpus=0)
    assert tariff
    assert tariff.usd_per_s * 3600 == pytest.approx(280_000 / 35_040 + 7 * 1.3 * 0.1)
    assert headline(book, machine("cpu GPU"), gpus=1) is None
    assert headline(load(tmp_path, BOOK), machine("NVIDIA H200"), gpus=0) is None


def test_colocation_with_its_power_adds_no_electricity(tmp_path: Path) -> None:
    inclusive = COLOCATED.replace("source", "space_includes_power: true, source")
    book = load(tmp_path, f"date: 2026-11-20\nowned: [{inclusive}]\n")
    tariff = headline(book, machine("H200"), gpus=1)
    assert tariff
    assert tariff.deployment == "colocated"
    assert tariff.usd_per_s * 3600 == pytest.approx((280_000 / 35_040 + 4) / 8)
    assert "electricity" not in tariff.basis


def test_colocation_without_its_power_pays_for_it_too(tmp_path: Path) -> None:
    powered = COLOCATED.replace("source", "active_w: 7000, idle_w: 100, source")
    tariff = headline(load(tmp_path, f"{HEAD}owned: [{powered}]\n"), machine("H200"), gpus=1)
    assert tariff
    assert tariff.deployment == "colocated"
    assert tariff.usd_per_s * 3600 == pytest.approx((280_000 / 35_040 + 4) / 8 + 0.11375)


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        ("", ["rented", "owned", "colocated"]),
        ("deployment: owned\n", ["owned", "rented", "colocated"]),
        ("deployment: colocated\n", ["colocated", "rented", "owned"]),
    ],
)
def test_the_headline_is_the_way_of_paying_that_is_named(
    tmp_path: Path, deployment: str, expected: list[str]
) -> None:
    powered = COLOCATED.replace("source", "space_includes_power: true, source")
    text = f"{HEAD}{deployment}owned: [{powered}, {OWNED}]\nmachines: [{RENT}]\n"
    book = load(tmp_path, text)
    found = tariffs(book, machine("H200"), gpus=1)
    assert [tariff.deployment for tariff in found] == expected
    assert headline(book, machine("H200"), gpus=1) == found[0]


def test_where_the_machine_cannot_be_paid_for_that_way_there_is_no_headline(tmp_path: Path) -> None:
    text = f"{BOOK}deployment: owned\nmachines: [{RENT.replace('H200', 'B200')}]\n"
    assert headline(load(tmp_path, text), machine("B200"), gpus=1) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            BOOK.replace("electricity:", "#"),
            "5: owned[0]: pays for its own power, and the book has no `electricity`; add `electricity: {",
        ),
        (BOOK.replace("pue:", "#"), "5: owned[0]: pays for its own power, and the book has no `pue`; "),
        (
            BOOK.replace(" idle_w: 7000,", ""),
            "5: owned[0]: needs `active_w` and `idle_w` (watts of the whole machine, at work and idle), or",
        ),
        (
            BOOK.replace("utilization", "space_includes_power: true, utilization"),
            "5: owned[0]: `space_includes_power` needs `usd_space_per_hour`: what the space costs",
        ),
        (BOOK.replace("life_years", "life_yaers"), "5: owned[0].life_years: is missing"),
        (BOOK.replace("usd_capital: 350000", "usd_capital: 0"), "5: owned[0].usd_capital: input should"),
        (BOOK.replace("utilization: 0.6", "utilization: 60"), "5: owned[0].utilization: input should"),
        (BOOK.replace("residual_share: 0.2", "residual_share: 1"), "5: owned[0].residual_share: input"),
        (BOOK.replace("as_of: 2026-01-01", ""), "5: owned[0].as_of: is missing"),
    ],
)  # fmt: skip
def test_what_is_missing_of_an_owned_machine_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert problems(tmp_path, text)[0].startswith(said)
