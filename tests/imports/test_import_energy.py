"""Windows of imported cells, and joules that a recorded trace gives them."""

import pytest
from importer import TENTH, VLLM, attempts, imported, report, table, timed

from costbench.errors import ImportFileError

TWO = (timed("a", 10, 4), timed("b", 12, 6, output_tokens=30))
"""A window of 8 s: 10 to 18."""


def trace(folder, *rows, what="watts", name="trace.csv"):
    path = folder / name
    path.write_text(f"time,{what}\n" + "".join(f"{TENTH + t},{value}\n" for t, value in rows))
    return path


def steady(watts, until=30):
    return [(t, watts) for t in range(until)]


def test_joules_are_the_integral_of_power_over_the_window(tmp_path):
    folder = imported(tmp_path, table(tmp_path, *TWO), energy=trace(tmp_path, *steady(50)))
    (cell,) = report(folder).cells
    assert cell.windows.whole.duration_s == pytest.approx(8)
    assert cell.windows.whole.joules == pytest.approx(8 * 50)
    assert cell.energy.provenance == "imported"
    assert cell.energy.method == "integral_of_power"
    assert cell.energy.quality == "degraded"
    assert "imported_trace" in cell.energy.reasons
    assert list(attempts(folder).joules) == pytest.approx([100, 300])  # by 10 and 30 tokens


def test_a_running_total_of_joules_is_one_as_it_is(tmp_path):
    rows = [(t, 7 + 20 * t) for t in range(30)]
    path = trace(tmp_path, *rows, what="joules")
    folder = imported(tmp_path, table(tmp_path, *TWO), energy=path, energy_provenance="measured")
    (cell,) = report(folder).cells
    assert cell.windows.whole.joules == pytest.approx(160)
    assert cell.energy.provenance == "measured"


def test_each_file_has_a_window_of_its_own_and_the_days_between_are_in_none(tmp_path):
    later = timed("a", 86_400, 4, sample=1)
    paths = table(tmp_path, *TWO), table(tmp_path, later, name="later.jsonl")
    folder = imported(tmp_path, *paths)
    (cell,) = report(folder).cells
    assert cell.windows.whole.duration_s == pytest.approx(8 + 4)
    assert list(attempts(folder).machine_seconds) == pytest.approx([2, 4, 6])
    assert "resumed" not in cell.caveats


def test_a_window_outside_the_trace_has_no_joules_beside_one_that_has(tmp_path):
    paths = table(tmp_path, *TWO), table(tmp_path, timed("c", 86_400, 4), name="later.jsonl")
    folder = imported(tmp_path, *paths, energy=trace(tmp_path, *steady(50)))
    (cell,) = report(folder).cells
    assert cell.joules_per_attempt.value is None
    assert cell.joules_per_attempt.reason == "energy_uncovered"


@pytest.mark.parametrize(
    ("rows", "what", "told"),
    [
        ([(100, 5), (200, 5)], "watts", "it has no window of theirs whole"),
        ([(0, 5), (30, -5)], "watts", "no reading"),
        ([(0, 5), (30, "nan")], "watts", "no reading"),
        ([(0, 5), (30, 4)], "joules", "goes back"),
        ([(30, 5), (0, 6)], "watts", "the time goes back"),
        ([(0, 5), (0, 6)], "watts", "two readings at one time"),
        ([(0, 5)], "watts", "needs two readings"),
        ([(0, 5)], "volts", "has the columns time and watts"),
    ],
)
def test_a_trace_that_cannot_be_used_is_told_in_a_sentence(tmp_path, rows, what, told):
    path = trace(tmp_path, *rows, what=what)
    with pytest.raises(ImportFileError, match=told):
        imported(tmp_path / "runs", table(tmp_path, *TWO), energy=path)
    assert not (tmp_path / "runs").exists()


def test_times_of_a_clock_of_its_own_meet_no_trace(tmp_path):
    with pytest.raises(ImportFileError, match="a clock of their own"):
        imported(tmp_path, VLLM, energy=trace(tmp_path, *steady(50)))


