"""Which figures a condition can name: the numbers of a contract, by their keys in the JSON."""

import difflib
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from costbench.gates.language import (
    Comparison,
    Gate,
    GateSyntaxError,
    Name,
    Number,
    comparisons_in,
    names_in,
    parse_gate,
)
from costbench.report.contract import E

_ENDS = ("", ".low", ".high")
_SHARES = {"accuracy", "violation_rate", "probability", "cache_hit_rate"}


@dataclass(frozen=True)
class Figure:
    """A number; None where not known, with the reason's code."""

    value: float | None
    reason: str | None = None


@cache
def figures_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The names of all numbers of a contract; an estimate is its value, and has .low and .high."""
    return tuple(
        f"{key}{rest}"
        for key, field in model.model_fields.items()
        for rest in _inside(field.annotation)
    )


def figure(content: object, name: str) -> Figure:
    """The number of that name in a filled contract."""
    for key in name.split("."):
        if content is None:
            return Figure(None)
        if isinstance(content, E) and getattr(content, key) is None:
            return Figure(None, content.reason)
        content = content[key] if isinstance(content, Mapping) else getattr(content, key)
    if isinstance(content, E):
        return Figure(content.value, content.reason)
    return Figure(None if content is None else float(str(content)))


def read_gate(text: str, known: Collection[str], other: Mapping[str, Collection[str]]) -> Gate:
    """An expression over the figures that are `known`; `other` are those of commands, by name.

    Raises GateSyntaxError.
    """
    gate = parse_gate(text)
    for name in names_in(gate.condition):
        if name not in known:
            raise GateSyntaxError(_unknown(name, known, other))
    for comparison in comparisons_in(gate.condition):
        _require_share(comparison)
    return gate


def _inside(kind: Any) -> Iterator[str]:
    """What is behind the key of a field: numbers, by the rest of their names."""
    if get_origin(kind) in {Union, types.UnionType}:
        (kind, *more) = [one for one in get_args(kind) if one is not type(None)]
        if more:  # a number of a pair
            return
    if kind is E:
        yield from _ENDS
    elif kind in {int, float}:
        yield ""
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from (f".{name}" for name in figures_of(kind))
    elif get_origin(kind) is dict and get_origin(get_args(kind)[0]) is Literal:
        keys, inner = get_args(kind)
        yield from (f".{key}{rest}" for key in get_args(keys) for rest in _inside(inner))


def _unknown(name: str, known: Collection[str], other: Mapping[str, Collection[str]]) -> str:
    inner = [each for each in known if each.startswith(f"{name}.")]
    for command, theirs in other.items():
        if name in theirs and not inner:
            return f"{name} is a figure of `costbench {command}`, not of this command"
    near = inner[:4] or difflib.get_close_matches(name, known, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; docs/gates.md lists them"
    return f"there is no figure {name}{hint}"


def _require_share(comparison: Comparison) -> None:
    """`accuracy < 95` always holds: it was meant as percent."""
    sides = comparison.left, comparison.right
    for side, opposite in (sides, sides[::-1]):
        if isinstance(side, Name) and isinstance(opposite, Number) and abs(opposite.value) > 1:
            parts = [part for part in side.name.split(".") if part not in {"low", "high"}]
            if parts[-1] in _SHARES and parts[0] != "ratio":
                raise GateSyntaxError(
                    f"{side.name} is a share from 0 to 1, and is compared with {opposite.value:g}; "
                    f"write {opposite.value:g}% or {opposite.value / 100:g}"
                )
