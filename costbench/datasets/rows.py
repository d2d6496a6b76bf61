"""Rows of a local file by its suffix: JSON Lines, JSON, CSV, Parquet. Each knows where it stands."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TextIO

from pydantic import AfterValidator, ValidationInfo

from costbench.errors import SuiteError, first_line

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_TABLES = (".csv", ".tsv")


def _from_suite_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if folder is None or path.is_absolute() else Path(folder) / path


SuitePath = Annotated[Path, AfterValidator(_from_suite_folder)]
"""Taken from the suite's folder when relative."""


@dataclass(frozen=True)
class Row:
    """What one line or record holds."""

    place: str
    """For messages: "mine.jsonl:3", "dataset openai/gsm8k: row 2"."""
    name: str
    """Within its file: "line 3"."""
    number: int
    values: Mapping[str, Any]


def read_rows(path: Path, split: str | None = None, header: Sequence[str] = ()) -> Iterator[Row]:
    """Row by row, by suffix; of a folder the one file in it, or the one of this split.

    `header` names the columns of a CSV whose first line holds data already. Raises SuiteError for what
    cannot be read, with the line.
    """
    file = _only_file(path, split) if path.is_dir() else path
    suffix = file.suffix.lower()
    if suffix in _TABLES:
        return _text_rows(file, partial(csv_rows, header=header))
    if header:
        raise SuiteError(f"{file}: `header` is for CSV and TSV; columns here have names already")
    if suffix == ".parquet":
        return _parquet_rows(file)
    if suffix == ".json":
        return _text_rows(file, _json_rows)
    if suffix in SUFFIXES:
        return jsonl_rows(file)
    raise SuiteError(
        f"{file}: a file of problems ends in one of {', '.join(SUFFIXES)}; save it as one of them, or say "
        "`kind: jsonl` where it is JSON Lines all the same"
    )


def jsonl_rows(path: Path) -> Iterator[Row]:
    """One object a line, whatever the file is called; blank lines are passed over."""
    return _text_rows(path, _jsonl_rows)


def _only_file(folder: Path, split: str | None) -> Path:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    of_split = [file for file in files if split and file.stem.split("-")[0] == split]
    if len(found := of_split or files) == 1:
        return found[0]
    names = ", ".join(file.name for file in files)
    raise SuiteError(
        f"{folder}: holds no {split or 'data'} file that could be meant alone "
        f"(there are: {names or 'none'}); name the file itself"
    )


def _text_rows(path: Path, read: Callable[[Path, TextIO], Iterator[Row]]) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from read(path, lines)
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SuiteError(
            f"{path}: not UTF-8 text; save it as UTF-8 (of a spreadsheet: CSV UTF-8)"
        ) from error


def _jsonl_rows(path: Path, lines: TextIO) -> Iterator[Row]:
    for number, text in enumerate(lines, start=1):
        if text.strip():
            record = _object(f"{path}:{number}", text)
            yield Row(f"{path}:{number}", f"line {number}", number, record)


def _object(place: str, text: str) -> dict[str, Any]:
    record = _parsed(place, text)
    if not isinstance(record, dict):
        raise SuiteError(f"{place}: expected an object, found {text.strip()[:60]}")
    return record


def _parsed(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SuiteError(f"{place}: not JSON: {error}") from error


def _json_rows(path: Path, text: TextIO) -> Iterator[Row]:
    content = _parsed(str(path), text.read())
    lists = [value for value in content.values() if _are_objects(value)] if isinstance(
        content, dict
    ) else [content]  # fmt: skip
    if len(lists) != 1 or not _are_objects(lists[0]):
        raise SuiteError(f"{path}: expected a list of objects, one a problem")
    for number, record in enumerate(lists[0]):
        yield Row(f"{path}: item {number}", f"item {number}", number, record)


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def csv_rows(path: Path, lines: TextIO, header: Sequence[str] = ()) -> Iterator[Row]:
    """Records under a first line that names the columns, or under `header`; values are text, empty ones None.

    Fields are apart by whichever of comma, semicolon and tab makes the most of the first line.
    """
    first = next(lines, "")
    mark = "\t" if path.suffix.lower() == ".tsv" else _delimiter(first)
    rows = csv.DictReader(chain([first], lines), header or None, delimiter=mark, strict=True)
    ended = 0
    try:
        rows.fieldnames = names = _distinct(path, rows.fieldnames or ())
        ended = rows.line_num
        for record in rows:
            number = ended = rows.line_num
            place = f"{path}:{number}"
            if None in record or None in record.values():
                raise SuiteError(
                    f"{place}: has not as many fields as there are names of columns ({len(names)}); put "
                    f"quotes around text with {mark!r} in it"
                )
            values = {name: text or None for name, text in record.items()}
            if any(values.values()):  # a spreadsheet may end in lines of nothing but commas
                yield Row(place, f"line {number}", number, values)
    except csv.Error as error:
        raise SuiteError(f"{path}:{ended + 1}: not CSV: {error}") from error


def _delimiter(line: str) -> str:
    return max(",;\t", key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _distinct(path: Path, names: Sequence[str]) -> list[str]:
    """Without blanks around them; raises SuiteError where two columns have one name."""
    stripped = [name.strip() for name in names]
    twice = [name for name, times in Counter(stripped).items() if name and times > 1]
    if twice:
        raise SuiteError(f"{path}: {twice[0]!r} is the name of two columns; rename one")
    return stripped


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise SuiteError(f"{path}: Parquet needs pyarrow: pip install pyarrow") from error
    try:
        file = parquet.ParquetFile(path)
        records = (record for batch in file.iter_batches() for record in batch.to_pylist())
        for number, record in enumerate(records):
            yield Row(f"{path}: row {number}", f"row {number}", number, record)
    except (OSError, ValueError) as error:  # what pyarrow raises for a bad file is a ValueError
        raise SuiteError(f"{path}: cannot be read: {first_line(error)}") from error
