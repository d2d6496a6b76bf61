"""Figures by name, and what becomes of those that are not known."""

from dataclasses import replace

import pytest

from costbench.errors import GateFailed
from costbench.gates.figures import Figure, figure, figures_of, read_gate
from costbench.gates.judge import Subject, require, truth
from costbench.gates.language import GateSyntaxError, parse_gate
from costbench.gates.subjects import known_figures, of_comparison, of_report
from costbench.policies.truncation import Truncation
from costbench.report.contract import CellReport
from tests.report.example import example_report
from tests.report.two_runs import METER, cell, compared, run

REPORT, COMPARE = known_figures()["report"], known_figures()["compare"]
EXAMPLE = example_report()


def told(expression, subjects, known=REPORT):
    """What a gate says that fails; empty where it does not."""
    try:
        require([read_gate(expression, known, {})], subjects)
    except GateFailed as failure:
        return str(failure).splitlines()
    return []


def test_the_names_are_the_keys_of_the_contract():
    assert {
        "accuracy", "accuracy.low", "usd_per_correct.high", "latency_s.p95", "tokens_per_attempt",
        "errors", "attempts", "budget", "tokens_per_second", "windows.steady.joules",
        "on_frontier.usd.probability", "length_control.violation_rate", "energy.uncertainty_cell",
    } <= set(REPORT)  # fmt: skip
    assert not {"cell", "latency_s", "accuracy.confidence", "energy.attribution_range"} & set(
        REPORT
    )


def test_every_name_can_be_looked_up_in_every_cell():
    for row in EXAMPLE.cells:
        found = {name: figure(row, name) for name in figures_of(CellReport)}
        assert all(each.value is None or isinstance(each.value, float) for each in found.values())
        assert found["accuracy.low"].value == row.accuracy.low
        assert found["latency_s.p95"].value == row.latency_s.p95
        assert found["windows.steady.joules"].value is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("acuracy < 1", "there is no figure acuracy; did you mean accuracy or "),
        (
            "latency_s > 2",
            "there is no figure latency_s; did you mean latency_s.mean or latency_s.p50",
        ),
        ("usd_per_corect.high > 2", "did you mean usd_per_correct.high"),
        ("zzz > 2", "there is no figure zzz; docs/gates.md lists them"),
        ("ratio.latency_s > 2", "ratio.latency_s is a figure of `costbench compare`"),
        (
            "accuracy < 95",
            "accuracy is a share from 0 to 1, and is compared with 95; write 95% or 0.95",
        ),
        ("2 > accuracy.low", "accuracy.low is a share"),
        ("on_frontier.usd.probability < 50", "is a share from 0 to 1"),
    ],
)
def test_a_name_that_is_none_is_refused_before_anything_is_computed(text, hint):
    with pytest.raises(GateSyntaxError) as error:
        read_gate(text, REPORT, {"compare": COMPARE})
    assert hint in str(error.value)


def test_a_difference_in_percent_points_is_a_share_and_a_ratio_is_none():
    with pytest.raises(GateSyntaxError, match=r"write -2% or -0\.02"):
        read_gate("difference.accuracy.high < -2", COMPARE, {})
    assert read_gate("ratio.accuracy > 2", COMPARE, {})


def test_a_gate_names_the_cells_and_figures_for_which_it_holds():
    lines = told("accuracy.low < 0.2", of_report(EXAMPLE))
    assert lines == [
        '--fail-if "accuracy.low < 0.2" fails 2 of 10 cells:',
        "  embedded/abacus-base/truncation@32/arithmetic/c128: accuracy.low is 0",
        "  embedded/abacus-base/budget_forcing@32/arithmetic/c128: accuracy.low is 0.13",
    ]
    assert told("accuracy.low < 0", of_report(EXAMPLE)) == []


def test_only_the_cells_that_are_meant_are_looked_at():
    assert told("accuracy.low < 0.2 in */*/unconstrained", of_report(EXAMPLE)) == []
    (title, line) = told("accuracy.low < 0.2 in */abacus-base/trunc*", of_report(EXAMPLE))
    assert title.endswith("fails 1 of 4 cells:")
    assert "truncation@32" in line


def test_a_pattern_that_means_no_cell_fails_and_lists_them():
    lines = told("accuracy < 0.2 in nowhere", of_report(EXAMPLE))
    assert lines[0].endswith("there is no such cell; there are:")
    assert len(lines) == 11
    assert told("accuracy < 0.2", []) == [
        '--fail-if "accuracy < 0.2": there is no such cell; there is none'
    ]


