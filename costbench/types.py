"""What the parts of costbench say to each other.

Facts that are stored are small frozen pydantic models; `None` always means "not known", never 0.
"""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Provenance = Literal["measured", "attributed", "modelled", "assumed", "imported", "unavailable"]
Quality = Literal["ok", "degraded", "unreliable", "failed", "unavailable"]
Outcome = Literal["correct", "wrong", "truncated", "ungraded", "error"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Origin = Literal["sampled", "injected"]
Finish = Literal["end", "stop", "length"]
"""Why a completion ended: the model's end of turn, a stop marker of the request, the token limit."""
LatencyBasis = Literal["engine", "step", "client"]
"""Whose clock a latency comes from: the engine's own stamps, its decoding steps, or our side of a socket."""
Phase = Literal["idle_bare", "idle_context", "warmup", "steady", "whole", "train"]
Role = Literal["baseline", "variant"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
"""A name that can stand in a cell id and in a path."""
Count = Annotated[int, Field(ge=1, strict=True)]
"""Strict: `yes` and 1.0 are not counts."""
Marker = Annotated[str, Field(min_length=1)]


class Frozen(BaseModel):
    """Immutable, and strict about keys: an unknown one is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Component(Frozen):
    """A dataset, engine, policy, meter or grader: its fields are the keys of the suite file."""

    kind: str


class Problem(Frozen):
    """One question with its reference answer."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    question: str
    prompt: str
    """The user's turn: the question and the dataset's instruction."""
    answer: str | None = None
    """None: latency and energy can be measured, accuracy not."""
    level: int | None = None
    """Difficulty, where the dataset has one."""
    subject: str | None = None
    options: Annotated[int, Field(ge=2, le=26)] | None = None
    """How many a multiple choice has: A, B, C, … in the order of the prompt. The answer is such a letter."""
    prompt_ids: tuple[int, ...] | None = None
    """The whole prompt as token ids, where a load is measured and no words: no chat template around it."""
    output_tokens: Count | None = None
    """How many tokens a response has to have, where that is part of the load (the policy `fixed_length`)."""


class Thinking(Frozen):
    """How a model marks its thinking; policies write these, never literals of their own."""

    open: Marker = "<think>"
    close: Marker = "</think>"
    wait: Marker = "Wait"
    """Written in place of a suppressed end of thinking (s1, arXiv 2501.19393)."""
    answer_prefix: str = "\n\nThe answer is \\boxed{"
    """Written after a forced end of thinking, so that the model answers at once."""


class Model(Frozen):
    """Weights and tokenizer, and what the report should know of them."""

    name: Name
    path: str
    """A folder, a hub id, "embedded:NAME" for a model that ships with the package, or "random:NAME": random
    weights in a known shape."""
    role: Role = "variant"
    tier: str | None = None
    """What buyers compare: small, large, api, …"""
    revision: str | None = None
    thinking: Thinking = Thinking()
    thinks: bool = True
    """False: it writes no thinking, so that all of its response is the answer."""
    unclosed: Literal["wrong", "graded"] = "wrong"
    """A response whose thinking never ends: it has no answer, or it is graded on all that is there."""
    served_name: Annotated[str, Field(min_length=1)] | None = None
    """What a server calls it, where that is not its path."""


class Sampling(Frozen):
    """How tokens are drawn; always sent explicitly to the engine. `top_k: 0` is no limit."""

    temperature: Annotated[float, Field(ge=0)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Field(ge=0)] = 0
    samples_per_problem: Count = 1
    seed: int = 0


class Message(Frozen):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    token_ids: tuple[int, ...] | None = None
    """In place of the content and the template around it: exactly these tokens are the prompt."""

    @property
    def turn(self) -> dict[str, str]:
        """As chat templates and servers take it."""
        return {"role": self.role, "content": self.content}


class Piece(Frozen):
    """A stretch of a response: text, and the token ids where the engine knows them."""

    text: str
    origin: Origin
    token_ids: tuple[int, ...] | None = None
    tokens: int | None = None
    """None until an engine has counted it (injected text is counted when it is first sent)."""


class Request(Frozen):
    """One call: the conversation, what is already written of the answer, and how to go on."""

    messages: tuple[Message, ...]
    written: tuple[Piece, ...] = ()
    max_tokens: Count
    stop: tuple[str, ...] = ()
    """Markers to stop at, as strings; an engine matches them as token ids where it can."""
    sampling: Sampling | None = None
    """None in a policy: the suite's. The runner fills it in, so an engine always finds one."""
    seed: int | None = None
    """Filled in by the runner, from the suite's seed, the cell, the problem and the pass."""
    ignore_eos: bool = False
    """Go on past an end of turn, up to `max_tokens`: for loads of fixed length."""
    answering: bool = False
    """The policy ended thinking without the model's marker: what is sampled now is answer."""
    thinking_token_budget: Count | None = None
    """Where the engine itself has to end thinking; only engines that are `Budgeting` can."""


class Retry(Frozen):
    """A try of a request that failed and was followed by another, or was the last."""

    reason: str
    """"http_429", "timeout", "dropped" …"""
    message: str
    submitted_s: float
    failed_s: float
    first_token_s: float | None = None
    output_tokens: int | None = None
    """Of what had been answered when it failed; None: nothing had."""
    input_tokens: int | None = None
    reasoning_tokens: int | None = None


Counted = Literal["input_tokens", "output_tokens", "reasoning_tokens"]


class Completion(Frozen):
    """What an engine sampled for one request, with its own monotonic times in seconds."""

    sampled: Piece
    """Without the stop marker."""
    marker: Piece | None = None
    """The stop marker, where the model itself wrote it: sampled and paid for, but apart."""
    finish: Finish
    input_tokens: int | None = None
    """Tokens sent: prompt and everything already written."""
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    """How many of the sampled tokens (marker included) belong to thinking."""
    written_tokens: tuple[int, ...] | None = None
    """Tokens of each piece that was already written, in order."""
    submitted_s: float
    started_s: float
    first_token_s: float | None = None
    first_answer_token_s: float | None = None
    """When the first token behind the thinking was here; None: the engine does not tell, or none came."""
    inter_token_s: tuple[float, ...] | None = None
    """Between what came one after another of a stream, tokens or chunks; None: it was not a stream."""
    finished_s: float
    batch_size: float | None = None
    """Rows answered together, on average over this one's steps."""
    estimated: tuple[Counted, ...] = ()
    """Counts that are not the server's: its text was counted with the model's tokenizer."""
    retries: tuple[Retry, ...] = ()
    """Tries before the one that was answered; `submitted_s` is that of the first."""

    @property
    def output_tokens(self) -> int | None:
        """Sampled tokens, the marker included."""
        if self.sampled.tokens is None:
            return None
        return self.sampled.tokens + ((self.marker.tokens or 0) if self.marker else 0)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What the model wrote, in order."""
        return (self.sampled,) if self.marker is None else (self.sampled, self.marker)


class Solution(Frozen):
    """The outcome of a policy on one problem: everything written, and whether it came to an end."""

    pieces: tuple[Piece, ...]
    finished: bool
    """False: the last call was cut by its token limit."""

    @property
    def text(self) -> str:
        """The whole response, injected text included."""
        return "".join(piece.text for piece in self.pieces)


class Answered(Frozen):
    """What a grader sees: the reference, and the part of a response that should hold the answer."""

    reference: str
    answer: str
    """The text after the end of thinking, or from where a policy began the answer; empty without either."""
    options: int | None = None
    """How many a multiple choice has; None: it is none, or nobody said."""
    texts: tuple[str, ...] = ()
    """Of the options, in their order; empty where they are not known."""
    closed: bool = True
    """False: its thinking never ended, so that there is nothing to grade."""


class Grade(Frozen):
    """A grader's verdict on one response."""

    correct: bool | None
    """None: the grader could not decide (it broke or ran out of time)."""
    extracted: str | None = None
    """The final answer that was found in the response; None when there was none."""
    reason: str | None = None


NO_REFERENCE = "no_reference"
"""Why a grade is undecided, and accuracy not applicable: what would be right is not known."""
GPU_SCOPE = "gpu_device"
"""The scope of meters that count GPUs one by one, in domains called "gpu:UUID"."""
MODULE_SCOPE = "gpu_module"
"""CPU, GPU and memory of one Grace module, which share a counter."""


class Device(Frozen):
    """One GPU as it was found when measuring began. It is only read: costbench sets nothing on it."""

    domain: str
    name: str
    architecture: str | None = None
    driver: str | None = None
    scope: str = GPU_SCOPE
    update_period_s: float | None = None
    """How often its energy counter moves, as seen; None where it has no counter that moves."""
    power_window_s: float | None = None
    """What each power reading is the average of; None where there is no such reading."""
    power_covered: bool = False
    """Whether readings taken every 100 ms see all of the time, not a part of it."""
    power_limit_w: float | None = None
    memory_used_mib: float | None = None
    processes: int | None = None
    """Compute processes before our own began; None where they cannot be listed."""
    mig_uuids: tuple[str, ...] = ()
    """Of its MIG instances: what is counted is the whole GPU."""
    virtualization: Literal["none", "passthrough", "vgpu", "host"] | None = None
    persistence: bool | None = None
    ecc: bool | None = None
    reasons: tuple[str, ...] = ()
    """Doubts that hold for every window of this device."""


class MeterFacts(Frozen):
    """What a meter's joules are: how they came about and what they cover."""

    name: str
    provenance: Provenance
    method: str
    """"counter_interpolated", "codecarbon_load_model", …"""
    scope: str
    """"gpu_device", "machine_model", …"""
    period_s: float
    """How often the counter is worth reading."""
    settle_s: float
    """How long after a moment the counter has surely moved past it."""
    headline: tuple[str, ...]
    """Domains that add up to the energy of the work; of GPUs only those count that the engine used."""
    reasons: tuple[str, ...] = ()
    """Doubts that hold for every window of this meter."""
    devices: tuple[Device, ...] = ()
    """The GPUs, where it counts any."""
