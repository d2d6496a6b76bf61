"""Figures in other currencies, turned into USD by the book's own rates."""

import difflib
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import ErrorDetails

from costbench.prices.entries import (
    ApiEntry,
    Electricity,
    Human,
    MachinePrice,
    OwnedMachine,
)
from costbench.yaml_file import problem

_OURS = "usd"
_CODE_LENGTH = len(_OURS)
_MONEY = frozenset(
    key.removeprefix(_OURS)
    for entry in (MachinePrice, OwnedMachine, Electricity, ApiEntry, Human)
    for key in entry.model_fields
    if key.startswith(f"{_OURS}_")
)
"""Ends of keys that hold money: `_per_hour`, `_capital`, …"""

Place = tuple[int | str, ...]


@dataclass
class InUsd:
    """What became of a book's content."""

    content: dict[str, Any]
    problems: list[ErrorDetails] = field(default_factory=list)
    written: dict[Place, Place] = field(default_factory=dict)
    """Where a figure stands in the file, by where it is now."""


def in_usd(content: dict[str, Any]) -> InUsd:
    """The content of a book with every figure in USD; the entry keeps what was written as `converted`.

    Where something is wrong a figure of 1 stands in, so that the rest can be checked.
    """
    rates = content.get("exchange")
    if isinstance(rates, dict):
        rates = {str(code).lower(): row for code, row in rates.items()}
        content = content | {"exchange": rates}
    found = InUsd(content)
    known = rates if isinstance(rates, dict) else {}
    found.content = _in_usd(content, known, (), found)
    return found


def as_written(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a stored book with its converted figures as they stood in the file."""
    found: dict[str, Any] = _as_written(content)
    return found


def same_figure(key: str, other: str) -> bool:
    """Whether two keys hold one figure in two currencies."""
    return key == other or (money_of(key) is not None and money_of(key) == money_of(other))


def money_of(key: str) -> str | None:
    """What a key of money is of, whatever its currency: `_per_hour` of `eur_per_hour`; None of others."""
    code, rest = key[:_CODE_LENGTH], key[_CODE_LENGTH:]
    return rest if code.isalpha() and rest in _MONEY else None


def _as_written(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_written(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _as_written(each) for key, each in node.items() if key != "converted"}
    for key, was in (node.get("converted") or {}).items():
        kept.pop(key, None)
        kept[was["currency"] + key[_CODE_LENGTH:]] = was["written"]
    return kept


def _in_usd(node: Any, rates: dict[str, Any], place: Place, found: InUsd) -> Any:
    if isinstance(node, list):
        return [_in_usd(each, rates, (*place, at), found) for at, each in enumerate(node)]
    if not isinstance(node, dict) or place[-1:] in {("exchange",), ("converted",)}:
        return node
    inner = {key: _in_usd(each, rates, (*place, key), found) for key, each in node.items()}
    return _convert(inner, rates, place, found)


def _convert(
    entry: dict[str, Any], rates: dict[str, Any], place: Place, found: InUsd
) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    before = entry.get("converted")
    converted = dict(before) if isinstance(before, dict) else {}
    for key, value in entry.items():
        rest = money_of(str(key))
        ours = _OURS + (rest or "")
        if rest is None or key == ours:
            changed.setdefault(key, value)
            continue
        code = str(key)[:_CODE_LENGTH].lower()
        others = [other for other in map(str, entry) if other != key and same_figure(other, key)]
        wrong = _refusal(key, others, rates) or _not_a_number(value)
        if wrong:
            found.problems.append(problem((*place, key), wrong))
            changed[ours] = {} if isinstance(value, dict) else 1.0
            continue
        rate = rates[code]
        usd = _number(rate.get("usd")) or 1.0  # what is wrong with the rate is told where it stands
        changed[ours] = _times(value, usd)
        converted[ours] = {"written": value, "currency": code} | rate
        found.written[*place, ours] = (*place, key)
    return changed | {"converted": converted} if converted else changed


def _refusal(key: str, others: list[str], rates: dict[str, Any]) -> str | None:
    """Why a figure cannot be converted."""
    if others:
        return f"one figure in two currencies (`{others[0]}` too); keep one of them"
    code = key[:_CODE_LENGTH].lower()
    if isinstance(rates.get(code), dict):
        return None
    near = difflib.get_close_matches(code, [_OURS, *rates], n=1)
    hint = f"; did you mean `{near[0]}{key[_CODE_LENGTH:]}`?" if near else ""
    return (
        f"no exchange rate for {code}: add `exchange: {{{code}: {{usd: …, as_of: …, source: …}}}}`"
        f"{hint}"
    )


def _not_a_number(value: Any) -> str | None:
    values = value.values() if isinstance(value, dict) else [value]
    wrong = [each for each in values if _number(each) is None]
    return f"expected a number, found {wrong[0]!r}" if wrong else None


def _times(value: Any, rate: float) -> Any:
    if isinstance(value, dict):
        return {key: float(each) * rate for key, each in value.items()}
    return float(value) * rate


def _number(value: Any) -> float | None:
    """Text too, as `--set` gives it and as YAML may."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
