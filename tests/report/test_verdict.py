"""Which candidate a verdict tells, and by which cost."""

import numpy as np
import pytest

from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.report.contract import E, MoneyFacts
from costbench.report.verdict import verdict
from tests.report.in_memory import record, report_of
from tests.report.verdict_by_hand import (
    ALPHA,
    BASE,
    LESS,
    LOST,
    PER_CORRECT,
    UNSURE,
    cell,
    headline,
    race,
    set_against,
)


def test_the_sentence_that_a_manager_can_quote():
    assert headline([BASE, ALPHA], set_against(BASE, ALPHA)) == (
        "alpha gives a correct answer for 0.610x [0.550, 0.680] of the cost of base (USD, assumed price); "
        "accuracy -0.4 points [-2.1, +1.3], so a loss above 2.1 points is excluded."
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ((0.02, 0.001, 0.04), "accuracy +2.0 points [+0.1, +4.0], so a loss is excluded."),
        ((0.0, -0.0004, 0.01), "[0.0, +1.0], so a loss above 0.1 points is excluded."),
        ((-0.02, -0.04, 0.0), "[-4.0, 0.0], so a loss above 4.0 points is excluded."),
    ],
)
def test_what_the_interval_of_the_accuracy_excludes_is_said_and_no_more(points, words):
    assert words in headline([BASE, ALPHA], set_against(BASE, ALPHA, points=points))


def test_the_cheapest_of_those_that_lose_no_accuracy_is_told():
    words = race(
        ("dear", 8e-7, 0.9, {}),
        ("alpha", 6e-7, 0.9, {}),
        ("lossy", 2e-7, 0.7, {"points": LOST, "cost": (0.2, 0.1, 0.3)}),
        ("unsure", 1e-7, 0.9, {"cost": UNSURE}),
    )
    assert words.startswith("alpha gives a correct answer for 0.610x")
    assert (
        "It was picked from 4 compared, which flatters it: the cheapest of the 2 that are shown to be "
        "cheaper per correct answer without a shown loss of accuracy."
    ) in words


def test_what_is_cheaper_alone_but_not_among_many_is_not_told():
    """The comparisons carry Holm's correction in their verdicts."""
    words = race(
        ("alpha", 2e-7, 0.9, {"verdict": "inconclusive"}), ("beta", 6e-7, 0.9, {"cost": LESS})
    )
    assert words.startswith("beta gives")
    assert "the only one that is shown to be cheaper" in words


def test_a_loss_that_a_correction_for_many_would_hide_is_a_loss():
    lossy = {"points": (-0.05, -0.09, -0.01), "accuracy_verdict": "inconclusive"}
    words = race(("lossy", 2e-7, 0.85, lossy), ("alpha", 6e-7, 0.9, {}))
    assert words.startswith("alpha gives")


def test_a_loss_within_the_margin_counts_as_none_and_is_named():
    small = {"points": (-0.02, -0.03, -0.01), "kept": (0.98, 0.97, 0.99), "margin": 0.05}
    words = race(("alpha", 2e-7, 0.88, small), ("beta", 6e-7, 0.9, {"margin": 0.05}))
    assert words.startswith("alpha gives")
    assert (
        "[-3.0, -1.0], a loss, but within the margin of 5 %. It was picked from 2 compared" in words
    )
    assert "without a shown loss of accuracy, or with one within the margin of 5 %." in words


@pytest.mark.parametrize(
    "changes",
    [{"margin": None}, {"kept": (0.98, 1 / 1.05 - 0.001, 0.99)}, {"kept": (0.98, None, None)}],
)
def test_a_loss_that_may_be_beyond_the_margin_is_a_loss(changes):
    small = {"points": (-0.02, -0.03, -0.01), "kept": (0.98, 0.97, 0.99), "margin": 0.05, **changes}
    assert race(("alpha", 2e-7, 0.88, small), ("beta", 6e-7, 0.9, {})).startswith("beta gives")


@pytest.mark.parametrize("points", [(None,), (-0.01,)])
def test_an_accuracy_that_is_not_known_is_never_told_as_kept(points):
    unknown = {"points": points}
    words = race(("alpha", 2e-7, 0.9, unknown), ("beta", 6e-7, 0.9, {}))
    assert words.startswith("beta gives")
    alone = race(("alpha", 2e-7, 0.9, unknown))
    assert alone.startswith("alpha is shown to be cheaper per correct answer than base: 0.610x")
    assert alone.endswith(("accuracy cannot be compared.", "-1.0 points, without an interval."))


