"""An engine: no model, it multiplies what it is asked to multiply."""

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from costbench.interfaces import OpenEngine
from costbench.types import Completion, Component, LatencyBasis, Model, Piece, Request


class Calculator(Component):
    """Reads the words of a prompt, and nothing else: neither token ids nor `ignore_eos`."""

    kind: Literal["calculator"] = "calculator"

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator[OpenEngine]:
        """Nothing to load."""
        yield _Open()


class _Open:
    latency_basis: LatencyBasis = "client"
    versions: Mapping[str, str] = {}
    gpu_uuids: Sequence[str] = ()

    async def generate(self, request: Request) -> Completion:
        """The product of the numbers in the question."""
        began_s = time.monotonic()
        words = request.messages[-1].content
        product = 1
        for number in re.findall(r"[0-9]+", words):
            product *= int(number)
        said = f"</think> \\boxed{{{product}}}"
        return Completion(
            sampled=Piece(text=said, origin="sampled", tokens=len(said.split())),
            finish="end",
            input_tokens=len(words.split()),
            submitted_s=began_s,
            started_s=began_s,
            finished_s=time.monotonic(),
        )
