"""The grader for multiple choice: the letter that a response settles on, whatever it is wrapped in.

boxed, phrase, line, marked   where the letter stood, of which the first that has one decides
boxed_of_several              in the last of boxes with different letters
several_letters               two letters in the place that decides: wrong
option_text                   the final answer is no letter but the text of one option, word for word
no_answer                     no letter can be told: wrong
unparsed_reference            the reference is no letter of the options: not decided
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from costbench.graders.extraction import final_answer, statements
from costbench.graders.letters import Choice, chosen, letter_of
from costbench.graders.texts import unwrapped
from costbench.types import Answered, Component, Grade

_ASSUMED = 5
_MOST = 26
_LONGEST_TEXT = 2_000
_LIKE_A_LETTER = re.compile(r"\(?[a-z]\)?")


class ChoiceGrader(Component):
    """The letter of the right option, or its text, word for word."""

    kind: Literal["choice"] = "choice"
    options: Annotated[int, Field(ge=2, le=_MOST)] | None = None
    """How many there are where the dataset does not say; else A to E, or up to a later reference."""

    @property
    def version(self) -> str:
        """Changes with the rules by which a letter is found."""
        return "choice-2" + (f"+{self.options}" if self.options else "")

    def normalized(self, answer: str) -> str:
        """As it is compared: answers are letters."""
        return answer.strip().upper()

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Answered]], list[Grade]]]:
        """Nothing to start: the function reads in this process."""
        grade = partial(_grade, self.options)
        yield lambda answered: [grade(one) for one in answered]


def _grade(assumed: int | None, answered: Answered) -> Grade:
    reference = letter_of(answered.reference)
    count = answered.options or assumed
    at = ord(reference) - ord("A") + 1 if reference else 0
    found = _by_its_text(answered)
    found = found or chosen(answered.answer, min(count or max(_ASSUMED, at), _MOST))
    extracted = ", ".join(found.letters) if found else None
    if not reference or (count is not None and at > count):
        return Grade(correct=None, extracted=extracted, reason="unparsed_reference")
    if found is None:
        return Grade(correct=False, reason="no_answer")
    if len(found.letters) > 1:
        return Grade(correct=False, extracted=extracted, reason="several_letters")
    return Grade(correct=found.letters == (reference,), extracted=extracted, reason=found.how)


def _by_its_text(answered: Answered) -> Choice | None:
    """The letter of the only option whose text is the final answer."""
    spelled = [_spelled(text) for text in answered.texts]
    for said in _final_answers(answered.answer) if spelled else ():
        if spelled.count(said) == 1 and not _LIKE_A_LETTER.fullmatch(said):
            return Choice((chr(ord("A") + spelled.index(said)),), "option_text")
    return None


def _final_answers(answer: str) -> Iterator[str]:
    """As far as the line goes, then as far as the sentence: there are commas in options."""
    found = final_answer(answer, ("boxed", "phrase", "line"))
    if found and found.how == "phrase":
        yield _spelled(answer[statements(answer)[-1] :].lstrip().partition("\n")[0])
    if found:
        yield _spelled(found.text)


def _spelled(text: str) -> str:
    return unwrapped(text[:_LONGEST_TEXT]).casefold().strip(" .,;")
