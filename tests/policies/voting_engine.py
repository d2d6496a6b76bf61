"""An engine whose votes are written down beforehand, and that can die in the middle of them."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from costbench.types import Completion, Component, Count, LatencyBasis, Model, Piece, Request

_SEEDS_OF_WARM_UPS = 1_000


class VotingEngine(Component):
    """Vote k on a question says the k-th text, k + 1 tokens long; a text with "..." is cut there."""

    kind: Literal["voting"] = "voting"
    says: tuple[str, ...]
    seconds: float = 0.0
    dies_at_call: Count | None = None
    corpse: Path | None = None
    """It dies only where this file is not there yet, and leaves it."""

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator["_Open"]:
        """Nothing to load."""
        yield _Open(self)


class _Open:
    latency_basis: LatencyBasis = "engine"
    versions: Mapping[str, str] = {}
    gpu_uuids: Sequence[str] = ()

    def __init__(self, engine: VotingEngine) -> None:
        self._engine = engine
        self._asked = Counter[str]()

    async def generate(self, request: Request) -> Completion:
        submitted_s = time.monotonic()
        question = request.messages[0].content
        vote = self._asked[question]
        if request.seed is not None and request.seed >= _SEEDS_OF_WARM_UPS:
            self._asked[question] += 1
        self._perhaps_die()
        await asyncio.sleep(self._engine.seconds)
        vote %= len(self._engine.says)
        text = self._engine.says[vote]
        now_s = time.monotonic()
        return Completion(
            sampled=Piece(text=text, origin="sampled", tokens=vote + 1),
            finish="length" if text.endswith("...") else "end",
            input_tokens=10,
            reasoning_tokens=0,
            written_tokens=(),
            submitted_s=submitted_s,
            started_s=submitted_s,
            first_token_s=now_s,
            finished_s=now_s,
            batch_size=1,
        )

    def _perhaps_die(self) -> None:
        corpse = self._engine.corpse
        if corpse and self._asked.total() == self._engine.dies_at_call and not corpse.exists():
            corpse.touch()
            os.kill(os.getpid(), signal.SIGKILL)
