r"""What a worker asks of Math-Verify about one pair, and where its verdict is not taken.

It calls numbers equal that are equal to six places: 2^{-98} and 2^{-99}. It knows no imaginary unit, and
numbers of which it cannot simplify the difference are different to it.
"""

import contextlib
from typing import Any, Literal, NamedTuple

from costbench.graders.notation import (
    as_latex,
    ends_in_a_letter,
    inequalities,
    plus_and_minus,
    without_percent,
)
from costbench.graders.texts import spelled_out

Verdict = Literal[
    "equal",
    "different",
    "unparsed_answer",
    "timeout",
    "crashed",
    "unparsed_reference",
    "too_long",
]

_DIGITS = 50
"""Of numbers that are compared by value."""
_DIGITS_OF_DECIMALS = 12
_APART = 1e-4
"""Relative distance at which numbers are different, however small they are."""
_NOT_A_NUMBER = (
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)


class Pair(NamedTuple):
    """A final answer and what it should be."""

    extracted: str
    reference: str


def verdict_on(pair: Pair) -> Verdict:
    """Say whether an answer is what it should be; without any limit of time.

    Raises ImportError where Math-Verify is not installed as it should be: that is no answer's failure.
    """
    letters = ends_in_a_letter(pair.reference)
    try:
        # "5:00" is read as 5/0; no answer can equal that.
        reference = [
            one for one in _parse(pair.reference, letters) if str(one) not in ("nan", "zoo")
        ]
        extracted = _parse(pair.extracted, letters)
        if _same(reference, extracted) or _equal_but_for_percent(pair):
            return "equal"
    except ImportError:
        raise
    except Exception:  # noqa: BLE001 - whatever the library raises is its failure, not the answer's
        return "crashed"
    if not _understood(reference):
        return "unparsed_reference"
    return "different" if _understood(extracted) else "unparsed_answer"


def _same(reference: list[Any], extracted: list[Any]) -> bool:
    if _equal(reference, extracted):
        return not _far_apart(reference, extracted)
    with contextlib.suppress(*_NOT_A_NUMBER):
        return _equal_by_value(reference, extracted)
    return False


def _equal(reference: list[Any], extracted: list[Any]) -> bool:
    from math_verify import verify

    # x >= 0 and [0, oo) are one answer, whichever of the two is the reference.
    return bool(
        verify(
            reference,
            extracted,
            allow_set_relation_comp=True,
            timeout_seconds=None,
            raise_on_error=True,
        )
    )


def _far_apart(reference: list[Any], extracted: list[Any]) -> bool:
    """Whether both are numbers whose first digits differ: small ones, which are equal to six places."""
    one, other = _number(reference), _number(extracted)
    if one is None or other is None:
        return False
    with contextlib.suppress(*_NOT_A_NUMBER):
        values = [abs(number.evalf(_DIGITS, strict=True)) for number in (one, other)]
        distance = abs((one - other).evalf(_DIGITS, strict=True))
        return bool(min(values) > 0 and distance > _APART * max(values))
    return False


def _equal_by_value(reference: list[Any], extracted: list[Any]) -> bool:
    """Whether both are the same number, or the same formula with the imaginary unit in it."""
    from sympy import Float, Rational

    one, other = _with_imaginary_unit(reference), _with_imaginary_unit(extracted)
    if one is None or other is None:
        return False
    if not one.is_number or not other.is_number:
        changed = (one, other) != (reference[0], extracted[0])
        return changed and _equal([one], [other])
    if one.is_rational and other.is_rational:
        return bool((one - other).doit() == 0)
    if one.is_finite is False or other.is_finite is False:
        return False
    digits = _DIGITS_OF_DECIMALS if one.has(Float) or other.has(Float) else _DIGITS - 10
    values = [number.evalf(_DIGITS) for number in (one, other)]
    return bool(abs(values[0] - values[1]) <= abs(values[0]) * Rational(1, 10**digits))


def _with_imaginary_unit(readings: list[Any]) -> Any | None:
    """A formula in which i is the square root of -1; None where it is none."""
    from sympy import Expr, I, Symbol

    if not readings or not isinstance(readings[0], Expr):
        return None
    named = {letter: str(letter) for letter in readings[0].free_symbols}
    if "i" not in named.values():
        return readings[0]
    return readings[0].subs({one: I if n == "i" else Symbol(n) for one, n in named.items()})


def _number(readings: list[Any]) -> Any | None:
    from sympy import Expr

    first = readings[0] if readings else None
    return first if isinstance(first, Expr) and first.is_number else None


def _equal_but_for_percent(pair: Pair) -> bool:
    """Where one of the two has a percent sign, it is a unit or a hundredth: Math-Verify's own rule."""
    shares = [without_percent(text) for text in pair]
    if shares.count(None) != 1:
        return False
    share = next(text for text in shares if text is not None)
    other = _parse(pair.reference if shares[1] is None else pair.extracted)
    hundredth = f"\\frac{{1}}{{100}} \\cdot ({as_latex(share)})"
    return any(_equal(other, _parse(text)) for text in (share, hundredth))


def _understood(readings: list[Any]) -> bool:
    return any(not isinstance(reading, str) for reading in readings)


def _parse(text: str, letters: bool = False) -> list[Any]:
    """Math-Verify's readings of an answer: formulas, and the text itself last."""
    text = spelled_out(text) or text
    joined = inequalities(text)
    if joined:
        return [_set_of(*joined)]
    return _readings(plus_and_minus(as_latex(text, letters=letters)))


def _set_of(joint: str, parts: list[str]) -> Any:
    """The numbers for which one of these inequalities holds, or all of them."""
    from sympy import Intersection, Union

    sets = (_readings(as_latex(part))[0].as_set() for part in parts)
    return Union(*sets) if joint == "or" else Intersection(*sets)


def _readings(latex: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    # As LaTeX only: its search for plain numbers would take the 2 out of an unreadable "(1, 2".
    readings: list[Any] = parse(
        f"\\boxed{{{latex}}}",
        extraction_config=[LatexExtractionConfig(boxed_match_priority=0)],
        parsing_timeout=None,
        raise_on_error=True,
    )
    return readings
