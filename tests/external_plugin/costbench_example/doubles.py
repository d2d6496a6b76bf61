"""A dataset: doubling small numbers."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from costbench.datasets.arithmetic import INSTRUCTION
from costbench.types import Component, Problem


class Doubles(Component):
    """From 1 to `largest`; always the same problems in the same order."""

    kind: Literal["doubles"] = "doubles"
    largest: Annotated[int, Field(ge=1)] = 10

    def load(self) -> Iterator[Problem]:
        """Problem by problem; the id is what results are kept under."""
        for number in range(1, self.largest + 1):
            question = f"Start with {number}. Multiply by 2. What is the result?"
            yield Problem(
                id=f"double-{number}",
                question=question,
                prompt=f"{question}\n{INSTRUCTION}",
                answer=str(2 * number),
            )
