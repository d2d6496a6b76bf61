"""Skip the thinking: a closed block of it is written, and the model goes on with the answer.

Empty as Qwen3's own template writes it when thinking is switched off; with `thought` as Ma et al. did
(NoThinking, arXiv 2504.09858: "Okay, I think I have finished thinking.").
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Component, Count, Model, Piece, Problem, Request, Solution


class NoThinking(Component):
    """One call behind a thinking block that is closed already; `max_tokens` is the cap of the answer."""

    closes_thinking: ClassVar[bool] = True
    continues: ClassVar[bool] = True
    kind: Literal["no_thinking"] = "no_thinking"
    thought: Annotated[str, Field(max_length=1000)] = ""
    """What stands in the block."""
    max_tokens: Count = 32_768

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """Answer at once."""
        marks = model.thinking
        block = f"{marks.open}\n{self.thought}\n{marks.close}\n\n"
        closed = (Piece(text=block, origin="injected"),)
        done = await generate(
            Request(messages=ask(problem), written=closed, max_tokens=self.max_tokens)
        )
        return Solution(pieces=closed + done.pieces, finished=done.finish != "length")

    def token_limit(self) -> int:
        """The cap; the block is not sampled."""
        return self.max_tokens
