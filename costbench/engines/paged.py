"""The manager of transformers' continuous batching: made for a model, and listened to step by step.

As it is, it tells of tokens by a copy of the whole row at each of them, ends rows at single tokens only, and
turns errors into their text. So requests and outlet are of classes of ours, derived from its own. This
module, `paged_drawing` and `paged_sizes` are the only ones that know them, as they are in transformers 5.17.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from transformers import GenerationConfig
from transformers.generation.continuous_batching.continuous_api import (
    BackgroundThreadStatus,
    OutputRouter,
)
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

from costbench.engines.loaded import context
from costbench.engines.paged_drawing import by_rows, drawn_at
from costbench.engines.paged_sizes import Sizes, sizes
from costbench.engines.rows import Row
from costbench.errors import EngineError, NotInstalledError, first_line

_HALVES = (torch.bfloat16, torch.float16)
_TRIAL_TOKENS = 2
"""The first is of a step that reads a prompt, the second of one that reads the cache."""


class Narrowed(NamedTuple):
    """Among which tokens a manager draws, for all its rows; one that is greedy has none."""

    top_p: float
    top_k: int


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
    first_joined: float | None = None
    """On time.perf_counter's clock, of a row that had to leave the cache; None of one that had not."""

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
        ours = {"on_token": self.on_token, "first_joined": self._joined}
        return Asked(**vars(super().create_equivalent_initial_request()) | ours)

    @property
    def _joined(self) -> float:
        return self.lifespan[0] if self.first_joined is None else self.first_joined

    @property
    def started_s(self) -> float:
        """When it was first part of a batch, on time.monotonic's clock."""
        return time.monotonic() - (time.perf_counter() - self._joined)


class _Outlet(OutputRouter):
    """Called once per step that ends rows, after all its tokens, and for each request that fails."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self.closed = False

    def deliver_batch(self, outputs: list[GenerationOutput]) -> None:
        """Rows that ended in this step."""
        if not self.closed:
            self._listener.on_ended([output.request_id for output in outputs])

    def fail_and_deliver(self, state: RequestState, error: Exception) -> None:
        """One of those that the manager gives up, all for the same reason."""
        state.status = RequestStatus.FAILED
        if not self.closed:  # then it is only that there is a rest
            self._listener.on_failure(error)


class Paged:
    """One manager, which has answered a first request already.

    Raises EngineError where the model cannot be served so, or whatever transformers and torch raise.
    """

    def __init__(
        self, model: Any, narrowed: Narrowed | None, rows: int, listener: Listener
    ) -> None:
        logging.getLogger("ContinuousBatchingLogger").setLevel(logging.CRITICAL + 1)  # we tell it
        self._listener = listener
        self._outlet = _Outlet(listener)
        self._draws = narrowed is not None
        self._manager = _made(model, narrowed, rows, self._outlet)
        self._try_out()

    def _try_out(self) -> None:
        """On this thread, and nobody hears of it: its own warm-up passes over errors, or does nothing."""
        self._outlet.closed = True
        self._manager.input_queue.put(
            Asked("trial", [0], max_new_tokens=_TRIAL_TOKENS, on_token=lambda asked, token: False)
        )
        told = self._manager.background_thread_status
        told.request_stop(BackgroundThreadStatus.FLUSH_AND_STOP, 0)  # until `start`
        self._manager._run_generation_loop()
        if told.fatal_error is not None:
            raise told.fatal_error
        self._outlet.closed = False

    @property
    def context(self) -> int:
        """Tokens of a row at most: a longer one has no room even alone, and would end the engine for all.

        A block less than there are, for the manager takes the next one before the last is full.
        """
        cache = self._manager.batch_processor.cache
        return int((cache.num_blocks // cache.num_groups - 1) * cache.block_size)

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

    def submit(self, request_id: str, row: Row, temperature: float) -> None:
        """Not through `add_request`, which makes requests of the manager's own class."""

        def on_token(asked: Asked, token: int) -> bool:
            return self._listener.on_token(asked, token, self._manager.current_batch)

        self._manager.input_queue.put(
            Asked(
                request_id,
                row.prompt_ids,
                max_new_tokens=row.max_tokens,
                logit_processor_kwargs=drawn_at(temperature) if self._draws else {},
                on_token=on_token,
            )
        )
        self._manager._has_new_requests.set()  # else it is seen 0.1 s later

    def cancel(self, request_id: str) -> None:
        """It has no further step, and nobody hears of it."""
        self._manager.cancel_request(request_id)

    def stop(self) -> None:
        """After the step that is running; of what has not ended then nobody hears."""
        self._outlet.closed = True
        with suppress(RuntimeError):  # of a GPU that has failed; told already, and all else is done
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
    if flash and is_flash_attn_3_available() and takes(model, "flash_attention_3"):
        return "flash_attention_3"
    if flash and is_flash_attn_2_available() and takes(model, "flash_attention_2"):
        return "flash_attention_2"
    return "sdpa" if model._supports_sdpa else "eager"


def takes(model: Any, flash: str) -> bool:
    """Whether this one is for it: in place of another, transformers fetches one from the hub."""
    compatible = model._compatible_flash_implementations
    return compatible is None or flash in compatible


def _made(model: Any, narrowed: Narrowed | None, rows: int, outlet: _Outlet) -> Any:
    """With room for all rows at the model's full length, or as much as fits on the GPU."""
    if model.device.type == "cpu" and not is_psutil_available():
        raise NotInstalledError(
            "engine transformers: continuous batching on a CPU needs the package psutil, to see how much "
            "memory there is: pip install psutil, or write `batching: static`"
        )
    try:
        wanted = sizes(model, rows)
        try:
            return _manager(model, narrowed, wanted, outlet)
        except MemoryError:
            if model.device.type != "cuda":
                raise
        return _manager(model, narrowed, replace(wanted, as_asked=False), outlet)
    except (ValueError, AttributeError, NotImplementedError) as error:
        raise _refusal(error) from error


def _manager(model: Any, narrowed: Narrowed | None, wanted: Sizes, outlet: _Outlet) -> Any:
    among = {} if narrowed is None else narrowed._asdict()
    manager = model.init_continuous_batching(
        # Rows end where we say so; nothing here may end them. The temperature is each row's own.
        GenerationConfig(eos_token_id=-1, do_sample=narrowed is not None, **among),
        wanted.settings,
        WorkloadHints(max_generated_length=context(model), num_requests=wanted.rows),
    )
    if narrowed is not None:
        recorded = any(manager.continuous_batching_config.cuda_graph_booleans)
        manager.logit_processor = by_rows(manager.logit_processor.logits_processor, recorded)
    manager.output_router = outlet
    manager.warmup()  # makes the cache, and CUDA graphs where it uses them
    return manager


def _refusal(error: Exception) -> EngineError:
    return EngineError(
        "engine transformers: this model cannot be served by continuous batching "
        f"({first_line(error)}); write `batching: static`"
    )
