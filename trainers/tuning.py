"""What a recipe for making a variant of a finished model may say: reinforcement, SFT or DPO, through TRL."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from costbench.types import Count, Frozen, Name, Sampling, Thinking

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Spec = str | dict[str, Any]
"""A component as a suite names it: its kind, or a mapping with `kind`."""
_EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")


def _as_number(value: object) -> object:
    """1e-3 is a number to everyone but YAML 1.1, which wants 1.0e-3."""
    written = isinstance(value, str) and _EXPONENT.fullmatch(value)
    return float(str(value)) if written else value


Settings = dict[str, Annotated[Any, BeforeValidator(_as_number)]]
"""Keys that somebody else's function takes, as they are."""


class Base(Frozen):
    """The model to start from."""

    path: str
    """A folder, a hub id, or "embedded:NAME"."""
    revision: str | None = None
    thinking: Thinking = Thinking()
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the weights while training. Keep float32, with `optimization.bf16` for speed: a bfloat16 weight does
    not notice an update of 1e-6."""


class Lora(Frozen):
    """Train low-rank adapters (peft) and merge them into the weights at the end."""

    rank: Count = 32
    alpha: Count = 64
    dropout: Share = 0.0
    modules: str | tuple[str, ...] = "all-linear"


class Vllm(Frozen):
    """Let vLLM generate the rollouts: in the training processes, or in a server (`trl vllm-serve`)."""

    mode: Literal["colocate", "server"] = "colocate"
    gpu_memory_utilization: Annotated[float, Field(gt=0, lt=1)] = 0.3
    tensor_parallel_size: Count = 1
    sleep: bool = True
    """Colocated: give its memory back while the weights are updated."""
    base_url: str | None = None


class Lengths(Frozen):
    """L1's instruction in each prompt: "Think for N tokens.", N uniform, drawn once per problem."""

    tokens: tuple[Count, Count] = (100, 4000)
    maximum: Share = 0.0
    """Share of prompts that say "for maximum N"; these get the recipe's reward, the others LCPO-exact."""
    exact_alpha: Positive = 1 / 3000
    """Of those others, per token."""

    @field_validator("tokens")
    @classmethod
    def _ascending(cls, found: tuple[int, int]) -> tuple[int, int]:
        if found[0] > found[1]:
            raise ValueError(f"must ascend, found {list(found)}")
        return found


class Rollouts(Frozen):
    """What is sampled in one step: `problems` groups of `group_size` responses."""

    problems: Count = 32
    group_size: Count = 8
    max_tokens: Count
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0

    @property
    def responses(self) -> int:
        """In one step."""
        return self.problems * self.group_size

    @field_validator("group_size")
    @classmethod
    def _compared(cls, found: int) -> int:
        if found < 2:  # noqa: PLR2004 - a response is measured against the others
            raise ValueError("must be at least 2: a group of 1 has nothing to be compared with")
        return found


class Optimization(Frozen):
    """AdamW, and how the memory of a device is used."""

    steps: Count | None = None
    """Of reinforcement: rounds of rollouts; of SFT and DPO: updates. `epochs` of the data when absent."""
    epochs: Positive = 1.0
    learning_rate: Positive
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """In updates of the weights."""
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: NotNegative = 0.0
    gradient_clip: Positive = 1.0
    rows_per_device: Count = 1
    """Responses (DPO: pairs) that go through the model at once."""
    bf16: bool = False
    gradient_checkpointing: bool = False


