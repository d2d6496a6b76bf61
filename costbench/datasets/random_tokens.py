"""Prompts of random tokens with lengths from a stated distribution: a load without any question.

Lengths are uniform between two bounds, drawn once from the seed. There is no reference answer: time and
energy are measured, accuracy is not applicable.
"""

import random
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator

from costbench.types import Component, Count, Problem

Lengths = tuple[Count, Count]


class RandomTokens(Component):
    """`input_tokens` and `output_tokens` are a number, or the smallest and the largest."""

    kind: Literal["random_tokens"] = "random_tokens"
    problems: Annotated[int, Field(ge=1, le=100_000)] = 128
    input_tokens: Lengths = (1024, 1024)
    output_tokens: Lengths = (256, 256)
    vocabulary: Count = 256
    """Token ids are below this: no model has fewer, and which ones they are does not change the work."""
    seed: int = 0

    @field_validator("input_tokens", "output_tokens", mode="before")
    @classmethod
    def _one_or_two(cls, value: object) -> object:
        return (value, value) if isinstance(value, int) else value

    @field_validator("input_tokens", "output_tokens")
    @classmethod
    def _ascend(cls, lengths: Lengths) -> Lengths:
        if lengths[0] > lengths[1]:
            raise ValueError(f"the smallest comes first, found {list(lengths)}")
        return lengths

    def known_size(self) -> int:
        """All that are asked for."""
        return self.problems

    def load(self) -> Iterator[Problem]:
        """The same for the same fields."""
        dice = random.Random(f"random_tokens:{self.seed}")
        for number in range(self.problems):
            reads, writes = dice.randint(*self.input_tokens), dice.randint(*self.output_tokens)
            said = f"{reads} random tokens, to be followed by {writes}"
            yield Problem(
                id=f"random-{number:05d}",
                question=said,
                prompt=said,
                prompt_ids=tuple(dice.choices(range(self.vocabulary), k=reads)),
                output_tokens=writes,
            )
