"""A policy: no thinking at all."""

from typing import Literal

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Component, Count, Model, Piece, Problem, Request, Solution


class AnswerAtOnce(Component):
    """Close thinking before it begins."""

    kind: Literal["answer_at_once"] = "answer_at_once"
    max_tokens: Count = 64

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """One call, in which thinking is already over."""
        closed = Piece(text=model.thinking.close + model.thinking.answer_prefix, origin="injected")
        done = await generate(
            Request(messages=ask(problem), written=(closed,), max_tokens=self.max_tokens)
        )
        return Solution(pieces=(closed, *done.pieces), finished=done.finish != "length")

    def token_limit(self) -> int:
        """For the estimate before the start."""
        return self.max_tokens
