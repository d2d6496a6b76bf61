"""What a training leaves for its card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainers.checkpoint import Ledger


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    folder: Path
    """Whole, but not yet under its name."""
    ledger: Ledger
    history: Sequence[Mapping[str, Any]]
    """The log, an entry per step with `step` in it."""
    problems: int
    """Different ones that it could learn from."""
    data_sha256: str
