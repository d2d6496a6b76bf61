"""Plain tables: CSV with a header, or JSON Lines, a row per response."""

import csv
import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from costbench.errors import ImportFileError
from costbench.imported import ImportedSample
from costbench.imports.reading import (
    first_object,
    head_of,
    json_lines,
    moment,
    sample,
    unreadable,
    verdict,
)
from costbench.types import Component

NAMES: Mapping[str, tuple[str, ...]] = {
    "problem": ("problem", "problem_id", "question_id", "doc_id", "id"),
    "sample": ("sample", "pass", "repeat"),
    "model": ("model", "model_name"),
    "task": ("task", "dataset"),
    "policy": ("policy",),
    "budget": ("budget",),
    "concurrency": ("concurrency",),
    "question": ("question", "prompt"),
    "gold": ("gold", "reference", "target"),
    "level": ("level",),
    "response": ("response", "completion", "output"),
    "correct": ("correct", "is_correct"),
    "extracted": ("extracted", "prediction"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "cached_tokens": ("cached_tokens",),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "reasoning_tokens": ("reasoning_tokens",),
    "started": ("started", "started_at", "start_time"),
    "latency_s": ("latency_s", "seconds"),
    "latency_ms": ("latency_ms",),
    "ttft_s": ("ttft_s",),
    "ttft_ms": ("ttft_ms",),
    "usd": ("usd", "cost_usd"),
    "error": ("error",),
}
"""What a column can hold, and the names it has by itself, in this order."""
_ALSO = {"seconds": "latency_s", "tokens": "output_tokens", "cost": "usd"}
"""How a command line may call what a column holds."""
_TIMES, _MS = ("latency", "ttft"), 1e-3
_SAYS_SOMETHING = ("response", "correct", "output_tokens", "latency_s", "latency_ms", "usd")


def _known_roles(columns: object) -> object:
    if not isinstance(columns, dict):
        return columns
    columns = {_ALSO.get(role, role): name for role, name in columns.items()}
    for role in columns:
        if role not in NAMES:
            near = difflib.get_close_matches(str(role), NAMES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{role!r} is nothing a column can hold{hint} ({', '.join(NAMES)})")
    return columns


class PlainTable(Component):
    """CSV or JSON Lines; what has no column is not known."""

    kind: Literal["table"] = "table"
    columns: Annotated[dict[str, str], BeforeValidator(_known_roles)] = Field(default={})
    """By what it holds, the name of its column; in JSON a key, or a path of keys ("usage.output")."""

    @property
    def wall_clock(self) -> bool:
        """Times are seconds since 1970 or ISO 8601."""
        return True

    def recognizes(self, path: Path) -> bool:
        """By names of columns that say something of a response."""
        record = first_object(path)
        if not record and path.suffix.lower() != ".csv":
            return False
        first = head_of(path).partition("\n")[0]
        header = record or dict.fromkeys(next(csv.reader([first], delimiter=_delimiter(path)), ()))
        return any(name in header for role in _SAYS_SOMETHING for name in NAMES[role])

    def read(self, path: Path) -> Iterator[ImportedSample]:
        """A sample per row."""
        rows = _csv(path) if path.suffix.lower() in {".csv", ".tsv"} else json_lines(path)
        columns: dict[str, str] = {}
        for number, (place, row) in enumerate(rows):
            columns = columns or self._columns(row, place)
            facts = {role: _cell(row, name) for role, name in columns.items()}
            yield _sample(facts, place, number)

    def _columns(self, row: Mapping[str, Any], place: str) -> dict[str, str]:
        """By role; those that are named have to be there in the first row."""
        there = ", ".join(map(str, row))
        for role, name in self.columns.items():
            if not _has(row, name):
                raise ImportFileError(
                    f"{place}: there is no column {name!r} for {role}; there are: {there}"[:1000]
                )
        own = {
            role: next((n for n in names if n in row), None)
            for role, names in NAMES.items()
            if role not in self.columns
        }
        found = self.columns | {role: name for role, name in own.items() if name is not None}
        for what in _TIMES:
            both = f"{what}_s", f"{what}_ms"
            if found.keys() >= set(both):  # the one that is named, else seconds
                found.pop(both[0] if both[1] in self.columns else both[1])
        if not any(role in found for role in _SAYS_SOMETHING):
            raise ImportFileError(
                f"{place}: no column is known to hold a response, a verdict, tokens or seconds; name one "
                f"with --column response=NAME (there are: {there})"[:1000]
            )
        return found


def _sample(facts: dict[str, Any], place: str, number: int) -> ImportedSample:
    problem = facts.pop("problem", None)
    given = {
        "problem": f"row-{number + 1:06d}" if problem is None else str(problem),
        "pass_number": facts.pop("sample", None),
        "correct": verdict(facts.pop("correct", None), place),
        "started_s": moment(facts.pop("started", None), place),
    }
    for what in _TIMES:
        if (ms := facts.pop(f"{what}_ms", None)) is not None:
            given[f"{what}_s"] = _number(ms, place) * _MS
    texts = ("question", "gold", "response", "extracted", "model", "task", "policy", "error")
    given |= {name: _text(facts.pop(name)) for name in texts if name in facts}
    return sample(place, **given, **facts)


def _number(value: object, place: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ImportFileError(f"{place}: expected milliseconds, found {value!r}"[:300]) from error


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _has(row: Mapping[str, Any], name: str) -> bool:
    if name in row:
        return True
    outer, dot, inner = name.partition(".")
    return bool(dot) and isinstance(row.get(outer), dict) and _has(row[outer], inner)


def _cell(row: Mapping[str, Any], name: str) -> Any:
    """None where a row leaves it out."""
    if name in row:
        return row[name]
    outer, dot, inner = name.partition(".")
    within = row.get(outer) if dot else None
    return _cell(within, inner) if isinstance(within, dict) else None


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(1 << 30)  # a response can be long
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter=_delimiter(path))
            _require_names(rows.fieldnames or (), path)
            for row in rows:
                place = f"{path}:{rows.line_num}"
                if None in row or None in row.values():
                    off = "more" if None in row else "fewer"
                    raise ImportFileError(
                        f"{place}: has {off} cells than the header; was it cut off?"
                    )
                yield place, {name: cell or None for name, cell in row.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    except csv.Error as error:
        raise ImportFileError(f"{path}: not CSV: {error}") from error


def _delimiter(path: Path) -> str:
    """Spreadsheets part by semicolons where the comma is in numbers."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    first = head_of(path).partition("\n")[0]
    return ";" if ";" in first and "," not in first else ","


def _require_names(names: Any, path: Path) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ImportFileError(f"{path}:1: the column {twice[0]!r} is there twice")