class Policy(Frozen):
    """How rewards become updates.

    Arora's and L1's defaults: clipping at 0.2, KL 0.001. `rloo` compares each response with the mean of the
    others and takes the KL into the reward; `grpo` compares with the group's mean and puts it into the loss.
    """

    estimator: Literal["rloo", "grpo"] = "rloo"
    scale: Literal["none", "batch", "group"] = "none"
    """What advantages are divided by: nothing, the std of all, or that of their own group (grpo only)."""
    clip: Positive = 0.2
    clip_high: Positive | None = None
    kl: NotNegative = 0.001
    updates_per_rollout: Count = 1
    """Updates that the responses of one step are split over."""
    passes: Count = 1
    """How often each response is used."""
    loss: Literal["grpo", "dr_grpo", "dapo", "bnpo"] = "grpo"
    """Of grpo: how a response's tokens are averaged (TRL's `loss_type`)."""

    @model_validator(mode="after")
    def _known_pair(self) -> "Policy":
        if self.estimator == "rloo" and self.scale == "group":
            raise ValueError("scale: rloo divides by nothing (none) or by the std of all (batch)")
        if self.estimator == "rloo" and self.loss != "grpo":
            raise ValueError("loss: is of grpo; rloo has one of its own")
        return self


class Tuning(Frozen):
    """What recipes for variants have in common."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    base: Base
    data: dict[str, Any]
    """A dataset as in a suite: training problems with their answers."""
    lengths: Lengths | None = None
    grader: Spec = "math"
    optimization: Optimization
    lora: Lora | None = None
    checkpoint_every_steps: Count = 10
    keep_checkpoints: Annotated[int, Field(ge=2)] = 2
    """At least 2: the one before is deleted before the newest is complete."""
    print_every_steps: Count | None = 10
    """How often a sample response is shown."""
    log_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    needs: str | None = None
    """GPUs, memory and time as stated by whoever wrote the recipe."""
    trl: Settings = Field(default_factory=dict)
    """Any other key of the trainer's configuration in TRL."""


class ReinforcementRecipe(Tuning):
    """Reinforcement learning with a reward of correctness and length."""

    kind: Literal["reinforcement"]
    reward: Settings
    """`kind` and hyperparameters; a name of `trainers.rewards`, or "package.module:function"."""
    rollouts: Rollouts
    policy: Policy = Policy()
    vllm: Vllm | None = None

    @model_validator(mode="after")
    def _splits(self) -> "ReinforcementRecipe":
        self._targets_reachable()
        rows = self.policy.updates_per_rollout * self.optimization.rows_per_device
        if self.rollouts.responses % rows:
            raise ValueError(
                f"rollouts: {self.rollouts.responses} responses a step do not split into "
                f"{self.policy.updates_per_rollout} updates of batches of "
                f"{self.optimization.rows_per_device} (rows_per_device)"
            )
        return self

    def _targets_reachable(self) -> None:
        if self.lengths is not None and self.lengths.tokens[1] > self.rollouts.max_tokens:
            raise ValueError(
                f"lengths: asks for up to {self.lengths.tokens[1]} tokens, but rollouts.max_tokens cuts "
                f"responses at {self.rollouts.max_tokens}: no response could reach its target"
            )


class Sampled(Frozen):
    """Responses of the base model to choose from."""

    samples_per_problem: Count = 8
    max_tokens: Count
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    concurrency: Count = 128
    engine: Spec = "transformers"

    @property
    def sampling(self) -> Sampling:
        """As the engine takes it."""
        return Sampling(temperature=self.temperature, top_p=self.top_p)


class SftRecipe(Tuning):
    """Rejection sampling: imitate chosen responses of the base model."""

    kind: Literal["sft"]
    sampled: Sampled
    choose: Literal["shortest_correct", "spread", "correct"] = "shortest_correct"
    """Of the correct responses to a problem: the shortest; the shortest, the longest and the one halfway
    between; or all. With `lengths` each prompt then asks for the length that its response has."""


class DpoRecipe(Tuning):
    """Prefer the shortest correct response over the longest one."""

    kind: Literal["dpo"]
    sampled: Sampled
    beta: Positive = 0.1
    longer_by: Annotated[float, Field(ge=1)] = 1.0
    """A pair counts only if the longest has at least so many times the tokens of the shortest."""

    @model_validator(mode="after")
    def _without_lengths(self) -> "DpoRecipe":
        if self.lengths is not None:
            raise ValueError("lengths: no prompt of dpo asks for one; leave them out")
        return self
