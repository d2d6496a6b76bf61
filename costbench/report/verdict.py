"""The report in a few sentences: what is cheaper, by how much, how surely, and what that rests on.

A pure function of the report: the same figures give the same words.
"""

from dataclasses import dataclass
from functools import cached_property

from costbench.printable import clean
from costbench.report.columns import Scales
from costbench.report.contract import CellReport, Choice, Report
from costbench.report.sections import Section, sections
from costbench.report.sentences import times
from costbench.report.verdict_basis import Line, basis_lines
from costbench.report.verdict_choice import Race, Standing, race
from costbench.report.verdict_words import (
    TERMS,
    accuracy_words,
    compared,
    counted,
    equal,
    figures,
    left_open,
    per_correct,
    picked_from,
    unit,
)
from costbench.report.wanted_lines import choice_words, wanted_words
from costbench.report.without_answers import sentences_without_answers, told_without_answers
from costbench.report.wording import part

MOST_PLACES = 8


@dataclass(frozen=True)
class Verdict:
    """Fixed sentences; names in them are clean, escaping is up to who renders them."""

    headline: tuple[Line, ...]
    """A group and dataset, and at most three sentences; beyond the eighth they are counted in a last line."""
    basis: tuple[Line, ...]
    """A term and a sentence: machine, problems, protocol, dates, prices, doubts, what is missing."""


def verdict(report: Report) -> Verdict:
    """By the rule of `verdict_choice`; where the report has a decision, of the cell that was chosen by it."""
    parts = sections(report)
    told = [_Place(report, part) for part in parts[:MOST_PLACES]]
    lines = [(each.section.place, " ".join(f"{said}." for said in each.sentences)) for each in told]
    more = len(parts) - len(told)
    if more:
        lines.append(("", f"And {more} more {'place' if more == 1 else 'places'}, in the tables."))
    if not lines:
        lines.append(("", "Nothing was measured: this report has no cell."))
    return Verdict(
        tuple(lines), basis_lines(report, [cell for each in told for cell in each.cells])
    )