def test_what_is_not_known_fails_and_says_why():
    row = EXAMPLE.cells[1]  # nothing correct: a bound and no value
    (_, line) = told("usd_per_correct > 100 in */*/truncation@32", of_report(EXAMPLE))
    assert line == f"  {row.cell}: usd_per_correct is not known (none correct)"
    assert told("usd_per_correct.low < 0.0001 in */*/truncation@32", of_report(EXAMPLE))[
        1
    ].endswith(f"usd_per_correct.low is {row.usd_per_correct.low:.6g}")
    (_, line) = told("not joules_per_attempt < 1 in */*/truncation@192", of_report(EXAMPLE))
    assert line.endswith("joules_per_attempt is not known (not measured)")
    assert told("windows.steady.joules > 1 in */*/unc*", of_report(EXAMPLE))[1].endswith(
        "is not known"
    )


KNOWN = {"yes": Figure(1.0), "no": Figure(0.0), "unknown": Figure(None)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes > 0", True),
        ("no > 0", False),
        ("unknown > 0", None),
        ("not unknown > 0", None),
        ("not no > 0", True),
        ("yes > 0 or unknown > 0", True),
        ("no > 0 or unknown > 0", None),
        ("no > 0 or no > 0", False),
        ("yes > 0 and unknown > 0", None),
        ("no > 0 and unknown > 0", False),
        ("yes > 0 and yes > 0", True),
        ("yes > no", True),
        ("yes > unknown", None),
    ],
)
def test_what_is_not_known_decides_only_where_the_rest_does_not(text, expected):
    assert truth(parse_gate(text).condition, KNOWN.__getitem__) is expected


def test_several_gates_are_told_at_once():
    gates = [
        read_gate(text, REPORT, {}) for text in ("accuracy < 0.1", "errors > 0", "attempts < 2000")
    ]
    with pytest.raises(GateFailed) as failure:
        require(gates, of_report(EXAMPLE))
    assert str(failure.value).count("--fail-if") == 2


def test_a_title_names_both_cells_of_a_pair_and_one_id_once():
    assert Subject(("a", "a"), KNOWN.__getitem__).title == "a"
    assert Subject(("a", "b"), KNOWN.__getitem__).title == "a against b"


def pair():
    slow = cell(seconds=(60.0, 60.0), tokens=150)
    return of_comparison(compared(run(cell()), run(slow)))


def test_of_two_runs_ratios_and_both_sides_can_be_named():
    (subject,) = pair()
    for name in COMPARE:
        subject.figure(name)
    assert subject.figure("tokens_per_attempt").value == 150  # the candidate's
    assert subject.figure("candidate.tokens_per_attempt").value == 150
    assert subject.figure("baseline.tokens_per_attempt").value == 100
    assert subject.figure("ratio.tokens_per_attempt.low").value == 1.5
    assert (
        subject.figure("latency_s.p95").value == subject.figure("baseline.latency_s.p50").value == 1
    )
    assert subject.figure("problems").value == 10
    assert subject.figure("difference.accuracy").value == 0
    assert subject.figure("difference.accuracy.high").value > 0


def test_a_slower_candidate_fails_the_gate_of_a_pipeline():
    subjects = pair()
    gate = "ratio.usd_per_attempt.low > 1.05 or difference.accuracy.high < -2%"
    (title, line) = told(gate, subjects, COMPARE)
    assert "fails 1 of 1 cell:" in title
    assert "ratio.usd_per_attempt.low is 2" in line
    assert told("ratio.usd_per_attempt.low > 2.5", subjects, COMPARE) == []
    assert told("tokens_per_attempt > baseline.tokens_per_attempt", subjects, COMPARE)


def test_what_is_not_compared_fails_with_the_reason():
    modelled = METER.model_copy(update={"provenance": "modelled", "method": "a_model"})
    subjects = of_comparison(compared(run(cell()), run(cell(), meter=modelled)))
    (_, line) = told("ratio.joules_per_correct > 1.05", subjects, COMPARE)
    assert line.endswith("is not known (joules of the candidate are modelled, not measured)")
    assert told("baseline.joules_per_correct > 10000", subjects, COMPARE) == []


def test_a_pair_that_is_refused_as_a_whole_fails_every_gate():
    short = cell(policy=Truncation(budget=64))
    other = replace(short, spec=short.spec | {"dataset_sha256": "f" * 64})
    subjects = of_comparison(compared(run(cell(), short), run(cell(), other)))
    lines = told("ratio.latency_s.low > 5", subjects, COMPARE)
    assert lines[0].endswith("fails 1 of 2 cells:")
    assert "the dataset sums is not the same" in lines[1]
