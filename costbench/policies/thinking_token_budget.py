"""The engine itself ends thinking at a budget: vLLM's `thinking_token_budget`.

At the budget the end of thinking is the only token that can be sampled, so that the model goes on to its
answer in the same call: no second prefill, and no words of ours at the beginning of the answer. The forced
token is told among the sampled ones, since no engine says which it was.
"""

from typing import ClassVar, Literal

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Component, Count, Model, Problem, Request, Solution


class ThinkingTokenBudget(Component):
    """`budget` tokens of thinking; at least `answer_tokens` are left for the answer."""

    budget_counts: ClassVar[str] = "thinking"
    closes_thinking: ClassVar[bool] = True
    engine_budgets: ClassVar[bool] = True
    """Only engines that are `interfaces.Budgeting` can serve it."""
    kind: Literal["thinking_token_budget"] = "thinking_token_budget"
    budget: Count
    answer_tokens: Count = 512

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """One call; the engine ends the thinking."""
        del model
        done = await generate(
            Request(
                messages=ask(problem),
                max_tokens=self.token_limit(),
                thinking_token_budget=self.budget,
            )
        )
        return Solution(pieces=done.pieces, finished=done.finish != "length")

    def token_limit(self) -> int:
        """Thinking, its end, and answer."""
        return self.budget + 1 + self.answer_tokens
