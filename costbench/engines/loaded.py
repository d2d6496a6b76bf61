"""What both ways of batching share: requests in a queue, one thread that answers, what a completion says."""

import asyncio
import gc
import queue
import re
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import torch
import transformers
from transformers import GenerationConfig

from costbench.engines.random_weights import DOUBT, is_random
from costbench.engines.rendering import Rendered, renderer_for
from costbench.engines.rows import Row
from costbench.errors import EngineError, first_line
from costbench.types import Completion, LatencyBasis, Model, Request

_NO_MEMORY = re.compile(r"out of memory|OutOfMemory|(?:can't|cannot) allocate|MemoryError", re.I)

CLOSED = EngineError("the engine was closed")


@dataclass(eq=False)
class Pending:
    """A request, and who waits for its completion."""

    request: Request
    rendered: Rendered
    row: Row
    submitted_s: float
    future: asyncio.Future[Completion]
    loop: asyncio.AbstractEventLoop
    started_s: float = 0.0

    def resolve(self, completion: Completion) -> None:
        """Hand it over, from any thread."""
        self.loop.call_soon_threadsafe(_set_result, self.future, completion)

    def fail(self, error: Exception) -> None:
        """Say why there will be none, from any thread."""
        self.loop.call_soon_threadsafe(_set_error, self.future, error)


class LoadedModel(ABC):
    """A loaded model that answers requests; one thread does the work, in `with`."""

    latency_basis: LatencyBasis = "step"

    def __init__(self, model: Any, tokenizer: Any, described: Model, max_batch_size: int) -> None:
        self._model: Any = model
        defaults = model.generation_config
        self._renderer = renderer_for(tokenizer, described, defaults.eos_token_id)
        self.cannot_continue: str | None = None
        self.doubts = (DOUBT,) if is_random(described) else ()
        # Whatever else it holds (a repetition penalty, min_p) would fill the gaps of our settings unseen.
        model.generation_config = GenerationConfig()
        self._max_batch_size = max_batch_size
        self._context = context(model)
        self._limit = "the model's context"
        self._waiting: queue.Queue[Pending | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="costbench-engine", daemon=True)
        self._broken: EngineError | None = None
        self._closing = threading.Event()
        self.versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        self.gpu_uuids = _gpu_uuids(model.device)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closing.set()
        self._waiting.put(None)
        self._thread.join()
        self._let_go()

    async def generate(self, request: Request) -> Completion:
        """Wait for the steps that answer this request."""
        if self._broken or self._closing.is_set():
            raise self._broken or CLOSED
        rendered = self._renderer.render(request)
        row = rendered.row(request.max_tokens, self._context, self._limit)
        loop = asyncio.get_running_loop()
        pending = Pending(request, rendered, row, time.monotonic(), loop.create_future(), loop)
        self._waiting.put(pending)
        try:
            return await pending.future
        except asyncio.CancelledError:
            self._give_up(pending)
            raise

    @abstractmethod
    def _work(self) -> None:
        """Answer what is in the queue until there is a None in it."""

    def _let_go(self) -> None:
        """Give the memory back now: the next engine, maybe one of another process, counts what is free."""
        self._model = None
        gc.collect()
        if torch.cuda.is_initialized():
            with suppress(RuntimeError):  # one that has failed says so again, whatever it is asked
                torch.cuda.empty_cache()

    def _give_up(self, pending: Pending) -> None:  # noqa: B027 - some answer it all the same
        """Nobody waits for this one any more."""

    def _break(self, error: Exception) -> EngineError:
        """From now on no request is answered; the error that says why."""
        if not isinstance(error, EngineError):
            error = EngineError(f"the engine failed: {why(error)}")
        self._broken = self._broken or error
        return self._broken

    def _completion(self, pending: Pending, finished_s: float) -> Completion:
        row, rendered = pending.row, pending.rendered
        sampled, marker = self._renderer.pieces(row)
        assert row.finish is not None
        thought = self._renderer.reasoning_tokens(row, rendered)
        return Completion(
            sampled=sampled,
            marker=marker,
            finish=row.finish,
            input_tokens=len(row.prompt_ids),
            reasoning_tokens=thought,
            written_tokens=rendered.written_tokens,
            submitted_s=pending.submitted_s,
            started_s=pending.started_s,
            first_token_s=row.token_s[0],
            first_answer_token_s=row.token_s[thought] if thought < len(row.token_s) else None,
            inter_token_s=row.gaps_s,
            finished_s=finished_s,
            batch_size=row.mean_batch_size,
        )


def context(model: Any) -> int:
    """Tokens of a row at most, as the model says; a million where it says nothing."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", 1 << 20))


def why(error: Exception) -> str:
    """What a library raised, with what to lower where it was memory."""
    said = f"{type(error).__name__}: {first_line(error)}"
    if _NO_MEMORY.search(said):
        said += "; lower `max_batch_size` of the engine, or `concurrency` of the load"
    return said


def _gpu_uuids(device: torch.device) -> tuple[str, ...]:
    if device.type != "cuda":
        return ()
    return (f"GPU-{torch.cuda.get_device_properties(device).uuid}",)


def _set_result(future: asyncio.Future[Completion], completion: Completion) -> None:
    if not future.done():
        future.set_result(completion)


def _set_error(future: asyncio.Future[Completion], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
