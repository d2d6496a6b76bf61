"""Cost-of-Pass of a group and dataset: sets of cells, what variants add, which models nothing replaces."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.cost_of_pass import (
    cost_of_pass,
    cost_of_set,
    essentialness,
    frontier,
    gain,
)
from costbench.analysis.stats import Estimate, Resampling
from costbench.prices import human_usd
from costbench.records import UNGRADED, CellRecord
from costbench.report.cells import money_reason
from costbench.report.contract import CostOfPass, E, Essentialness, SetCostOfPass
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures

Floats = NDArray[np.float64]
_Kind = Literal["model", "baselines", "all"]
_By = Literal["model", "tier"]
_Belongs = Callable[[CellRecord], bool]

_UNKNOWN = "not_known_for_every_problem"
_NO_HUMAN = E(value=None, reason="no_human_price")


@dataclass(frozen=True)
class _Sets:
    """All cells by problem: (cells, problems)."""

    records: tuple[CellRecord, ...]
    costs: Floats
    rates: Floats
    resampling: Resampling
    human: float | None

    def part(self, belongs: _Belongs) -> "_Sets":
        """The cells of some models."""
        mine = [at for at, record in enumerate(self.records) if belongs(record)]
        records = tuple(self.records[at] for at in mine)
        return _Sets(records, self.costs[mine], self.rates[mine], self.resampling, self.human)

    @property
    def frontier(self) -> Floats:
        """By problem, a person among those who are asked where one has a price."""
        return frontier(cost_of_pass(self.costs, self.rates), self.human)


def costs_of_pass(figures: Sequence[CellFigures]) -> Iterator[CostOfPass]:
    """Of one group and dataset that can be graded, where every cell has a price; cells of all loads count."""
    gradable = any(cell.record.gradable for cell in figures)
    if not gradable or any(money_reason(cell.priced) for cell in figures):
        return
    spec, book = figures[0].record.spec, figures[0].priced.book
    human = human_usd(book, spec["dataset"])
    every = _Sets(
        tuple(cell.record for cell in figures),
        np.array([_share(cell.usd, cell.attempts) for cell in figures]),
        np.array([_share(cell.correct, _judged(cell)) for cell in figures]),
        figures[0].resampling,
        human,
    )
    baselines = every.part(_is_baseline)
    models = dict.fromkeys(_model(record) for record in every.records)
    _prepare(every)
    sets = [_set(every.part(_of(_model, name)), "model", name) for name in models]
    sets += [_set(baselines, "baselines")] if baselines.records else []
    whole = _set(every, "all")
    yield CostOfPass(
        group=spec["group"],
        dataset=spec["dataset"],
        problems=figures[0].record.problems,
        human_usd_per_problem=human,
        human_source=book.human.source if book and book.human and human is not None else None,
        sets=(*sets, whole),
        gain_of_variants=to_e(_gain(baselines, every), _UNKNOWN),
        essentialness=tuple(_essential(every)),
        unsolved=whole.unsolved,
    )


def _prepare(every: _Sets) -> None:
    """All that is resampled, at once: reading the counts of problems is what takes the time."""
    names = [(of, name) for of in (_model, _tier) for name in {of(each) for each in every.records}]
    sets = [every, every.part(_is_baseline), *(every.part(_of(*name)) for name in names)]
    alone = [frontier(cost_of_pass(each.costs, each.rates)) for each in sets]
    without = [every.part(_but(*name)).frontier for name in names]
    with np.errstate(invalid="ignore"):
        saved = [values - every.frontier for values in (sets[1].frontier, *without)]
    wanted = (*alone, *(each.frontier for each in sets), *without, *saved)
    tables = [values[:, None] for values in wanted if np.isfinite(values).all()]
    every.resampling.prepare([*tables, np.ones((every.costs.shape[1], 1))])


def _judged(cell: CellFigures) -> Floats:
    """What the engine refused costs something and is no correct answer."""
    return cell.counted(cell.outcomes != UNGRADED)


def _share(over: Floats, under: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(over.sum(axis=1) / under.sum(axis=1))


def _model(record: CellRecord) -> str:
    return str(record.spec["model"]["name"])


def _tier(record: CellRecord) -> str:
    return str(record.spec["model"]["tier"] or "")


def _is_baseline(record: CellRecord) -> bool:
    return bool(record.spec["model"]["role"] == "baseline")


def _of(family: Callable[[CellRecord], str], name: str) -> _Belongs:
    return lambda record: family(record) == name


def _but(family: Callable[[CellRecord], str], name: str) -> _Belongs:
    return lambda record: family(record) != name


def _set(cells: _Sets, kind: _Kind, model: str | None = None) -> SetCostOfPass:
    alone = cost_of_set(cells.costs, cells.rates, cells.resampling)
    human = _NO_HUMAN
    if cells.human is not None:
        asked = cost_of_set(cells.costs, cells.rates, cells.resampling, cells.human)
        human = to_e(asked.mean, _UNKNOWN)
    known = not np.isnan(alone.by_problem).any()
    return SetCostOfPass(
        kind=kind,
        model=model,
        cells=tuple(record.id for record in cells.records),
        usd=to_e(alone.mean, _UNKNOWN),
        usd_with_human=human,
        ratio_of_means=to_e(alone.ratio_of_means, _UNKNOWN),
        unsolved=alone.unsolved if known else None,
    )


def _gain(baselines: _Sets, every: _Sets) -> Estimate:
    if not baselines.records:
        return Estimate(None, reason="no_baseline")
    if len(baselines.records) == len(every.records):
        return Estimate(None, reason="no_variant")
    return gain(baselines.frontier, every.frontier, every.resampling)


def _essential(every: _Sets) -> Iterator[Essentialness]:
    yield from _by(every, "model", _model)
    if len({_tier(record) for record in every.records}) > 1:
        yield from _by(every, "tier", _tier)


def _by(every: _Sets, by: _By, of: Callable[[CellRecord], str]) -> Iterator[Essentialness]:
    for family in dict.fromkeys(filter(None, map(of, every.records))):
        without = every.part(_but(of, family)).frontier
        share = essentialness(without, every.frontier, every.resampling)
        yield Essentialness(by=by, family=family, share=to_e(share, _UNKNOWN))
