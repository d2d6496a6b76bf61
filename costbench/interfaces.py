"""The seams: what a dataset, an engine, a policy, a meter and a grader must be able to do.

A component is one frozen pydantic model (its fields are the keys of the suite file) with one verb. What
lives (a loaded model, an open counter, worker processes) comes from that verb through `with`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from costbench.errors import MeterError
from costbench.imported import ImportedSample
from costbench.types import (
    Answered,
    Completion,
    Grade,
    LatencyBasis,
    MeterFacts,
    Model,
    Problem,
    Request,
    Solution,
)


class Described(Protocol):
    """What all components are: a frozen model with a kind."""

    @property
    def kind(self) -> str:
        """The name in the suite file."""

    def model_dump(self, *, mode: str = ...) -> dict[str, Any]:
        """All fields, as `types.Component` gives them."""


@runtime_checkable
class Dataset(Described, Protocol):
    """A sequence of problems with ids.

    Where it has a `default_grader`, that one grades it in suites that name none.
    """

    def load(self) -> Iterable[Problem]:
        """The problems, always the same.

        Raises SuiteError where they are wrong, UnavailableError where they cannot be had now: the groups that
        need them are skipped for now, and the next run tries again.
        """


@runtime_checkable
class Sized(Protocol):
    """A dataset that knows how many problems it gives without loading them: a plan needs no data then."""

    def known_size(self) -> int | None:
        """None where it has to be loaded for that."""


class Generate(Protocol):
    """What a policy calls; sampling and seed of its attempt are filled in on the way."""

    def __call__(self, request: Request) -> Awaitable[Completion]:
        """One call to the engine."""


@runtime_checkable
class Policy(Described, Protocol):
    """How thinking is limited at inference: one async function over one attempt.

    Where it has `votes`, each piece of its solution is a response of its own, and the answer that most of
    them give is the attempt's. Class attributes say what it needs: `continues` an engine that goes on with
    what is written, `engine_budgets` one that is Budgeting, `ignores_eos` one that `takes_ignore_eos`,
    `closes_thinking` a model that thinks.
    """

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """Try the problem once, in as many calls as it takes."""

    def token_limit(self) -> int:
        """An upper bound of the tokens that one attempt samples, for the plan's estimate."""


class OpenEngine(Protocol):
    """A loaded model that answers requests."""

    latency_basis: LatencyBasis

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the libraries that did the work."""

    @property
    def gpu_uuids(self) -> Sequence[str]:
        """The GPUs it works on, as NVML names them ("GPU-…"); none on a CPU."""

    async def generate(self, request: Request) -> Completion:
        """Answer one request; raises EngineError when the engine is gone, RequestError for this one only."""


@runtime_checkable
class Engine(Described, Protocol):
    """A way to serve a model.

    Class attributes say what else it heeds of a request: `takes_token_ids` sends `Message.token_ids` as they
    are, `takes_ignore_eos` goes on past an end of turn. Loads that need one that is not said are refused.
    """

    def open(self, model: Model, concurrency: int) -> AbstractAsyncContextManager[OpenEngine]:
        """Load the model for so many requests at once; raises EngineError that says what is missing."""


@runtime_checkable
class Served(Protocol):
    """An engine that only talks to a server: a model's path may be a name that only the server knows."""

    @property
    def remote(self) -> bool:
        """Whether the server is surely not on this machine."""

    def terms(self) -> Sequence[str]:
        """For whoever reads the plan: where the server is, and what else has to be there."""


@runtime_checkable
class Limited(Protocol):
    """An open engine that may not be able to do everything."""

    @property
    def cannot_continue(self) -> str | None:
        """Why what is already written cannot be continued; None where it can."""

    @property
    def doubts(self) -> Sequence[str]:
        """Codes of `costbench.report.caveats` that hold for all it answers."""


@runtime_checkable
class Budgeting(Protocol):
    """An open engine that may itself end thinking at `Request.thinking_token_budget`."""

    async def why_no_thinking_budget(self) -> str | None:
        """Why it cannot with this model; None where it can. Asked only where a policy needs it."""


@runtime_checkable
class Caching(Protocol):
    """An open engine that keeps what it has read of prompts, so that the same prompt is cheaper next time."""

    async def reset_prefix_cache(self) -> bool:
        """Empty it while nothing is in flight; False where that cannot be done."""


class OpenMeter(Protocol):
    """A meter that is measuring: a set of cumulative joule counters."""

    facts: MeterFacts

    def read(self) -> Mapping[str, float | None]:
        """Joules so far by domain; None for a domain that cannot be read just now, never 0."""


@dataclass(frozen=True)
class Gauge:
    """Something else a meter can read now and then: power, clocks, temperature."""

    period_s: float
    read: Callable[[], Mapping[tuple[str, str], float | None]]
    """Values by domain and quantity, the unit in the quantity's name ("power_average_w")."""


@runtime_checkable
class Gauged(Protocol):
    """An open meter with gauges beside its counters."""

    gauges: Sequence[Gauge]


@runtime_checkable
class Explaining(Protocol):
    """An open meter that knows why one of its domains has no value just now."""

    def why(self, domain: str) -> MeterError | None:
        """The reason; None when there is none."""


@runtime_checkable
class Meter(Described, Protocol):
    """A joule counter of some kind."""

    def open(self) -> AbstractContextManager[OpenMeter]:
        """Start measuring; raises MeterError with the reason and the remedy where it cannot."""


@runtime_checkable
class Grader(Described, Protocol):
    """Decides whether a response answers its problem."""

    @property
    def version(self) -> str:
        """Changes whenever a verdict could: stored with every grade."""

    def open(self) -> AbstractContextManager[Callable[[Sequence[Answered]], list[Grade]]]:
        """A function from responses to grades, in order; may start worker processes."""


@runtime_checkable
class Normalizing(Protocol):
    """A grader that can tell some equal answers by their text alone."""

    def normalized(self, answer: str) -> str:
        """An extracted answer in the grader's own spelling; what is spelled alike is equal."""


@runtime_checkable
class ImportFormat(Described, Protocol):
    """Files of another tool, as `costbench import` reads them."""

    @property
    def wall_clock(self) -> bool:
        """Whether its times are seconds since 1970; else they are comparable within one file only."""

    def recognizes(self, path: Path) -> bool:
        """Whether a file looks like one of these, by its content; never raises."""

    def read(self, path: Path) -> Iterable[ImportedSample]:
        """Its responses; raises ImportFileError with the file and the line."""
