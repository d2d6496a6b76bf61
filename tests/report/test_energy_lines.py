"""What a report says of its joules, in sentences."""

import pytest
from example import HOSTILE, example_report, only_abacus

from costbench.report.contract import (
    AttributionFacts,
    Fit,
    IdleFacts,
    Report,
    SecondOpinionFacts,
    WindowFacts,
    Windows,
)
from costbench.report.energy_lines import energy_columns, energy_lines
from costbench.report.sections import sections

MEASURED = {
    "provenance": "measured",
    "method": "counter_interpolated",
    "scope": "gpu_device",
    "quality": "ok",
    "reasons": (),
    "uncertainty_cell": 0.1048,
    "uncertainty_ratio": 0.0442,
}
FIT = Fit(
    model="abacus-base", base_w=120.4, joules_per_token_read=0.002, joules_per_token_written=0.0314,
    residual=0.0123, windows=9, provenance="measured",
)  # fmt: skip


def with_energy(*facts: dict[str, object], **others: object) -> Report:
    """The example's first cells, one for each set of facts; the last set holds for the rest, too."""
    report = only_abacus(example_report())
    padded = [*facts, *[facts[-1]] * (len(report.cells) - len(facts))]
    cells = tuple(
        cell.model_copy(update={"energy": cell.energy.model_copy(update=dict(each))})
        for cell, each in zip(report.cells, padded, strict=True)
    )
    return report.model_copy(update={"cells": cells, **others})


def said(report: Report, term: str) -> list[str]:
    return [text for each, text in energy_lines(report) if each == term]


def test_a_report_without_joules_says_nothing_of_them() -> None:
    assert energy_lines(with_energy({"provenance": "unavailable", "method": None})) == ()


def test_a_counter_is_named_with_what_it_is_good_for() -> None:
    worse = MEASURED | {"uncertainty_cell": 0.1251, "uncertainty_ratio": 0.051}
    assert said(with_energy(MEASURED, worse, MEASURED), "instrument") == [
        "the GPUs' energy counters, good for ±12.5 % of a cell's joules and ±5.1 % of a ratio on one "
        "device (95 %, in the intervals)"
    ]


def test_every_instrument_has_its_own_sentence() -> None:
    bridged = MEASURED | {"method": "counter_interpolated+power_integral"}
    stranger = MEASURED | {"method": "wall_plug"}
    lines = said(with_energy(MEASURED, bridged, stranger), "instrument")
    assert [line.partition(", good")[0] for line in lines] == [
        "the GPUs' energy counters",
        "the GPUs' counters, bridged by power readings",
        "wall plug",
    ]


def test_a_model_is_not_called_good_for_anything() -> None:
    modelled = {"uncertainty_cell": 0.8, "uncertainty_ratio": 1.13}
    assert said(with_energy(modelled), "instrument") == [
        "CodeCarbon's model, not measured; off by 40 % and more, do not compare cells by it"
    ]


def test_an_instrument_whose_uncertainty_is_not_known_says_that_and_no_figure() -> None:
    (line,) = said(with_energy(MEASURED | {"uncertainty_cell": None}), "instrument")
    assert line == "the GPUs' energy counters; how far they may be off is not known"


@pytest.mark.parametrize(
    ("idle", "line"),
    [
        (
            IdleFacts(bare_w=71.23, context_before_w=118.0, context_after_w=119.5),
            "71.2 W before anything was loaded; 118 W with abacus-base loaded, 120 W after its cells",
        ),
        (
            IdleFacts(bare_w=71.23, context_before_w=None, context_after_w=None),
            "71.2 W before anything was loaded",
        ),
        (
            IdleFacts(bare_w=None, context_before_w=118.0, context_after_w=None),
            "118 W with abacus-base loaded",
        ),
    ],
)
def test_idle_power_is_told_once_as_far_as_it_is_known(idle: IdleFacts, line: str) -> None:
    assert said(with_energy(MEASURED | {"idle": idle}), "idle power") == [line]


def test_idle_power_that_nobody_measured_is_not_told() -> None:
    nothing = IdleFacts(bare_w=None, context_before_w=None, context_after_w=None)
    assert said(with_energy(MEASURED | {"idle": nothing}), "idle power") == []
    assert said(with_energy(MEASURED), "idle power") == []


def test_idle_power_of_each_model_is_told() -> None:
    report = example_report()
    idle = IdleFacts(bare_w=None, context_before_w=50.0, context_after_w=None)
    cells = tuple(
        cell.model_copy(update={"energy": cell.energy.model_copy(update={"idle": idle})})
        for cell in report.cells
    )
    abacus, hostile = said(report.model_copy(update={"cells": cells}), "idle power")
    assert abacus == "50.0 W with abacus-base loaded"
    assert HOSTILE not in hostile
    assert "\\x1b[31m" in hostile
    assert "\x1b" not in hostile


