"""Problems from the Hugging Face hub, or from a local folder in any form the `datasets` library reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from costbench.datasets.columns import Columns, Item
from costbench.datasets.mapping import Mapped
from costbench.datasets.rows import Row
from costbench.errors import UnavailableError, first_line


@dataclass(frozen=True)
class HubSplit:
    """One split of a data set on the hub, at one revision."""

    path: str
    config: str | None
    split: str
    revision: str | None

    def rows(self) -> Iterator[Row]:
        """Row by row, from the library's cache where it is there; raises UnavailableError with what to do."""
        rows = self._loaded()
        for number in range(len(rows)):
            yield Row(f"dataset {self.path}: row {number}", f"row {number}", number, rows[number])

    def _loaded(self) -> Any:
        try:
            import datasets
        except ImportError as error:
            raise UnavailableError(
                f"dataset {self.path} needs the datasets library: pip install datasets"
            ) from error
        datasets.disable_progress_bars()
        try:
            return datasets.load_dataset(
                self.path, self.config, split=self.split, revision=self.revision
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise UnavailableError(f"dataset {self.path}: {self._told(error)}") from error

    def _told(self, error: Exception) -> str:
        said = first_line(error)
        if "gated" in str(error) or "authenticat" in str(error):
            return (
                f"is gated: accept its terms at https://huggingface.co/datasets/{self.path}, then log in "
                f"with `hf auth login` (or set HF_TOKEN), or name a copy of yours with `path:`; {said}"
            )
        return (
            f"cannot be loaded: {said}; it needs the hub, a copy in the cache of the datasets library, or "
            "a file named with `path:`"
        )


class Hub(Mapped):
    """A dataset by id; which columns hold question and answer is said here, not guessed."""

    kind: Literal["hub"] = "hub"
    path: str
    """Hub id, or a folder."""
    config: str | None = None
    split: str = "test"
    revision: str | None = None
    """Pin it: datasets on the hub change."""
    id: str | None = None
    """Column with the id; rows are numbered when absent."""
    level: str | None = None
    subject: str | None = None
    shots_split: str | None = None
    """The split that `shots` are drawn from."""

    @property
    def source(self) -> str:
        """The data set."""
        return f"dataset {self.path}"

    def items(self) -> Iterator[Item]:
        """Row by row, numbered within the split."""
        return self._of(self.split)

    def shot_items(self) -> Iterator[Item]:
        """Those of `shots_from`, else of `shots_split`."""
        if self.shots_split is None or self.shots_from is not None:
            return super().shot_items()
        return self._of(self.shots_split)

    def has_shots(self) -> bool:
        """Whether there is a file or a split of them."""
        return self.shots_split is not None or super().has_shots()

    def _of(self, split: str) -> Iterator[Item]:
        columns: Columns = self._columns(id_prefix=f"{split}-")
        rows = HubSplit(self.path, self.config, split, self.revision).rows()
        return (columns.item(row) for row in rows)
