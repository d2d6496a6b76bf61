"""What each attempt of a cell was and used, as tables by problem and pass."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import Resampling, table_of
from costbench.hardware import Machine
from costbench.prices import PriceBook, Tariff
from costbench.records import CORRECT, TRUNCATED, WRONG, CellRecord, Ints, RunRecord
from costbench.report.energy import CellEnergy
from costbench.report.shares import Attribution, attributed
from costbench.report.token_costs import TokenCost, token_cost
from costbench.types import Quality
from costbench.units import kwh_from_joules

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PricedCell:
    """A cell's record and what its machine and grid cost; None where nobody said."""

    record: CellRecord
    tariff: Tariff | None
    book: PriceBook | None
    gpus: int
    machine: Machine | None = None
    """None: another did the work."""
    tokens: TokenCost | None = None
    """What its tokens cost, where a server of somebody else did the work."""

    @property
    def gco2e_per_joule(self) -> float | None:
        """From the price book's grid."""
        grid = self.book.grid if self.book else None
        return kwh_from_joules(grid.gco2e_per_kwh) if grid else None


def remote_cell(record: CellRecord, book: PriceBook | None) -> PricedCell:
    """A cell that a server of somebody else worked on: no machine to pay for, but maybe tokens."""
    tokens = token_cost(record.columns, book, record.spec["model"]["name"])
    return PricedCell(record, None, book, 0, tokens=tokens)


@dataclass(frozen=True)
class MeasuredCell:
    """A cell's windows and how they are divided among its attempts."""

    energy: CellEnergy
    by: Attribution
    quality: Quality
    reasons: tuple[str, ...]
    attribution_range: tuple[float, float] | None = None

    @property
    def rankable(self) -> bool:
        """Whether its joules may be compared with others'."""
        return self.quality in {"ok", "degraded"}


class CellTables:
    """The tables of one cell; 0 where there is no attempt, so that sums are over what there is."""

    def __init__(
        self,
        run: RunRecord,
        priced: PricedCell,
        measured: MeasuredCell,
        resampling: Resampling,
        among: Ints | None = None,
    ) -> None:
        """`among` are the problems that count, by place in the dataset; those that are resampled.

        Windows are divided among all attempts all the same: each has used what it has used.
        """
        self._run = run
        self._among = among
        self.priced = priced
        self.measured = measured
        self.energy = measured.energy
        self.record = record = priced.record
        self.basis = run.meta.get(f"engine:{record.id}", {}).get("latency_basis", "client")
        self.resampling = resampling
        self._shape = (record.problems, record.passes)
        self._passes = resampling.passes(record.passes)

    @cached_property
    def outcomes(self) -> Floats:
        """Outcome codes of all attempts."""
        return self.record.columns["outcome"]

    @cached_property
    def attempts(self) -> Floats:
        """1 where there is an attempt."""
        return self.table(np.ones(self.record.attempts))

    @cached_property
    def graded(self) -> Floats:
        """1 where an attempt counts for accuracy: correct, wrong or truncated."""
        return self.table(np.isin(self.outcomes, (CORRECT, WRONG, TRUNCATED)))

    @cached_property
    def correct(self) -> Floats:
        """1 where an attempt is correct."""
        return self.table(self.outcomes == CORRECT)

    def counted(self, these: NDArray[np.bool_]) -> Floats:
        """1 where an attempt is one of these."""
        return self.table(these)

    @cached_property
    def wrong(self) -> Floats:
        """1 where an attempt ended by itself and is not correct."""
        return self.table(self.outcomes == WRONG)

    @cached_property
    def joules(self) -> Floats:
        """Attributed joules."""
        return self.table(self._divided(self.energy.window_joules))

    @cached_property
    def machine_seconds(self) -> Floats:
        """Attributed seconds of the machine."""
        return self.table(self._divided(self.energy.window_seconds))

    @property
    def usd(self) -> Floats:
        """By a file, else by the tokens of a remote server, else by machine time; NaN without a price."""
        imported = self.record.columns.get("usd")
        if imported is not None:
            return self.table(imported)
        if self.priced.tokens is not None:
            return self.table(self.priced.tokens.usd)
        tariff = self.priced.tariff
        return self.machine_seconds * (tariff.usd_per_s if tariff else np.nan)

    @property
    def gco2e(self) -> Floats:
        """Attributed emissions; NaN without a grid or energy."""
        per_joule = self.priced.gco2e_per_joule
        return self.joules * (np.nan if per_joule is None else per_joule)

    @property
    def written_tokens(self) -> Floats:
        """Sampled and injected tokens: the x of budget curves."""
        return self.tokens("output_tokens") + self.tokens("injected_tokens")

    def _divided(self, totals: Floats) -> Floats:
        return attributed(self.record, totals, self.measured.by)

    def tokens(self, column: str) -> Floats:
        """A token count by problem and pass."""
        return self.table(self.record.columns[column])

    def table(self, values: NDArray[np.generic]) -> Floats:
        """A figure of each attempt by problem and pass."""
        record = self.record
        table = table_of(
            values.astype(np.float64), record.index("problem"), record.index("sample"), self._shape
        )
        return table if self._among is None else np.asarray(table[self._among])
