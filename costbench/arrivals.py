"""Open-loop load: attempts arrive at times of their own, whether those before them have ended or not."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator

from costbench.attempting import Turn
from costbench.attempts import Arrival
from costbench.cell import OpenLoop
from costbench.types import Problem

Begin = Callable[[Turn, Problem, Arrival], Awaitable[None]]
"""Carries out what has arrived, to its end."""


def gaps_s(load: OpenLoop, seed: int, pass_number: int) -> Iterator[float]:
    """Seconds between arrivals, without end; the same for all cells of a rate, seed and pass.

    So cells of one rate differ in nothing but themselves. Gaps are of a gamma distribution with shape
    `burstiness`, as `vllm bench serve` draws them; with 1 it is exponential, and arrivals are Poisson's.
    """
    drawn = random.Random(f"{seed}:{pass_number}:{load.label}")
    scale_s = 1 / (load.request_rate * load.burstiness)
    while True:
        yield drawn.gammavariate(load.burstiness, scale_s)


async def as_they_come(
    todo: Iterator[tuple[Turn, Problem]],
    gaps: Iterator[float],
    places: int,
    begin: Begin,
    enough: Callable[[], bool],
) -> None:
    """Begin each at its time, the first at once, no more than `places` side by side.

    What has to wait for a place keeps its time of arrival. No more arrive when it is `enough`; what is
    there is carried out. Raises the first error of any of them, and gives the others up.
    """
    free = asyncio.Semaphore(places)

    async def arrive(turn: Turn, problem: Problem, scheduled_s: float) -> None:
        arrival = Arrival(scheduled_s, sent_s=time.monotonic())
        async with free:
            if not enough():
                await begin(turn, problem, arrival)

    scheduled_s = time.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for turn, problem in todo:
                await asyncio.sleep(max(0.0, scheduled_s - time.monotonic()))
                if enough():
                    return
                group.create_task(arrive(turn, problem, scheduled_s))
                scheduled_s += next(gaps)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
