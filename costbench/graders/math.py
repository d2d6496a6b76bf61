"""The grader for mathematics: Math-Verify decides whether two answers are the same value.

Most answers never get there: the reference itself, word for word, is correct, and two plain
integers are compared as integers, with the verdict that Math-Verify gives. The reason of a grade is
where its answer was found, but for `unparsed_answer`: wrong, since Math-Verify reads it as nothing.
What cannot be decided is `correct: null`, never wrong:

    timeout              no verdict within `deadline_s`
    crashed              Math-Verify raised, ran out of memory, or its process died
    unparsed_reference   the reference is not mathematics that Math-Verify reads
    too_long             longer than MAX_LENGTH, so that it was not asked
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from importlib import metadata
from typing import Annotated, Literal

from pydantic import Field

from costbench.graders.extraction import DEFAULT_ORDER, Extracted, Order, final_answer, suffix
from costbench.graders.notation import bare, of_the_day
from costbench.graders.texts import in_base, letter_before_text, words
from costbench.graders.verifying import Pair, Verdict
from costbench.graders.workers import Workers
from costbench.types import Answered, Component, Grade

MAX_LENGTH = 2_000
"""Characters that are worth parsing; the longest reference of the common datasets has some 200."""

_INTEGER = re.compile(r"[-+]?(?:[0-9]{1,18}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5})")


_DECIMAL = re.compile(r"[-+]?[0-9]{0,18}\.[0-9]{1,18}|[-+]?[0-9]{1,18}")
_PLACES, _DIGITS = Decimal("0.0000005"), Decimal("0.0001")


class MathGrader(Component):
    r"""Equal in value, whatever the notation: 1/2, 0.5 and \frac{1}{2} are the same answer."""

    kind: Literal["math"] = "math"
    deadline_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """Seconds for one answer."""
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes; they start with the first answer that needs them."""

    extract: Order = DEFAULT_ORDER
    """Where the final answer is looked for, in this order."""

    @property
    def version(self) -> str:
        """Changes with our rules, with Math-Verify's, and with where the answer is looked for."""
        version = f"math-3+math-verify-{metadata.version('math-verify')}"
        return version + suffix(self.extract)

    def normalized(self, answer: str) -> str:
        """Plain integers by value, all else by its words: what is equal without asking the library."""
        text = _line(answer)
        return str(_value(text)) if _INTEGER.fullmatch(text) else text

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Answered]], list[Grade]]]:
        """Yield a function that grades, one call at a time; GradeError where no worker starts."""
        with Workers(self.workers, self.deadline_s) as workers:
            yield partial(_grade, workers, self.extract)


def _grade(workers: Workers, order: Order, answered: Sequence[Answered]) -> list[Grade]:
    found = [final_answer(one.answer, order) for one in answered]
    pairs = [
        Pair(_line(extracted.text), _line(one.reference)) if extracted else None
        for extracted, one in zip(found, answered, strict=True)
    ]
    verdicts = _verdicts(workers, {pair for pair in pairs if pair})
    return [
        _as_grade(extracted, verdicts[pair])
        if extracted and pair
        else Grade(correct=False, reason="no_answer")
        for extracted, pair in zip(found, pairs, strict=True)
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def _verdicts(workers: Workers, pairs: set[Pair]) -> dict[Pair, Verdict]:
    settled = {pair: _without_library(pair) for pair in pairs}
    open_pairs = sorted(pair for pair, verdict in settled.items() if verdict is None)
    known = {pair: verdict for pair, verdict in settled.items() if verdict is not None}
    return known | workers.verify(open_pairs)


def _without_library(pair: Pair) -> Verdict | None:
    """Decide without parsing: Math-Verify even finds some odd texts unequal to themselves."""
    extracted, reference = pair
    if extracted == reference:
        return "equal"
    if _INTEGER.fullmatch(extracted) and _INTEGER.fullmatch(reference):
        return "equal" if _value(extracted) == _value(reference) else "different"
    if max(len(extracted), len(reference)) > MAX_LENGTH:
        return "too_long"
    return _by_text(extracted, reference)


def _by_text(extracted: str, reference: str) -> Verdict | None:
    """Decide on what is no formula: words, letters of options, times of the day, numbers with a base."""
    text = words(reference)
    same = bare(extracted) == bare(reference) or (text is not None and text == words(extracted))
    if same or letter_before_text(extracted, reference):
        return "equal"
    if _DECIMAL.fullmatch(extracted) and _DECIMAL.fullmatch(reference):
        return "equal" if _near(Decimal(extracted), Decimal(reference)) else "different"
    told, wanted = in_base(extracted), in_base(reference)
    if told and wanted:
        return "equal" if told == wanted or told[2] == wanted[2] is not None else "different"
    hour, due = of_the_day(extracted), of_the_day(reference)
    if hour and due:
        return "equal" if hour == due else "different"
    return None


def _near(one: Decimal, other: Decimal) -> bool:
    """As Math-Verify rounds, to 6 places; and, so that 1e-7 is not 0 nor 2e-7, in the first 4 digits."""
    distance = abs(one - other)
    return distance <= _PLACES and distance <= _DIGITS * max(abs(one), abs(other))


def _value(integer: str) -> int:
    return int(integer.replace(",", ""))


def _as_grade(found: Extracted, verdict: Verdict) -> Grade:
    if verdict == "unparsed_answer":
        return Grade(correct=False, extracted=found.text, reason=verdict)
    if verdict in ("equal", "different"):
        return Grade(correct=verdict == "equal", extracted=found.text, reason=found.how)
    return Grade(correct=None, extracted=found.text, reason=verdict)
