"""All estimates of one cell, from tables of attempts by problem and pass."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import (
    Estimate,
    Resampling,
    cost_per_correct,
    highest_unseen_rate,
    ratio_estimate,
    table_of,
)
from costbench.prices import PriceBook, Rate
from costbench.records import CORRECT, TOKEN_COLUMNS, TRUNCATED, WRONG, CellRecord, RunRecord
from costbench.report.contract import FrontierMetric
from costbench.report.energy import CellEnergy, measure_cell
from costbench.report.shares import attributed
from costbench.units import kwh_from_joules

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PricedCell:
    """A cell's record and what its machine and grid cost; None where nobody said."""

    record: CellRecord
    rate: Rate | None
    book: PriceBook | None
    gpus: int

    @property
    def gco2e_per_joule(self) -> float | None:
        """From the price book's grid."""
        grid = self.book.grid if self.book else None
        return kwh_from_joules(grid.gco2e_per_kwh) if grid else None


@dataclass(frozen=True)
class Draws:
    """Resampled figures of a cell, one per resample, for frontiers and comparisons."""

    accuracy: Floats
    per_attempt: dict[FrontierMetric, Floats]
    per_correct: dict[str, Floats]


class CellFigures:
    """All estimates of one cell, computed from tables by problem and pass."""

    def __init__(self, run: RunRecord, priced: PricedCell, resampling: Resampling) -> None:
        self.priced = priced
        self.record = record = priced.record
        self.basis = run.meta.get(f"engine:{record.id}", {}).get("latency_basis", "client")
        self.energy: CellEnergy = measure_cell(run, record)
        self.resampling = resampling
        self._shape = (record.problems, record.passes)
        self._passes = resampling.passes(record.passes)
        costs = (self.joules, self.machine_seconds, self.usd, self.gco2e, self.written_tokens)
        counts = (self.attempts, self.graded, self.correct, *map(self.tokens, TOKEN_COLUMNS))
        resampling.prepare((*costs, *counts))

    @cached_property
    def outcomes(self) -> Floats:
        """Outcome codes of all attempts."""
        return self.record.columns["outcome"]

    @cached_property
    def attempts(self) -> Floats:
        """1 where there is an attempt."""
        return self._table(np.ones(self.record.attempts))

    @cached_property
    def graded(self) -> Floats:
        """1 where an attempt counts for accuracy: correct, wrong or truncated."""
        return self._table(np.isin(self.outcomes, (CORRECT, WRONG, TRUNCATED)))

    @cached_property
    def correct(self) -> Floats:
        """1 where an attempt is correct."""
        return self._table(self.outcomes == CORRECT)

    @cached_property
    def joules(self) -> Floats:
        """Attributed joules."""
        return self._table(attributed(self.record, self.energy.window_joules))

    @cached_property
    def machine_seconds(self) -> Floats:
        """Attributed seconds of the machine."""
        seconds = np.array([window.duration_s for window in self.record.windows])
        return self._table(attributed(self.record, seconds))

    @property
    def usd(self) -> Floats:
        """Attributed rental cost; NaN without a price."""
        rate = self.priced.rate
        return self.machine_seconds * (rate.usd_per_s if rate else np.nan)

    @property
    def gco2e(self) -> Floats:
        """Attributed emissions; NaN without a grid or energy."""
        per_joule = self.priced.gco2e_per_joule
        return self.joules * (np.nan if per_joule is None else per_joule)

    @property
    def written_tokens(self) -> Floats:
        """Sampled and injected tokens: the x of budget curves."""
        return self.tokens("output_tokens") + self.tokens("injected_tokens")

    def tokens(self, column: str) -> Floats:
        """A token count by problem and pass."""
        return self._table(self.record.columns[column])

    def mean(self, table: Floats, *, by_pass: bool = False) -> Estimate:
        """Mean per attempt; `by_pass` for what was measured pass by pass."""
        return ratio_estimate(
            table, self.attempts, self.resampling, self._passes if by_pass else None
        )

    def accuracy(self) -> Estimate:
        """Correct / (correct + wrong + truncated)."""
        found = ratio_estimate(self.correct, self.graded, self.resampling)
        if found.value is None:
            return Estimate(None, reason="nothing_graded")
        # Resamples of problems that are all alike are all alike, but the next problem may not be.
        unseen = highest_unseen_rate(int((self.graded.sum(axis=1) > 0).sum()))
        if found.value == 0:
            return replace(found, high=unseen)
        return replace(found, low=1 - unseen) if found.value == 1 else found

    def per_correct(self, table: Floats) -> Estimate:
        """Cost of all attempts over the number correct."""
        if self.graded.sum() == 0:
            return Estimate(None, reason="nothing_graded")
        return cost_per_correct(table, self.correct, self.attempts, self.resampling, self._passes)

    def per_output_token(self, table: Floats) -> Estimate:
        """What was measured pass by pass, over the tokens sampled."""
        return ratio_estimate(table, self.tokens("output_tokens"), self.resampling, self._passes)

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
            "joules_per_correct": self.joules,
            "machine_seconds_per_correct": self.machine_seconds,
        }

    def per_attempt(self, metric: FrontierMetric) -> Estimate:
        """A cost per attempt by the name it has on the frontier."""
        table, passes = self._costs[metric]
        return self.mean(table, by_pass=passes is not None)

    def headline(self, metric: str) -> Estimate:
        """A figure that is compared with a baseline's, by its name in the contract."""
        if metric == "output_tokens":
            return self.mean(self.tokens("output_tokens"))
        return self.per_correct(self._spent[metric])

    @cached_property
    def draws(self) -> Draws:
        """Resampled figures; cells of one dataset share their resampled problems."""
        sample = self.resampling
        costs, spent = self._costs.items(), self._spent.items()
        return Draws(
            accuracy=sample.ratio(self.correct, self.graded),
            per_attempt={name: sample.ratio(t, self.attempts, p) for name, (t, p) in costs},
            per_correct={
                **{name: sample.ratio(t, self.correct, self._passes) for name, t in spent},
                "output_tokens": sample.ratio(self.tokens("output_tokens"), self.attempts),
            },
        )

    def _table(self, values: NDArray[np.generic]) -> Floats:
        record = self.record
        return table_of(
            values.astype(np.float64), record.index("problem"), record.index("sample"), self._shape
        )
