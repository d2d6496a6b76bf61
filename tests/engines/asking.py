"""Questions to the engine for servers."""

import asyncio
from typing import Any

from engines.fault_server import FaultServer

from costbench.engines.openai import OpenaiEngine
from costbench.engines.openai_faults import Retries
from costbench.types import Completion, Message, Model, Request, Sampling

SERVED = Model(name="m", path="some-model")
EMBEDDED = Model(name="abacus-base", path="embedded:abacus-base")
SOON = Retries(at_most=3, first_wait_s=0.01, longest_wait_s=0.02)
ASK = Request(
    messages=(Message(role="user", content="What is 1 + 1?"),),
    max_tokens=32,
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=3),
    seed=5,
)


def ask(
    server: FaultServer, *requests: Request, model: Model = SERVED, **settings: Any
) -> list[Completion]:
    """Answers one after the other."""
    settings = {"retries": SOON, "base_url": server.url} | settings

    async def run() -> list[Completion]:
        async with OpenaiEngine(**settings).open(model, 4) as engine:
            return [await engine.generate(request) for request in requests or (ASK,)]

    return asyncio.run(run())
