"""Questions to the engine for servers."""

import asyncio
import threading
from typing import Any

import pytest
from engines.fault_server import FaultServer

from costbench.engines.openai import OpenaiEngine
from costbench.engines.openai_faults import Retries
from costbench.engines.openai_hearing import Heard
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


def when_heard(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set each time the engine has taken a chunk in: a server that waits for it is never read late."""
    taken, take = threading.Event(), Heard.take

    def take_and_tell(heard: Heard, payload: str) -> None:
        take(heard, payload)
        taken.set()

    monkeypatch.setattr(Heard, "take", take_and_tell)
    return taken
