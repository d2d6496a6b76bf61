"""What a verdict rests on, and how it is shown."""

import io
from itertools import pairwise

import pytest
from rich.console import Console

from costbench.report.contract import Report, SkippedGroup
from costbench.report.markdown import render_markdown
from costbench.report.table import print_table
from costbench.report.verdict import verdict
from tests.report.example import HOSTILE, example_report
from tests.report.verdict_by_hand import ALPHA, BASE, UNSURE, cell, report, set_against


def basis(*args, **changes):
    lines = verdict(report(*args, **changes)).basis
    assert all(term and words for term, words in lines)
    return [(term, words) for term, words in lines]


def term(name, *args, **changes):
    return [words for each, words in basis(*args, **changes) if each == name]


def test_it_says_on_what_when_and_at_which_prices():
    (day,) = term("dates", [BASE])
    assert day == (
        "run 2026-11-20-math-1 of 2026-11-20, prices of 2026-11-20, costbench 0.1.0 (method 4)"
    )
    assert term("measured on", [BASE]) == ["2-core AMD EPYC 9B14 (no GPU), virtual"]
    assert term("problems", [BASE]) == ["sums: 256 problems x 4 samples"]
    (prices,) = term("prices", [BASE])
    assert prices.startswith("book of 2026-11-20: cpu 0.0408 USD per vcpu and hour, assumed (AWS")
    assert term("prices", [BASE], prices=None) == ["none: no price book was named"]
    assert "prices of" not in term("dates", [BASE], prices=None)[0]


def test_gpus_and_servers_elsewhere_are_named():
    gpus = {"label": "8x NVIDIA H200", "virtual": False}
    (text,) = term("measured on", [cell("base", gpus=2), cell("alpha", gpus=1)], machine=gpus)
    assert text == "8x NVIDIA H200; a cell had 1 to 2 GPUs"
    away = cell("base", energy=BASE.energy.model_copy(update={"reasons": ("remote_server",)}))
    (text,) = term("measured on", [away, ALPHA])
    assert text.startswith("a server on another machine (1 of 2 cells); asked from: 2-core AMD")


def test_problems_of_different_counts_are_all_there():
    few = cell("alpha", problems=30, samples=1)
    assert term("problems", [BASE, few]) == [
        "sums: 256 problems x 4 samples and 30 problems x 1 samples"
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("quick", "quick (minutes): a demonstration, not a basis for published claims"),
        (
            "standard",
            "standard: to decide by, on this machine and these problems "
            "(windows of 30.0 s, 3 passes asked for, whole windows count)",
        ),
        (
            "imported",
            "taken over from another tool's files: what it timed, counted and judged is its word",
        ),
    ],
)
def test_a_protocol_is_said_with_its_weight(kind, words):
    settings = {"window_s": 30.0, "passes": 3}
    assert term("protocol", [BASE], protocol=kind, protocol_settings=settings) == [words]


def test_an_unfinished_run_says_so_and_a_finished_one_does_not():
    assert "not complete: figures cover what is there" in term("dates", [BASE], complete=False)[0]
    assert "complete" not in term("dates", [BASE])[0]


def test_groups_without_figures_are_named_apart_by_how():
    groups = tuple(SkippedGroup(group=f"g{n}", reason="no GPU") for n in range(6))
    found = basis([BASE], skipped=groups, failed=groups[:1])
    assert ("skipped", "g0; g1; g2; g3; 2 more: in no figure") in found
    assert ("failed", "g0: in no figure") in found
    assert not {"skipped", "failed"} & {each for each, _ in basis([BASE], skipped=(), failed=())}


def test_doubts_are_those_of_the_cells_that_are_told():
    doubtful = {"caveats": ("few_problems", "assumed_price")}
    told = term("doubt", [BASE, cell("alpha", **doubtful)], set_against(BASE, ALPHA))
    assert told == ["fewer than 30 problems: intervals are rough"]
    other = cell("other", usd=2e-6, **doubtful)
    found = set_against(BASE, ALPHA), set_against(BASE, other, cost=UNSURE)
    assert term("doubt", [BASE, ALPHA, other], *found) == []
    assert term("doubt", [cell("base", **doubtful), ALPHA], set_against(BASE, ALPHA)) == told


# The whole of it


def places(count):
    return [cell("base", group=f"g{n}", cell=f"g{n}") for n in range(count)]


def test_beyond_eight_places_the_rest_are_counted():
    assert len(verdict(report(places(8))).headline) == 8
    nine = verdict(report(places(9))).headline
    assert [place for place, _ in nine[:-1]] == [f"g{n} · sums" for n in range(8)]
    assert nine[-1] == ("", "And 1 more place, in the tables.")
    assert verdict(report(places(11))).headline[-1] == ("", "And 3 more places, in the tables.")


def test_a_comparison_counts_in_its_own_place_only():
    other = cell("beta", group="h", cell="h/beta")
    lines = verdict(report([BASE, ALPHA, other], set_against(BASE, ALPHA))).headline
    assert [words.split(" ")[0] for _, words in lines] == ["alpha", "beta"]
    assert "picked" not in lines[0][1]


def test_names_in_it_are_clean_and_no_markup_on_a_page():
    place = {"group": HOSTILE, "dataset": HOSTILE}
    base, hostile = cell("base", **place), cell(HOSTILE, cell="x", **place)
    skipped = (SkippedGroup(group=HOSTILE, reason=HOSTILE),)
    found = report([base, hostile], set_against(base, hostile), run=HOSTILE, skipped=skipped)
    texts = [
        text for lines in (verdict(found).headline, verdict(found).basis) for text in sum(lines, ())
    ]
    assert not [text for text in texts if "\x1b" in text or "\u202e" in text]
    page = render_markdown(found, None)
    assert "<b>" not in page
    assert r"=cmd\|" in page.split("## Results")[0]


def test_the_same_report_gives_the_same_words_and_so_does_its_json():
    found = report([BASE, ALPHA], set_against(BASE, ALPHA))
    again = Report.model_validate_json(found.model_dump_json())
    assert verdict(again) == verdict(found)
    assert "verdict" not in found.model_dump()


def test_the_page_begins_with_it_and_says_the_prices_once():
    page = render_markdown(example_report(), "pareto.svg")
    ordered = [
        "# costbench: math",
        "\n> abacus-base",
        "\n## Verdict\n",
        "\n![Accuracy",
        "\n## Results",
    ]
    assert all(page.index(one) < page.index(other) for one, other in pairwise(ordered))
    assert page.count("cpu 0.0408 USD per vcpu and hour") == 1


def test_the_console_begins_with_the_headline_alone():
    file = io.StringIO()
    print_table(example_report(), Console(file=file, width=120))
    first, _, rest = file.getvalue().partition("\n\n")
    assert first.startswith(
        "Verdict:\nembedded · arithmetic  abacus-base truncation@192 gives a correct"
    )
    assert "measured on" not in first
    assert rest.startswith("embedded · arithmetic · 256 problems")
