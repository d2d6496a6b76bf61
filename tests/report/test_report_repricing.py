"""Figures that a page can make anew: at the report's own prices they are the report's."""

import json

import pytest

from costbench.report.contract import Report
from costbench.report.estimates import to_e
from costbench.report.repricing import repriced
from costbench.report.sliders import sliders
from tests.report.example import example_report
from tests.report.repricing_cases import (
    BOOK,
    FIGURES,
    MODELLED,
    OWNED,
    POWER,
    PUE,
    examples,
    measured,
    report_by,
    varied,
)

EXAMPLES = examples()


def test_there_are_cells_of_every_kind():
    rows = {name: report.cells[0] for name, report in EXAMPLES.items()}
    assert rows["GPU, measured, rented"].energy.provenance == "measured"
    assert rows["GPU, measured, rented"].gpus == 2
    assert rows["one of two GPUs, owned"].usd.method == "machine_time_x_cost_of_ownership"
    assert rows["CPU, modelled"].energy.provenance == "modelled"
    assert rows["remote, by tokens"].usd.method == "tokens_x_api_price"
    assert rows["imported costs"].usd.provenance == "imported"
    assert rows["missing energy"].energy.provenance == "unavailable"
    assert rows["no prices"].usd.reasons == ("no_price_book",)
    assert {row.usd_per_correct.reason for row in rows.values()} >= {
        "none_correct", "one_problem", "nothing_graded", "no_price_book", "remote_machine",
    }  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_at_its_own_prices_a_report_says_what_it_says(name):
    report = EXAMPLES[name]
    (row,) = report.cells
    found = repriced(row.repricing, report.repricing)
    for figure in FIGURES:
        said, again = getattr(row, figure), getattr(found, figure)
        for end in ("value", "low", "high"):
            expected = getattr(said, end)
            actual = getattr(again, end)
            assert (actual is None) == (expected is None), (figure, end)
            assert actual is None or actual == pytest.approx(expected, rel=1e-9), (figure, end)


@pytest.mark.parametrize(
    "name", ["all correct, wrong ones priced", "some wrong, wrong ones priced"]
)
def test_where_wrong_answers_are_priced_it_says_what_the_decision_says(name):
    report = EXAMPLES[name]
    (slider,) = (s for s in sliders(report).shown if s.key == "usd_per_wrong_answer")
    assert (slider.headline, slider.start) == (0.0, 0.01)
    at = slider.put(report.repricing, slider.start)
    found = to_e(repriced(report.cells[0].repricing, at).usd_per_correct)
    (decided,) = report.decision.cells
    said = decided.usd_per_correct_with_wrong
    assert (found.value, found.low, found.high) == pytest.approx((said.value, said.low, said.high))


def test_a_building_is_its_machines_times_the_pue():
    report = EXAMPLES["CPU, modelled"]
    at = report.repricing.model_copy(update={"pue": PUE["value"]})
    found = to_e(repriced(report.cells[0].repricing, at).gco2e_per_correct)
    said = report.cells[0].footprint.gco2e_facility_per_correct
    assert (found.value, found.low, found.high) == pytest.approx((said.value, said.low, said.high))


def test_utilization_is_the_allocation_basis_of_a_rented_machine():
    share = {"utilization": {"share": 0.4, "source": "a test"}}
    report = report_by(measured(MODELLED, varied()), BOOK | share)
    at = report.repricing.model_copy(update={"utilization": 0.4})
    found = to_e(repriced(report.cells[0].repricing, at).usd_per_correct)
    said = report.cells[0].tariffs[0].usd_per_correct_allocated
    assert (found.value, found.high) == pytest.approx((said.value, said.high))


