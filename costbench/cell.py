"""One row of every report, and how its attempts come."""

import math
from dataclasses import dataclass
from typing import Any

from costbench.interfaces import Engine, Grader, Policy
from costbench.suite import policy_budget
from costbench.types import Model, Problem, Sampling

Problems = tuple[Problem, ...]

_WARM_UP_S = 5.0
"""Where attempts arrive by themselves, a warm-up batch is as wide as what comes in that time."""


@dataclass(frozen=True)
class OpenLoop:
    """Attempts that arrive by themselves."""

    request_rate: float
    """Per second, on average."""
    burstiness: float = 1.0
    max_concurrency: int | None = None

    @property
    def label(self) -> str:
        """As r2 or r0.5, the end of a cell's id."""
        return f"r{self.request_rate:g}"

    @property
    def spec(self) -> dict[str, Any]:
        """As it is stored and reported; a cap only where there is one."""
        said = {"request_rate": self.request_rate, "burstiness": self.burstiness}
        capped = {"max_concurrency": self.max_concurrency}
        return said | (capped if self.max_concurrency is not None else {})


@dataclass(frozen=True)
class Cell:
    """One row of every report: group x model x policy@budget x dataset x load."""

    id: str
    group: str
    engine: Engine
    model: Model
    policy_name: str
    policy: Policy
    dataset_name: str
    problems: Problems
    grader: Grader
    sampling: Sampling
    concurrency: int
    """Attempts in flight: always so many, or of those that arrive by themselves the most that can be."""
    size: int | None = None
    """Problems that there will be, where a plan did not load them."""
    open_loop: OpenLoop | None = None
    """None: the next attempt begins when one ends."""

    @property
    def attempts(self) -> int:
        """Over all passes."""
        problems = len(self.problems) if self.size is None else self.size
        return problems * self.sampling.samples_per_problem

    @property
    def budget(self) -> int | None:
        """The policy's budget in tokens or in votes, where it has one."""
        return policy_budget(self.policy)

    @property
    def votes(self) -> int | None:
        """How many responses make up an attempt, where the majority of them is its answer."""
        votes = getattr(self.policy, "votes", None)
        return votes if isinstance(votes, int) else None

    @property
    def calls_in_flight(self) -> int:
        """Requests that an engine may have before it at once."""
        return self.concurrency * (self.votes or 1)

    @property
    def warm_up_calls(self) -> int:
        """How wide a warm-up batch is."""
        if self.open_loop is None:
            return self.calls_in_flight
        coming = math.ceil(self.open_loop.request_rate * _WARM_UP_S)
        return max(1, min(self.calls_in_flight, coming * (self.votes or 1)))

    @property
    def token_limit(self) -> int:
        """An upper bound of the tokens that all attempts sample."""
        return self.attempts * self.policy.token_limit()
