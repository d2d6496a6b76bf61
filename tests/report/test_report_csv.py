import csv
import io

from costbench.report.csv import render_csv
from tests.report.example import HOSTILE, example_report, unpriced


def rows(report):
    return list(csv.DictReader(io.StringIO(render_csv(report))))


def test_the_csv(golden):
    golden("report-table.csv", render_csv(example_report()))


def test_there_is_a_row_per_cell_in_the_order_of_the_plan():
    report = example_report()
    found = rows(report)
    assert [row["policy"] for row in found] == [cell.policy for cell in report.cells]
    assert found[1]["budget"] == "32"
    assert found[0]["budget"] == ""


def test_figures_are_written_in_full():
    report = example_report()
    row = rows(report)[2]
    assert float(row["usd_per_correct"]) == report.cells[2].usd_per_correct.value
    assert float(row["accuracy_high"]) == report.cells[2].accuracy.high
    assert row["correct"] == str(report.cells[2].correct)


def test_unknown_is_empty_and_the_reason_beside_it():
    row = rows(example_report())[1]
    assert row["usd_per_correct"] == ""
    assert float(row["usd_per_correct_low"]) > 0
    assert row["usd_per_correct_reason"] == "none_correct"
    assert rows(example_report())[4]["joules_per_attempt"] == ""


def test_columns_are_the_same_whatever_is_known():
    known, unknown = rows(example_report())[0], rows(unpriced(example_report()))[0]
    assert list(known) == list(unknown)
    assert {"windows_steady_joules", "length_control_target", "on_frontier_usd_now"} <= set(known)


def test_provenance_and_caveats_are_in_the_row():
    row = rows(example_report())[2]
    assert row["energy_provenance"] == "modelled"
    assert row["caveats"].split(";")[0] == "protocol_quick"


def test_no_cell_starts_a_formula_or_holds_a_control_character():
    text = render_csv(example_report())
    assert HOSTILE not in text
    assert "\x1b" not in text
    model = rows(example_report())[-1]["model"]
    assert model.startswith("'=cmd|")
    assert r"\u202e" in model