def test_beside_the_cheapest_stands_the_most_accurate_where_it_is_another():
    better = {"cost": (0.8, 0.7, 0.9), "points": (0.03, -0.01, 0.07)}
    words = race(("alpha", 6e-7, 0.9, {}), ("beta", 7e-7, 0.93, better), ("gamma", 8e-7, 0.92, {}))
    assert words.endswith(
        "The most accurate of these is beta: 0.800x [0.700, 0.900] of the cost (USD, assumed price); "
        "accuracy +3.0 points [-1.0, +7.0], so a loss above 1.0 points is excluded."
    )
    same = race(("alpha", 6e-7, 0.93, {}), ("beta", 7e-7, 0.9, {}))
    assert "most accurate" not in same


def test_of_two_that_are_as_accurate_the_cheaper_is_named():
    words = race(("alpha", 6e-7, 0.9, {}), ("dear", 9e-7, 0.95, {}), ("beta", 8e-7, 0.95, {}))
    assert "most accurate of these is beta:" in words


def test_the_most_accurate_is_among_those_that_are_cheaper():
    words = race(("alpha", 6e-7, 0.9, {}), ("large", 3e-6, 0.99, {"cost": (3, 2.9, 3.1)}))
    assert "large" not in words


def test_where_nothing_is_shown_to_be_cheaper_exactly_that_is_said():
    words = race(
        ("a", 1e-6, 0.9, {"cost": UNSURE}),
        ("b", 1e-6, 0.9, {"cost": UNSURE}),
        ("c", 2e-6, 0.9, {"cost": (2, 1.9, 2.1)}),
        ("d", 1e-6, 0.9, {"verdict": "equivalent within margin", "margin": 0.05}),
        (
            "e",
            1e-6,
            0.0,
            {"ratio": E(value=None, reason="none_correct"), "verdict": "inconclusive"},
        ),
    )
    assert words == (
        "None of 5 compared is shown to be cheaper per correct answer than base (USD, assumed price): "
        "2 that cannot be told, 1 higher, 1 equal within the margin of 5 %, "
        "1 without a ratio, since nothing was correct."
    )


def test_what_is_cheaper_of_unknown_accuracy_has_not_lost_any():
    unknown = {"points": (None,)}
    words = race(("a", 2e-7, 0.9, unknown), ("b", 2e-6, 0.9, {"cost": (2, 1.9, 2.1)}))
    assert ": 1 lower of unknown accuracy, 1 higher. The most accurate" in words


def test_what_is_cheaper_only_by_giving_up_accuracy_is_told_as_that():
    words = race(
        ("a", 1e-6, 0.9, {"cost": UNSURE}),
        ("b", 2e-7, 0.5, {"points": LOST}),
        ("c", 3e-7, 0.6, {"points": (-0.1, -0.12, -0.08), "cost": (0.7, 0.6, 0.8)}),
    )
    assert words == (
        "None of 3 compared is shown to be cheaper per correct answer than base without a shown loss of "
        "accuracy (USD, assumed price): 1 that cannot be told, 2 lower with a loss of accuracy. The most "
        "accurate of the lower ones is c: 0.700x [0.600, 0.800] of the cost (USD, assumed price); accuracy "
        "-10.0 points [-12.0, -8.0], a loss."
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"cost": UNSURE}, "alpha is not shown to be cheaper per correct answer than base: 0.950x"),
        (
            {"cost": (2, 1.9, 2.1)},
            "alpha is not shown to be cheaper per correct answer than base, but the opp",
        ),
        (
            {"verdict": "equivalent within margin", "margin": 0.05},
            "alpha is not shown to be cheaper per correct answer than base, but equal within the margin of",
        ),
        ({"points": LOST}, "alpha is shown to be cheaper per correct answer than base: 0.610x"),
        (
            {"ratio": E(value=None, reason="none_correct"), "verdict": "inconclusive"},
            "alpha gave no correct answer, so nothing is shown to be cheaper than base.",
        ),
    ],
)
def test_a_single_candidate_is_told_with_its_figures_whatever_they_say(said, words):
    assert race(("alpha", 1e-6, 0.9, said)).startswith(words)


