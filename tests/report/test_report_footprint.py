"""Energy of the building, carbon, water and SCI: 120 W for what the windows lasted, 8 attempts, 6 right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.prices import PriceBook
from costbench.report.build import Pricing
from costbench.report.csv import render_csv
from costbench.report.footprint import host_watts
from costbench.report.markdown import render_markdown
from costbench.units import SECONDS_PER_YEAR
from tests.report.hand import (
    BOOK,
    CLOCK,
    GPU_METER,
    GRAMS_PER_KWH,
    METER,
    PASSES,
    WATTS,
    Hand,
    Try,
    make_cell,
)

SOURCE = {"source": "a test"}
DATED = {"as_of": "2026-11-20", **SOURCE}
PUE = {"value": 1.5, "profile": "a hall", "year": 2026, **SOURCE}
HOST = {"w_per_gpu": 150.0, **SOURCE}
GRID = {
    "gco2e_per_kwh": GRAMS_PER_KWH, "market_based_gco2e_per_kwh": 36.0, "place": "Testland",
    "year": 2025, **SOURCE,
}  # fmt: skip
BOX = {
    "match": "cpu", "per": "machine", "kgco2e": SECONDS_PER_YEAR / 1e6, "life_years": 2.0,
    "utilization": 0.5, **DATED,
}  # fmt: skip
WATER = {"site_l_per_kwh": 0.5, "grid_l_per_kwh": 4.0, **SOURCE}


def book(**entries):
    return PriceBook.model_validate(BOOK.model_dump(mode="json") | entries)


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr("costbench.store.time", CLOCK)


@pytest.fixture
def run(tmp_path):
    cell = make_cell()
    found = Hand(tmp_path / "run", cell)
    found.session()
    for number, tries in enumerate(PASSES):
        found.work(cell, number, tries)
    yield found
    found.store.db.close()


@pytest.fixture
def kwh(run):
    return WATTS * run.seconds(make_cell()) / 3.6e6


def cell_of(run, prices):
    (row,) = run.report(Pricing(prices, "test.yaml")).cells
    return row


def test_metered_energy_stays_what_it_was_and_the_building_is_beside_it(run, kwh):
    row = cell_of(run, book(pue=PUE))
    found = row.footprint
    assert row.kwh_per_attempt.value == pytest.approx(kwh / 8)
    assert row.kwh_per_correct.value == pytest.approx(kwh / 6)
    assert found.kwh_facility_per_correct.value == pytest.approx(1.5 * kwh / 6)
    assert row.gco2e_per_correct.value == pytest.approx(kwh * GRAMS_PER_KWH / 6)
    assert found.gco2e_facility_per_correct.value == pytest.approx(1.5 * kwh * GRAMS_PER_KWH / 6)
    assert found.includes == ("test_bench", "pue")
    assert found.assumed["pue"]["value"] == 1.5


def test_without_a_pue_the_building_is_not_known(run):
    found = cell_of(run, BOOK).footprint
    for figure in (found.kwh_facility_per_attempt, found.gco2e_facility_per_correct):
        assert (figure.value, figure.reason) == (None, "no_pue")
    assert found.gco2e_market_based_per_correct.reason == "no_market_based_intensity"
    assert found.gco2e_embodied_per_correct.reason == "no_embodied"
    assert found.water_l_per_correct.reason == "no_water_factors"
    assert cell_of(run, book(water=WATER)).footprint.water_l_per_correct.reason == "no_pue"


def test_market_based_figures_stand_beside_and_a_claim_of_0_is_0(run, kwh):
    found = cell_of(run, book(pue=PUE, grid=GRID)).footprint
    assert found.gco2e_market_based_per_correct.value == pytest.approx(kwh * 36 / 6)
    assert found.gco2e_facility_market_based_per_attempt.value == pytest.approx(1.5 * kwh * 36 / 8)
    green = cell_of(run, book(grid=GRID | {"market_based_gco2e_per_kwh": 0.0})).footprint
    assert green.gco2e_market_based_per_correct.value == 0


def test_what_is_embodied_goes_by_the_seconds_of_the_machine(run):
    found = cell_of(run, book(embodied=[BOX])).footprint
    # SECONDS_PER_YEAR mg in two years, half of them used: 1 mg per second of use
    seconds = run.seconds(make_cell())
    assert found.gco2e_embodied_per_attempt.value == pytest.approx(1e-3 * seconds / 8)
    assert found.gco2e_embodied_per_correct.value == pytest.approx(1e-3 * seconds / 6)


def test_water_is_the_sites_and_the_power_plants(run, kwh):
    found = cell_of(run, book(pue=PUE, water=WATER)).footprint
    assert found.water_l_per_correct.value == pytest.approx(kwh * (0.5 + 1.5 * 4) / 6)


def test_sci_is_the_building_by_location_and_what_is_embodied(run, kwh):
    found = cell_of(run, book(pue=PUE, grid=GRID, embodied=[BOX])).footprint
    grams = 1.5 * kwh * GRAMS_PER_KWH + 1e-3 * run.seconds(make_cell())
    assert found.sci_gco2e_per_correct.value == pytest.approx(grams / 6)
    assert found.sci_gco2e_per_output_token.value == pytest.approx(grams / 200)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "sci_without_pue_and_embodied"),
        ({"pue": PUE}, "sci_without_embodied"),
        ({"embodied": [BOX]}, "sci_without_pue"),
        ({"pue": PUE, "embodied": [BOX], "grid": None}, "sci_without_grid_intensity"),
        ({"pue": PUE, "embodied": [BOX | {"per": "gpu"}]}, "sci_without_embodied"),
    ],
)
def test_sci_names_the_terms_that_it_lacks(run, entries, reason):
    found = cell_of(run, book(**entries)).footprint
    for figure in (found.sci_gco2e_per_correct, found.sci_gco2e_per_output_token):
        assert (figure.value, figure.reason) == (None, reason)


def on_gpus(run, monkeypatch, scope="gpu_device"):
    """The run as if its meter had read GPUs alone; its engine had one of them."""
    monkeypatch.setattr("costbench.report.energy.CellEnergy.scope", property(lambda self: scope))
    monkeypatch.setattr("costbench.report.build.gpu_uuids", lambda run, record: {1: ("a",)})
    return run


def test_where_only_gpus_are_metered_the_host_comes_from_the_book(run, kwh, monkeypatch):
    run = on_gpus(run, monkeypatch)
    host_kwh = 150 * run.seconds(make_cell()) / 3.6e6
    found = cell_of(run, book(pue=PUE, host=HOST)).footprint
    assert found.kwh_facility_per_correct.value == pytest.approx(1.5 * (kwh + host_kwh) / 6)
    assert found.includes == ("gpu_device", "host", "pue")
    bare = cell_of(run, book(pue=PUE)).footprint
    assert bare.kwh_facility_per_correct.value == pytest.approx(1.5 * kwh / 6)
    assert bare.includes == ("gpu_device", "pue")
    assert bare.sci_gco2e_per_correct.reason == "sci_without_host_energy_and_embodied"


@pytest.mark.parametrize("scope", ["gpu_module", "cpu_package", "gpu_device+machine_model"])
def test_sci_is_not_of_a_part_of_a_machine(run, monkeypatch, scope):
    found = cell_of(on_gpus(run, monkeypatch, scope), book(pue=PUE, host=HOST)).footprint
    assert "host_energy" in found.sci_gco2e_per_correct.reason


def test_the_host_is_never_added_to_a_machine_that_was_metered_whole():
    prices = book(host=HOST)
    assert host_watts(prices, GPU_METER.scope, 2) == 300.0
    assert host_watts(prices, METER.scope, 2) == 0.0
    assert host_watts(None, GPU_METER.scope, 2) == 0.0


@given(pue=st.floats(1, 3))
def test_the_building_uses_no_less_than_its_machines(run_once, pue):
    row = cell_of(run_once, book(pue=PUE | {"value": pue}))
    facility = row.footprint.kwh_facility_per_correct.value
    assert facility == pytest.approx(pue * row.kwh_per_correct.value)


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("costbench.store.time", CLOCK)
        cell = make_cell(passes=1)
        found = Hand(tmp_path_factory.mktemp("once") / "run", cell)
        found.session()
        found.work(cell, 0, PASSES[0])
        yield found
        found.store.db.close()


def test_without_energy_only_what_is_embodied_is_known(tmp_path):
    cell = make_cell()
    run = Hand(tmp_path / "dark", cell, metered=False)
    run.session()
    for number, tries in enumerate(PASSES):
        run.work(cell, number, tries)
    found = cell_of(run, book(pue=PUE, embodied=[BOX])).footprint
    run.store.db.close()
    for figure in (found.kwh_facility_per_correct, found.sci_gco2e_per_correct):
        assert (figure.value, figure.reason) == (None, "no_meter")
    assert found.gco2e_embodied_per_correct.value > 0


def test_the_page_and_the_csv_have_them(run):
    report = run.report(Pricing(book(pue=PUE, grid=GRID, embodied=[BOX], water=WATER), "b.yaml"))
    page = render_markdown(report, None)
    section = page.partition("## Energy and carbon of the run")[2].partition("\n## ")[0]
    assert "building's energy: test_bench + pue" in section
    assert "carbon and water" in section
    head, row = (line.split(",") for line in render_csv(report).splitlines())
    at = head.index("sci_gco2e_per_correct")
    assert float(row[at - len(head)]) == report.cells[0].footprint.sci_gco2e_per_correct.value
    assert "carbon and water" not in render_markdown(run.report(Pricing(BOOK, "b.yaml")), None)


def test_a_run_adds_up_its_passes_warm_ups_and_idling(tmp_path):
    cell = make_cell(passes=1)
    run = Hand(tmp_path / "all", cell)
    run.session()
    for phase, whose in (("idle_bare", None), ("warmup", cell.id), ("idle_context", "hand/base")):
        start_s = CLOCK.monotonic()
        with run.store.window(whose, None, phase):
            CLOCK.sleep(4.0)
        run.store.add_attempts([], run._readings(start_s - 0.05, CLOCK.monotonic() + 0.05))
        CLOCK.sleep(0.2)
    run.work(cell, 0, PASSES[0])
    rows = run.report(Pricing(book(pue=PUE), "b.yaml")).run_energy
    run.store.db.close()
    assert [row.phase for row in rows] == ["whole", "warmup", "idle_context", "idle_bare", "total"]
    seconds = [row.duration_s for row in rows]
    assert seconds == pytest.approx([3, 4, 4, 4, 15], abs=0.02)
    for row in rows:
        assert row.provenance == "measured"
        assert row.kwh == pytest.approx(WATTS * row.duration_s / 3.6e6)
        assert row.kwh_facility == pytest.approx(1.5 * row.kwh)
        assert row.kgco2e == pytest.approx(row.kwh * GRAMS_PER_KWH / 1000)
        assert row.reasons == {}


def test_a_run_without_a_meter_has_no_energy_and_not_0(tmp_path):
    cell = make_cell(passes=1)
    run = Hand(tmp_path / "none", cell, metered=False)
    run.session()
    run.work(cell, 0, PASSES[0])
    report = run.report(Pricing(BOOK, "b.yaml"))
    run.store.db.close()
    total = report.run_energy[-1]
    assert (total.phase, total.kwh, total.kgco2e) == ("total", None, None)
    assert total.reasons["kwh"] == "no_meter"
    assert "## Energy and carbon of the run" not in render_markdown(report, None)


def test_measured_and_modelled_windows_have_rows_of_their_own_and_no_sum(tmp_path):
    cell = make_cell()
    run = Hand(tmp_path / "mixed", cell)
    run.session()
    run.work(cell, 0, PASSES[0])
    run.store.begin_session({})
    run.store.add_meters([METER.model_copy(update={"provenance": "modelled"})])
    run.work(cell, 1, PASSES[1])
    *rows, total = run.report(Pricing(BOOK, "b.yaml")).run_energy
    run.store.db.close()
    assert [(row.phase, row.provenance, row.windows) for row in rows] == [
        ("whole", "measured", 1), ("whole", "modelled", 1),
    ]  # fmt: skip
    assert all(row.kwh == pytest.approx(WATTS * row.duration_s / 3.6e6) for row in rows)
    assert (total.kwh, total.kgco2e, total.windows) == (None, None, 2)
    assert total.reasons["kwh"] == "different_provenance"


def test_a_cell_with_nothing_correct_has_bounds_and_no_figures(tmp_path):
    cell = make_cell(passes=1)
    run = Hand(tmp_path / "wrong", cell)
    run.session()
    run.work(cell, 0, {at: Try(10, "wrong") for at in range(4)})
    row = cell_of(run, book(pue=PUE, embodied=[BOX]))
    run.store.db.close()
    for figure in (row.tariffs[0].usd_per_correct, row.footprint.sci_gco2e_per_correct):
        assert (figure.value, figure.reason) == (None, "none_correct")
        assert figure.low > 0
    assert row.footprint.sci_gco2e_per_output_token.value > 0
