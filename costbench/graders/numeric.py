"""The grader for plain numbers: equal within a tolerance, in decimal arithmetic of 60 digits.

boxed, phrase, last_number …   where the number was found
no_answer                      none was: wrong
unparsed_answer                what was found is no number (NaN and infinity are none): wrong
unparsed_reference             the reference is no number: not decided
too_long                       over MAX_LENGTH characters: not decided
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Context, Decimal, DecimalException, Overflow
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from costbench.graders.extraction import DEFAULT_ORDER, Extracted, Order, final_answer, suffix
from costbench.types import Answered, Component, Grade

MAX_LENGTH = 2_000
_CONTEXT = Context(prec=60, Emax=10**6, Emin=-(10**6), traps=[Overflow])
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}

_PLAIN = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s?(?P<mantissa>{_PLAIN})"
    r"(?:[eE](?P<e>[-+]?[0-9]{1,6})(?!\w)|\s?(?:\\times|\\cdot|[×*x])\s?10\s?\^\s?\{?(?P<ten>[-+]?[0-9]{1,6})\}?)?"  # noqa: RUF001
    rf"(?:\s?/\s?(?P<below>{_PLAIN}))?"
)
_FRACTION = re.compile(
    rf"(?P<sign>[-+]?)\s?\\[dtc]?frac\s?\{{\s?(?P<above>[-+]?(?:{_PLAIN}))\s?\}}\s?\{{\s?(?P<below>{_PLAIN})\s?\}}"
)
_POWER = re.compile(r"(?P<sign>[-+]?)10\s?\^\s?\{?(?P<ten>[-+]?[0-9]{1,6})\}?")
_PERCENT = re.compile(r"\s?(?:\\?%|percent\b|pct\b)")
_WRAPPING = re.compile(
    r"\\(?:text|mbox|mathrm|mathbf|textbf)\s?(?=\{)|\\[,;:! ]|\\\$|[$€£¥*`~]|\\[()\[\]]"
)
_NO_UNIT = re.compile(r"[0-9=+*\\(^]|^[/-]")
_BRACES = re.compile(r"(?<=[0-9])\{,\}(?=[0-9]{3})")
_LABEL = re.compile(
    r"[A-Za-z]\w{0,20}\s?=\s?|(?:approximately|about|approx\.?|\\approx|≈)\s?", re.IGNORECASE
)


class NumericGrader(Component):
    """Numbers as people write them: 1,234.5, 6.02e23, 6.02 x 10^23, 3/4, $12, 5 km."""

    kind: Literal["numeric"] = "numeric"
    relative_tolerance: Annotated[float, Field(ge=0, lt=1)] = 1e-6
    """Of the reference; 0 for equal digit by digit."""
    absolute_tolerance: Annotated[float, Field(ge=0)] = 0.0
    """In the unit of the reference; the larger of the two counts."""
    percent: Literal["unit", "hundredth"] = "unit"
    """50 % is 50, as most references have it, or 0.5."""
    ignore_units: bool = True
    """Words after a number; with False, an answer with a unit is none unless the reference has the same."""
    extract: Order = DEFAULT_ORDER
    """Where the final answer is looked for, in this order."""

    @property
    def version(self) -> str:
        """Changes with the rules, with the tolerances, and with how signs and units are read."""
        settings = f"{self.relative_tolerance:g}+{self.absolute_tolerance:g}+{self.percent}"
        units = "" if self.ignore_units else "+units"
        return f"numeric-2+{settings}{units}{suffix(self.extract)}"

    def normalized(self, answer: str) -> str:
        """By value, where it is a number; its words elsewhere."""
        number = self._number(answer)
        if number is None:
            return " ".join(answer.split())
        value, unit = number
        return f"{value.normalize(_CONTEXT)}{'' if self.ignore_units else ' ' + unit}"

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Answered]], list[Grade]]]:
        """Nothing to start: the function compares in this process."""
        grade = partial(self._grade)
        yield lambda answered: [grade(one) for one in answered]

    def _grade(self, answered: Answered) -> Grade:
        found = final_answer(answered.answer, self.extract)
        if found is None:
            return Grade(correct=False, reason="no_answer")
        reason = self._undecided(answered.reference, found)
        if reason:
            return Grade(correct=None, extracted=found.text, reason=reason)
        reference, number = self._number(answered.reference), self._number(found.text)
        if reference is None or number is None:
            return Grade(correct=False, extracted=found.text, reason="unparsed_answer")
        same_unit = self.ignore_units or reference[1] == number[1]
        correct = same_unit and self._near(number[0], reference[0])
        return Grade(correct=correct, extracted=found.text, reason=found.how)

    def _undecided(self, reference: str, found: Extracted) -> str | None:
        if max(len(reference), len(found.text)) > MAX_LENGTH:
            return "too_long"
        return "unparsed_reference" if self._number(reference) is None else None

    def _near(self, number: Decimal, reference: Decimal) -> bool:
        try:
            distance = _CONTEXT.abs(_CONTEXT.subtract(number, reference))
            share = _CONTEXT.multiply(
                Decimal(repr(self.relative_tolerance)), _CONTEXT.abs(reference)
            )
        except DecimalException:
            return False
        return distance <= max(share, Decimal(repr(self.absolute_tolerance)))

    def _number(self, text: str) -> tuple[Decimal, str] | None:
        """The value and the unit ("%" among them); None for what is no number."""
        line = _WRAPPING.sub(" ", _BRACES.sub(",", text.replace("−", "-"))).strip()  # noqa: RUF001
        label = _LABEL.match(line)
        line = line[label.end() :].strip() if label else line
        found = next((one for p in (_POWER, _NUMBER, _FRACTION) if (one := p.match(line))), None)
        if not found:
            return None
        rest = re.sub(r"\^\{?[23]\}?", "", line[found.end() :]).strip(" {}.,")
        value = _value(found)
        if value is None:
            return None
        if _PERCENT.fullmatch(rest):
            return (value.scaleb(-2, _CONTEXT) if self.percent == "hundredth" else value), ""
        if _NO_UNIT.search(rest):
            return None
        scale, _, unit = rest.partition(" ")
        if scale in _SCALES:
            return value.scaleb(_SCALES[scale], _CONTEXT), unit
        return value, rest


def _value(found: re.Match[str]) -> Decimal | None:
    parts = found.groupdict()
    try:
        value = Decimal((parts.get("mantissa") or parts.get("above") or "1").replace(",", ""))
        value = value.scaleb(int(parts.get("e") or parts.get("ten") or 0), _CONTEXT)
        if parts.get("below"):
            value = _CONTEXT.divide(value, Decimal(parts["below"].replace(",", "")))
    except DecimalException:
        return None
    if not value.is_finite():
        return None
    return -value if parts["sign"] == "-" else value
