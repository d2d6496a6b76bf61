"""After how many correct answers the training of a variant has paid back, against its baseline."""

from collections.abc import Sequence

from costbench.analysis.payback import answers_to_pay_back
from costbench.hardware import Machine
from costbench.prices import SET_BY_USER, PriceBook, Tariff, headline
from costbench.report.cells import money_reason
from costbench.report.comparisons import incomparable, paired
from costbench.report.contract import E, Payback, TrainingCost
from costbench.report.estimates import to_e
from costbench.report.figures import CellFigures
from costbench.training import TrainingFacts

_JOULES, _USD = "joules_per_correct", "usd_per_correct"


def pay_back(
    figures: Sequence[CellFigures], baseline: str | None, costs: tuple[Machine, PriceBook | None]
) -> list[Payback]:
    """Every cell of a model that was trained, against the baseline of its load.

    A training that the baseline has had, too, is no difference between them, and left out.
    """
    found = []
    for candidate, base in paired(figures, baseline):
        facts = _training(candidate)
        if facts is None or facts == _training(base):
            continue
        tariff = _tariff(facts, *costs)
        spent = facts.duration_s * tariff.usd_per_s if tariff else None
        found.append(
            Payback(
                baseline=base.record.id,
                candidate=candidate.record.id,
                training=TrainingCost(
                    recipe=facts.recipe,
                    method=facts.method,
                    duration_s=facts.duration_s,
                    joules=facts.energy.joules,
                    provenance=facts.energy.provenance,
                    scope=facts.energy.scope,
                    usd=spent,
                    usd_provenance=tariff.provenance if tariff else "unavailable",
                ),
                correct_answers={
                    "joules": _joules(candidate, base, facts),
                    "usd": _usd(candidate, base, facts, spent),
                },
            )
        )
    return found


def _training(cell: CellFigures) -> TrainingFacts | None:
    """As stored with the cell; runs of older versions have no such key."""
    stored = cell.record.spec.get("training")
    return None if stored is None else TrainingFacts.model_validate(stored)


def _tariff(facts: TrainingFacts, machine: Machine, book: PriceBook | None) -> Tariff | None:
    """What the training's own machine costs, if it was one; a price set by hand is that of the run's."""
    if facts.other_machines:
        return None
    tariff = headline(book, facts.machine, facts.gpus)
    if tariff and tariff.provider == SET_BY_USER and not _same(facts.machine, machine):
        return None
    return tariff


def _same(one: Machine, other: Machine) -> bool:
    return (one.cpu, one.cores, one.gpus) == (other.cpu, other.cores, other.gpus)


def _joules(candidate: CellFigures, base: CellFigures, facts: TrainingFacts) -> E:
    """Only where joules of training and answers are known in the same way, of the same parts."""
    total = facts.energy.joules
    if not total:
        return E(value=None, reason=facts.energy.reason or "training_not_metered")
    reason = incomparable(candidate, base, _JOULES) or _unlike(candidate, base, facts)
    if reason == "not_measured":
        reason = candidate.unknown_energy_reason or base.unknown_energy_reason or reason
    return E(value=None, reason=reason) if reason else _answers(candidate, base, _JOULES, total)


def _unlike(candidate: CellFigures, base: CellFigures, facts: TrainingFacts) -> str | None:
    answers = candidate.energy, base.energy
    if any(energy.scope != facts.energy.scope for energy in answers):
        return "different_scope"
    if any(energy.provenance != facts.energy.provenance for energy in answers):
        return "different_provenance"
    return None


def _usd(candidate: CellFigures, base: CellFigures, facts: TrainingFacts, total: float | None) -> E:
    reason = money_reason(candidate.priced) or money_reason(base.priced)
    if not total or reason:
        moved = "training_on_other_machines" if facts.other_machines else None
        return E(value=None, reason=reason or moved or "no_training_price")
    return _answers(candidate, base, _USD, total)


def _answers(candidate: CellFigures, base: CellFigures, metric: str, total: float) -> E:
    saved = base.drawn(metric) - candidate.drawn(metric)
    return to_e(
        answers_to_pay_back(total, candidate.headline(metric), base.headline(metric), saved)
    )
