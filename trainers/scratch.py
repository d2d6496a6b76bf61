"""What a recipe for training on written-out reasoning may say: every key has one meaning."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from costbench.datasets.arithmetic import DEFAULT_LEVELS, MAX_LEVEL
from costbench.types import Count, Frozen, Name
from trainers.traces import Style

Rate = Annotated[float, Field(ge=0, le=1)]


class Shape(Frozen):
    """Size of a Qwen3 model; the head size of 32 is one that both transformers and vLLM serve."""

    hidden_size: Count = 128
    intermediate_size: Count = 384
    layers: Count = 4
    heads: Count = 4
    head_size: Count = 32
    context: Count = 1024


class ArithmeticTraces(Frozen):
    """Endless written-out reasoning on arithmetic chains that are not held back."""

    kind: Literal["arithmetic_traces"] = "arithmetic_traces"
    levels: tuple[Count, Annotated[int, Field(le=MAX_LEVEL)]] = DEFAULT_LEVELS
    styles: dict[Style, Rate]
    """Weight of each style of trace."""
    budget_prompts: Rate = 0.2
    """Share of prompts that say "Think for N tokens.", N unrelated to the trace: words without power."""
    budget_tokens: tuple[Count, Count] = (10, 300)
    budget_maximum: Rate = 0.5
    """Share of those that say "for maximum N"."""
    budget_obeyed: bool = False
    """Traces are as long as their prompts say, where these say anything."""

    result_weight: Annotated[float, Field(ge=1)] = 1.0
    """How much more the result of an equation counts in the loss than other words."""

    @field_validator("levels", "budget_tokens")
    @classmethod
    def _ascending(cls, found: tuple[int, int]) -> tuple[int, int]:
        if found[0] > found[1]:
            raise ValueError(f"must ascend, found {list(found)}")
        return found

    @model_validator(mode="after")
    def _some_style(self) -> "ArithmeticTraces":
        if not sum(self.styles.values()) > 0:
            raise ValueError("styles: at least one weight must be above 0")
        return self


class Optimization(Frozen):
    """Muon for the matrices inside the layers, AdamW for the rest.

    Both rates rise over `warmup_steps`, then fall in a line to nothing at the last step.
    """

    steps: Count
    batch_size: Count = 32
    matrix_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    warmup_steps: Count = 50
    betas: tuple[Rate, Rate] = (0.9, 0.95)
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0


class Compute(Frozen):
    """Where a training is computed and how fast: no part of what the recipe is, it may go on elsewhere."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is a CUDA GPU where there is one."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the products in the model; weights and the optimizers' state are float32 either way."""
    compile: bool = False
    """By torch.compile: the first steps take a minute or more."""
    rows_at_once: Count | None = None
    """Of a batch: fewer need less memory for the same step, whose gradients are added up; all unless said."""
    workers: Annotated[int, Field(ge=0, le=64)] = 0
    """Processes that write traces ahead, at most one per core; without any, batches (the same ones) are
    written between two steps."""


class SupervisedRecipe(Frozen):
    """Plain supervised training of a small model on written-out reasoning."""

    kind: Literal["supervised"]
    name: Name
    seed: int = 0
    base: str | None = None
    """A model to go on from, with its tokenizer; random weights of the shape of `model` when absent."""
    model: Shape = Shape()
    data: ArithmeticTraces
    optimization: Optimization
    compute: Compute = Compute()
    checkpoint_every_steps: Count = 250
