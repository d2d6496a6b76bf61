"""The errors a user can meet, one type per boundary, each a sentence that names the place and the next step.

CostbenchError
├── SuiteError    the suite file, a price book or a dataset says something that cannot be run
│   └── UnavailableError  a dataset cannot be had now: the others are measured, and the next run tries again
├── PluginError   a component's package or class is missing or broken
├── EngineError   a model cannot be loaded, or an engine died
│   ├── NotInstalledError  the engine needs an optional library that is not there
│   └── RequestError  one request failed: recorded as data, the run goes on
│       ├── ContextFullError  there is no room left in the model's context
│       └── TransientError    it may be answered another time: tried again when the run is resumed
├── MeterError    a meter cannot measure here; an error only where it was asked for by name
├── StoreError    a run folder cannot be read, written or resumed
├── GradeError    a grader itself broke (a wrong answer is data, not this)
├── ImportFileError  a file of another tool is not what it should be, or does not fit the others
├── CompareError  two runs have nothing that can be compared
├── GateFailed    a figure is as `--fail-if` says it must not be, or is not known
└── TrainError    a recipe or its checkpoints say something that cannot be trained
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costbench.types import Retry


def first_line(error: Exception) -> str:
    """What a library's error says, without the pages that some add; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class CostbenchError(Exception):
    """Shown to the user as one sentence, without a traceback; exit code 1."""


class SuiteError(CostbenchError):
    """The suite, a price book or a dataset cannot be used as written."""


class UnavailableError(SuiteError):
    """A dataset cannot be had now: no access, no network, no library. It may be there the next time."""


class PluginError(CostbenchError):
    """A component cannot be found or loaded."""


class EngineError(CostbenchError):
    """A model cannot be loaded, or the engine that served it is gone."""


class NotInstalledError(EngineError):
    """A library that only this engine needs is missing."""


class RequestError(EngineError):
    """One request cannot be answered; the engine can go on with others."""

    retries: "Sequence[Retry]" = ()
    """What was tried in vain; it may have cost tokens."""


class ContextFullError(RequestError):
    """A request fills the model's context already: nothing more can be sampled."""


class TransientError(RequestError):
    """A request that failed as often as it was tried, and may not another time."""


class MeterError(CostbenchError):
    """A meter cannot measure; `code` is the reason's name in `costbench.metering.reasons`."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class StoreError(CostbenchError):
    """A run folder cannot be opened, written or resumed."""


class GradeError(CostbenchError):
    """A grader cannot work at all."""


class CompareError(CostbenchError):
    """Two runs have no cell that may be compared."""


class ImportFileError(CostbenchError):
    """A file of another tool cannot be imported as it is."""


class GateFailed(CostbenchError):  # noqa: N818 - nothing went wrong: this is the answer
    """A condition of `--fail-if` holds, or cannot be told."""


class TrainError(CostbenchError):
    """A training recipe, or a checkpoint it should go on from, cannot be used."""