def test_what_was_not_compared_is_not_counted_as_compared():
    unpriced = {"ratio": E(value=None, reason="not_measured"), "verdict": "inconclusive"}
    words = race(("alpha", 6e-7, 0.9, {}), ("a", 1e-6, 0.9, unpriced), ("b", 1e-6, 0.9, unpriced))
    assert "It was picked from 1 compared (of 2 more the cost is not known)" in words


def test_a_model_with_several_cells_is_named_with_its_policy():
    forced = cell("alpha", cell="g/alpha/forced", policy="budget_forcing", budget=64)
    words = headline([BASE, ALPHA, forced], set_against(BASE, ALPHA), set_against(BASE, forced))
    assert words.startswith("alpha unconstrained gives")
    only = headline([BASE, forced], set_against(BASE, forced))
    assert only.startswith("alpha budget_forcing@64 gives")


def test_at_several_loads_the_cheapest_by_its_own_cost_is_told_beside_the_baseline_of_its_load():
    few, many = {"load": {"concurrency": 1}}, {"load": {"concurrency": 64}}
    bases = cell("base", usd=9e-6, **few), cell("base", usd=2e-6, **many)
    alphas = cell("alpha", usd=3e-6, **few), cell("alpha", usd=1e-6, **many)
    found = [
        set_against(bases[0], alphas[0], cost=(0.33, 0.3, 0.4)),
        set_against(bases[1], alphas[1]),
    ]
    words = headline([*bases, *alphas], *found)
    assert words.startswith("alpha unconstrained c64 gives a correct answer for 0.610x")
    assert "of the cost of base unconstrained c64" in words
    dearer = [set_against(b, a, cost=UNSURE) for b, a in zip(bases, alphas, strict=True)]
    assert "than the baseline at the same load (USD" in headline([*bases, *alphas], *dearer)


# By which cost


def compared_by(*metrics, **changes):
    each = [set_against(BASE, ALPHA, metric=metric)[0] for metric in metrics]
    cells = [one.model_copy(update=changes) for one in (BASE, ALPHA)]
    return headline(cells, [*each, set_against(BASE, ALPHA)[1]])


def test_the_cost_is_money_else_energy_else_machine_time_else_tokens():
    every = (*PER_CORRECT, "output_tokens", "latency_s")
    ordered = [
        "of the cost of base (USD, assumed price)",
        "of the energy of base (joules, modelled)",
        "of the machine time of base (seconds)",
        "alpha writes per attempt 0.610x [0.550, 0.680] of the output tokens of base;",
    ]
    for at, words in enumerate(ordered):
        assert words in compared_by(*every[at:])
        assert words in compared_by(*reversed(every[at:]))


def test_an_unknown_cost_gives_way_to_the_next():
    unknown = set_against(BASE, ALPHA, ratio=E(value=None, reason="not_measured"))[0]
    energy = set_against(BASE, ALPHA, metric="joules_per_correct")
    assert "of the energy of base" in headline([BASE, ALPHA], [unknown, *energy])


def test_a_server_elsewhere_is_compared_by_tokens_and_not_by_its_time():
    away = BASE.energy.model_copy(update={"reasons": ("remote_server",)})
    words = compared_by("machine_seconds_per_correct", "output_tokens", energy=away)
    assert words.startswith("alpha writes per attempt 0.610x")
    priced = compared_by(*PER_CORRECT, "output_tokens", energy=away)
    assert "of the cost of base (USD, assumed price)" in priced


def test_money_of_another_tools_files_is_called_imported():
    usd = MoneyFacts(provenance="imported", method="cost_of_attempts_imported", reasons=())
    assert "(USD, imported price)" in compared_by("usd_per_correct", usd=usd)
    assert "(seconds, imported)" in compared_by(
        "machine_seconds_per_correct", caveats=("imported",)
    )


def test_a_run_that_was_computed_says_it_like_one_that_was_written_by_hand():
    """Ten problems, all right at the base and half of them cut short, in the same time."""
    right, half = np.ones((10, 2)), np.indices((10, 2)).sum(axis=0) % 2
    base = record(Unconstrained(), 100 * right, right)
    short = record(Truncation(budget=64), 30 * right, half, model="short", role="variant")
    (line,) = verdict(report_of(base, short)).headline
    assert line[0] == "g · sums"
    assert line[1].startswith(
        "short truncation@64 is not shown to take less machine time per correct answer than base, but the "
        "opposite: 2.00x"
    )
