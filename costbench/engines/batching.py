"""Static micro-batches around `generate`: a queue, one worker thread, one batch after another."""

import asyncio
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any, Self

import torch
import transformers
from transformers import GenerationConfig

from costbench.engines.random_weights import DOUBT, is_random
from costbench.engines.rendering import Rendered, renderer_for
from costbench.engines.rows import EachRowEndsByItself, Row
from costbench.errors import EngineError
from costbench.types import Completion, LatencyBasis, Model, Request, Sampling

_GATHER_S = 0.02
"""How long a batch waits after each request for the next that is on its way (a policy's next call)."""
_STEPS_BEFORE_COMPACTION = 48


@dataclass(eq=False)
class _Pending:
    request: Request
    rendered: Rendered
    row: Row
    submitted_s: float
    future: asyncio.Future[Completion]
    loop: asyncio.AbstractEventLoop
    started_s: float = 0.0

    def resolve(self, completion: Completion) -> None:
        self.loop.call_soon_threadsafe(_set_result, self.future, completion)

    def fail(self, error: Exception) -> None:
        self.loop.call_soon_threadsafe(_set_error, self.future, error)


class Batcher:
    """A loaded model that answers requests; one thread does the work, in `with`."""

    latency_basis: LatencyBasis = "step"

    def __init__(self, model: Any, tokenizer: Any, described: Model, max_batch_size: int) -> None:
        self._model = model
        defaults = model.generation_config
        self._renderer = renderer_for(tokenizer, described, defaults.eos_token_id)
        self.cannot_continue: str | None = None
        self.doubts = (DOUBT,) if is_random(described) else ()
        # Whatever else it holds (a repetition penalty, min_p) would fill the gaps of our settings unseen.
        model.generation_config = GenerationConfig()
        self._max_batch_size = max_batch_size
        self._context = int(getattr(model.config, "max_position_embeddings", 1 << 30))
        self._waiting: queue.Queue[_Pending | None] = queue.Queue()
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

    async def generate(self, request: Request) -> Completion:
        """Wait for the batch that answers this request."""
        if self._broken:
            raise self._broken
        rendered = self._renderer.render(request)
        row = rendered.row(request.max_tokens, self._context)
        loop = asyncio.get_running_loop()
        pending = _Pending(request, rendered, row, time.monotonic(), loop.create_future(), loop)
        self._waiting.put(pending)
        return await pending.future

    def _work(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                self._run(batch)
            except Exception as error:  # noqa: BLE001 - whatever torch raises, the requests must hear of it
                self._broken = EngineError(f"the engine failed: {type(error).__name__}: {error}")
                for pending in batch:
                    pending.fail(self._broken)

    def _next_batch(self) -> list[_Pending] | None:
        first = self._waiting.get()
        if first is None:
            return None
        batch, others = [first], list[_Pending]()
        while len(batch) < self._max_batch_size:
            try:
                found = self._waiting.get(timeout=_GATHER_S)
            except queue.Empty:
                break
            if found is None:
                self._waiting.put(None)
                break
            alike = _drawn_alike(found.request, first.request)
            (batch if alike else others).append(found)
        for pending in others:
            self._waiting.put(pending)
        return batch

    def _run(self, batch: list[_Pending]) -> None:
        torch.manual_seed(hash(tuple(pending.request.seed for pending in batch)) % (1 << 63))
        by_row = {id(pending.row): pending for pending in batch}
        started_s = time.monotonic()
        for pending in batch:
            pending.started_s = started_s

        def hand_over(row: Row, now_s: float) -> None:
            pending = by_row[id(row)]
            pending.resolve(self._completion(pending, now_s))

        rows, cache = [pending.row for pending in batch], None
        settings = self._settings(batch[0].request)
        while rows and not self._closing.is_set():
            out = self._decode(rows, cache, settings, hand_over)
            left = [at for at, row in enumerate(rows) if row.finish is None]
            if left and len(left) < len(rows):
                out.past_key_values.batch_select_indices(
                    torch.tensor(left, device=self._model.device)
                )
            rows, cache = [rows[at] for at in left], out.past_key_values

    def _decode(self, rows: list[Row], cache: Any, settings: dict[str, Any], hand_over: Any) -> Any:
        """Up to `_STEPS_BEFORE_COMPACTION` steps for all rows."""
        width = max(len(row.prompt_ids) for row in rows) + len(rows[0].tokens)
        if cache is not None:
            width = cache.get_seq_length() + 1
        pad = self._renderer.pad_id
        ids = [[pad] * (width - len(row.ids)) + row.ids for row in rows]
        mask = [[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in rows]
        device = self._model.device
        steps = max(row.max_tokens - len(row.tokens) for row in rows)
        with torch.inference_mode():
            return self._model.generate(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                past_key_values=cache,
                generation_config=GenerationConfig(
                    max_new_tokens=min(steps, _STEPS_BEFORE_COMPACTION), **settings
                ),
                stopping_criteria=[
                    EachRowEndsByItself(rows, self._renderer.end_ids, hand_over, self._closing)
                ],
                return_dict_in_generate=True,
            )

    def _settings(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling or Sampling()
        ends = [] if request.ignore_eos else sorted(self._renderer.end_ids)
        settings: dict[str, Any] = {
            "pad_token_id": self._renderer.pad_id,
            "eos_token_id": ends or None,
            "use_cache": True,
            "do_sample": sampling.temperature > 0,
        }
        if sampling.temperature > 0:
            settings |= {
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k,
            }
        return settings

    def _completion(self, pending: _Pending, finished_s: float) -> Completion:
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


def _gpu_uuids(device: torch.device) -> tuple[str, ...]:
    if device.type != "cuda":
        return ()
    return (f"GPU-{torch.cuda.get_device_properties(device).uuid}",)


def _drawn_alike(one: Request, other: Request) -> bool:
    """Whether one call of `generate` can answer both."""
    return _how_drawn(one) == _how_drawn(other)


def _how_drawn(request: Request) -> tuple[float, float, int, bool]:
    sampling = request.sampling or Sampling()
    return sampling.temperature, sampling.top_p, sampling.top_k, request.ignore_eos


def _set_result(future: asyncio.Future[Completion], completion: Completion) -> None:
    if not future.done():
        future.set_result(completion)


def _set_error(future: asyncio.Future[Completion], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
