"""What reading the files of other tools has in common: places in messages, verdicts, moments."""

import datetime
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from costbench.errors import ImportFileError
from costbench.imported import ImportedSample

HEAD = 1 << 16
"""Characters that are looked at to tell what a file is."""
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"(\xb5/\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
}
"""By their first bytes, what logs are packed in."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MAGIC = 8
_LATEST_S = 1e11
"""As seconds since 1970 that is the year 5138: what is above are milliseconds."""
_WORDS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def head_of(path: Path) -> str:
    """The beginning of a text file; empty where it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(HEAD)
    except OSError:
        return ""


def first_object(path: Path) -> dict[str, Any]:
    """The JSON object on the first line; empty where there is none."""
    line = next(iter(head_of(path).splitlines()), "")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object with its place; blank lines are passed over. Raises ImportFileError."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if number == 1:
                    _require_no_array(line, path)
                if line.strip():
                    place = f"{path}:{number}"
                    yield place, _object(line, place)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def json_file(path: Path, several: str = "") -> dict[str, Any]:
    """One object that is the whole file; raises ImportFileError, with `several` where another follows."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    return _object(text, str(path), several)


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ImportFileError:
    """What to say of a file that is not there or is not text."""
    if isinstance(error, OSError):
        return ImportFileError(f"{path}: cannot be read: {error.strerror}")
    beginning, bad = _around_bad_line(path)
    packed = next((name for magic, name in _PACKED.items() if beginning.startswith(magic)), None)
    if packed:
        return ImportFileError(f"{path}: cannot be read: it is packed ({packed}); unpack it first")
    if beginning.startswith(_UTF_16):
        return ImportFileError(f"{path}: cannot be read: it is UTF-16 text; save it as UTF-8")
    return ImportFileError(f"{path}:{bad}: cannot be read: it is not UTF-8 text")


def _around_bad_line(path: Path) -> tuple[bytes, int]:
    """The first bytes, and the number of the first line that is no UTF-8."""
    with path.open("rb") as file:
        beginning = file.read(_MAGIC)
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return beginning, number
    return beginning, 1


def require_lines(path: Path) -> None:
    """Raises ImportFileError for what is packed or no text from its first line on, and for a JSON array."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            _require_no_array(file.readline(HEAD), path)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def _require_no_array(first: str, path: Path) -> None:
    if first.lstrip().startswith("["):
        raise ImportFileError(
            f"{path}:1: a JSON array begins here; write an object per line (jq -c '.[]')"
        )


def _object(text: str, place: str, several: str = "") -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if several and error.msg == "Extra data":
            raise ImportFileError(f"{place}: holds several objects; {several}") from error
        where = "" if error.lineno == 1 else f", line {error.lineno}"
        raise ImportFileError(
            f"{place}{where}: not JSON ({error.msg}, column {error.colno}); was it cut off?"
        ) from error
    except RecursionError as error:
        raise ImportFileError(f"{place}: nested too deeply to be read") from error
    if not isinstance(found, dict):
        raise ImportFileError(f"{place}: expected a JSON object, found {type(found).__name__}")
    return found


def sample(place: str, **fields: Any) -> ImportedSample:
    """A sample, checked; raises ImportFileError that names the field and what was found."""
    try:
        found = ImportedSample(place=place, **fields)
        found.model_dump_json()  # half a surrogate pair is JSON, and no text
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the record"
        value = repr(first.get("input"))[:80]
        raise ImportFileError(f"{place}: {field}: {first['msg']}, found {value}") from error
    except ValueError as error:
        raise ImportFileError(f"{place}: a text in it is not Unicode") from error
    return found


def verdict(value: object, place: str) -> bool | None:
    """Right or wrong, from a bool, 0 or 1, or such a word; None for nothing. Raises ImportFileError."""
    if value is None or value == "":
        return None
    if isinstance(value, bool | int | float) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise ImportFileError(
        f"{place}: correct: expected true or false, 1 or 0, found {value!r}"[:300]
    )


def right_or_wrong(value: object) -> bool | None:
    """A metric of one response as a verdict; None where it is neither 1 nor 0."""
    return bool(value) if isinstance(value, bool | int | float) and value in {0, 1} else None


def moment(value: object, place: str) -> float | None:
    """Seconds since 1970, from such a number or from ISO 8601 (UTC where it names no zone)."""
    if value is None or value == "":
        return None
    seconds = _seconds(value)
    if seconds is None or not math.isfinite(seconds):
        raise ImportFileError(
            f"{place}: {value!r} is no time; write seconds since 1970 or ISO 8601"[:300]
        )
    if abs(seconds) > _LATEST_S:
        raise ImportFileError(
            f"{place}: {value!r} is too late for seconds since 1970; milliseconds?"
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        found = datetime.datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
