"""Caveats: a closed list, each with a sentence for the reader and decided by a rule."""

from collections.abc import Iterator, Mapping

import numpy as np

from costbench.analysis.stats import percentiles
from costbench.metering.quality import judge_length
from costbench.metering.reasons import REASONS, quality_of
from costbench.prices import PriceBook
from costbench.protocol import Protocol
from costbench.records import CORRECT, ERROR, TRUNCATED, UNGRADED, CellRecord
from costbench.report.energy import CellEnergy
from costbench.types import NO_REFERENCE

_NEARLY = 0.99
_LATE_S, _LATE_SHARE = 0.01, 0.01
"""A hundredth of the attempts later than this, and than this share of the mean latency."""
_MANY_UNGRADED, _MANY_UNCLOSED, _MANY_TRUNCATED, _MANY_UNFINISHED = 0.01, 0.10, 0.10, 0.01
FEW_PROBLEMS, FEW_CORRECT = 30, 10

_OTHERS: Mapping[str, str] = {
    "no_reference": "no reference answers: accuracy is not applicable, times and energy are all there is",
    "random_weights": "random weights in the shape of a model: times and energy are real, what it writes "
    "means nothing",
    "many_ungraded": "more than 1 % of the attempts have no grade or ended in an error",
    "many_unclosed": "more than 10 % of the responses ended within their thinking, and are wrong for it: is "
    "`thinking.close` in the suite how this model marks its end?",
    "many_truncated": "more than 10 % of the responses were cut before a final answer",
    "many_unfinished": "more than 1 % of the responses did not come to their end, or to the length that was "
    "asked for: this is not the load that the suite states",
    "graded_unclosed": "responses whose thinking never ended are graded on all of their text, not counted as "
    "wrong (`unclosed: graded`)",
    "incomplete": "not all planned attempts are there yet",
    "one_pass": "a single pass: the interval of energy and money does not include differences between passes",
    "few_problems": "fewer than 30 problems: intervals are rough",
    "one_problem": "a single problem: costs, tokens and latencies have no interval",
    "few_correct": "fewer than 10 problems with a correct answer: intervals of costs per correct are rough",
    "no_price_book": "no price book was named (--prices BOOK): prices and carbon are not known",
    "no_machine_price": "the price book has no price for this machine: money is not known",
    "no_grid_intensity": "the price book names no grid: carbon is not known",
    "imported": "taken over from another tool's files: what it timed, counted and judged is its word",
    "imported_without_times": "the files do not say when attempts began and ended: machine time is not known",
    "imported_unfinished": "what was imported did not run to its end: what its files lack is in no figure",
    "imported_without_machine": "nobody said what it ran on (costbench import --gpu): no price for its time",
    "imported_without_verdicts": "nobody has judged these answers: accuracy and costs per correct are not "
    "known (costbench grade)",
    "imported_uneven": "not every problem has as many samples in the imported files",
    "imported_overlap": "other imported cells ran at the same time: machine time counts for each of them",
    "tokens_counted_on_import": "tokens that the files do not have were counted on import, with a tokenizer",
    "imported_cost": "money is what the imported files say that attempts cost, not machine time",
    "no_imported_cost": "the imported files do not say what every attempt cost",
    "assumed_price": "money is machine time at an assumed rental price, electricity included",
    "assumed_ownership": "money is machine time at what owning it is assumed to cost, electricity included",
    "no_utilization": "nobody said what share of its time the machine does useful work",
    "no_pue": "the price book names no PUE: the building's energy is not known",
    "no_market_based_intensity": "the price book names no market-based intensity",
    "no_water_factors": "the price book has no liters for a kilowatt-hour",
    "no_embodied": "the price book has nothing on the making of this machine",
    "api_price_not_looked_up": "the API's price is to be looked up in genai-prices, which is not installed "
    "or does not have it: pip install 'costbench[api]', or put figures in the book",
    "api_tier_by_request": "above this many input tokens the API's price goes by request, and sums over the "
    "calls of an attempt do not tell",
    "cached_tokens_unknown": "cached tokens have a price of their own, and the engine did not count them",
    "more_cached_than_read": "the engine counted more cached than read tokens",
    "estimated_tokens": "the server gave no token counts: its texts were counted with the model's tokenizer",
    "estimated_reasoning": "the server does not count thinking apart: it was counted with the model's "
    "tokenizer",
    "retried_requests": "requests failed and were sent again: their time counts in latencies, and the tokens "
    "of answers that broke off as far as they were seen",
    "warm_cache": "prompts that had been asked before may have been in a prefix cache, which was not emptied "
    "for every pass: reading them was cheaper than new ones are",
    "top_k_not_sent": "the server takes no top_k: the suite's was not sent",
    "remote_machine": "a server on another machine did the work: this machine's price does not pay for it; "
    "`api` in the price book prices its tokens",
    "assumed_api_price": "money is tokens at an API's list price, an assumption about what is paid",
    "late_arrivals": "attempts began later than their arrival was scheduled, by us and not by the server: "
    "their times are too long by that (`serving.arrival_lag_s`)",
    "no_first_token_time": "nobody told when the first token was there: it takes a stream",
    "no_answer_token_time": "nobody told when the first token of an answer was there, or no thinking ended",
    "no_token_times": "the time between tokens takes a first token's time and two tokens that were counted",
    "not_streamed": "the tokens did not come one by one",
    "latency_unknown": "the latency is not known",
    "several_responses": "an attempt is several responses side by side, which have no token after another",
    "no_steady_part": "no part of each pass has the load as it was intended",
    "no_slo": "nobody stated an SLO",
    "assumed_grid": "carbon is energy at an assumed grid's yearly average; no PUE, nothing embodied",
}
"""Doubts about anything but joules."""


