"""Problems from a local JSON Lines file: one object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from costbench.datasets.prompting import DEFAULT_TEMPLATE, Template, fill
from costbench.errors import SuiteError
from costbench.types import Component, Problem


class Jsonl(Component):
    """A file of questions and answers of your own; its columns can have any names."""

    kind: Literal["jsonl"] = "jsonl"
    path: Path
    """Taken from the suite's folder when relative."""
    problems: Annotated[int, Field(ge=1)] | None = None
    """The first so many; all when absent."""
    id: str | None = "id"
    """Column with the id, which must be unique; `null` numbers the lines instead."""
    question: str = "question"
    answer: str | None = "answer"
    """`null` where there are no answers: latency and energy can be measured all the same."""
    level: str | None = "level"
    """Column with a difficulty, used where it is there."""
    prompt: Template = DEFAULT_TEMPLATE
    """The user's turn; {question} stands for the question."""

    @field_validator("path", mode="after")
    @classmethod
    def _from_suite_folder(cls, path: Path, info: ValidationInfo) -> Path:
        folder = (info.context or {}).get("folder")
        return path if folder is None or path.is_absolute() else Path(folder) / path

    def load(self) -> Iterator[Problem]:
        """Problem by problem; raises SuiteError with the line for anything that is not one."""
        lines_of: dict[str, int] = {}
        for line, record in self._records():
            problem = self._problem(line, record)
            if problem.id in lines_of:
                raise SuiteError(
                    f"{self.path}:{line}: the id {problem.id!r} is already that of line "
                    f"{lines_of[problem.id]}; ids must be unique"
                )
            lines_of[problem.id] = line
            yield problem
            if len(lines_of) == self.problems:
                return
        if not lines_of:
            raise SuiteError(f"{self.path}: holds no problem")

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with self.path.open(encoding="utf-8") as lines:
                for number, text in enumerate(lines, start=1):
                    if text.strip():
                        yield number, self._record(number, text)
        except OSError as error:
            raise SuiteError(f"{self.path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SuiteError(f"{self.path}: not UTF-8 text") from error

    def _record(self, line: int, text: str) -> dict[str, Any]:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SuiteError(f"{self.path}:{line}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise SuiteError(f"{self.path}:{line}: expected an object, found {text.strip()[:60]}")
        return record

    def _problem(self, line: int, record: dict[str, Any]) -> Problem:
        columns = ", ".join(sorted(record)) or "none"
        question = record.get(self.question)
        if not isinstance(question, str) or not question.strip():
            raise SuiteError(
                f"{self.path}:{line}: no text in column {self.question!r} (columns: {columns}); "
                "name the right one with `question:`"
            )
        answer = record.get(self.answer, ...) if self.answer is not None else None
        if not isinstance(answer, str | int | float | None):
            raise SuiteError(
                f"{self.path}:{line}: no answer in column {self.answer!r} (columns: {columns}); "
                "name the right one with `answer:`, or say `answer: null` where there is none"
            )
        name = line if self.id is None else record.get(self.id)
        if not isinstance(name, str | int) or name == "":
            raise SuiteError(
                f"{self.path}:{line}: no id in column {self.id!r} (columns: {columns}); "
                "name the right one with `id:`, or number the lines with `id: null`"
            )
        level = record.get(self.level) if self.level else None
        try:
            return Problem(
                id=str(name),
                question=question,
                prompt=fill(self.prompt, question),
                answer=None if answer is None else str(answer),
                level=level if isinstance(level, int) else None,
            )
        except ValidationError as error:  # an id of pages, half a character
            first = error.errors()[0]
            raise SuiteError(f"{self.path}:{line}: {first['loc'][0]}: {first['msg']}") from error