def test_other_gpus_of_the_machine_are_told_with_their_joules() -> None:
    one = MEASURED | {"neighbors": {"gpu:1": 2000.0, "gpu:2": 3500.0}}
    none = MEASURED | {"neighbors": {}}
    assert said(with_energy(one, none), "other GPUs") == [
        "2 of this machine that no cell worked on used 5.50 kJ meanwhile, in no figure"
    ]
    assert said(with_energy(none), "other GPUs") == []
    unknown = MEASURED | {"neighbors": {"gpu:1": None}}
    assert "used n/a meanwhile" in said(with_energy(unknown), "other GPUs")[0]


def test_other_gpus_of_which_one_is_not_known_have_no_total() -> None:
    part = MEASURED | {"neighbors": {"gpu:1": 2000.0, "gpu:2": None}}
    (line,) = said(with_energy(part, MEASURED), "other GPUs")
    assert "used 2.00 kJ meanwhile" not in line


@pytest.mark.parametrize(
    ("theirs", "used", "end"),
    [(103.0, True, "+3.0 %"), (0.0, False, "-100.0 %; out of its gate of 5 %, look into it")],
)
def test_a_second_opinion_is_told_beside_ours(theirs: float, used: bool, end: str) -> None:
    opinion = SecondOpinionFacts(
        meter="codecarbon", joules=theirs * 1e3, counter_joules=1e5, difference=theirs / 100 - 1,
        used=used, reason=None if used else "second_opinion_dropped",
    )  # fmt: skip
    (line,) = said(with_energy(MEASURED, second_opinions=(opinion,)), "second opinion")
    counted = f"{theirs:.0f}" if theirs else "0"
    assert line == (
        f"over the run CodeCarbon counted {counted} kJ on the GPUs, their counters 100 kJ: {end}"
    )


def test_a_rule_of_sharing_that_decides_nothing_says_so() -> None:
    facts = AttributionFacts(rule="output_tokens", ranking="same", rules=("output_tokens", "equal"))
    report = with_energy(MEASURED, attribution=facts)
    assert said(report, "sharing") == [
        "windows are divided by output tokens; order and verdicts by joules per correct are the same "
        "under output tokens, equal"
    ]
    assert said(report, "fit") == []


def test_cells_that_stand_elsewhere_under_another_rule_are_named() -> None:
    facts = AttributionFacts(rule="phase_weighted", ranking="differs", differs_in=("a/b", HOSTILE))
    (line,) = said(with_energy(MEASURED, attribution=facts), "sharing")
    assert line.startswith(
        "windows are divided by phase weighted; under another rule these stand elsewhere: a/b, "
    )
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_what_a_token_costs_is_told_with_what_the_fit_misses() -> None:
    facts = AttributionFacts(ranking="same", fits=(FIT,))
    assert said(with_energy(MEASURED, attribution=facts), "fit") == [
        "abacus-base: 120 W in any case, 2.00 mJ a token read, 31.4 mJ a token written "
        "(misses 1.2 % of a window)"
    ]


def test_with_nothing_to_rank_the_rule_is_not_told() -> None:
    report = with_energy(MEASURED, attribution=AttributionFacts(ranking=None))
    assert said(report, "sharing") == []


def row_of(report: Report) -> dict[str, str]:
    """The first cell's row in the table of windows; of columns with one name, the last."""
    section = sections(report)[0]
    return {header: shown(report.cells[0]) for header, shown, _ in energy_columns(section)}


def test_an_upper_bound_is_marked_and_an_exact_figure_is_not() -> None:
    whole = WindowFacts(joules=1234.0, duration_s=30.0)

    def joules(bound: str, facts: WindowFacts) -> str:
        report = with_energy(MEASURED | {"bound": bound})
        cell = report.cells[0].model_copy(update={"windows": Windows(whole=facts)})
        columns = energy_columns(sections(report)[0])
        return next(shown(cell) for header, shown, _ in columns if header == "J")

    assert joules("exact", whole) == "1,230"
    assert joules("upper", whole) == "≤ 1,230"
    assert joules("upper", WindowFacts(joules=None, duration_s=30.0)) == "n/a"


def test_the_table_of_windows_says_how_joules_came_about_and_what_to_doubt() -> None:
    doubted = MEASURED | {"quality": "degraded", "reasons": ("counter_differs", "mig")}
    row = row_of(with_energy(doubted))
    assert row["how"] == "measured: counter_interpolated"
    assert row["quality"] == "degraded"
    assert row["doubts"] == "counter differs, mig"
    assert row["steady parts, s"] == "n/a"
    assert row["beyond loaded idle"] == row["beyond bare idle"] == "n/a"
    nothing = row_of(with_energy({"provenance": "unavailable", "method": None}))
    assert nothing["how"] == "unavailable: n/a"
