"""All estimates of one cell, from tables of attempts by problem and pass."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.accuracy import Accuracy
from costbench.analysis.compare import Share
from costbench.analysis.ratio import Instrument, Ratio
from costbench.analysis.stats import Estimate, bound_without_correct, percentile_interval
from costbench.report.caveats import unknown_energy
from costbench.report.cell_tables import CellTables, MeasuredCell
from costbench.report.contract import FrontierMetric
from costbench.types import NO_REFERENCE

Floats = NDArray[np.float64]

_JOULES = "joules_per_correct"


@dataclass(frozen=True)
class Draws:
    """Resampled figures of a cell, one per resample, for frontiers."""

    accuracy: Floats
    per_attempt: dict[FrontierMetric, Floats]


class CellFigures(CellTables):
    """All estimates of one cell."""

    @property
    def resampled(self) -> tuple[Floats, ...]:
        """What is summed by resample: `Resampling.prepare` takes these of all cells at once."""
        costs = (self.joules, self.usd, self.written_tokens)
        return (*costs, self.attempts, self.graded, self.correct)

    @property
    def unknown_energy_reason(self) -> str | None:
        """The first of the reasons for which joules are not known; None where they are."""
        return next(iter(unknown_energy(self.energy)), None)

    def divided_by(self, measured: MeasuredCell) -> "CellFigures":
        """The same cell, its windows divided among its attempts in another way."""
        found = CellFigures(self._run, self.priced, measured, self.resampling, self._among)
        self.resampling.prepare(found.resampled)
        return found

    def net_per_correct(self, idle_w: float) -> Estimate:
        """Joules per correct answer beyond what idling for the same time would have used.

        A small difference of two measured figures: each of them may be off on its own.
        """
        idle = idle_w * self.machine_seconds
        found = self.per_correct(self.joules - idle)
        if found.value is None:
            return found
        drawn_idle = self._idle_noise * self.resampling.ratio(idle, self.correct, self._passes)
        with np.errstate(invalid="ignore"):  # both infinite where a resample has nothing correct
            drawn = self.drawn("joules_per_correct") - drawn_idle
        low, high = percentile_interval(drawn)
        return replace(found, low=low, high=high)

    def mean(self, table: Floats, *, by_pass: bool = False, joules: bool = False) -> Estimate:
        """Mean per attempt; `by_pass` for what was measured pass by pass, `joules` for what a meter said."""
        instrument = self.instrument if joules else None
        by_pass = by_pass or joules
        return Ratio.of(table, self.attempts, by_pass=by_pass, instrument=instrument).estimate()

    @cached_property
    def instrument(self) -> Instrument | None:
        """How far the meter may be off."""
        found = self.energy.uncertainty
        return Instrument(self.energy.instrument, found.common, found.window) if found else None

    @cached_property
    def _noise(self) -> Floats | None:
        """How far the meter may be off: what all cells of a device share, and what is each cell's own."""
        return self._off_by(self.record.id)

    @property
    def _idle_noise(self) -> Floats | float:
        """The same for the idle power beside it."""
        found = self._off_by(f"idle beside {self.record.id}")
        return 1.0 if found is None else found

    def _off_by(self, key: str) -> Floats | None:
        found = self.energy.uncertainty
        if found is None:
            return None
        shared = self.resampling.noise(found.common, self.energy.instrument)
        return shared * self.resampling.noise(found.window, key)

    @cached_property
    def right(self) -> Accuracy:
        """Correct / (correct + wrong + truncated), to be set against another's."""
        return Accuracy.of(self.correct, self.graded)

    def accuracy(self) -> Estimate:
        """The same with its interval."""
        found = self.right.estimate()
        return found if self.record.gradable else replace(found, reason=NO_REFERENCE)

    @cached_property
    def share(self) -> Share:
        """The same with its resamples, for a place on a line."""
        return Share(self.right.value, self.draws.accuracy, self.accuracy().reason)

    def per_correct(
        self, table: Floats, *, joules: bool = False, correct: Floats | None = None
    ) -> Estimate:
        """Cost of all attempts over the number correct; `joules` for what a meter said.

        `correct` is a table of those that count; all of them when None.
        """
        correct = self.correct if correct is None else correct
        if self.graded.sum() == 0:
            return Estimate(None, reason="nothing_graded")
        if correct.sum() == 0:
            return bound_without_correct(table, self.attempts)
        return self._per_correct(table, correct, joules=joules).estimate()

    def _per_correct(self, table: Floats, correct: Floats, *, joules: bool) -> Ratio:
        instrument = self.instrument if joules else None
        return Ratio.of(table, correct, by_pass=True, instrument=instrument, successes=True)

    def per_output_token(self, table: Floats, *, joules: bool = False) -> Estimate:
        """A cost over the tokens sampled; `joules` for what a meter said.

        One pass whose cost was divided by tokens has the same ratio everywhere, which is no certainty: then
        there is no interval.
        """
        instrument = self.instrument if joules else None
        tokens = self.tokens("output_tokens")
        found = Ratio.of(table, tokens, by_pass=True, instrument=instrument).estimate()
        if found.low is None or found.high is None or not math.isclose(found.low, found.high):
            return found
        return replace(found, low=None, high=None)

    @cached_property
    def _costs(self) -> dict[FrontierMetric, tuple[Floats, Floats | None]]:
        """What frontiers are about, with the passes to resample; tokens were not measured pass by pass."""
        return {
            "usd": (self.usd, self._passes),
            "joules": (self.joules, self._passes),
            "output_tokens": (self.written_tokens, None),
        }

    @cached_property
    def _spent(self) -> dict[str, Floats]:
        """What is compared per correct answer, by its name in the contract."""
        return {
            "usd_per_correct": self.usd,
            _JOULES: self.joules,
            "machine_seconds_per_correct": self.machine_seconds,
        }

    @cached_property
    def _means(self) -> dict[str, tuple[Floats, Floats, bool]]:
        """What is compared per attempt, by its name in the contract; True: passes have their own error."""
        return {
            "output_tokens": (self.tokens("output_tokens"), self.attempts, False),
            "tokens_per_attempt": (self.written_tokens, self.attempts, False),
            "latency_s": (*self._latency, True),
        }

    @cached_property
    def _latency(self) -> tuple[Floats, Floats]:
        """Seconds, and 1 where they are known: what the engine refused took no time worth the name."""
        seconds = self.record.columns["latency_s"]
        return self.table(np.nan_to_num(seconds)), self.table(~np.isnan(seconds))

    def per_attempt(self, metric: FrontierMetric) -> Estimate:
        """A cost per attempt by the name it has on the frontier."""
        return self.ratio_per_attempt(metric).estimate()

    def ratio_per_attempt(self, metric: FrontierMetric) -> Ratio:
        """The same, to be set against another's."""
        table, passes = self._costs[metric]
        instrument = self.instrument if metric == "joules" else None
        return Ratio.of(table, self.attempts, by_pass=passes is not None, instrument=instrument)

    @property
    def compared(self) -> tuple[str, ...]:
        """The figures that are compared with a baseline's, by their names in the contract."""
        return (*self._spent, *self._means)

    def headline(self, metric: str) -> Estimate:
        """One of `compared`."""
        if metric in self._means:
            return self.ratio(metric).estimate()
        return self.per_correct(self._spent[metric], joules=metric == _JOULES)

    def ratio(self, metric: str) -> Ratio:
        """One of `compared`, to be set against a baseline's."""
        if metric in self._means:
            over, under, by_pass = self._means[metric]
            return Ratio.of(over, under, by_pass=by_pass)
        if self.correct.sum() == 0:
            return Ratio(None, reason=self.headline(metric).reason)
        return self._per_correct(self._spent[metric], self.correct, joules=metric == _JOULES)

    def drawn(self, metric: str) -> Floats:
        """A cost per correct answer in every resample."""
        found = self.resampling.ratio(self._spent[metric], self.correct, self._passes)
        return found if metric != _JOULES or self._noise is None else found * self._noise

    @cached_property
    def draws(self) -> Draws:
        """Resampled figures; cells of one dataset share their resampled problems."""
        sample = self.resampling
        noise = {"joules": 1.0 if self._noise is None else self._noise}
        return Draws(
            accuracy=sample.ratio(self.correct, self.graded),
            per_attempt={
                name: sample.ratio(t, self.attempts, p) * noise.get(name, 1.0)
                for name, (t, p) in self._costs.items()
            },
        )