def test_what_is_stored_comes_back_and_an_older_report_has_none():
    report = EXAMPLES["a wrong answer that used nothing"]
    assert "kwh+unit_hours" in report.cells[0].repricing.per_correct.unless
    assert Report.model_validate_json(report.model_dump_json()) == report
    old = json.loads(report.model_dump_json())
    del old["repricing"], old["cells"][0]["repricing"]
    read = Report.model_validate(old)
    assert (read.repricing, read.cells[0].repricing) == (None, None)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_slider_begins_on_one_of_its_stops_and_goes_up(name):
    for slider in sliders(EXAMPLES[name]).shown:
        assert list(slider.stops) == sorted(set(slider.stops))
        assert len(slider.stops) < 150
        assert slider.start is None or slider.start in slider.stops
        assert slider.headline is None or slider.headline in slider.stops
        assert slider.put(EXAMPLES[name].repricing, slider.stops[-1]) != slider.put(
            EXAMPLES[name].repricing, slider.stops[0]
        )


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_slider_moves_a_figure(name):
    report = EXAMPLES[name]
    usage, shown = report.cells[0].repricing, sliders(report).shown
    somewhere = report.repricing
    for slider in shown:
        somewhere = slider.put(somewhere, slider.stops[len(slider.stops) // 2])
    for slider in shown:
        found = [repriced(usage, slider.put(somewhere, slider.stops[end])) for end in (0, -1)]
        nothing_wrong = usage.per_attempt.usual.problems == 1 and slider.key.endswith(
            "wrong_answer"
        )
        assert (found[0] == found[1]) is nothing_wrong, slider


def test_what_moves_nothing_is_left_out_with_a_reason():
    def left_out(name):
        return dict(sliders(EXAMPLES[name]).left_out)

    assert left_out("GPU, measured, rented") == {}
    assert left_out("imported costs").keys() == {"price of an hour", "utilization", "electricity"}
    assert left_out("missing energy") == dict.fromkeys(
        ("electricity", "PUE", "grid intensity"), "energy is not known"
    )
    assert left_out("never graded") == {
        "price of a wrong answer": "no answer was graded, or what it cost is not known"
    }
    assert sliders(example_report()).shown == ()  # nothing in it to re-price with


def test_a_slider_says_whose_figure_it_begins_with():
    by_key = {s.key: s for s in sliders(EXAMPLES["one of two GPUs, owned"]).shown}
    hour = by_key["usd_per_unit_hour"]
    assert (hour.unit, hour.paid_by) == ("USD per GPU-hour", "with_gpus")
    assert "electricity is in it: 7,000 W a machine, PUE 1.25, 0.0895 USD per kWh" in hour.source
    assert "the book has 0.6" in by_key["utilization"].source
    assert "the book has 0.0895 USD per kWh (here, 2026, a test)" in by_key["usd_per_kwh"].source
    assert PUE["value"] in by_key["pue"].stops
    assert POWER["usd_per_kwh"] in by_key["usd_per_kwh"].stops
    assert OWNED["utilization"] in by_key["utilization"].stops
    assert by_key["gco2e_per_kwh"].source == "Testland, 2025, a test"
    unknown = {s.key: s for s in sliders(EXAMPLES["no prices"]).shown}["usd_per_unit_hour"]
    assert (unknown.start, unknown.source) == (None, "no price book has one")


def test_cells_with_and_without_gpus_have_a_price_each():
    one, other = EXAMPLES["GPU, measured, rented"], EXAMPLES["CPU, modelled"]
    at = one.repricing.model_copy(
        update={
            name: getattr(one.repricing, name) | getattr(other.repricing, name)
            for name in ("units", "usd_per_unit_hour")
        }
    )
    both = one.model_copy(update={"cells": (*one.cells, *other.cells), "repricing": at})
    hours = [s for s in sliders(both).shown if s.key == "usd_per_unit_hour"]
    assert [(s.label, s.unit, s.start) for s in hours] == [
        ("price of an hour, cells with GPUs", "USD per GPU-hour", 1.74),
        ("price of an hour, cells without GPUs", "USD per vCPU-hour", 0.0408),
    ]
    dear = hours[0].put(at, 17.4)
    same = [repriced(row.repricing, dear).usd_per_attempt.value for row in both.cells]
    assert same[0] == pytest.approx(10 * one.cells[0].usd_per_attempt.value)
    assert same[1] == pytest.approx(other.cells[0].usd_per_attempt.value)


def test_a_hostile_source_is_shown_as_it_is_written():
    hostile = {"grid": BOOK["grid"] | {"source": "a\x1b[31m\u202etest"}}
    found = {
        s.key: s for s in sliders(report_by(measured(MODELLED, varied()), BOOK | hostile)).shown
    }
    assert found["gco2e_per_kwh"].source == "Testland, 2025, a\\x1b[31m\\u202etest"
