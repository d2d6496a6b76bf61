"""What a report says of trainings in words: what each took, and when it has paid back."""

from costbench.printable import clean
from costbench.report.caveats import explain
from costbench.report.contract import CellReport, E, Payback, Report, TrainingCost
from costbench.report.sections import Section, sections
from costbench.report.wording import estimate, number
from costbench.units import kwh_from_joules

Line = tuple[str, str]

ABOUT_PAYBACK = (
    "What a training took is as its card says and counts as exact; what answers cost is this run's, and the "
    "intervals are those of what is saved per correct answer."
)
_REASONS = {
    "no_saving_shown": "no saving shown",
    "training_not_metered": "its training was not metered",
    "training_on_unlike_meters": "unlike meters have counted parts of its training, which do not add up",
    "no_training_price": "no price for the machine it was trained on",
    "training_on_other_machines": "parts of its training ran on other machines, at other prices",
    "different_scope": "the meters of training and answers cover different parts of a machine",
    "different_provenance": "joules of training and answers are not known in the same way",
    "unreliable_energy": "the joules of answers are unreliable",
    "none_correct": "no answer was correct",
}


def payback_lines(report: Report) -> tuple[Line, ...]:
    """A model and a sentence each, for its freest cell; in several sections its place, too."""
    parts = sections(report)
    by_candidate = {each.candidate: each for each in report.payback}
    found = []
    for part in parts:
        told: set[str] = set()
        for cell in part.freest:
            each = by_candidate.get(cell.cell)
            if each is not None and cell.model not in told:
                told.add(cell.model)
                place = f" in {part.place}" if len(parts) > 1 else ""
                named = _named(part, cell) + place
                found.append((named, _sentence(each, _against(part, each.baseline))))
    return tuple(found)


def _named(part: Section, cell: CellReport) -> str:
    """The model alone where it runs without a budget."""
    model = clean(cell.model)
    return model if cell.budget is None else f"{model} {part.policy(cell)}"


def _against(part: Section, baseline: str) -> str:
    return next((part.name(cell) for cell in part.cells if cell.cell == baseline), clean(baseline))


def _sentence(found: Payback, baseline: str) -> str:
    figures = {"energy": found.correct_answers["joules"], "money": found.correct_answers["usd"]}
    known = {name: estimate(each) for name, each in figures.items() if each.value is not None}
    unknown = [f"{name}: {_reason(each)}" for name, each in figures.items() if name not in known]
    training = f"its training ({_took(found.training)})"
    if not known:
        return f"{training} against {baseline}: {'; '.join(unknown)}"
    first, *more = known.items()
    answers = [f"{first[1]} correct answers ({first[0]})"]
    answers += [f"{figure} ({name})" for name, figure in more]
    text = f"{training} has paid back against {baseline} after {', '.join(answers)}"
    return "; ".join([text, *unknown])


def _took(training: TrainingCost) -> str:
    parts = [f"{number(training.duration_s)} s"]
    if training.joules is not None:
        kwh = number(kwh_from_joules(training.joules))
        parts.append(f"{kwh} kWh {training.provenance}")
    if training.usd is not None:
        parts.append(f"{number(training.usd)} USD {training.usd_provenance}")
    return ", ".join(parts)


def _reason(figure: E) -> str:
    code = figure.reason or "not known"
    return clean(_REASONS.get(code) or explain(code))
