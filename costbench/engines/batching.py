"""Static micro-batches around `generate`: one batch after another."""

import queue
import time
from typing import Any

import torch
from transformers import GenerationConfig

from costbench.engines.loaded import LoadedModel, Pending
from costbench.engines.rows import EachRowEndsByItself, Row
from costbench.types import Request, Sampling

_GATHER_S = 0.02
"""How long a batch waits after each request for the next that is on its way (a policy's next call)."""
_STEPS_BEFORE_COMPACTION = 48


class Batcher(LoadedModel):
    """Answers what waits when a batch starts together; what comes later waits for the next batch."""

    def _work(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                self._run(batch)
            except Exception as error:  # noqa: BLE001 - whatever torch raises, the requests must hear of it
                broken = self._break(error)
                for pending in batch:
                    pending.fail(broken)

    def _next_batch(self) -> list[Pending] | None:
        first = self._waiting.get()
        if first is None:
            return None
        batch, others = [first], list[Pending]()
        while len(batch) < self._max_batch_size:
            try:
                found = self._waiting.get(timeout=_GATHER_S)
            except queue.Empty:
                break
            if found is None:
                self._waiting.put(None)
                break
            alike = self._settings(found.request) == self._settings(first.request)
            (batch if alike else others).append(found)
        for pending in others:
            self._waiting.put(pending)
        return batch

    def _run(self, batch: list[Pending]) -> None:
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
        """Of one call of `generate`: what has others needs another one."""
        ends = [] if request.ignore_eos else sorted(self._renderer.end_ids)
        return _drawing(request) | {
            "pad_token_id": self._renderer.pad_id,
            "eos_token_id": ends or None,
            "use_cache": True,
        }


def _drawing(request: Request) -> dict[str, Any]:
    """How its tokens are drawn, as a GenerationConfig names it."""
    sampling = request.sampling or Sampling()
    if sampling.temperature == 0:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
    }
