"""What making a variant took: training.json beside its weights, written by the trainers, read by runs.

A run stores it with the cells of its model, so that a report can say after how many correct answers the
training has paid back. Money and carbon are not in it: they come from the report's price book.
"""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from costbench.engines.model_files import resolve_model
from costbench.errors import EngineError, StoreError
from costbench.hardware import Machine
from costbench.types import Count, Frozen, Provenance

FILE = "training.json"


UNLIKE_METERS = "training_on_unlike_meters"
"""Why joules are not known though each part was metered: methods, provenances or scopes differ."""


class TrainingEnergy(Frozen):
    """Joules of the phase `train`; None where some part of it was not metered, or not like the others."""

    joules: float | None
    provenance: Provenance = "unavailable"
    method: str | None = None
    scope: str | None = None
    reason: str | None = None
    """`UNLIKE_METERS`, or None."""


class TrainingFacts(Frozen):
    """One training, over all its parts if it was interrupted."""

    schema_version: Literal[1] = 1
    recipe: str
    recipe_sha256: str
    method: str
    """"arora_sigmoid", "lcpo_exact", "sft", "dpo" …"""
    base: str
    data_sha256: str
    problems: Count
    """Different ones that could be trained on."""
    seed: int
    steps: int
    tokens: int | None
    """Prompts and responses that went through the model, as TRL counts them."""
    duration_s: float
    energy: TrainingEnergy
    gpus: int
    machine: Machine
    """Where it ended."""
    other_machines: tuple[str, ...] = ()
    """Labels of those on which parts of it ran, so that no one price is that of all its hours."""
    versions: dict[str, str]

    @property
    def machines(self) -> str:
        """Labels of all, that of the last first."""
        return ", ".join((self.machine.label, *self.other_machines))


def read_training(model_path: str) -> TrainingFacts | None:
    """The facts beside a local model; None where there are none. Raises StoreError for a broken file."""
    try:
        folder = resolve_model(model_path)
    except EngineError:  # the engine will say so, with more to say
        return None
    if isinstance(folder, str):
        return None
    return read_facts(folder / FILE)


def read_facts(path: Path) -> TrainingFacts | None:
    """As `read_training`, by the file's path."""
    if not path.is_file():
        return None
    try:
        return TrainingFacts.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError, OSError) as error:
        raise StoreError(f"{path}: is not the card of a training: {error}") from error
