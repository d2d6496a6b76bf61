"""Options of a multiple choice, in the forms that data sets have them, and which of them is right."""

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal

from costbench.errors import SuiteError
from costbench.types import Frozen

AnswerIs = Literal["letter", "index", "number", "text"]
"""An index counts from 0, a number from 1."""
_FEWEST, _MOST = 2, len(ascii_uppercase)
_NAME = 30
_LETTER = re.compile(r"\(?([A-Za-z])[).]?")


@dataclass(frozen=True)
class Options:
    """Their texts in order, and the labels that the data gives them."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]


class Shuffle(Frozen):
    """Puts the options of each question in another order, always the same for one seed."""

    seed: int = 0

    def order(self, question: str, options: Sequence[str]) -> list[int]:
        """Which option comes when: by a hash over seed, question and option, so that no library matters."""
        return sorted(
            range(len(options)),
            key=lambda at: hashlib.sha256(
                f"{self.seed}\0{question}\0{at}\0{options[at]}".encode(errors="replace")
            ).digest(),
        )


def read_options(value: object, place: str) -> Options:
    """From a list of texts or of {label, text}, a {label: […], text: […]} or {A: …, B: …}, or any as text.

    Such text is JSON, or what Python prints.
    """
    labels, texts = _apart(_parsed(value))
    if not texts or not all(isinstance(text, str | int | float) for text in texts):
        raise SuiteError(
            f"{place}: no options to choose from, found {str(value)[:60]!r}; `choices:` names a column with "
            "a list, or the columns with one option each"
        )
    written = tuple(str(text).strip() for text in texts)
    if not _FEWEST <= len(written) <= _MOST:
        raise SuiteError(
            f"{place}: {len(written)} options; a multiple choice has {_FEWEST} to {_MOST}"
        )
    return Options(
        written, tuple(str(label) for label in labels) or tuple(ascii_uppercase[: len(written)])
    )


def _parsed(value: object) -> object:
    """Text that holds a list; other text as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        for read in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                return read(value.strip())
    return value


def _apart(value: object) -> tuple[Sequence[Any], Sequence[Any]]:
    """Labels, where there are any, and texts."""
    if isinstance(value, Mapping):
        if {"label", "text"} <= value.keys():
            return list(value["label"]), list(value["text"])
        there = {label: text for label, text in value.items() if text is not None}
        return list(there), list(there.values())
    if isinstance(value, list | tuple):
        if all(isinstance(one, Mapping) for one in value):
            return [one.get("label") for one in value], [one.get("text") for one in value]
        return (), value
    return (), ()


def option_columns(values: Mapping[str, Any], columns: Sequence[str], place: str) -> list[Any]:
    """One option from each column; the last ones may be empty where a question has fewer."""
    missing = [column for column in columns if column not in values]
    if missing:
        raise SuiteError(
            f"{place}: no column {missing[0]!r} ({there_are(values)}); name the right ones with `choices:`"
        )
    found = [values[column] for column in columns]
    while found and found[-1] in (None, ""):
        found.pop()
    empty = [column for column, text in zip(columns, found, strict=False) if text in (None, "")]
    if empty:
        raise SuiteError(
            f"{place}: the option in column {empty[0]!r} is empty, and one behind it is not; letters would "
            "shift: correct the file"
        )
    return found


def there_are(values: Mapping[str, Any]) -> str:
    """The names of a row's columns, for messages; of data that was taken for names no more than a glimpse."""
    return f"columns: {', '.join(sorted(str(name)[:_NAME] for name in values)) or 'none'}"


def right_option(answer: object, options: Options, answer_is: AnswerIs | None, place: str) -> int:
    """Which option an answer means: by its letter or label, its place from 0, or its text.

    Raises SuiteError where it is none, and where it could be two of them and nobody says which way.
    """
    read = {"letter": _by_letter, "index": _by_index, "number": _by_number, "text": _by_text}
    ways = [answer_is] if answer_is else list(read)
    found = {way: at for way in ways if (at := read[way](answer, options)) is not None}
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    if found:
        meant = ", ".join(f"as {way} option {ascii_uppercase[at]}" for way, at in found.items())
        raise SuiteError(
            f"{place}: the answer {answer!r} can be read in several ways ({meant}); say which with "
            "`answer_is: letter`, `index` (from 0), `number` (from 1) or `text`"
        )
    raise SuiteError(f"{place}: {_no_option(answer, options, answer_is)}")


def _no_option(answer: object, options: Options, answer_is: AnswerIs | None) -> str:
    number = len(options.texts)
    span = f"{ascii_uppercase[0]} to {ascii_uppercase[number - 1]}"
    if (
        answer_is in (None, "letter")
        and isinstance(answer, str)
        and _LETTER.fullmatch(answer.strip())
    ):
        return f"the answer {answer!r} is a letter beyond the {number} options ({span})"
    return (
        f"the answer {str(answer)[:60]!r} is none of the {number} options; it has to be a letter ({span}), "
        f"an index (0 to {number - 1}), a number (1 to {number}) or the text of an option"
    )


def _by_letter(answer: object, options: Options) -> int | None:
    text = str(answer).strip()
    if text in options.labels:
        return options.labels.index(text)
    found = _LETTER.fullmatch(text)
    at = ascii_uppercase.index(found[1].upper()) if found else len(options.texts)
    return at if at < len(options.texts) else None


def _by_index(answer: object, options: Options) -> int | None:
    text = str(answer).strip()
    at = int(text) if text.isdecimal() and not isinstance(answer, bool) else len(options.texts)
    return at if at < len(options.texts) else None


def _by_number(answer: object, options: Options) -> int | None:
    text = str(answer).strip()
    at = int(text) - 1 if text.isdecimal() and not isinstance(answer, bool) else -1
    return at if 0 <= at < len(options.texts) else None


def _by_text(answer: object, options: Options) -> int | None:
    text = str(answer).strip()
    return options.texts.index(text) if options.texts.count(text) == 1 else None
