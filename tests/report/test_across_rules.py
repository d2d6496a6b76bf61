"""What may not be compared across two runs, and what the reader is told then."""

from dataclasses import replace

import pytest

from costbench.errors import CompareError
from costbench.hardware import Gpu
from costbench.policies.truncation import Truncation
from costbench.prices import with_changes
from tests.report.two_runs import (
    BOOK,
    METER,
    STORED,
    cell,
    changed,
    compared,
    machine,
    metrics,
    part,
    run,
)

PER_CORRECT = {"joules_per_correct", "machine_seconds_per_correct", "usd_per_correct"}


def refused(baseline, candidate, **options):
    """Code and sentence of every figure that is not compared."""
    found = metrics(baseline, candidate, **options)
    for each in found.values():
        assert (each.verdict is None) == (each.refused is not None)
        if each.refused:
            assert (each.ratio.value, each.ratio.reason) == (None, each.refused.code)
    return {name: each.refused for name, each in found.items() if each.refused}


def test_two_runs_of_one_suite_on_one_machine_are_compared_in_everything():
    assert refused(run(cell()), run(cell())) == {}


def test_other_problems_are_no_pair_and_say_so():
    other, longer = changed(cell(), dataset_sha256="f" * 64), changed(cell(), problems=12)
    with pytest.raises(CompareError) as error:
        compared(run(cell()), run(other))
    assert str(error.value) == (
        "no cell of the two runs may be compared:\n"
        f"  {other.id}: the dataset sums is not the same: 10 problems of other content; "
        "run both with the same problems"
    )
    longer = replace(changed(cell(), dataset_sha256="f" * 64), problems=12)
    short = cell(policy=Truncation(budget=64))
    found = compared(run(cell(), short), run(longer, short))
    assert [pair.candidate for pair in found.pairs] == [short.id]
    assert [each.reason for each in found.refused] == [
        "the dataset sums is not the same: 10 problems against 12 problems; "
        "run both with the same problems"
    ]


def test_runs_that_stopped_before_a_common_problem_are_no_pair():
    late = cell()
    last = late.columns["problem"] >= 5
    late = replace(late, columns={name: values[last] for name, values in late.columns.items()})
    with pytest.raises(CompareError, match="no problem was tried in both"):
        compared(run(part(cell(), 5)), run(late))


def test_other_prompts_are_compared_and_said():
    found = compared(run(cell()), run(changed(cell(), prompt_sha256="e" * 64)))
    (pair,) = found.pairs
    assert pair.metrics["accuracy"].refused is None
    assert "the same problems were asked in other words: the prompts differ" in pair.notes
    (difference,) = [each for each in found.differences if each.what == "prompts"]
    assert difference.candidate == "e" * 12


def test_verdicts_of_other_graders_are_not_compared_and_what_is_counted_is():
    newer = replace(cell(), grader=("exact", "exact-2"))
    found = refused(run(cell()), run(newer))
    assert found.keys() == {"accuracy", *PER_CORRECT}
    assert {each.code for each in found.values()} == {"different_grader"}
    assert found["accuracy"].sentence == (
        "graded by exact 1 against exact-2; name one for both with --grader"
    )


def test_latencies_under_other_loads_are_not_compared():
    found = refused(run(cell()), run(cell(concurrency=8)))
    assert found.keys() == {"latency_s"}
    assert found["latency_s"].code == "different_concurrency"
    assert found["latency_s"].sentence == (
        "2 attempts in flight against 8: a latency is that of its load"
    )


def test_latencies_by_other_clocks_are_not_compared():
    one = run(cell(), **{f"engine:{cell().id}": {"latency_basis": "engine"}})
    found = refused(one, run(cell()))
    assert {name: each.code for name, each in found.items()} == {
        "latency_s": "different_latency_basis"
    }
    assert found["latency_s"].sentence == "timed by the engine against the client"


JOULES = {"joules_per_attempt", "joules_per_correct"}
MODEL = METER.model_copy(update={"provenance": "modelled", "method": "codecarbon_load_model"})


@pytest.mark.parametrize(
    ("baseline", "candidate", "code", "sentence"),
    [
        (METER, MODEL, "modelled_energy", "joules of the candidate are modelled, not measured"),
        (MODEL, METER, "modelled_energy", "joules of the baseline are modelled, not measured"),
        (MODEL, MODEL, "modelled_energy", "joules of both runs are modelled, not measured"),
        (
            METER,
            None,
            "no_meter",
            "joules of the candidate are not known: no meter for what did the work: energy and carbon are "
            "not known",
        ),
        (
            METER,
            METER.model_copy(update={"scope": "gpu_board"}),
            "different_scope",
            "joules of test bench against those of gpu board",
        ),
    ],
)
def test_joules_are_compared_only_where_both_were_counted_and_of_the_same(
    baseline, candidate, code, sentence
):
    found = refused(run(cell(), meter=baseline), run(cell(), meter=candidate))
    assert found.keys() == JOULES
    assert {each.code for each in found.values()} == {code}
    assert found["joules_per_correct"].sentence == sentence


def test_unreliable_joules_are_not_compared_and_the_doubt_is_named():
    blink = cell(seconds=(0.5, 0.5))
    found = refused(run(cell()), run(blink))
    assert found.keys() == JOULES
    assert found["joules_per_attempt"].code == "unreliable_energy"
    assert found["joules_per_attempt"].sentence.startswith(
        "joules of the candidate are unreliable: "
    )
    assert "windows under 2 s in all" in found["joules_per_attempt"].sentence


USD = {"usd_per_attempt", "usd_per_correct"}
DEARER = with_changes(BOOK, {"machine.usd_per_hour": "7"})


@pytest.mark.parametrize(
    ("stored", "code", "words"),
    [
        (
            DEARER.model_dump(mode="json"),
            "different_price_books",
            "name one for both with --prices",
        ),
        (None, "different_price_books", "name one for both with --prices"),
    ],
)
def test_money_by_different_books_is_not_compared(stored, code, words):
    runs = run(cell()), run(cell(), price_book=stored)
    found = refused(*runs)
    assert found.keys() == USD
    assert found["usd_per_correct"].code == code
    assert words in found["usd_per_correct"].sentence
    assert metrics(*runs)["usd_per_attempt"].baseline.reason == code
    assert compared(*runs).prices is None
    assert refused(*runs, book=BOOK) == {}


def test_without_a_book_money_is_not_known():
    found = refused(run(cell(), price_book=None), run(cell(), price_book=None))
    assert {name: each.code for name, each in found.items()} == dict.fromkeys(USD, "no_price_book")


def test_a_machine_that_the_book_does_not_know_is_named():
    gpus = (Gpu(name="Rare GPU", memory_gib=80.0),)
    there = run(cell(), machine=machine(gpus=gpus), **{
        f"engine:{cell().id}": {"gpu_uuids": {"1": ["GPU-a"]}}
    })  # fmt: skip
    found = refused(run(cell()), there)
    assert found["usd_per_correct"].code == "no_machine_price"
    assert found["usd_per_correct"].sentence == (
        "the price book has no price for the machine of the candidate"
    )


def test_one_book_prices_each_machine_by_its_own_rate():
    by_core = STORED["price_book"] | {
        "machines": [STORED["price_book"]["machines"][0] | {"per": "vcpu"}]
    }
    small = run(cell(), price_book=by_core)
    large = run(cell(), price_book=by_core, machine=machine(cores=8))
    assert metrics(small, large)["usd_per_attempt"].ratio.value == pytest.approx(8 / 2)
