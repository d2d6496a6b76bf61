"""Chains of small arithmetic steps, generated from a seed: the problems the embedded models reason about.

A chain starts with a number and applies additions, subtractions and small multiplications, each result
between 0 and 99: 1 to 6 of them unless asked for up to 12 (the models that ship have learned 6). A hash of
the question decides whether a chain is held back (one in ten): this dataset yields held-back chains unless
told otherwise; the bundled recipes train on the others only.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from costbench.errors import SuiteError
from costbench.types import Component, Problem

DEFAULT_LEVELS = (1, 6)
MAX_LEVEL = 12
INSTRUCTION = "Reason step by step and put the final answer in \\boxed{}."
"""What the bundled recipes put under each question."""

_MAX_OPERAND = 49
MAX_RESULT = 99
_HELD_BACK_ONE_IN = 10
_MAX_FACTOR = 4
_TRIES_PER_PROBLEM = 1_000

Operator = Literal["+", "-", "*"]

_OPERATOR_MIX: tuple[Operator, ...] = ("+", "+", "-", "-", "*")
_PHRASE: dict[Operator, str] = {"+": "Add {}", "-": "Subtract {}", "*": "Multiply by {}"}


@dataclass(frozen=True)
class Step:
    """One operation on the running result."""

    operator: Operator
    operand: int

    def apply(self, value: int) -> int:
        """The running result after this step."""
        if self.operator == "+":
            return value + self.operand
        return value - self.operand if self.operator == "-" else value * self.operand

    @property
    def phrase(self) -> str:
        """The step in words, as the question has it: "Add 25"."""
        return _PHRASE[self.operator].format(self.operand)


@dataclass(frozen=True)
class Chain:
    """A start value and the steps applied to it; its level is the number of steps."""

    start: int
    steps: tuple[Step, ...]

    @property
    def results(self) -> tuple[int, ...]:
        """The running result after each step; the last is the answer."""
        values, value = [], self.start
        for step in self.steps:
            value = step.apply(value)
            values.append(value)
        return tuple(values)

    @property
    def question(self) -> str:
        """The problem in words."""
        steps = " ".join(f"{step.phrase}." for step in self.steps)
        return f"Start with {self.start}. {steps} What is the result?"

    @property
    def prompt(self) -> str:
        """The question with the instruction that the bundled models know."""
        return f"{self.question}\n{INSTRUCTION}"

    @property
    def held_back(self) -> bool:
        """Whether this chain is for testing only: decided by a hash, so no list has to be kept."""
        return int.from_bytes(self._digest()[:8], "big") % _HELD_BACK_ONE_IN == 0

    def problem(self) -> Problem:
        """This chain as a graded problem; its id is a hash of the question."""
        return Problem(
            id=f"arithmetic-{self._digest().hex()[:12]}",
            question=self.question,
            prompt=self.prompt,
            answer=str(self.results[-1]),
            level=len(self.steps),
        )

    def _digest(self) -> bytes:
        return hashlib.sha256(self.question.encode()).digest()


def draw_chain(rng: random.Random, level: int) -> Chain:
    """A random chain of `level` steps, every result within 0..99."""
    start = value = rng.randint(1, _MAX_OPERAND)
    steps = []
    for _ in range(level):
        step = _draw_step(rng, value)
        steps.append(step)
        value = step.apply(value)
    return Chain(start, tuple(steps))


def _draw_step(rng: random.Random, value: int) -> Step:
    largest: dict[Operator, int] = {
        "+": min(_MAX_OPERAND, MAX_RESULT - value),
        "-": min(_MAX_OPERAND, value),
        "*": min(_MAX_FACTOR, MAX_RESULT // value) if value else 0,
    }
    smallest: dict[Operator, int] = {"+": 1, "-": 1, "*": 2}
    feasible = [op for op in _OPERATOR_MIX if largest[op] >= smallest[op]]
    operator = rng.choice(feasible)
    return Step(operator, rng.randint(smallest[operator], largest[operator]))


class Arithmetic(Component):
    """Chains of steps, levels taken in turn; the same seed gives the same problems."""

    kind: Literal["arithmetic"] = "arithmetic"
    problems: Annotated[int, Field(ge=1, le=100_000)] = 256
    seed: int = 0
    levels: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=MAX_LEVEL)]] = DEFAULT_LEVELS
    split: Literal["test", "train"] = "test"
    """Held-back chains, or those that the bundled recipes learn from."""

    @model_validator(mode="after")
    def _levels_ascend(self) -> "Arithmetic":
        if self.levels[0] > self.levels[1]:
            raise ValueError(f"levels must ascend, found {list(self.levels)}")
        return self

    def known_size(self) -> int:
        """All that are asked for."""
        return self.problems

    def load(self) -> Iterator[Problem]:
        """The problems, level by level in turn; raises SuiteError when a level has too few."""
        low, high = self.levels
        rng = random.Random(f"arithmetic:{self.seed}")
        seen: set[str] = set()
        for index in range(self.problems):
            chain = self._unseen(rng, low + index % (high - low + 1), seen)
            seen.add(chain.question)
            yield chain.problem()

    def _unseen(self, rng: random.Random, level: int, seen: set[str]) -> Chain:
        held_back = self.split == "test"
        for _ in range(_TRIES_PER_PROBLEM):
            chain = draw_chain(rng, level)
            if chain.held_back == held_back and chain.question not in seen:
                return chain
        kind = "held-back" if held_back else "training"
        raise SuiteError(
            f"arithmetic: level {level} has no further {kind} problem after {len(seen)} in all; "
            "ask for fewer `problems` or for higher `levels`"
        )
