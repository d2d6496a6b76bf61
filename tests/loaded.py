"""An open engine that tests which are no coroutines can share: loading takes up to half a minute."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from costbench.attempting import Turn, attempt
from costbench.attempts import Attempt
from costbench.cell import Cell
from costbench.graders.exact import ExactGrader
from costbench.interfaces import Engine, OpenEngine, Policy
from costbench.types import Completion, Model, Problem, Request, Sampling

T = TypeVar("T")
MODEL = Model(name="abacus-base", path="embedded:abacus-base")
GREEDY = Sampling(temperature=0.0)


class Loaded:
    """An engine, open, and the loop that it lives in."""

    def __init__(self, engine: Engine, opened: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.opened = opened
        self._engine = engine
        self._loop = loop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def answer(self, *requests: Request) -> list[Completion]:
        """All at once."""

        async def run() -> list[Completion]:
            return list(await asyncio.gather(*map(self.opened.generate, requests)))

        return self.call(run())

    def tries(
        self, policy: Policy, problems: Sequence[Problem], sampling: Sampling
    ) -> list[Attempt]:
        cell = Cell(
            id="g/m/p/d/c4", group="g", engine=self._engine, model=MODEL, policy_name="p", policy=policy,
            dataset_name="d", problems=tuple(problems), grader=ExactGrader(), sampling=sampling,
            concurrency=4,
        )  # fmt: skip
        return self.call(tries(cell, self.opened))


@contextmanager
def loaded(engine: Engine, model: Model = MODEL, concurrency: int = 8) -> Iterator[Loaded]:
    """In a thread of its own, since a loop of the tests' own thread would stand still between them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opening = engine.open(model, concurrency)

    def call(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(300)

    try:
        opened = call(opening.__aenter__())
        try:
            yield Loaded(engine, opened, loop)
        finally:
            call(opening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def tries(cell: Cell, opened: OpenEngine) -> list[Attempt]:
    """One attempt at each problem, all at once."""
    work = [attempt(cell, problem, Turn(0), opened) for problem in cell.problems]
    return list(await asyncio.gather(*work))
