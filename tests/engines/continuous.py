"""Requests to the transformers engine with continuous batching."""

import asyncio
from typing import Any

from loaded import GREEDY

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.transformers import TransformersEngine
from costbench.policies.asking import ask
from costbench.types import Completion, Request, Sampling

PROBLEMS = tuple(Arithmetic(problems=12, seed=11, levels=(1, 4)).load())
CONTINUOUS = TransformersEngine(device="cpu", batching="continuous")
DRAWN = Sampling(temperature=0.8, top_p=0.9, top_k=20)


def asked(number: int = 0, **keys: object) -> Request:
    return Request(
        **{"messages": ask(PROBLEMS[number]), "max_tokens": 200, "sampling": GREEDY, "seed": 1}
        | keys
    )


def ids(done: list[Completion]) -> list[object]:
    return [(each.sampled.token_ids, each.marker, each.finish) for each in done]


async def begun(engine: Any, rows: int) -> None:
    """Wait until so many rows are in flight that have a token each."""
    async with asyncio.timeout(60):
        while sum(bool(each.row.tokens) for each in list(engine._flying.values())) < rows:
            await asyncio.sleep(0.005)
