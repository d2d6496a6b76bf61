"""Budget forcing as in s1 (Muennighoff et al., arXiv 2501.19393): end thinking, or keep it from ending.

At the maximum, thinking is closed with the model's own marker and the answer is begun for it. At the
minimum, the end of thinking is dropped `waits` times and "Wait" is written in its place. As in the
published code a continuation after "Wait" gets what is left of the budget at most, and a stretch of
thinking that ran into the limit is not continued.
"""

from typing import ClassVar, Literal

from pydantic import Field

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Completion, Component, Count, Model, Piece, Problem, Request, Solution


class BudgetForcing(Component):
    """`budget` tokens of thinking; then the answer, with `answer_tokens` of its own."""

    budget_counts: ClassVar[str] = "thinking"
    kind: Literal["budget_forcing"] = "budget_forcing"
    budget: Count
    waits: int = Field(default=0, ge=0)
    """How often the end of thinking is suppressed."""
    answer_tokens: Count = 512

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """Think within the budget, then answer."""
        written: tuple[Piece, ...] = ()
        left, waits = self.budget, self.waits
        thought = await self._think(problem, model, generate, (), left)
        while (
            waits and thought.finish == "stop" and (left := left - (thought.output_tokens or 0)) > 0
        ):
            written += (thought.sampled, Piece(text=model.thinking.wait, origin="injected"))
            thought = await self._think(problem, model, generate, written, left)
            waits -= 1
        written += thought.pieces
        if thought.finish == "end":  # it answered without closing its thinking: nothing to add
            return Solution(pieces=written, finished=True)
        if thought.finish == "length":
            written += (Piece(text=_forced_end(thought.sampled.text, model), origin="injected"),)
        answer = await generate(
            Request(messages=ask(problem), written=written, max_tokens=self.answer_tokens)
        )
        return Solution(pieces=written + answer.pieces, finished=answer.finish != "length")

    async def _think(
        self,
        problem: Problem,
        model: Model,
        generate: Generate,
        written: tuple[Piece, ...],
        max_tokens: int,
    ) -> Completion:
        return await generate(
            Request(
                messages=ask(problem),
                written=written,
                max_tokens=max_tokens,
                stop=(model.thinking.close,),
            )
        )

    def token_limit(self) -> int:
        """Thinking and answer; injected text is not sampled."""
        return self.budget + self.answer_tokens


def _forced_end(thought: str, model: Model) -> str:
    """The model's own end marker on a line of its own, and the beginning of the answer."""
    line_break = "" if thought.endswith("\n") else "\n"
    return f"{line_break}{model.thinking.close}{model.thinking.answer_prefix}"
