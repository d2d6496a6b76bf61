"""Budget forcing: end thinking at a budget, or keep it from ending. In two forms, by `style`.

`s1` (Muennighoff et al., arXiv 2501.19393): at the maximum, thinking is closed with the model's own marker
and the answer is begun for it. At the minimum, the end of thinking is dropped `waits` times and "Wait" is
written in its place. As in the published code a continuation after "Wait" gets what is left of the budget
at most, and a stretch of thinking that ran into the limit is not continued.

`l1_eval`: how L1 ran this baseline for its comparison (Aggarwal & Welleck, arXiv 2503.04697,
scripts/baselines/eval_s1.py). Whenever the model ends its thinking, or its turn, within the budget, the end
is dropped and "Wait" is written, up to 100 times; then the answer is begun without any end of thinking, and
20 greedy tokens are left for it. Models that answer behind a marker lose by this: it is here to repeat that
comparison, `s1` is the fair baseline. What is different here:

- No marker of a user's turn stands before "The final Answer is:". Such markers belong to a chat template,
  which only an engine knows: one family's are stray text to the next, and no chat server can open a turn
  within an answer.
- Dropped are the model's own end marker and its end of turn, not the pieces of Qwen's chat markers.
- s1's code forbids an end as the first token after "Wait" (`min_tokens: 1`); here it may come and costs one
  token, so that 100 of them can leave a part of the budget unused.
"""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from costbench.errors import RequestError
from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import (
    Completion,
    Component,
    Count,
    Model,
    Piece,
    Problem,
    Request,
    Sampling,
    Solution,
)

_L1_DEFAULTS = {"waits": 100, "answer_tokens": 20}
_L1_ANSWER = "\nThe final Answer is:"


class BudgetForcing(Component):
    """`budget` tokens of thinking; then the answer, with `answer_tokens` of its own."""

    budget_counts: ClassVar[str] = "thinking"
    closes_thinking: ClassVar[bool] = True
    continues: ClassVar[bool] = True
    kind: Literal["budget_forcing"] = "budget_forcing"
    style: Literal["s1", "l1_eval"] = "s1"
    budget: Count
    waits: int = Field(default=0, ge=0)
    """How often the end of thinking is suppressed; 100 where `l1_eval` does not say otherwise."""
    answer_tokens: Count = 512
    """20 where `l1_eval` does not say otherwise."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_style(cls, spec: object) -> object:
        if isinstance(spec, dict) and spec.get("style") == "l1_eval":
            return _L1_DEFAULTS | spec
        return spec

    @property
    def answer_begins(self) -> str | None:
        """The injected piece that begins the answer; None: it stands after the end of thinking."""
        return _L1_ANSWER if self.style == "l1_eval" else None

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """Think within the budget, then answer."""
        solve = self._solve_as_l1_did if self.style == "l1_eval" else self._solve_as_s1
        return await solve(problem, model, generate)

    async def _solve_as_s1(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        written: tuple[Piece, ...] = ()
        left, waits = self.budget, self.waits
        thought = await self._think(problem, model, generate, (), left)
        while (
            waits and thought.finish == "stop" and (left := left - (thought.output_tokens or 0)) > 0
        ):
            written += (thought.sampled, _injected(model.thinking.wait))
            thought = await self._think(problem, model, generate, written, left)
            waits -= 1
        written += thought.pieces
        if thought.finish == "end":  # it answered without closing its thinking: nothing to add
            return Solution(pieces=written, finished=True)
        if thought.finish == "length":
            written += (_injected(_forced_end(thought.sampled.text, model)),)
        answer = await generate(
            Request(messages=ask(problem), written=written, max_tokens=self.answer_tokens)
        )
        return Solution(pieces=written + answer.pieces, finished=answer.finish != "length")

    async def _solve_as_l1_did(
        self, problem: Problem, model: Model, generate: Generate
    ) -> Solution:
        written: tuple[Piece, ...] = ()
        left = self.budget
        for waited in range(self.waits + 1):
            if waited:
                written += (_injected(model.thinking.wait),)
            thought = await self._think(problem, model, generate, written, left)
            written += (_without_end(thought),)
            left -= _counted(thought)
            if thought.finish == "length" or left <= 0:
                break
        written += (_injected(_L1_ANSWER),)
        answer = await generate(
            Request(
                messages=ask(problem),
                written=written,
                max_tokens=self.answer_tokens,
                stop=("\n",),
                sampling=Sampling(temperature=0),
                answering=True,
            )
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


def _injected(text: str) -> Piece:
    """A piece of its own each time: the runner counts an injected piece once."""
    return Piece(text=text, origin="injected")


def _forced_end(thought: str, model: Model) -> str:
    """The model's own end marker on a line of its own, and the beginning of the answer."""
    line_break = "" if thought.endswith("\n") else "\n"
    return f"{line_break}{model.thinking.close}{model.thinking.answer_prefix}"


def _without_end(thought: Completion) -> Piece:
    """What was thought, to be continued."""
    if thought.finish != "end":
        return thought.sampled
    # Its ids hold the end of the turn, its text does not: the engine has to read the text again.
    return thought.sampled.model_copy(update={"token_ids": None})


def _counted(thought: Completion) -> int:
    """Its tokens, a suppressed end included."""
    if thought.output_tokens is None:
        raise RequestError("the engine does not count tokens; style l1_eval cannot use up a budget")
    return thought.output_tokens
