"""Ask several times at once and go by the majority: self-consistency (Wang et al., arXiv 2203.11171).

The policy only samples. Which answer wins is for the grader to say, which knows what answers are equal:
`costbench.voting` chooses at grading, so that another grader chooses again from the same responses.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from costbench.errors import RequestError
from costbench.interfaces import Generate
from costbench.policies.asking import ask
from costbench.types import Completion, Component, Count, Model, Problem, Request, Solution


class Majority(Component):
    """`votes` responses to each problem, of at most `max_tokens` each; one vote is `unconstrained`."""

    budget_counts: ClassVar[str] = "votes"
    kind: Literal["majority"] = "majority"
    votes: Annotated[Count, Field(le=1024)]
    max_tokens: Count = 32_768

    async def solve(self, problem: Problem, model: Model, generate: Generate) -> Solution:
        """All calls at once; each piece of the solution is a response of its own.

        The attempt is cut only where every response was. One call that fails fails the attempt: fewer votes
        would be another policy.
        """
        del model
        request = Request(messages=ask(problem), max_tokens=self.max_tokens)
        done = await _all_of(generate, [request] * self.votes)
        return Solution(
            pieces=tuple(one.sampled for one in done),
            finished=any(one.finish != "length" for one in done),
        )

    def token_limit(self) -> int:
        """The caps of all votes."""
        return self.votes * self.max_tokens


async def _all_of(generate: Generate, requests: Sequence[Request]) -> list[Completion]:
    """Wait for every call, since those that succeed are paid for; then raise the worst error, if any."""
    found = await asyncio.gather(*map(generate, requests), return_exceptions=True)
    errors = [one for one in found if isinstance(one, BaseException)]
    for error in sorted(errors, key=lambda one: isinstance(one, RequestError)):
        raise error  # an engine that is gone before a request that was refused
    return [one for one in found if isinstance(one, Completion)]
