"""What may be compared across two runs, figure by figure; and why not, in a sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from costbench.metering.reasons import quality_of
from costbench.prices import PriceBook
from costbench.report.across.contract import Metric, Refusal
from costbench.report.caveats import explain
from costbench.report.cells import money_reason
from costbench.report.figures import CellFigures
from costbench.report.sections import load_words

_COUNTED = {"measured", "attributed"}
_PER_CORRECT = "_per_correct"


@dataclass(frozen=True)
class OneBook:
    """What both runs are priced by; None with the reason where there is no such book."""

    book: PriceBook | None
    file: str | None = None
    refusal: Refusal | None = None


def one_book(metas: tuple[dict[str, Any], dict[str, Any]]) -> OneBook:
    """The book that both runs were started with, if it is one."""
    stored = [meta.get("price_book") for meta in metas]
    books = [PriceBook.model_validate(one) if one else None for one in stored]
    if books[0] != books[1]:
        why = Refusal(
            code="different_price_books",
            sentence="the runs were not priced by one book; name one for both with --prices",
        )
        return OneBook(None, refusal=why)
    if books[0] is None:
        why = Refusal(
            code="no_price_book", sentence="no price book was named; name one with --prices"
        )
        return OneBook(None, refusal=why)
    return OneBook(books[0], metas[0].get("price_file"))


def refuse(
    metric: Metric, baseline: CellFigures, candidate: CellFigures, prices: OneBook
) -> Refusal | None:
    """Why a figure of two cells over the same problems is not compared; None where it may be."""
    pair = baseline, candidate
    if metric == "accuracy" or metric.endswith(_PER_CORRECT):
        found = _graders(*pair)
        if found is not None:
            return found
    if metric == "latency_s":
        return _latency(*pair)
    if metric.startswith("joules"):
        return _joules(*pair)
    return _usd(*pair, prices) if metric.startswith("usd") else None


def _graders(baseline: CellFigures, candidate: CellFigures) -> Refusal | None:
    one, other = baseline.record.grader, candidate.record.grader
    if one == other:
        return None
    return Refusal(
        code="different_grader",
        sentence=f"graded by {_grader(*one)} against {_grader(*other)}; name one for both with --grader",
    )


def _grader(name: str, version: str) -> str:
    return version if version.startswith(name) else f"{name} {version}"


def _latency(baseline: CellFigures, candidate: CellFigures) -> Refusal | None:
    loads = [each.record.load for each in (baseline, candidate)]
    if {"concurrency": None} in loads:
        return Refusal(
            code="unknown_concurrency",
            sentence="nobody said how many attempts were in flight: a latency is that of its load",
        )
    if loads[0] != loads[1]:
        return Refusal(
            code="different_concurrency",
            sentence=f"{_loads(*loads)}: a latency is that of its load",
        )
    if baseline.basis != candidate.basis:
        return Refusal(
            code="different_latency_basis",
            sentence=f"timed by the {baseline.basis} against the {candidate.basis}",
        )
    return None


def _loads(one: dict[str, Any], other: dict[str, Any]) -> str:
    alike = set(one) == set(other) == {"concurrency"}
    return f"{load_words(one)} against {other['concurrency'] if alike else load_words(other)}"


def _joules(baseline: CellFigures, candidate: CellFigures) -> Refusal | None:
    for rule in (_unknown_joules, _not_counted, _unreliable):
        found = _either(rule, baseline, candidate)
        if found is not None:
            return found
    scopes = baseline.energy.scope, candidate.energy.scope
    if scopes[0] != scopes[1]:
        return Refusal(
            code="different_scope",
            sentence=f"joules of {_plain(scopes[0])} against those of {_plain(scopes[1])}",
        )
    return None


def _unknown_joules(side: str, figures: CellFigures) -> Refusal | None:
    code = figures.unknown_energy_reason
    if code is None:
        return None
    return Refusal(code=code, sentence=f"joules of {side} are not known: {explain(code)}")


def _not_counted(side: str, figures: CellFigures) -> Refusal | None:
    provenance = figures.energy.provenance
    if provenance in _COUNTED:
        return None
    return Refusal(
        code=f"{provenance}_energy", sentence=f"joules of {side} are {provenance}, not measured"
    )


def _unreliable(side: str, figures: CellFigures) -> Refusal | None:
    if figures.measured.rankable:
        return None
    found = figures.measured
    worst = [code for code in found.reasons if quality_of([code]) == found.quality]
    doubts = "; ".join(map(explain, worst))
    return Refusal(code="unreliable_energy", sentence=f"joules of {side} are unreliable: {doubts}")


def _usd(baseline: CellFigures, candidate: CellFigures, prices: OneBook) -> Refusal | None:
    imported = ["usd" in each.record.columns for each in (baseline, candidate)]
    if imported[0] != imported[1]:
        return Refusal(
            code="different_money",
            sentence="costs that a file says attempts had against machine time at a price",
        )
    if all(imported):
        return _either(_unpriced, baseline, candidate)
    return prices.refusal or _either(_unpriced, baseline, candidate)


def _unpriced(side: str, figures: CellFigures) -> Refusal | None:
    code = money_reason(figures.priced)
    if code is None:
        return None
    if code == "no_imported_cost":
        return Refusal(code=code, sentence=f"not every attempt of {side} has a cost in its files")
    return Refusal(code=code, sentence=f"the price book has no price for the machine of {side}")


def _either(
    rule: Callable[[str, CellFigures], Refusal | None],
    baseline: CellFigures,
    candidate: CellFigures,
) -> Refusal | None:
    found = rule("the baseline", baseline), rule("the candidate", candidate)
    if found[0] and found[1] and found[0].code == found[1].code:
        return rule("both runs", baseline)
    return found[0] or found[1]


def _plain(scope: str | None) -> str:
    return (scope or "unknown parts").replace("_", " ")
