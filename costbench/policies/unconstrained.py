"""Let the model think as long as it likes."""

from typing import Literal

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Component, Count, Model, Problem, Request, Solution


class Unconstrained(Component):
    """One call; `max_tokens` is the cap that every run needs, and part of the measured condition."""

    kind: Literal["unconstrained"] = "unconstrained"
    max_tokens: Count = 32_768

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """Think and answer in one go."""
        del model
        done = await generate(Request(messages=ask(problem), max_tokens=self.max_tokens))
        return Solution(pieces=done.pieces, finished=done.finish != "length")

    def token_limit(self) -> int:
        """The cap."""
        return self.max_tokens
