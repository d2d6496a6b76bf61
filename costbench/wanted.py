"""What figures are wanted for: a decision, a demand, a promise. No part of what is measured."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from costbench.errors import SuiteError
from costbench.types import Frozen

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

NOTHING = "none"
"""The value of a `--set` that takes a figure back."""


class Decision(Frozen):
    """What a reader wants to decide by."""

    accuracy_at_least: Annotated[float, Field(gt=0, le=1)] | None = None
    p95_latency_s: Positive | None = None
    """The 95th percentile of latencies may be as long as that."""
    usd_per_wrong_answer: Positive | None = None
    """What believing one costs. A truncated response is none: that there is no answer shows."""
    equivalence_margin: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Two costs within this share of each other count as the same."""

    @property
    def asks(self) -> bool:
        """Whether there is anything to choose a cell by."""
        wanted = self.accuracy_at_least, self.p95_latency_s, self.usd_per_wrong_answer
        return any(each is not None for each in wanted)


class Demand(Frozen):
    """What is to be answered every month."""

    answers_per_month: Positive
    """Right or wrong: attempts."""
    peak_to_mean: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    """The busiest hour's rate over the mean; 1: evenly over the month."""
    p95_latency_s: Positive | None = None
    """None: the decision's."""


class Slo(Frozen):
    """What a service promises of each attempt: no figure of it may be above these, in seconds."""

    ttft_s: Positive | None = None
    """To the first token."""
    ttfat_s: Positive | None = None
    """To the first token of the answer, behind the thinking."""
    tpot_s: Positive | None = None
    """Per token after the first, the mean of an attempt."""
    latency_s: Positive | None = None
    """To the end."""
    share_at_least: Annotated[float, Field(gt=0, le=1)] = 0.95
    """A load keeps the promise where at least this share of its attempts does."""

    @property
    def limits(self) -> dict[str, float]:
        """Those that are stated, by the name of the figure."""
        found = {name: getattr(self, name) for name in self.names()}
        return {name: limit for name, limit in found.items() if limit is not None}

    @staticmethod
    def names() -> tuple[str, ...]:
        """What can be promised."""
        return ("ttft_s", "ttfat_s", "tpot_s", "latency_s")

    @model_validator(mode="after")
    def _promises_something(self) -> Self:
        if not self.limits:
            raise ValueError("promises nothing; name ttft_s, ttfat_s, tpot_s or latency_s")
        return self


class Wanted(Frozen):
    """All of it, as a suite has it or a reader set it."""

    decision: Decision = Decision()
    demand: Demand | None = None
    slo: Slo | None = None

    @property
    def p95_latency_s(self) -> float | None:
        """What the demand is to be served within."""
        own = self.demand.p95_latency_s if self.demand else None
        return self.decision.p95_latency_s if own is None else own


WANTED_KEYS = tuple(
    f"{section}.{key}"
    for section, model in (("decision", Decision), ("demand", Demand), ("slo", Slo))
    for key in model.model_fields
)
"""What `--set` may say of them."""


def is_wanted(key: str) -> bool:
    """Whether a key of `--set` is about them, right or wrong, rather than about prices."""
    return key.partition(".")[0] in Wanted.model_fields


def set_wanted(wanted: Wanted, changes: Mapping[str, str]) -> Wanted:
    """With the reader's figures (`--set decision.accuracy_at_least=0.9`); raises SuiteError."""
    content: dict[str, Any] = wanted.model_dump()
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if key not in WANTED_KEYS:
            raise SuiteError(f"--set {key}: no such figure; {_near(key)}")
        entry = (content[section] or {}) | {name: value}
        if value == NOTHING:
            entry.pop(name)
        content[section] = entry
        if section == "slo" and value == NOTHING and not any(map(entry.get, Slo.names())):
            content[section] = None
    try:
        return Wanted.model_validate(content)
    except ValidationError as error:
        raise SuiteError(_sentence(error)) from error


def _near(key: str) -> str:
    near = difflib.get_close_matches(key, WANTED_KEYS, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(WANTED_KEYS)}"


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"--set: {key} is missing; add --set {key}=1e6"
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"--set: {key}: {message}, found {first['input']!r}"
