"""Which answer of an attempt counts, where it consists of several responses: the one that most of them give.

Answers that the grader holds equal are one class, and the largest class wins; of several as large the one
whose first vote came first. A response without an answer has no vote. The reference has no part in the
choice, as in use, where nobody has one: it only tells whether the winner is right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from costbench.interfaces import Grader, Normalizing
from costbench.types import Answered, Grade

GradeAll = Callable[[Sequence[Answered]], list[Grade]]


@dataclass
class _Class:
    """Equal answers; `first` is the number of its first vote, whose answer stands for all."""

    first: int
    votes: int


@dataclass
class _Ballot:
    """The votes of one attempt on their way into classes."""

    responses: Sequence[Answered]
    grades: Sequence[Grade]
    settled: list[_Class] = field(default_factory=list)
    open: list[_Class] = field(default_factory=list)
    """By text so far; some of them may be equal in value."""

    def next_questions(self) -> list[Answered]:
        """Settle the first open class, and ask which of the others are equal to it."""
        head, *self.open = self.open
        self.settled.append(head)
        reference = self.grades[head.first].extracted or ""
        return [
            self.responses[one.first].model_copy(update={"reference": reference})
            for one in self.open
        ]

    def join(self, verdicts: Sequence[Grade]) -> None:
        """Take those that are equal into the class that was settled last."""
        pairs = list(zip(self.open, verdicts, strict=True))
        self.settled[-1].votes += sum(one.votes for one, verdict in pairs if verdict.correct)
        self.open = [one for one, verdict in pairs if not verdict.correct]

    @property
    def winner(self) -> Grade:
        """Of the largest class, of the earliest where several are as large; without one "no answer"."""
        ranked = sorted(self.settled, key=lambda one: (-one.votes, one.first))
        return self.grades[ranked[0].first if ranked else 0]


def elect(grader: Grader, grade: GradeAll, attempts: Sequence[Sequence[Answered]]) -> list[Grade]:
    """The grade of each attempt's winning answer; an attempt has at least one response.

    `grade` is what the grader opened. Texts that it spells alike are one class without asking. Then it is
    asked, with the first answer of one class as the reference, which of those left are equal to it, and so
    on: one round for all attempts together. What it could not decide on (a formula that never ends) is equal
    to its own text only.
    """
    grades = iter(grade([one for responses in attempts for one in responses]))
    ballots = [
        _by_text(grader, responses, [next(grades) for _ in responses]) for responses in attempts
    ]
    while pending := [ballot for ballot in ballots if ballot.open]:
        asked = [ballot.next_questions() for ballot in pending]
        questions = [one for found in asked for one in found]
        verdicts = iter(grade(questions) if questions else ())
        for ballot, found in zip(pending, asked, strict=True):
            ballot.join([next(verdicts) for _ in found])
    return [ballot.winner for ballot in ballots]


def normalized(grader: Grader, answer: str) -> str:
    """An extracted answer as the grader spells it; blanks aside where it has no rule of its own."""
    return speller(grader)(answer)


def speller(grader: Grader) -> Callable[[str], str]:
    """The same for many answers."""
    return grader.normalized if isinstance(grader, Normalizing) else _by_words


def _by_words(answer: str) -> str:
    return " ".join(answer.split())


def _by_text(grader: Grader, responses: Sequence[Answered], grades: Sequence[Grade]) -> _Ballot:
    classes: dict[str, _Class] = {}
    for number, found in enumerate(grades):
        if found.extracted is not None:
            text = normalized(grader, found.extracted)
            classes.setdefault(text, _Class(number, 0)).votes += 1
    ballot = _Ballot(responses, grades)
    for one in classes.values():
        undecided = grades[one.first].correct is None
        (ballot.settled if undecided else ballot.open).append(one)
    return ballot
