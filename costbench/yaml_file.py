"""YAML files that users write: read safely, refused with the line and a "did you mean"."""

import difflib
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from costbench.errors import SuiteError

_OURS = ("costbench", "trainers")
_WRITTEN = ("costbench.report.", "costbench.metered_contract")
"""Models of what we write and nobody types."""
ONE, MANY = "<component>", "<components>"
"""Steps of a place that are in our models but not in the file."""

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 50
_MAX_INT = 2**63 - 1
_MERGE = "tag:yaml.org,2002:merge"

# How pydantic calls what YAML calls otherwise.
_IN_YAML = {
    "tuple_type": "expected a list",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "path_type": "expected a path",
    "string_type": "expected text",
}


@dataclass(frozen=True)
class YamlFile:
    """A parsed file that can say on which line a thing stands."""

    path: Path
    content: object
    root: yaml.Node | None

    def explain(self, error: ValidationError) -> str:
        """Every problem of a validation, one a line, with its place."""
        return self.tell(error.errors(include_url=False))

    def tell(self, problems: Sequence[ErrorDetails]) -> str:
        """Problems of a validation and others of their form, one a line, with their places."""
        told = (
            f"{self.path}:{self._line(found['loc'])}: {sentence(found)}"
            for found in _without_echoes(problems)
        )
        return "\n".join(dict.fromkeys(told))  # each budget of a list tells the same

    def _line(self, place: tuple[int | str, ...]) -> int:
        node, line = self.root, 1
        for key in place:
            child = _child(node, key)
            if child is None:
                continue  # a step of our models that the file does not have
            node, line = child
        return line


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (no need here, and bombs are made of them) or repeated keys."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not allowed", problem_mark=_mark(self)
            )
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {_MAX_DEPTH} levels", problem_mark=_mark(self)
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ValueError, LookupError, AttributeError) as error:  # "2026-13-45", "!!int x"
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{_short(node.value)} is not a valid {kind}", problem_mark=node.start_mark
            ) from error
        problem = _unusable(value)
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return value

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                raise yaml.MarkedYAMLError(
                    problem="a key must be a single word", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key `{key.value}` occurs twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> YamlFile:
    """Parse a file; raises SuiteError with the line where it cannot."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise SuiteError(f"{path}: no such file") from error
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise SuiteError(f"{path}: {len(raw):,} bytes; a file of at most {_MAX_BYTES:,} is read")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path}: not UTF-8 text (byte {error.start})") from error
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        content = loader.construct_document(root) if root is not None else None
    except yaml.reader.ReaderError as error:
        line = f"{text.count(chr(10), 0, error.position) + 1}"
        sign = f"U+{int(error.character):04X}"
        raise SuiteError(f"{path}:{line}: the character {sign} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        line = f"{error.problem_mark.line + 1}" if error.problem_mark else "1"
        raise SuiteError(f"{path}:{line}: {error.problem or 'not valid YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise SuiteError(f"{path}: not valid YAML: {error}") from error
    return YamlFile(path, content, root)


def _mark(loader: _Loader) -> Any:
    return loader.peek_event().start_mark  # type: ignore[no-untyped-call]


def _unusable(value: object) -> str | None:
    """Why a value that YAML can write cannot be stored or hashed, where that is so."""
    if isinstance(value, int) and abs(value) > _MAX_INT:
        return "a whole number beyond 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        return f"contains a character that cannot be stored: {_short(value)}"
    return None


def _child(node: yaml.Node | None, key: int | str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return value, name.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key].start_mark.line + 1
    return None


def _without_echoes(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are "too short" only because something in them is wrong."""
    return [
        found
        for found in errors
        if found["type"] != "too_short"
        or not any(_is_inside(other["loc"], found["loc"]) for other in errors)
    ]


def _is_inside(loc: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(loc) > len(outer) and loc[: len(outer)] == outer


def problem(place: tuple[int | str, ...], sentence: str) -> ErrorDetails:
    """A problem that no validation finds, in the form of those that one does."""
    return ErrorDetails(type="value_error", loc=place, msg=sentence, input=None)


def sentence(found: ErrorDetails) -> str:
    """A problem with its place in the file, without the line."""
    place = _place(found["loc"])
    if found["type"] == "extra_forbidden":
        key = str(found["loc"][-1])
        near = difflib.get_close_matches(key, _known_keys() - {key}, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        return f"{place}: unknown key `{key}`{hint}"
    if found["type"] == "missing":
        return f"{place}: is missing"
    if found["type"] == "too_short":
        return f"{place}: expected at least {found['ctx']['min_length']}, found none"
    message = _IN_YAML.get(found["type"], found["msg"].removeprefix("Value error, "))
    shown = "" if found["type"] == "value_error" else f", found {_short(found['input'])}"
    return f"{place}: {message[:1].lower()}{message[1:]}{shown}"


def _place(loc: tuple[int | str, ...]) -> str:
    written = [
        part
        for before, part in zip((None, *loc), loc, strict=False)
        if part not in {ONE, MANY} and before != MANY
    ]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in written)
    return text.removeprefix(".") or "the file"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _known_keys() -> set[str]:
    """Every field of every model loaded by now that may stand in a file: what a key could be meant as."""
    keys: set[str] = set()
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        model = waiting.pop()
        if not model.__module__.startswith(_WRITTEN):
            keys |= set(model.model_fields)
        waiting += [sub for sub in model.__subclasses__() if sub.__module__.startswith(_OURS)]
    return keys
