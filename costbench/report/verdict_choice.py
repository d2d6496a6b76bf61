"""Which candidate a verdict tells, by a fixed rule.

Candidates are all cells of a group and dataset that are compared with a baseline there, by the first cost
that is known: USD, joules, machine-seconds, output tokens. Of them those count that are shown to cost
less (`lower`: for all candidates at once, by Holm's method) and lose no accuracy: the interval of the
difference does not lie below 0 as a whole, or at least 1 / (1 + margin) of the baseline's accuracy is
kept with the whole interval. A loss is judged by its own interval, since a correction for many would hide
losses. The cheapest of these is told, and beside it the most accurate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from costbench.report.contract import CellReport, Comparison, Report
from costbench.report.sections import Section

Cost = Literal[
    "usd_per_correct", "joules_per_correct", "machine_seconds_per_correct", "output_tokens"
]
COSTS: tuple[Cost, ...] = (
    "usd_per_correct",
    "joules_per_correct",
    "machine_seconds_per_correct",
    "output_tokens",
)
"""The first one that is known is what a verdict is about."""

Accuracy = Literal["kept", "within margin", "lost", "unknown"]


@dataclass(frozen=True)
class Standing:
    """A candidate beside its baseline."""

    candidate: CellReport
    baseline: CellReport
    metric: Cost
    cost: Comparison
    accuracy: Comparison | None

    @property
    def is_compared(self) -> bool:
        """Whether its cost is known; of no correct answer it is known to be high."""
        return self.cost.ratio.value is not None or self.cost.ratio.reason == "none_correct"

    @property
    def keeps(self) -> Accuracy:
        """What its interval says of the baseline's accuracy."""
        found = self.accuracy
        if found is None or found.difference.low is None or found.difference.high is None:
            return "unknown"
        if found.difference.high >= 0:
            return "kept"
        margin, kept = self.cost.margin, found.ratio.low
        within = margin is not None and kept is not None and kept > 1 / (1 + margin)
        return "within margin" if within else "lost"

    @property
    def is_cheaper(self) -> bool:
        """Surely, for all candidates at once."""
        return self.cost.verdict == "lower"

    @property
    def counts(self) -> bool:
        """Cheaper, and no accuracy lost."""
        return self.is_cheaper and self.keeps in {"kept", "within margin"}


@dataclass(frozen=True)
class Race:
    """All candidates of a section, by one cost."""

    cost: Cost
    standings: tuple[Standing, ...]

    @property
    def compared(self) -> tuple[Standing, ...]:
        """Those of known cost."""
        return tuple(each for each in self.standings if each.is_compared)

    @property
    def cheaper(self) -> tuple[Standing, ...]:
        """Those that are shown to be, whatever their accuracy."""
        return tuple(each for each in self.standings if each.is_cheaper)

    @property
    def counting(self) -> tuple[Standing, ...]:
        """Those that a verdict may tell."""
        return tuple(each for each in self.standings if each.counts)

    @property
    def cheapest(self) -> Standing | None:
        """Of those that count, by its own cost, since loads may have baselines of their own."""
        return min(self.counting, key=self._cost, default=None)

    def of(self, cell: str) -> Standing | None:
        """The candidate of that id."""
        return next((each for each in self.standings if each.candidate.cell == cell), None)

    def most_accurate(self, among: Sequence[Standing]) -> Standing | None:
        """Of two that are alike the cheaper one."""
        return max(among, key=lambda each: (_accuracy(each), -self._cost(each)), default=None)

    def _cost(self, each: Standing) -> float:
        value = getattr(each.candidate, self.cost).value
        return float("inf") if value is None else float(value)


def race(report: Report, section: Section) -> Race | None:
    """The candidates of a section by the first cost that is known; None without a cost or a baseline."""
    cells = {cell.cell: cell for cell in section.cells}
    mine = [c for c in report.comparisons if c.candidate in cells and c.baseline in cells]
    accuracy = {(c.baseline, c.candidate): c for c in mine if c.metric == "accuracy"}
    for cost in COSTS:
        standings = tuple(
            Standing(
                cells[c.candidate],
                cells[c.baseline],
                cost,
                c,
                accuracy.get((c.baseline, c.candidate)),
            )
            for c in mine
            if c.metric == cost
        )
        if any(each.is_compared for each in standings) and not _says_nothing(cost, section):
            return Race(cost, standings)
    return None


def _says_nothing(cost: Cost, section: Section) -> bool:
    """The time that a server on another machine takes is nobody's cost here."""
    return cost == "machine_seconds_per_correct" and any(map(is_remote, section.cells))


def is_remote(cell: CellReport) -> bool:
    """Whether a server on another machine did the work."""
    return "remote_server" in (*cell.energy.reasons, *cell.caveats)


def _accuracy(each: Standing) -> float:
    value = each.candidate.accuracy.value
    return -1.0 if value is None else value
