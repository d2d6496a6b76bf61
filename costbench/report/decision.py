"""From figures to a decision: which cells surely meet it, and which of them is the cheapest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.decision import all_kept, at_least
from costbench.analysis.ratio import Ratio
from costbench.analysis.stats import Estimate, highest_unseen_rate, percentiles
from costbench.report.cells import money_reason
from costbench.report.contract import Choice, Decided, DecisionFacts, E
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures
from costbench.wanted import Decision

Floats = NDArray[np.float64]
_FEWEST = 2
"""Problems from which an interval can be drawn at all."""


@dataclass(frozen=True)
class Candidate:
    """A cell under a decision."""

    figures: CellFigures
    wanted: Decision

    @property
    def id(self) -> str:
        """Of its cell."""
        return self.figures.record.id

    @cached_property
    def _kept(self) -> dict[str, bool | None]:
        """By what is asked for."""
        found: dict[str, bool | None] = {}
        if self.wanted.accuracy_at_least is not None:
            tried = int((self.figures.graded.sum(axis=1) > 0).sum())
            told = at_least(self.figures.accuracy(), self.wanted.accuracy_at_least)
            found["accuracy"] = told if tried >= _FEWEST else None
        if self.wanted.p95_latency_s is not None:
            p95 = percentiles(self.figures.record.columns["latency_s"])["p95"]
            found["latency"] = None if p95 is None else p95 <= self.wanted.p95_latency_s
        return found

    @property
    def meets(self) -> bool | None:
        """None: cannot be told."""
        return all_kept(self._kept.values())

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of what is broken, or cannot be told."""
        codes = {
            ("accuracy", False): "accuracy_too_low",
            ("accuracy", None): "accuracy_unsure",
            ("latency", False): "latency_too_high",
            ("latency", None): "latency_unknown",
        }
        return tuple(codes[each] for each in self._kept.items() if each in codes)

    @property
    def _spent(self) -> Floats:
        """USD by problem and pass, wrong answers at what they cost."""
        return self.figures.usd + (self.wanted.usd_per_wrong_answer or 0.0) * self.figures.wrong

    @property
    def cost(self) -> Ratio:
        """USD per correct answer, as it is decided by."""
        return Ratio.of(self._spent, self.figures.correct, by_pass=True, successes=True)

    @cached_property
    def estimate(self) -> E:
        """The same with its interval; where no answer was wrong, up to the most that may be."""
        found = self.figures.per_correct(self._spent)
        plain = self.figures.per_correct(self.figures.usd)
        if found.low is not None and plain.low is not None:  # wrong answers make nothing cheaper
            found = replace(found, low=max(found.low, plain.low))
        usd_per_wrong = self.wanted.usd_per_wrong_answer
        if usd_per_wrong is not None and found.high is not None and not self.figures.wrong.any():
            found = replace(found, high=found.high + usd_per_wrong * self._unseen_wrong)
        return to_e(found, money_reason(self.figures.priced))

    @property
    def _unseen_wrong(self) -> float:
        """Wrong answers per correct one, at most, where none was seen."""
        rate = highest_unseen_rate(int((self.figures.graded.sum(axis=1) > 0).sum()))
        return rate / (1 - rate)

    def not_surely_dearer(self, than: "Candidate") -> bool:
        """Whether both may cost the same; one at a time, paired by problem."""
        if self.estimate.value is None:
            return False
        found: Estimate = self.cost.compared_with(than.cost).estimate()
        return found.low is None or found.low <= 1


def decide(groups: Sequence[Sequence[CellFigures]], wanted: Decision) -> DecisionFacts | None:
    """Within each group and dataset; None where nothing is to be decided."""
    if not wanted.asks:
        return None
    every = [[Candidate(figures, wanted) for figures in group] for group in groups]
    return DecisionFacts(
        wanted=wanted,
        choices=tuple(_choose(group, wanted) for group in every),
        cells=tuple(_decided(each) for group in every for each in group),
    )


def _decided(each: Candidate) -> Decided:
    unpriced = each.wanted.usd_per_wrong_answer is None
    return Decided(
        cell=each.id,
        meets=each.meets,
        reasons=each.reasons,
        usd_per_correct_with_wrong=E(value=None, reason="no_price_of_wrong_answers")
        if unpriced
        else each.estimate,
    )


def _choose(group: Sequence[Candidate], wanted: Decision) -> Choice:
    spec = group[0].figures.record.spec
    meeting = [each for each in group if each.meets]
    priced = [each for each in meeting if each.estimate.value is not None]
    best = min(priced, key=_cost, default=None)
    by: Literal["usd_per_correct", "usd_per_correct_with_wrong"] = (
        "usd_per_correct" if wanted.usd_per_wrong_answer is None else "usd_per_correct_with_wrong"
    )
    open_ = [each for each in group if each.meets is None]
    if best is None:
        reason = _why_none(meeting, open_)
        cost = E(value=None, reason=reason)
        return Choice(
            group=spec["group"],
            dataset=spec["dataset"],
            cell=None,
            reason=reason,
            by=by,
            cost=cost,
        )
    return Choice(
        group=spec["group"],
        dataset=spec["dataset"],
        cell=best.id,
        reason=None,
        by=by,
        cost=best.estimate,
        as_cheap=_ids(meeting, lambda each: each is not best and each.not_surely_dearer(best)),
        cheaper_if_it_meets=_ids(open_, lambda each: _cost(each) < _cost(best)),
    )


def _why_none(meeting: Sequence[Candidate], open_: Sequence[Candidate]) -> str:
    if meeting:
        return meeting[0].estimate.reason or "not_measured"
    return "cannot_be_told" if open_ else "none_meets"


def _cost(each: Candidate) -> float:
    value = each.estimate.value
    return np.inf if value is None else value


def _ids(found: Sequence[Candidate], chosen: Callable[[Candidate], bool]) -> tuple[str, ...]:
    return tuple(each.id for each in found if chosen(each))
