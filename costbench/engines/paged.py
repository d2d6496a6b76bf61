"""The manager of transformers' continuous batching: made for a model, and listened to step by step.

As it is, it tells of tokens by a copy of the whole row at each of them, ends rows at single tokens only, and
turns errors into their text. So requests and outlet are of classes of ours, derived from its own. This
module is the only one that knows them, as they are in transformers 5.17.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching.cache import (
    find_head_dim,
    find_num_kv_heads,
    group_layers_by_attn_type,
)
from transformers.generation.continuous_batching.continuous_api import OutputRouter
from transformers.generation.continuous_batching.requests import (
    GenerationOutput,
    RequestState,
    RequestStatus,
)
from transformers.generation.continuous_batching.utils import WorkloadHints
from transformers.utils.import_utils import (
    is_flash_attn_2_available,
    is_flash_attn_3_available,
    is_psutil_available,
)

from costbench.engines.rows import Row
from costbench.errors import EngineError, NotInstalledError, first_line

_NO_SEED = 0
_HALVES = (torch.bfloat16, torch.float16)
_BLOCK = {"cuda": 256, "cpu": 32}
"""Tokens of a block of cache; flash attention reads whole ones of 256."""
_STEP_TOKENS = {"cuda": 8192, "cpu": 512}
"""Read in one step at most: longer prompts are read in parts."""
_MASKED_STEP_TOKENS = 2048
"""Where attention takes a mask: a row for each of these, and a column for each token of the cache."""
_CPU_CACHE_BYTES = 2 << 30


class Listener(Protocol):
    """Who hears of the steps; called in the manager's thread."""

    def on_token(self, asked: "Asked", token: int, step: int) -> bool:
        """A token of one row; True when it was the last."""

    def on_ended(self, request_ids: list[str]) -> None:
        """All tokens of a step have been told, and these rows ended in it."""

    def on_failure(self, error: Exception) -> None:
        """Nothing will be answered any more."""


@dataclass
class Asked(RequestState):
    """A request that passes its tokens on, and that ends where its row does."""

    on_token: Callable[["Asked", int], bool] | None = None

    def update_and_check_completion(self, token_id: int, logprob: float | None) -> bool:
        """Called once per token."""
        assert self.on_token is not None
        ended: bool = super().update_and_check_completion(token_id, logprob)
        if self.on_token(self, token_id) and not ended:
            self.status = RequestStatus.FINISHED
            return True
        return ended

    def create_equivalent_initial_request(self) -> "Asked":
        """Called when the cache is full: what the row has is read again later, as if it were prompt."""
        return Asked(
            **vars(super().create_equivalent_initial_request()) | {"on_token": self.on_token}
        )

    @property
    def started_s(self) -> float:
        """When it was first part of a batch, on time.monotonic's clock."""
        return time.monotonic() - (time.perf_counter() - self.lifespan[0])


class _Outlet(OutputRouter):
    """Called once per step that ends rows, after all its tokens, and for each request that fails."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self.closed = False

    def deliver_batch(self, outputs: list[GenerationOutput]) -> None:
        """Rows that ended in this step."""
        self._listener.on_ended([output.request_id for output in outputs])

    def fail_and_deliver(self, state: RequestState, error: Exception) -> None:
        """One of those that the manager gives up, all for the same reason."""
        state.status = RequestStatus.FAILED
        if not self.closed:  # then it is only that there is a rest
            self._listener.on_failure(error)


class Paged:
    """One manager, for one way of drawing tokens; raises EngineError where the model cannot be served so."""

    def __init__(self, model: Any, drawn: dict[str, Any], rows: int, listener: Listener) -> None:
        logging.getLogger("ContinuousBatchingLogger").setLevel(logging.CRITICAL + 1)  # we tell it
        self._listener = listener
        self._outlet = _Outlet(listener)
        self._manager = _made(model, drawn, rows, self._outlet)

    def start(self) -> None:
        """In a thread of its own, which ends with the process where the caller's does."""
        self._manager.start()

    @property
    def death(self) -> Exception | None:
        """Why its thread is gone; None while it is there."""
        if self._manager.is_running():
            return None
        told: Exception | None = self._manager.background_thread_status.fatal_error
        return told or RuntimeError("the thread that decodes has ended")

    def submit(self, request_id: str, row: Row) -> None:
        """Not through `add_request`, which makes requests of the manager's own class."""

        def on_token(asked: Asked, token: int) -> bool:
            return self._listener.on_token(asked, token, self._manager.current_batch)

        self._manager.input_queue.put(
            Asked(request_id, row.prompt_ids, max_new_tokens=row.max_tokens, on_token=on_token)
        )
        self._manager._has_new_requests.set()  # else it is seen 0.1 s later

    def cancel(self, request_id: str) -> None:
        """It has no further step, and nobody hears of it."""
        self._manager.cancel_request(request_id)

    def stop(self) -> None:
        """After the step that is running; of what has not ended then nobody hears."""
        self._outlet.closed = True
        self._manager.stop(block=True, hard_stop=True)