class _Place:
    """What is said of one group and dataset."""

    def __init__(self, report: Report, section: Section) -> None:
        self.section = section
        self._report = report

    @cached_property
    def _race(self) -> Race | None:
        return race(self._report, self.section)

    @cached_property
    def cells(self) -> tuple[CellReport, ...]:
        """Those that sentences are about, and their baselines."""
        if not self.section.gradable:
            return told_without_answers(self.section)
        choice, run = self._choice, self._race
        if len(self.section.cells) == 1:
            return self.section.cells
        ids = {choice.cell} if choice else set()
        if run is not None:
            told = [run.of(each) for each in ids if each] if choice else self._told(run)
            pairs = [each for each in told if each is not None]
            ids |= {cell.cell for each in pairs for cell in (each.candidate, each.baseline)}
        return tuple(cell for cell in self.section.cells if cell.cell in ids)

    @property
    def sentences(self) -> tuple[str, ...]:
        """At most three, without their full stops."""
        if not self.section.gradable:
            return sentences_without_answers(self.section)
        if all(cell.accuracy.value is None for cell in self.section.cells):
            return ("No answer was graded: what a correct one costs is not known",)
        if self._choice is not None:
            return self._decided(self._choice)
        run = self._race
        if run is None or len(self.section.cells) == 1 or not self._any_correct:
            return (self._uncompared,)
        return self._nothing(run) if run.cheapest is None else self._picked(run, run.cheapest)

    @property
    def _any_correct(self) -> bool:
        return any(cell.correct for cell in self.section.cells)

    @property
    def _choice(self) -> Choice | None:
        decision = self._report.decision
        place = self.section.group, self.section.dataset
        found = decision.choices if decision else ()
        return next((each for each in found if (each.group, each.dataset) == place), None)

    @staticmethod
    def _told(run: Race) -> tuple[Standing | None, ...]:
        """The cheapest and the most accurate of those that count, else the most accurate of the cheaper."""
        if run.cheapest is None:
            return (run.most_accurate(run.cheaper),)
        return run.cheapest, run.most_accurate(run.counting)

    def _picked(self, run: Race, cheapest: Standing) -> tuple[str, ...]:
        said = [self._against(cheapest), *picked_from(run)]
        best = run.most_accurate(run.counting)
        if best is not None and best is not cheapest:
            said.append(f"The most accurate of these is {self._beside(best)}")
        return tuple(said)

    def _nothing(self, run: Race) -> tuple[str, ...]:
        """Nothing is shown to be cheaper without a loss."""
        if not any(each.baseline.correct for each in run.compared):
            return self._without_base(run)
        if len(run.standings) == 1:
            return (self._single(run.standings[0]),)
        lost = " without a shown loss of accuracy" if run.cheaper else ""
        text = (
            f"None of {compared(run)} is shown {TERMS[run.cost].less} than {self._base(run)}{lost}"
            f"{unit(run.compared)}: {counted(run.compared)}"
        )
        best = run.most_accurate(run.cheaper)
        if best is None:
            return (text,)
        return text, f"The most accurate of the lower ones is {self._beside(best)}"

    def _without_base(self, run: Race) -> tuple[str, ...]:
        text = (
            f"{self._base(run)} gave no correct answer, so no cost per correct answer can be set "
            "against its own"
        )
        best = run.most_accurate(run.compared)
        if best is None or not best.candidate.correct:
            return (text,)
        alone = f"{self._name(best.candidate)}: {self._alone(best.candidate)}"
        return text, f"The most accurate of {compared(run)} is {alone}"

    @property
    def _uncompared(self) -> str:
        """Why there is nothing to tell."""
        cells, count = self.section.cells, len(self.section.cells)
        if count == 1:
            name = self._name(cells[0])
            return f"{name} alone was measured, compared with nothing: {self._alone(cells[0])}"
        if not self._any_correct:
            return (
                f"None of {count} cells gave a correct answer: "
                "of the cost of one there is at most a lower bound"
            )
        ids = {cell.cell for cell in cells}
        if any(each.candidate in ids for each in self._report.comparisons):
            return f"No cost is known by which these {count} cells can be compared"
        if all((cell.role, cell.policy) == ("baseline", "unconstrained") for cell in cells):
            return f"All {count} cells are baselines, so there is nothing to compare with them"
        return (
            f"None of these {count} cells is a baseline of the others, so nothing is shown to be cheaper "
            "than anything else (--baseline CELL names one)"
        )

    def _single(self, only: Standing) -> str:
        name, base = self._name(only.candidate), self._name(only.baseline)
        if only.cost.ratio.value is None:
            return f"{name} gave no correct answer, so nothing is shown to be cheaper than {base}"
        but = {"higher": ", but the opposite", "equivalent within margin": f", but {equal(only)}"}
        shown = "is" if only.is_cheaper else "is not"
        return (
            f"{name} {shown} shown {TERMS[only.metric].less} than {base}"
            f"{but.get(only.cost.verdict, '')}: {figures(only)}"
        )

    def _decided(self, choice: Choice) -> tuple[str, ...]:
        facts = self._report.decision
        wanted = wanted_words(facts) if facts else ""
        cell = next((each for each in self.section.cells if each.cell == choice.cell), None)
        if facts is None or cell is None:
            return (f"Wanted is {wanted}: {choice_words(self.section, choice)}",)
        ids = {each.cell for each in self.section.cells}
        meeting = sum(1 for each in facts.cells if each.meets and each.cell in ids)
        which = f"the cheapest of {meeting}, out of {len(ids)} cells, that surely meet"
        if meeting == 1:
            which = f"the only one of {len(ids)} cells that surely meets"
        paid = ", wrong answers paid for" if choice.by == "usd_per_correct_with_wrong" else ""
        cost = per_correct(choice.cost, Scales.of(self._report).usd) + paid
        standing = self._race.of(cell.cell) if self._race else None
        is_base = any(each.baseline == cell.cell for each in self._report.comparisons)
        name = self._name(cell) + (", the baseline," if is_base else "")
        said = [f"{name} is {which} what is wanted ({wanted}), at {cost}"]
        if standing is not None and standing.cost.ratio.value is not None:
            said.append(self._against(standing))
        return (*said, *left_open(choice, meeting))

    def _against(self, each: Standing) -> str:
        """A candidate against its baseline, in full."""
        terms, name = TERMS[each.metric], self._name(each.candidate)
        of = f"of the {terms.noun} of {self._name(each.baseline)}{unit([each])}"
        return f"{name} {terms.gives} {times(each.cost.ratio)} {of}; {accuracy_words(each)}"

    def _beside(self, each: Standing) -> str:
        return f"{self._name(each.candidate)}: {figures(each)}"

    def _base(self, run: Race) -> str:
        found = {each.baseline.cell: each.baseline for each in run.compared}
        if len(found) > 1:
            return "the baseline at the same load"
        return self._name(next(iter(found.values())))

    def _alone(self, cell: CellReport) -> str:
        """Accuracy, and what a correct answer costs, by the first cost that is known."""
        scales = Scales.of(self._report)
        costs = (
            (cell.usd_per_correct, scales.usd),
            (cell.joules_per_correct, scales.joules),
            (cell.machine_seconds_per_correct, scales.machine_time),
        )
        told = (per_correct(*f) for f in costs if (f[0].value, f[0].low) != (None, None))
        cost = next(told, "what a correct answer costs is not known")
        return f"accuracy {part(cell.accuracy)}; {cost}"

    def _name(self, cell: CellReport) -> str:
        """The model, with its policy unless it has only the one cell, without a budget."""
        mine = [each for each in self.section.cells if each.model == cell.model]
        if len(mine) == 1 and cell.policy == "unconstrained":
            return clean(cell.model)
        return f"{clean(cell.model)} {self.section.policy(cell)}"
