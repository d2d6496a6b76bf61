"""An engine without a model, for what a real one does too seldom: full contexts, refusals."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from costbench.errors import ContextFullError
from costbench.types import Completion, Component, Count, LatencyBasis, Model, Piece, Request

LONG = "a long question"


class ScriptedEngine(Component):
    """Thinks a token per word of nothing until it is cut; its context holds `context` tokens."""

    kind: Literal["scripted"] = "scripted"
    context: Count = 100
    prompt_tokens: Count = 10
    """Of any question but LONG, which fills the context alone."""
    seconds: float = 0.0
    says: str | None = None
    """Instead of thinking."""

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator["_Open"]:
        """Nothing to load."""
        yield _Open(self)


class _Open:
    latency_basis: LatencyBasis = "engine"
    versions: Mapping[str, str] = {}
    gpu_uuids: Sequence[str] = ()

    def __init__(self, engine: ScriptedEngine) -> None:
        self._engine = engine

    async def generate(self, request: Request) -> Completion:
        submitted_s = time.monotonic()
        await asyncio.sleep(self._engine.seconds)
        written = tuple(len(piece.text.split()) for piece in request.written)
        long = LONG in request.messages[0].content
        sent = sum(written) + (self._engine.context if long else self._engine.prompt_tokens)
        room = self._engine.context - sent
        if room < 1:
            raise ContextFullError(f"the prompt has {sent} tokens")
        count = min(request.max_tokens, room)
        now_s = time.monotonic()
        says = self._engine.says
        return Completion(
            sampled=Piece(text=says or "hm " * count, origin="sampled", tokens=count),
            finish="end" if says else "length",
            input_tokens=sent,
            reasoning_tokens=count,
            written_tokens=written,
            submitted_s=submitted_s,
            started_s=submitted_s,
            first_token_s=now_s,
            finished_s=now_s,
        )
