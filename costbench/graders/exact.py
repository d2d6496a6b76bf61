"""The grader for answers that are one word or one number: equal as text, or wrong."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from costbench.graders.extraction import Place, final_answer
from costbench.types import Answered, Component, Grade

_ORDER: tuple[Place, ...] = ("boxed", "phrase", "line")


class ExactGrader(Component):
    """The final answer equals the reference but for case, spaces and a full stop at the end."""

    kind: Literal["exact"] = "exact"

    @property
    def version(self) -> str:
        """Changes with the rules of extraction and comparison."""
        return "exact-3"

    def normalized(self, answer: str) -> str:
        """As it is compared."""
        return _normalized(answer)

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Answered]], list[Grade]]]:
        """Nothing to start: the function compares in this process."""
        yield lambda answered: [_grade(one) for one in answered]


def _grade(answered: Answered) -> Grade:
    found = final_answer(answered.answer, _ORDER)
    if found is None:
        return Grade(correct=False, reason="no_answer")
    correct = _normalized(found.text) == _normalized(answered.reference)
    return Grade(correct=correct, extracted=found.text, reason=found.how)


def _normalized(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".").rstrip()