def explain(code: str) -> str:
    """The sentence for a code; a code of someone else's meter stands for itself."""
    if code in REASONS:
        return REASONS[code].label
    return _OTHERS.get(code, code.replace("_", " "))


def energy_reasons(energy: CellEnergy, record: CellRecord, protocol: Protocol) -> tuple[str, ...]:
    """What limits the trust in a cell's joules (thresholds: docs/measurement.md)."""
    resumed = ("resumed",) if energy.sessions > 1 and not record.imported else ()
    if energy.joules is None:
        return (*(energy.reasons or ("energy_uncovered",)), *resumed)
    length_s = sum(each.cut.duration_s for each in energy.stretches)
    codes = [*_protocol(energy, record, protocol), *energy.reasons, *judge_length(length_s)]
    codes += () if record.imported else record.events
    if not _mostly_constant(energy):
        codes = [code for code in codes if code != "constant_ram_term"]
    return tuple(dict.fromkeys((*codes, *resumed)))


def missing_of(book: PriceBook | None, code: str) -> str:
    """This code of what a price book lacks, or that there is no book."""
    return "no_price_book" if book is None else code


def unknown_energy(energy: CellEnergy) -> tuple[str, ...]:
    """Why a cell's joules are not known; empty where they are."""
    if energy.joules is not None:
        return ()
    severe = [c for c in energy.reasons if quality_of([c]) in {"unavailable", "failed"}]
    return tuple(severe) or ("energy_uncovered",)


def _mostly_constant(energy: CellEnergy) -> bool:
    """Whether CodeCarbon's constant for memory is most of what it says."""
    ram, total = energy.by_domain.get("ram"), energy.joules
    return ram is None or total is None or ram > total / 2


def _protocol(energy: CellEnergy, record: CellRecord, protocol: Protocol) -> Iterator[str]:
    """Where the run asked for less than its protocol does, or got less."""
    if protocol.kind == "imported":
        return
    if protocol.kind == "quick":
        yield "protocol_quick"
        return
    if protocol.shortened:
        yield "protocol_changed"
    if record.passes < protocol.passes:
        yield "few_passes"
    shortest_s = min((each.cut.duration_s for each in energy.whole), default=0.0)
    if shortest_s < _NEARLY * protocol.window_s:
        yield "short_window"
    if energy.provenance == "measured" and energy.idle.context_w is None:
        yield "no_idle"


def _imported(record: CellRecord) -> Iterator[str]:
    """What is to be known of another tool's work."""
    if record.imported:
        yield "imported"
        yield from record.events
        if not record.complete:
            yield "imported_uneven"


def _arrivals(record: CellRecord) -> Iterator[str]:
    """Where we were noticeably behind the schedule of an open loop."""
    if "open_loop" not in record.spec:
        return
    lag_s = percentiles(record.columns["sent_s"] - record.columns["arrived_s"])["p99"]
    latency_s = percentiles(record.columns["latency_s"])["mean"]
    if lag_s and latency_s and lag_s > max(_LATE_S, _LATE_SHARE * latency_s):
        yield "late_arrivals"


def _rules_of_its_own(record: CellRecord) -> Iterator[str]:
    """Where right and wrong are not what they are elsewhere."""
    if record.spec.get("model", {}).get("unclosed") == "graded" and not record.imported:
        yield "graded_unclosed"


def _many(record: CellRecord) -> Iterator[str]:
    """What is more of the attempts than a few."""
    outcomes = record.columns["outcome"]
    unjudged = np.isin(outcomes, (UNGRADED, ERROR) if record.gradable else (ERROR,))
    nobody = record.imported and bool(unjudged.all())
    if nobody:
        yield "imported_without_verdicts"
    doubts = {
        "many_ungraded": (unjudged & (not nobody), _MANY_UNGRADED),
        "many_unclosed": (record.columns["unclosed"] == 1, _MANY_UNCLOSED),
        "many_truncated": (outcomes == TRUNCATED, _MANY_TRUNCATED),
    }
    if not record.gradable:
        yield NO_REFERENCE
        doubts["many_unfinished"] = (record.columns["unfinished"] == 1, _MANY_UNFINISHED)
    for code, (found, at_most) in doubts.items():
        if found.sum() / max(1, record.attempts) > at_most:
            yield code


def caveats_of(record: CellRecord, energy: tuple[str, ...], *others: str) -> tuple[str, ...]:
    """All caveats of a cell, energy's first."""
    found = [*energy, *others, *record.doubts, *_imported(record), *_rules_of_its_own(record)]
    found += (*_arrivals(record), *_many(record))
    if not record.complete and not record.imported:
        found.append("incomplete")
    if record.passes == 1:
        found.append("one_pass")
    if record.problems < FEW_PROBLEMS:
        found.append("few_problems")
    if record.problems == 1:
        found.append("one_problem")
    solved = np.unique(record.columns["problem"][record.columns["outcome"] == CORRECT]).size
    if 0 < solved < FEW_CORRECT:  # of none there is a bound
        found.append("few_correct")
    return tuple(dict.fromkeys(found))