def test_cells_at_one_time_cannot_share_a_trace_and_their_machine_time_says_so(tmp_path):
    path = table(tmp_path, *TWO, timed("a", 11, 1, model="other"))
    with pytest.raises(ImportFileError, match="at the same time"):
        imported(tmp_path, path, energy=trace(tmp_path, *steady(50)))
    cells = report(imported(tmp_path, path)).cells
    assert all("imported_overlap" in cell.caveats for cell in cells)


def test_a_cell_within_a_longer_one_that_began_before_another_overlaps_it(tmp_path):
    rows = (timed("a", 0, 100), timed("a", 1, 1, model="m2"), timed("a", 50, 1, model="m3"))
    cells = report(imported(tmp_path, table(tmp_path, *rows))).cells
    assert [("imported_overlap" in cell.caveats) for cell in cells] == [True, True, True]


def test_the_run_folder_of_a_meter_is_a_trace(tmp_path):
    from costbench.metering.sampler import Reading
    from costbench.store import Store
    from costbench.types import MeterFacts

    facts = MeterFacts(
        name="rapl", provenance="measured", method="rapl", scope="cpu_package", period_s=0.1,
        settle_s=0.2, headline=("package-0",),
    )  # fmt: skip
    with Store.create(tmp_path / "metered", {"kind": "meter"}) as store:
        store.begin_session({}, (TENTH + 5, 1000.0))  # so that 10 s by the wall is 1005
        store.add_meters([facts])
        store.add_attempts([], [Reading("package-0", 1000.0 + t, 30.0 * t) for t in range(20)])
    folder = imported(tmp_path, table(tmp_path, *TWO), energy=tmp_path / "metered")
    (cell,) = report(folder).cells
    assert cell.windows.whole.joules == pytest.approx(8 * 30)
    assert (cell.energy.provenance, cell.energy.scope) == ("measured", "cpu_package")


def test_a_gpu_that_is_named_prices_machine_time(tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "date: 2026-11-20\nmachines:\n"
        "  - {match: H200, per: gpu, usd_per_hour: 3.6, provider: t, source: t, as_of: 2026-11-20}\n"
        "  - {match: cpu, per: machine, usd_per_hour: 9, provider: t, source: t, as_of: 2026-11-20}\n"
    )
    path = table(tmp_path, *TWO)
    (cell,) = report(imported(tmp_path, path, gpu=("NVIDIA H200", 2)), prices=prices).cells
    assert cell.usd_per_attempt.value == pytest.approx(8 * 2 * 0.001 / 2)
    (cell,) = report(imported(tmp_path, path), prices=prices).cells
    assert cell.usd_per_attempt.value is None  # nobody said what machine it was
    assert cell.usd_per_attempt.reason == "imported_without_machine"


def test_costs_of_a_file_are_imported_and_never_mixed_with_machine_time(tmp_path):
    rows = [timed("a", 0, 1, usd=0.02), timed("b", 1, 1, usd=0.04, correct=False)]
    folder = imported(tmp_path, table(tmp_path, *rows), gpu=("NVIDIA H200", 1))
    (cell,) = report(folder).cells
    assert cell.usd_per_correct.value == pytest.approx(0.06)
    assert (cell.usd.provenance, cell.usd.reasons) == ("imported", ("imported_cost",))


def test_tokens_of_imported_responses_have_an_apis_price(tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "date: 2026-11-20\napi:\n"
        '  - {match: "m", provider: t, usd_per_million_input: 1, usd_per_million_output: 10,'
        " source: t, as_of: 2026-11-20}\n"
    )
    rows = [{"id": "a", "model": "m", "correct": 1, "input_tokens": 100, "output_tokens": 90}]
    (cell,) = report(imported(tmp_path, table(tmp_path, *rows)), prices=prices).cells
    assert cell.api.usd_per_attempt.value == pytest.approx(0.001)
