"""Problems from a local file of any form: JSON Lines, JSON, CSV, TSV or Parquet, by its suffix."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from costbench.datasets.columns import Item
from costbench.datasets.mapping import Mapped
from costbench.datasets.rows import SuitePath, read_rows


class File(Mapped):
    """Questions and answers of your own; its columns can have any names."""

    kind: Literal["file"] = "file"
    path: SuitePath
    """A file, or a folder with one; taken from the suite's folder when relative."""
    split: str | None = None
    """Of a folder with several files the one that is called so: "test.csv", "test-00000-of-00001.parquet"."""

    header: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Names of the columns of a CSV or TSV whose first line holds data already."""

    @property
    def source(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def file_header(self) -> tuple[str, ...]:
        """Of the shots, too."""
        return self.header or ()

    def items(self) -> Iterator[Item]:
        """Record by record."""
        return self._read(read_rows(self.path, self.split, self.file_header))
