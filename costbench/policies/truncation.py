"""Cut the response hard at a budget: the baseline every length control has to beat."""

from typing import Literal

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Component, Count, Model, Problem, Request, Solution


class Truncation(Component):
    """At most `budget` tokens for thinking and answer together; what has no answer by then has none."""

    kind: Literal["truncation"] = "truncation"
    budget: Count

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """One call with the budget as its token limit."""
        del model
        done = await generate(Request(messages=ask(problem), max_tokens=self.budget))
        return Solution(pieces=done.pieces, finished=done.finish != "length")

    def token_limit(self) -> int:
        """The budget."""
        return self.budget
