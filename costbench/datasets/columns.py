"""From a row to a question: which column holds what."""

import ast
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from costbench.datasets.choices import (
    AnswerIs,
    Options,
    option_columns,
    read_options,
    right_option,
    there_are,
)
from costbench.datasets.rows import Row
from costbench.errors import SuiteError

_LEVEL = re.compile(r"(?:level )?(\d+)", re.IGNORECASE)
_WHOLE = re.compile(r"-?\d+(\.0)?")
_SHOWN = 60
_CALCULATOR = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True)
class Item:
    """One question as the data has it, before anything is chosen, shuffled or written as a prompt."""

    id: str
    question: str
    answer: str | None
    """Of a multiple choice the text of the right option."""
    row: Row
    options: tuple[str, ...] = ()
    right: int | None = None
    """Which option it is."""
    level: int | None = None
    subject: str | None = None
    solution: str | None = None
    """The way to the answer, where the data has one before its mark."""


@dataclass(frozen=True)
class Columns:
    """Which column holds what; "a.b" is key b of what column a holds."""

    question: str = "question"
    answer: str | None = "answer"
    id: str | None = None
    """None: rows are numbered."""
    level: str | None = None
    subject: str | None = None
    choices: str | tuple[str, ...] | None = None
    answer_after: str | None = None
    answer_is: AnswerIs | None = None
    answer_in_list: bool = False
    """The answer is the first of a list."""
    whole_numbers: bool = False
    """27.0 and "027" are written 27."""
    asked_for: frozenset[str] = frozenset()
    """Which of `level` and `subject` have to be there: the suite names the column."""
    id_prefix: str = ""

    def are_in(self, values: Mapping[str, Any]) -> bool:
        """Whether a row has all the columns that must be there."""
        choices = (self.choices,) if isinstance(self.choices, str) else self.choices or ()
        needed = (self.question, self.answer, self.id, *choices)
        return all(_value(values, name) is not ... for name in needed if name)

    def item(self, row: Row) -> Item:
        """The row as a question; raises SuiteError that names the column and the key that mends it."""
        question = self._question(row)
        options = self._options(row)
        answer, solution = self._answer(row)
        right = None
        if options and answer is not None:
            right = right_option(answer, options, self.answer_is, row.place)
        level, subject = (self._optional(row, key) for key in ("level", "subject"))
        return Item(
            id=self._id(row),
            question=question,
            answer=options.texts[right] if options and right is not None else self._text(answer),
            row=row,
            options=options.texts if options else (),
            right=right,
            level=_level(level),
            subject=subject if isinstance(subject, str) and subject else None,
            solution=solution,
        )

    def _question(self, row: Row) -> str:
        question = _value(row.values, self.question)
        if not isinstance(question, str) or not question.strip():
            raise _unusable("text", "question", self.question, row)
        return question

    def _options(self, row: Row) -> Options | None:
        if self.choices is None:
            return None
        if not isinstance(self.choices, str):
            return read_options(option_columns(row.values, self.choices, row.place), row.place)
        found = _value(row.values, self.choices)
        if found is ...:
            raise _unusable("options", "choices", self.choices, row)
        return read_options(found, row.place)

    def _answer(self, row: Row) -> tuple[str | int | float | None, str | None]:
        """And what stands before its mark."""
        if self.answer is None:
            return None, None
        answer = _value(row.values, self.answer)
        if self.answer_in_list:
            answer = _first(answer)
        if isinstance(answer, float) and math.isnan(answer):
            answer = None  # how tables of numbers leave one out
        if not isinstance(answer, str | int | float | None):
            more = ", or say `answer: null` where there is none"
            raise _unusable("answer", "answer", self.answer, row, more)
        if self.answer_after is None or answer is None:
            return answer, None
        before, mark, after = str(answer).rpartition(self.answer_after)
        if not mark:
            raise SuiteError(f"{row.place} has no {self.answer_after!r} in {self.answer!r}")
        return after.strip(), _CALCULATOR.sub("", before).strip()

    def _text(self, answer: str | float | None) -> str | None:
        if answer is None:
            return None
        text = str(answer)
        if self.whole_numbers and _WHOLE.fullmatch(text):
            text = str(int(text.partition(".")[0]))
        return text

    def _id(self, row: Row) -> str:
        if self.id is None:
            return f"{self.id_prefix}{row.number:05d}" if self.id_prefix else str(row.number)
        name = _value(row.values, self.id)
        if not isinstance(name, str | int) or name == "":
            raise _unusable("id", "id", self.id, row, ", or number the lines with `id: null`")
        return str(name)

    def _optional(self, row: Row, key: Literal["level", "subject"]) -> object:
        column: str | None = getattr(self, key)
        found = _value(row.values, column) if column else None
        if column and found is ... and key in self.asked_for:
            raise _unusable(key, key, column, row)
        return None if found is ... else found


def _value(values: Mapping[str, Any], name: str) -> Any:
    """What a column holds, or a key within it; `...` where there is none."""
    if name in values:
        return values[name]
    column, dot, key = name.partition(".")
    inner = values.get(column) if dot else None
    return inner.get(key, ...) if isinstance(inner, Mapping) else ...


def _first(answer: Any) -> Any:
    """Of a list, or of the text of one: "['2']"."""
    if isinstance(answer, str) and answer.startswith("["):
        with suppress(ValueError, SyntaxError):
            answer = ast.literal_eval(answer)
    return answer[0] if isinstance(answer, list) and answer else answer


def _level(value: object) -> int | None:
    if isinstance(value, str) and (found := _LEVEL.fullmatch(value.strip())):
        return int(found[1])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _unusable(what: str, key: str, column: str, row: Row, more: str = "") -> SuiteError:
    """A column that is not there, or one that holds something else."""
    found = _value(row.values, column)
    if found is ...:
        return SuiteError(
            f"{row.place}: no {what} in column {column!r} ({there_are(row.values)}); "
            f"name the right one with `{key}:`{more}"
        )
    empty = found is None or not str(found).strip()
    holds = "is empty" if empty else f"holds {str(found)[:_SHOWN]!r}"
    return SuiteError(
        f"{row.place}: no {what}: column {column!r} {holds}; correct the file, or name another column with "
        f"`{key}:`{more}"
    )
