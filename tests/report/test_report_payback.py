"""After how many correct answers a training has paid back: worked out by hand, and when it cannot be told."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from costbench.metering.trace import trace_of
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.prices import MachinePrice, PriceBook, with_changes
from costbench.records import Window
from costbench.report.build import Pricing, View, build_report
from costbench.report.markdown import render_markdown
from costbench.report.payback_lines import payback_lines
from costbench.report.table import print_table
from costbench.training import UNLIKE_METERS
from costbench.types import MeterFacts
from tests.report.in_memory import record, run_of
from tests.report.trained import TRAINED_ON_GPU, training

WATTS, USD_PER_HOUR = 50.0, 0.36  # 0.0001 USD a second
FREE = Unconstrained(max_tokens=64)
METER = MeterFacts(
    name="clock", provenance="measured", method="a_clock", scope="test_bench", period_s=0.1,
    settle_s=0.1, headline=("machine",),
)  # fmt: skip
PRICE = MachinePrice(
    match="cpu", per="machine", usd_per_hour=USD_PER_HOUR, provider="test", source="a test",
    as_of="2026-11-20",
)  # fmt: skip
BOOK = PriceBook(date="2026-11-20", machines=(PRICE,))


def cell(seconds, correct, model="base", policy=FREE, facts=None, tokens=None):
    """One pass over as many problems as `correct` says, in one window of so many seconds."""
    role = "baseline" if model == "base" else "variant"
    correct = np.array([correct]).T
    tokens = np.full(correct.shape, 10) if tokens is None else np.array([tokens]).T
    found = record(policy, tokens, correct, model=model, role=role)
    stored = None if facts is None else facts.model_dump(mode="json")
    windows = (Window(1, 0, 0.0, seconds),)
    return replace(found, windows=windows, spec=found.spec | {"training": stored})


def report_of(*cells, book=BOOK, baseline=None):
    moments = np.linspace(-1.0, 1000.0, 10_011)
    metered = replace(
        run_of(*cells),
        traces={1: trace_of({("machine", "joules"): (moments, WATTS * (moments + 1.0))})},
        meters={1: (METER,)},
    )
    return build_report(metered, "by-hand", Pricing(book, None), View(baseline))


def answers(report):
    (found,) = report.payback
    return found.correct_answers


RIGHT = [1, 1, 1, 1]


def test_a_training_has_paid_back_after_what_it_took_over_what_an_answer_saves():
    # Per correct answer 10 s, 500 J and 0.001 USD; and half of it.
    report = report_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=training()))
    (found,) = report.payback
    assert found.baseline == "g/base/unconstrained/sums/c2"
    assert found.candidate == "g/alpha/unconstrained/sums/c2"
    took = found.training
    assert (took.recipe, took.method) == ("alpha-0.2", "arora_sigmoid")
    assert (took.duration_s, took.joules, took.provenance) == (100.0, 5000.0, "measured")
    assert (took.usd, took.usd_provenance) == (pytest.approx(0.01), "assumed")
    for name in ("joules", "usd"):  # 5000 J / 250 J, 0.01 USD / 0.0005 USD
        assert found.correct_answers[name].value == pytest.approx(20.0, rel=1e-3)
        assert found.correct_answers[name].reason is None


def test_wrong_answers_are_paid_for_by_the_correct_ones():
    right_half = [1, 0, 1, 0] * 15
    report = report_of(
        cell(400.0, [1] * 60), cell(100.0, right_half, "alpha", facts=training(joules=10_000.0))
    )
    # 400 s / 60 against 100 s / 30: 3.33 s saved, and with them 167 J.
    assert answers(report)["joules"].value == pytest.approx(60.0, rel=1e-3)
    assert answers(report)["usd"].value == pytest.approx(30.0, rel=1e-3)
    for figure in answers(report).values():
        assert figure.low < figure.value < figure.high


def test_the_interval_is_that_of_resampling_both_cells_on_the_same_problems():
    tokens = [10, 20, 30, 60] * 10
    base = cell(400.0, [1] * 40, tokens=tokens)
    # The same shape at half the cost: a problem that is dear is dear in both, and the saving follows it.
    alpha = cell(200.0, [1] * 40, "alpha", facts=training(), tokens=tokens)
    found = answers(report_of(base, alpha))["usd"]
    (one, other) = report_of(base, alpha).cells
    saving = (one.usd_per_correct.low / 2, one.usd_per_correct.high / 2)
    assert other.usd_per_correct.value == pytest.approx(one.usd_per_correct.value / 2)
    # The saving varies as half of the cost does; its interval is by resampling, not by the logarithm.
    assert found.low == pytest.approx(0.01 / saving[1], rel=0.05)
    assert found.high == pytest.approx(0.01 / saving[0], rel=0.05)


@pytest.mark.parametrize("seconds", [40.0, 80.0])
def test_without_a_saving_there_is_no_figure(seconds):
    report = report_of(cell(40.0, RIGHT), cell(seconds, RIGHT, "alpha", facts=training()))
    for figure in answers(report).values():
        assert (figure.value, figure.reason) == (None, "no_saving_shown")


def test_a_saving_that_resampling_does_not_uphold_is_not_shown():
    few = [1, 1, 1, 0, 0, 0]
    report = report_of(cell(60.0, few), cell(50.0, few[::-1], "alpha", facts=training()))
    one, other = report.cells
    assert other.usd_per_correct.value < one.usd_per_correct.value
    assert answers(report)["usd"].reason == "no_saving_shown"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (training(joules=None), "training_not_metered"),
        (training(joules=0.0), "training_not_metered"),
        (training(joules=None, energy={"reason": UNLIKE_METERS}), UNLIKE_METERS),
        (training(energy={"scope": "gpu_device"}), "different_scope"),
        (training(energy={"scope": None}), "different_scope"),
        (training(energy={"provenance": "modelled"}), "different_provenance"),
    ],
)
def test_joules_that_cannot_be_compared_are_not(facts, reason):
    found = answers(report_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=facts)))
    assert (found["joules"].value, found["joules"].reason) == (None, reason)
    assert found["usd"].value == pytest.approx(20.0, rel=1e-3)


def test_unreliable_and_unknown_joules_of_answers_say_why():
    short = report_of(cell(1.5, RIGHT), cell(1.0, RIGHT, "alpha", facts=training()))
    assert answers(short)["joules"].reason == "unreliable_energy"
    assert answers(short)["usd"].value is not None
    unmetered = build_report(
        run_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=training())),
        "by-hand",
        Pricing(BOOK, None),
    )
    assert answers(unmetered)["joules"].reason == "no_meter"


@pytest.mark.parametrize(
    ("book", "facts", "reason"),
    [
        (None, training(), "no_price_book"),
        (BOOK, training(machine=TRAINED_ON_GPU, gpus=1), "no_training_price"),
        (BOOK.model_copy(update={"machines": ()}), training(), "no_machine_price"),
        (BOOK, training(other_machines=("1x NVIDIA H200",)), "training_on_other_machines"),
        (
            with_changes(BOOK, {"machine.usd_per_hour": "1"}),
            training(machine=TRAINED_ON_GPU, gpus=1),
            "no_training_price",  # what is set is the price of the run's machine
        ),
    ],
)
def test_without_a_price_there_is_no_money(book, facts, reason):
    report = report_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=facts), book=book)
    (found,) = report.payback
    assert (found.training.usd, found.training.usd_provenance) == (None, "unavailable")
    assert (found.correct_answers["usd"].value, found.correct_answers["usd"].reason) == (
        None,
        reason,
    )
    assert found.correct_answers["joules"].value is not None


def test_a_training_is_paid_at_the_rate_of_its_own_machine():
    gpu = PRICE.model_copy(update={"match": "NVIDIA Test", "per": "gpu", "usd_per_hour": 3.6})
    book = BOOK.model_copy(update={"machines": (PRICE, gpu)})
    on_gpus = training(machine=TRAINED_ON_GPU, gpus=2)
    report = report_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=on_gpus), book=book)
    assert report.payback[0].training.usd == pytest.approx(100 * 2 * 0.001)
    assert answers(report)["usd"].value == pytest.approx(0.2 / 0.0005, rel=1e-3)


def test_a_price_that_is_set_is_that_of_a_training_on_the_same_machine():
    book = with_changes(BOOK, {"machine.usd_per_hour": "0.72"})
    report = report_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=training()), book=book)
    assert report.payback[0].training.usd == pytest.approx(0.02)
    assert answers(report)["usd"].value == pytest.approx(20.0, rel=1e-3)


def test_only_cells_of_models_with_a_card_against_baselines_without_the_same():
    facts = training()
    cells = [
        cell(40.0, RIGHT),
        cell(30.0, RIGHT, policy=Truncation(budget=8)),
        cell(20.0, RIGHT, "alpha", facts=facts),
        cell(10.0, RIGHT, "alpha", policy=Truncation(budget=8), facts=facts),
        cell(10.0, RIGHT, "untrained"),
    ]
    report = report_of(*cells)
    alpha = {"g/alpha/unconstrained/sums/c2", "g/alpha/truncation@8/sums/c2"}
    assert {found.candidate for found in report.payback} == alpha
    assert {found.baseline for found in report.payback} == {"g/base/unconstrained/sums/c2"}
    # Against a cell of its own model the training is no difference.
    own = report_of(*cells, baseline="g/alpha/unconstrained/sums/c2")
    assert own.payback == ()


def test_runs_of_older_versions_have_no_such_key_and_are_reported():
    both = (cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=training()))
    older = [
        replace(one, spec={k: v for k, v in one.spec.items() if k != "training"}) for one in both
    ]
    report = report_of(*older)
    assert report.payback == ()
    assert "Payback" not in render_markdown(report, None)


def test_each_variant_has_a_sentence_for_its_freest_cell():
    facts = training()
    report = report_of(
        cell(40.0, RIGHT),
        cell(10.0, RIGHT, "alpha", policy=Truncation(budget=8), facts=facts),
        cell(20.0, RIGHT, "alpha", facts=facts),
        cell(20.0, RIGHT, "beta", policy=Truncation(budget=8), facts=training(joules=None)),
        cell(10.0, RIGHT, "beta", policy=Truncation(budget=4), facts=training(joules=None)),
        cell(50.0, RIGHT, "gamma", facts=training(machine=TRAINED_ON_GPU, gpus=1)),
    )
    said = dict(payback_lines(report))
    assert list(said) == ["alpha", "beta truncation@8", "gamma"]
    assert said["alpha"] == (
        "its training (100 s, 0.00139 kWh measured, 0.0100 USD assumed) has paid back against "
        "base unconstrained after 20.0 [20.0, 20.0] correct answers (energy), "
        "20.0 [20.0, 20.0] (money)"
    )
    assert said["beta truncation@8"].startswith(
        "its training (100 s, 0.0100 USD assumed) has paid back"
    )
    assert said["beta truncation@8"].endswith("(money); energy: its training was not metered")
    assert said["gamma"] == (
        "its training (100 s, 0.00139 kWh measured) against base unconstrained: energy: no saving "
        "shown; money: no price for the machine it was trained on"
    )


def test_page_and_console_say_the_same():
    report = report_of(cell(40.0, RIGHT), cell(20.0, RIGHT, "alpha", facts=training()))
    page = render_markdown(report, None)
    console = Console(file=io.StringIO(), width=400)
    print_table(report, console)
    printed = console.file.getvalue()
    (line,) = payback_lines(report)
    assert f"- {line[0]}: {line[1]}" in page
    assert line[1] in printed
    for text in (page, printed):
        assert "counts as exact" in text
