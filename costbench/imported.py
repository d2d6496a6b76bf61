"""A response as another tool's file has it, before it becomes an attempt of a run."""

from typing import Annotated

from pydantic import Field

from costbench.types import Frozen

_MOST = 2**53
"""Above, a float is not exact, and SQLite has no such integers soon after."""
Seconds = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0, le=_MOST)]
Count = Annotated[int, Field(ge=1, le=_MOST)]
Moment = Annotated[float, Field(allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]


class ImportedSample(Frozen):
    """One response; None is what the file does not say."""

    problem: Annotated[str, Field(min_length=1, max_length=200)]
    pass_number: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    """Which sample of its problem, from 0."""
    model: str | None = None
    task: str | None = None
    policy: str | None = None
    budget: Count | None = None
    """Of the policy, in tokens."""
    concurrency: Count | None = None
    question: str | None = None
    gold: str | None = None
    level: Annotated[int, Field(ge=-_MOST, le=_MOST)] | None = None
    response: str | None = None
    correct: bool | None = None
    """The file's own verdict."""
    metric: str | None = None
    """What the verdict rests on, as the file's tool calls it."""
    extracted: str | None = None
    """The answer that the file's tool found in the response."""
    reason: str | None = None
    """Why there is no verdict, or what it rests on."""
    input_tokens: Tokens | None = None
    """With the cached ones, as everywhere."""
    cached_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    tokens_counted: bool = False
    """`output_tokens` are ours, by a tokenizer that was named on import."""
    started_s: Moment | None = None
    """Seconds since 1970 where the format's times are those of a wall clock, else of a clock of the file."""
    finished_s: Moment | None = None
    """Where it is not `started_s` and `latency_s` together."""
    latency_s: Seconds | None = None
    ttft_s: Seconds | None = None
    """To the first token."""
    ttfat_s: Seconds | None = None
    """To the first token of the answer, behind the thinking."""
    inter_token_s: tuple[Seconds, ...] | None = None
    """Between what came one after another."""
    usd: Usd | None = None
    """What the file says the attempt cost."""
    cut: bool = False
    """Ended by a limit of tokens."""
    unfinished: bool = False
    """The evaluation it is of did not run to its end."""
    error: str | None = None
    """Why there is no response: the attempt failed."""
    place: str = ""
    """File and line, for messages."""

    @property
    def ended_s(self) -> float | None:
        """On the clock of `started_s`."""
        if self.finished_s is not None or self.started_s is None or self.latency_s is None:
            return self.finished_s
        return self.started_s + self.latency_s
