"""The grader for mathematics: Math-Verify decides whether two answers are the same value.

Most answers never get there: the reference itself, word for word, is correct, and two plain
integers are compared as integers, with the verdict that Math-Verify gives. What cannot be decided
is `correct: null`, never wrong:

    timeout              no verdict within `deadline_s`
    crashed              Math-Verify raised, ran out of memory, or its process died
    unparsed_reference   the reference is not mathematics that Math-Verify reads
    too_long             longer than MAX_LENGTH, so that it was not asked
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from typing import Annotated, Literal

from pydantic import Field

from costbench.graders.extraction import Extracted, final_answer
from costbench.graders.workers import Pair, Verdict, Workers
from costbench.types import Answered, Component, Grade

MAX_LENGTH = 2_000
"""Characters that are worth parsing; the longest reference of the common datasets has some 200."""

_INTEGER = re.compile(r"[-+]?(?:[0-9]{1,18}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5})")


class MathGrader(Component):
    r"""Equal in value, whatever the notation: 1/2, 0.5 and \frac{1}{2} are the same answer."""

    kind: Literal["math"] = "math"
    deadline_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """Seconds for one answer."""
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes; they start with the first answer that needs them."""

    @property
    def version(self) -> str:
        """Changes with our rules and with Math-Verify's."""
        return f"math-1+math-verify-{metadata.version('math-verify')}"

    def normalized(self, answer: str) -> str:
        """Plain integers by value, all else by its words: what is equal without asking the library."""
        text = " ".join(answer.split())
        return str(_value(text)) if _INTEGER.fullmatch(text) else text

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Answered]], list[Grade]]]:
        """Yield a function that grades, one call at a time; GradeError where no worker starts."""
        with Workers(self.workers, self.deadline_s) as workers:
            yield partial(_grade, workers)


def _grade(workers: Workers, answered: Sequence[Answered]) -> list[Grade]:
    found = [final_answer(one.answer, last_resort="last_number") for one in answered]
    pairs = [
        Pair(extracted.text, one.reference) if extracted else None
        for extracted, one in zip(found, answered, strict=True)
    ]
    verdicts = _verdicts(workers, {pair for pair in pairs if pair})
    return [
        _as_grade(extracted, verdicts[pair])
        if extracted and pair
        else Grade(correct=False, reason="no_answer")
        for extracted, pair in zip(found, pairs, strict=True)
    ]


def _verdicts(workers: Workers, pairs: set[Pair]) -> dict[Pair, Verdict]:
    settled = {pair: _without_library(pair) for pair in pairs}
    open_pairs = sorted(pair for pair, verdict in settled.items() if verdict is None)
    known = {pair: verdict for pair, verdict in settled.items() if verdict is not None}
    return known | workers.verify(open_pairs)


def _without_library(pair: Pair) -> Verdict | None:
    """Decide without parsing: Math-Verify even finds some odd texts unequal to themselves."""
    extracted, reference = (" ".join(text.split()) for text in pair)
    if extracted == reference:
        return "equal"
    if _INTEGER.fullmatch(extracted) and _INTEGER.fullmatch(reference):
        return "equal" if _value(extracted) == _value(reference) else "different"
    return "too_long" if max(len(extracted), len(reference)) > MAX_LENGTH else None


def _value(integer: str) -> int:
    return int(integer.replace(",", ""))


def _as_grade(found: Extracted, verdict: Verdict) -> Grade:
    if verdict in ("equal", "different"):
        return Grade(correct=verdict == "equal", extracted=found.text, reason=found.how)
    return Grade(correct=None, extracted=found.text, reason=verdict)
