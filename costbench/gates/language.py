"""The little language of `--fail-if`: comparisons of figures, and/or/not, and which cells are meant.

    accuracy.low < 0.9 in */abacus-alpha-0.2/*
    not (errors == 0) or latency_s.p95 > 2

A grammar of its own instead of Python's: nothing is ever evaluated, and every refusal can point at its place.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?%?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
    r"|(?P<sign><=|>=|==|!=|<|>|\(|\)))"
)
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_WORDS = {"and", "or", "not", "in"}
_LONGEST, _DEEPEST = 1000, 20


class GateSyntaxError(ValueError):
    """An expression that cannot be read, or names what there is not: wrong usage, exit code 2."""


@dataclass(frozen=True)
class Number:
    """As written; 95 % is 0.95."""

    value: float


@dataclass(frozen=True)
class Name:
    """A figure, with dots: accuracy.low."""

    name: str


Operand = Number | Name


@dataclass(frozen=True)
class Comparison:
    """Two operands, at least one of which is a figure."""

    left: Operand
    sign: str
    right: Operand

    def holds(self, left: float, right: float) -> bool:
        """Of two values."""
        return _COMPARED[self.sign](left, right)


@dataclass(frozen=True)
class Not:
    """The contrary."""

    inner: "Condition"


@dataclass(frozen=True)
class Both:
    """and."""

    left: "Condition"
    right: "Condition"


@dataclass(frozen=True)
class Either:
    """or."""

    left: "Condition"
    right: "Condition"


Condition = Comparison | Not | Both | Either


@dataclass(frozen=True)
class Gate:
    """One expression, read."""

    text: str
    condition: Condition
    cells: str | None
    """A pattern of cell ids; None: all of them."""


def parse_gate(text: str) -> Gate:
    """Read an expression; raises GateSyntaxError that says where it cannot be understood."""
    if len(text) > _LONGEST:
        raise GateSyntaxError(f"is longer than {_LONGEST} characters; give several --fail-if")
    reader = _Reader(text)
    condition = reader.either(0)
    cells = reader.cells()
    return Gate(" ".join(text.split()), condition, cells)


def names_in(condition: Condition) -> Iterator[str]:
    """Every figure that is named, from left to right."""
    if isinstance(condition, Comparison):
        yield from (
            each.name for each in (condition.left, condition.right) if isinstance(each, Name)
        )
    elif isinstance(condition, Not):
        yield from names_in(condition.inner)
    else:
        yield from names_in(condition.left)
        yield from names_in(condition.right)


def comparisons_in(condition: Condition) -> Iterator[Comparison]:
    """Every comparison, from left to right."""
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Not):
        yield from comparisons_in(condition.inner)
    else:
        yield from comparisons_in(condition.left)
        yield from comparisons_in(condition.right)


class _Reader:
    """One token ahead, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kind = self._read = ""
        self._at = self._next_at = 0
        self._advance()

    def either(self, depth: int) -> Condition:
        found = self._both(depth)
        while self._read == "or":
            self._advance()
            found = Either(found, self._both(depth))
        return found

    def cells(self) -> str | None:
        """What is behind `in`, to the end."""
        if self._kind == "end":
            return None
        if self._read != "in":
            raise self._error("expected and, or, in, or the end")
        pattern = self._text[self._next_at :].strip()
        if len(pattern) > 1 and pattern[0] in "'\"" and pattern[-1] == pattern[0]:
            pattern = pattern[1:-1]
        if not pattern or re.search(r"[\s'\"()]", pattern):
            raise GateSyntaxError(
                "`in` takes one pattern of cells at the end, GROUP/MODEL/POLICY with * for anything"
            )
        return pattern

    def _both(self, depth: int) -> Condition:
        found = self._one(depth)
        while self._read == "and":
            self._advance()
            found = Both(found, self._one(depth))
        return found

    def _one(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise GateSyntaxError(f"is nested deeper than {_DEEPEST} levels; give several")
        if self._read == "not":
            self._advance()
            return Not(self._one(depth + 1))
        if self._read == "(":
            self._advance()
            found = self.either(depth + 1)
            if self._read != ")":
                raise self._error("expected a closing parenthesis")
            self._advance()
            return found
        return self._comparison()

    def _comparison(self) -> Comparison:
        left = self._operand()
        sign = self._read
        if sign not in _COMPARED:
            raise self._error(f"expected one of {' '.join(_COMPARED)}")
        self._advance()
        right = self._operand()
        if self._read in _COMPARED:
            raise self._error("compares twice; write it with `and`")
        if isinstance(left, Number) and isinstance(right, Number):
            raise GateSyntaxError("compares two numbers; one of them should be a figure")
        return Comparison(left, sign, right)

    def _operand(self) -> Operand:
        found: Operand
        if self._kind == "number":
            found = Number(self._value())
        elif self._kind == "word" and self._read not in _WORDS:
            found = Name(self._read)
        else:
            raise self._error("expected a figure or a number")
        self._advance()
        return found

    def _value(self) -> float:
        value = float(self._read.rstrip("%")) / (100 if self._read.endswith("%") else 1)
        if not math.isfinite(value):
            raise self._error("expected a number that is finite")
        return value

    def _advance(self) -> None:
        found = _TOKEN.match(self._text, self._next_at)
        if found is not None:
            self._kind = str(found.lastgroup)
            self._read, self._at = found[self._kind], found.start(self._kind)
            self._next_at = found.end()
            return
        self._at = len(self._text) - len(self._text[self._next_at :].lstrip())
        self._read = self._text[self._at : self._at + 1]
        self._kind = "other" if self._read else "end"
        self._next_at = self._at + 1

    def _error(self, expected: str) -> GateSyntaxError:
        if self._kind == "end":
            return GateSyntaxError(f"{expected} where it ends")
        return GateSyntaxError(f"{expected}, found {self._read!r} at character {self._at + 1}")
