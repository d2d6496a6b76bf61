"""Sets of one's own: which column holds what is said in the suite, not guessed."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from costbench.datasets.asking import Questions
from costbench.datasets.choices import AnswerIs
from costbench.datasets.columns import Columns, Item
from costbench.datasets.rows import Row, read_rows
from costbench.errors import SuiteError


class Mapped(Questions):
    """Questions whose columns have the names that the suite says; "a.b" is key b of column a."""

    id: str | None = "id"
    """Column with the id, which must be unique; `null` numbers the rows instead."""
    question: str = "question"
    answer: str | None = "answer"
    """`null` where there are no answers: latency and energy can be measured all the same."""
    answer_after: str | None = None
    """Where the column holds a whole solution: the mark before the final answer ("####" in GSM8K)."""
    answer_is: AnswerIs | None = None
    """How the right option is named: letter, index (from 0), number (from 1), text; needed where two could
    be meant."""
    level: str | None = "level"
    """Column with a difficulty; that of this name only where it is there."""
    subject: str | None = "subject"
    """Column with a subject; that of this name only where it is there."""
    choices: str | Annotated[tuple[str, ...], Field(min_length=2, max_length=26)] | None = None
    """A column with a list of options, or the columns with one each: then it is a multiple choice."""

    @model_validator(mode="after")
    def _options_to_choose_from(self) -> Self:
        if self.choices is None and self.answer_is is not None:
            raise ValueError("answer_is: is for a multiple choice; say which `choices` there are")
        return self

    @property
    def multiple_choice(self) -> bool:
        """Whether the suite names columns of options."""
        return self.choices is not None

    @property
    def file_header(self) -> tuple[str, ...]:
        """Names of the columns, where a file does not begin with them."""
        return ()

    def shot_items(self) -> Iterator[Item]:
        """Those of the file that `shots_from` names."""
        if self.shots_from is None:
            raise SuiteError(f"{self.source}: `shots` need `shots_from`")
        return self._read(read_rows(self.shots_from, header=self.file_header))

    def _read(self, rows: Iterator[Row]) -> Iterator[Item]:
        columns = self._columns()
        return (columns.item(row) for row in rows)

    def _columns(self, **more: Any) -> Columns:
        keys = (
            "question",
            "answer",
            "id",
            "level",
            "subject",
            "choices",
            "answer_after",
            "answer_is",
        )
        asked_for = frozenset(self.model_fields_set & {"level", "subject"})
        return Columns(**{key: getattr(self, key) for key in keys}, asked_for=asked_for, **more)