def page_attention(model: Any, wanted: str) -> str:
    """Give the model an attention that reads a cache in blocks; its name."""
    name = f"paged|{_best_attention(model) if wanted == 'auto' else wanted}"
    try:
        model.set_attn_implementation(name)
    except (ValueError, ImportError, RuntimeError) as error:
        raise _refusal(error) from error
    taken: str = model.config._attn_implementation  # may be that of a kernel with a longer name
    if not taken.startswith("paged|"):
        raise _refusal(ValueError(f"it takes no attention by name ({name})"))
    return taken


def _best_attention(model: Any) -> str:
    """Flash attention where its package is installed; none is fetched from the hub unasked."""
    flash = model.device.type == "cuda" and model.dtype in _HALVES and model._supports_flash_attn
    if flash and is_flash_attn_3_available():
        return "flash_attention_3"
    if flash and is_flash_attn_2_available():
        return "flash_attention_2"
    return "sdpa" if model._supports_sdpa else "eager"


def _made(model: Any, drawn: dict[str, Any], rows: int, outlet: _Outlet) -> Any:
    """With room for all rows at the model's full length, or as much as fits on the GPU."""
    if model.device.type == "cpu" and not is_psutil_available():
        raise NotInstalledError(
            "engine transformers: continuous batching on a CPU needs the package psutil, to see how much "
            "memory there is: pip install psutil, or write `batching: static`"
        )
    blocks = _blocks(model, rows)
    try:
        return _manager(model, drawn, rows, blocks, outlet)
    except MemoryError:
        if model.device.type != "cuda":
            raise
    except (ValueError, AttributeError, NotImplementedError) as error:
        raise _refusal(error) from error
    return _manager(model, drawn, rows, None, outlet)


def _manager(model: Any, drawn: dict[str, Any], rows: int, blocks: int | None, outlet: Any) -> Any:
    device = model.device.type
    masked = "flash" not in model.config._attn_implementation
    at_once = min(_STEP_TOKENS[device], _MASKED_STEP_TOKENS) if masked else _STEP_TOKENS[device]
    manager = model.init_continuous_batching(
        # Rows end where we say so; nothing here may end them.
        GenerationConfig(eos_token_id=-1, **drawn),
        ContinuousBatchingConfig(
            block_size=_BLOCK[device],
            num_blocks=blocks,
            max_batch_tokens=max(at_once, rows),
            max_requests_per_batch=rows,
            allow_block_sharing=False,  # later cells would find their prompts read
            safety_margin=0.0 if blocks else None,
            seed=_NO_SEED,
        ),
        WorkloadHints(max_generated_length=_context(model), num_requests=rows),
    )
    manager.output_router = outlet
    manager.warmup()  # makes the cache, and CUDA graphs where it uses them
    return manager


def _blocks(model: Any, rows: int) -> int:
    """Of cache, so that each row can have the model's full length; on a CPU no more than a fixed size."""
    config = model.config.get_text_config()
    try:
        groups, _ = group_layers_by_attn_type(config)
        layers, width = len(groups[0]), find_num_kv_heads(config) * find_head_dim(config)
    except (AttributeError, ValueError) as error:
        raise _refusal(error) from error
    block = _BLOCK[model.device.type]
    needed = rows * len(groups) * (math.ceil(_context(model) / block) + 1)
    if model.device.type == "cuda":
        return needed
    per_token = (2 * layers * width + _STEP_TOKENS["cpu"]) * model.dtype.itemsize  # and its mask
    return min(needed, int(_CPU_CACHE_BYTES // (per_token * block)))


def _context(model: Any) -> int:
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", 1 << 20))


def _refusal(error: Exception) -> EngineError:
    return EngineError(
        "engine transformers: this model cannot be served by continuous batching "
        f"({first_line(error)}); write `batching: static`"
    )
