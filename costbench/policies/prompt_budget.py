"""Ask for a budget in the prompt, as L1 does (Aggarwal & Welleck, arXiv 2503.04697).

Models that were not trained on these words take little notice of them (L1's table 5). The budget is that of
the whole response, thinking and answer, which is what L1's rewards count.
"""

from typing import Literal

from costbench.interfaces import Generate
from costbench.policies.asking import BudgetMode, ask, asked
from costbench.types import Component, Count, Model, Problem, Request, Solution

_CAP_PER_BUDGET = 2


class PromptBudget(Component):
    """The prompt asks for `budget` tokens, or at `mode: maximum` for no more than that."""

    kind: Literal["prompt_budget"] = "prompt_budget"
    budget: Count
    mode: BudgetMode = "exact"
    max_tokens: Count | None = None
    """Where the response is cut; None: at twice the budget, as L1 evaluated the exact mode.

    L1 evaluated the maximum mode with a cap of 8192 at every budget; say `max_tokens: 8192` for that.
    """

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """One call; whether the budget is kept is up to the model, until the cap."""
        del model
        prompt = asked(problem.prompt, self.budget, self.mode)
        messages = ask(problem.model_copy(update={"prompt": prompt}))
        done = await generate(Request(messages=messages, max_tokens=self.token_limit()))
        return Solution(pieces=done.pieces, finished=done.finish != "length")

    def token_limit(self) -> int:
        """The cap."""
        return self.max_tokens or _CAP_PER_BUDGET * self.budget
