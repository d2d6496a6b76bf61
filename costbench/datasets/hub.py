"""Problems from the Hugging Face hub, or from a local folder in any form the `datasets` library reads."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from costbench.datasets.prompting import DEFAULT_TEMPLATE, Template, fill
from costbench.errors import SuiteError, first_line
from costbench.types import Component, Problem


class Hub(Component):
    """A dataset by id; which columns hold question and answer is said here, not guessed."""

    kind: Literal["hub"] = "hub"
    path: str
    """Hub id, or a folder."""
    config: str | None = None
    split: str = "test"
    revision: str | None = None
    """Pin it: datasets on the hub change."""
    problems: Annotated[int, Field(ge=1)] | None = None
    """The first so many; all when absent."""
    question: str = "question"
    answer: str = "answer"
    answer_after: str | None = None
    """Where the column holds a whole solution: the mark before the final answer ("####" in GSM8K)."""
    level: str | None = None
    prompt: Template = DEFAULT_TEMPLATE

    def load(self) -> Iterator[Problem]:
        """Problem by problem, numbered by row; raises SuiteError with the column or id that is wrong."""
        rows = self._rows()
        for column in (self.question, self.answer):
            if column not in rows.column_names:
                raise SuiteError(
                    f"dataset {self.path}: no column {column!r} "
                    f"(there are: {', '.join(rows.column_names)})"
                )
        total = len(rows) if self.problems is None else min(self.problems, len(rows))
        for number in range(total):
            yield self._problem(number, rows[number])

    def _rows(self) -> Any:
        try:
            import datasets
        except ImportError as error:
            raise SuiteError(
                f"dataset {self.path} needs the datasets library: pip install datasets"
            ) from error
        datasets.disable_progress_bars()
        try:
            return datasets.load_dataset(
                self.path, self.config, split=self.split, revision=self.revision
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise SuiteError(
                f"dataset {self.path}: cannot be loaded: {first_line(error)}"
            ) from error

    def _problem(self, number: int, row: dict[str, Any]) -> Problem:
        question = str(row[self.question])
        level = row.get(self.level) if self.level else None
        return Problem(
            id=f"{self.split}-{number:05d}",
            question=question,
            prompt=fill(self.prompt, question),
            answer=self._reference(number, row[self.answer]),
            level=level if isinstance(level, int) else None,
        )

    def _reference(self, number: int, answer: object) -> str | None:
        if answer is None:
            return None
        if not isinstance(answer, str | int | float):
            raise SuiteError(
                f"dataset {self.path}: row {number}: {self.answer!r} holds a "
                f"{type(answer).__name__}, not one answer; name another column with `answer:`"
            )
        text = str(answer)
        if self.answer_after is not None:
            _, mark, text = text.rpartition(self.answer_after)
            if not mark:
                raise SuiteError(
                    f"dataset {self.path}: row {number} has no {self.answer_after!r} in {self.answer!r}"
                )
        return text.strip()
