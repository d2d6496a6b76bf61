"""What all attempts of a cell have used, as the sums and small matrices that re-pricing needs.

The matrices are those of `analysis.ratio`, its degrees of freedom and quantiles multiplied in.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.ratio import Instrument, Ratio
from costbench.analysis.repricing import Matrix, Per, Squares, Usage
from costbench.analysis.stats import CONFIDENCE, highest_unseen_rate

Floats = NDArray[np.float64]

_FINEST = 1e-13
"""Where figures cancel, what is smaller than this share of them is rounding, other on every processor."""
_FEWEST = 2
"""Problems, and passes, from which something can be said of the next."""


@dataclass(frozen=True)
class Counts:
    """(problems, passes) tables, 1 for each attempt that is it."""

    attempts: Floats
    graded: Floats
    correct: Floats
    wrong: Floats


def usage_of(used: Mapping[str, Floats], counts: Counts, instrument: Instrument | None) -> Usage:
    """From (problems, passes) tables of components, NaN where not known; `kwh` is what a meter said."""
    judged = int((counts.graded.sum(axis=1) > 0).sum())
    tried = int((counts.attempts.sum(axis=1) > 0).sum())
    tables = {**used, "wrong": counts.wrong if judged else counts.wrong * np.nan}
    totals = {name: _sum(table) for name, table in tables.items()}
    known = {name: table for name, table in tables.items() if totals[name] and _known(table)}
    noise = math.hypot(instrument.common, instrument.own) if instrument else 0.0
    rate = highest_unseen_rate(judged) if judged and not counts.wrong.any() else 0.0
    per_correct, correct_at_most = None, None
    if counts.correct.any():
        unseen = rate / (1 - rate)
        per_correct = _per(known, counts.correct, successes=True, unseen_wrong=unseen)
    elif judged:
        correct_at_most = _sum(counts.attempts) * highest_unseen_rate(tried)
    return Usage(
        totals={name: None if math.isnan(total) else total for name, total in totals.items()},
        meter=noise * _quantile(math.inf),
        per_attempt=_per(known, counts.attempts, unseen_wrong=rate),
        per_correct=per_correct,
        correct_at_most=correct_at_most,
    )


def _per(
    known: Mapping[str, Floats], under: Floats, *, unseen_wrong: float, successes: bool = False
) -> Per | None:
    bottom = _sum(under)
    if bottom <= 0:
        return None
    spread = _Spread.of(list(known.values()), under)
    found: dict[str, Squares] = {}
    for names in _subsets(tuple(known)):
        over = np.asarray(sum((known[name] for name in names), start=np.zeros_like(under)))
        mix = Ratio.of(over, under, successes=successes)
        found["+".join(names)] = spread.squares(int(mix.tried.sum()), mix.unseen)
    usual = found["+".join(known)]
    return Per(
        under=bottom,
        components=tuple(known),
        usual=usual,
        unless={names: each for names, each in found.items() if each != usual},
        unseen_wrong=unseen_wrong,
    )


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for count in range(len(names) + 1):
        yield from combinations(names, count)


@dataclass(frozen=True)
class _Spread:
    """Products of the pulls of every two components: of attempts, of sums by problem, and by pass."""

    attempts: Floats
    problems: Floats
    passes: Floats
    number_of_passes: int

    @classmethod
    def of(cls, tables: list[Floats], under: Floats) -> "_Spread":
        pulls = np.reshape([_pulls(table, under) for table in tables], (len(tables), *under.shape))
        by_attempt = pulls.reshape(len(tables), under.size)
        by_problem, by_pass = pulls.sum(axis=2), pulls.sum(axis=1)
        return cls(
            attempts=_products(by_attempt),
            problems=_products(by_problem),
            passes=_products(by_pass),
            number_of_passes=under.shape[1],
        )

    def squares(self, tried: int, unseen: float) -> Squares:
        """Where this many problems count; the others' pulls are 0."""
        n, p = tried, self.number_of_passes
        t = _quantile(n - 1) if n >= _FEWEST else 0.0
        problems = self.problems * n / max(1, n - 1)
        passes, t_passes = np.zeros_like(problems), 0.0
        if n >= _FEWEST and p >= _FEWEST:
            # What attempts differ by beyond their problem and their pass; all pulls sum to 0.
            own = self.attempts - self.problems / p - self.passes / n
            own = own * n * p / ((n - 1) * (p - 1))
            passes, t_passes = self.passes * p / (p - 1) - own, _quantile(p - 1)
        return Squares(n, unseen * t**2, self._tidy(problems, t), self._tidy(passes, t_passes))

    def _tidy(self, matrix: Floats, t: float) -> Matrix:
        size = np.sqrt(np.diag(self.attempts))
        size[size == 0] = 1.0
        quantum = _FINEST * np.outer(size, size)
        rounded = np.rint(matrix / quantum) * quantum * t**2 + 0.0  # no minus before a zero
        return tuple(tuple(map(float, row)) for row in rounded)


def _products(rows: Floats) -> Floats:
    """Of every two rows; exact sums, so that they are alike in whatever order a processor adds up."""
    found = [[math.fsum(one * other) for other in rows] for one in rows]
    return np.reshape(np.array(found, dtype=np.float64), (len(rows), len(rows)))


def _pulls(table: Floats, under: Floats) -> Floats:
    over, below = table / _sum(table), under / _sum(under)
    pulls = over - below
    return np.where(np.abs(pulls) > _FINEST * (np.abs(over) + below), pulls, 0.0)


def _quantile(df: float) -> float:
    from scipy.special import ndtri, stdtrit

    p = 1 - (1 - CONFIDENCE) / 2
    return float(ndtri(p) if math.isinf(df) else stdtrit(df, p))


def _sum(table: Floats) -> float:
    return math.fsum(table.ravel())


def _known(table: Floats) -> bool:
    return not np.isnan(table).any()
