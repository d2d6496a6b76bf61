"""Responses of a given length: a load for time and energy, where what is written does not matter."""

from typing import ClassVar, Literal

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Component, Count, Model, Problem, Request, Solution


class FixedLength(Component):
    """As many tokens as the problem asks for, past every end of turn; as `vllm bench serve` has it."""

    ignores_eos: ClassVar[bool] = True
    kind: Literal["fixed_length"] = "fixed_length"
    max_tokens: Count = 1024
    """No response is longer, and one has this length where its problem does not say another. What is cut
    by it counts as not finished: the load is then another than the problems state."""

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """One call; finished where it has the length, which the cap or a full context can keep it from."""
        del model
        wanted = problem.output_tokens or self.max_tokens
        tokens = min(wanted, self.max_tokens)
        done = await generate(Request(messages=ask(problem), max_tokens=tokens, ignore_eos=True))
        return Solution(pieces=done.pieces, finished=done.output_tokens == wanted)

    def token_limit(self) -> int:
        """The cap."""
        return self.max_tokens
