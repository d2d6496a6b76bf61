"""Hugging Face transformers in this process: the engine that runs anywhere.

Static batches answer together what waits when they start. Each row's result is handed over at the step that
row ends; rows that are done are dropped from the batch at the next stop of `generate`, and new requests
wait for the next batch. With continuous batching requests join and leave at any step.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from costbench.allocator import keep_freed_memory
from costbench.engines.batching import Batcher
from costbench.engines.loaded import LoadedModel
from costbench.engines.model_files import resolve_model
from costbench.engines.random_weights import NoTokenizer, is_random, load_random
from costbench.errors import EngineError, first_line
from costbench.interfaces import OpenEngine
from costbench.types import Component, Count, Model


class TransformersEngine(Component):
    """`device: auto` is a CUDA GPU where there is one; `dtype: auto` the weights' own there, else float32."""

    takes_ignore_eos: ClassVar[bool] = True
    takes_token_ids: ClassVar[bool] = True
    kind: Literal["transformers"] = "transformers"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_batch_size: Count | None = None
    """Rows decoded together at most; as many as are in flight when absent."""
    batching: Literal["auto", "static", "continuous"] = "auto"
    """`auto` is continuous on a GPU, static on a CPU."""
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3"] = "auto"
    """Of continuous batching; `auto` is flash attention where its package is installed and can do it."""

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator[OpenEngine]:
        """Load the model; raises EngineError that says what is missing."""
        with await asyncio.to_thread(
            self._batcher, model, self.max_batch_size or concurrency
        ) as opened:
            yield opened

    def _batcher(self, model: Model, rows: int) -> LoadedModel:
        loaded, tokenizer = self._load(model)
        if self.batching == "static" or (self.batching == "auto" and loaded.device.type == "cpu"):
            return Batcher(loaded, tokenizer, model, rows)
        from costbench.engines.continuous import ContinuousBatcher

        return ContinuousBatcher(loaded, tokenizer, model, rows, self.attention)

    def _load(self, model: Model) -> tuple[Any, Any]:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        keep_freed_memory()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        device = self._device(torch.cuda.is_available())
        choose_attention(device)
        path = resolve_model(model.path)
        revision = None if isinstance(path, Path) else model.revision
        dtype = self.dtype if self.dtype != "auto" or device == "cuda" else "float32"
        try:
            if is_random(model):
                drawn = load_random(str(path), dtype, device)
                return drawn.eval(), NoTokenizer(model, drawn.config.vocab_size)
            tokenizer = AutoTokenizer.from_pretrained(str(path), revision=revision)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                str(path), revision=revision, dtype=dtype, use_safetensors=True
            )
            loaded = loaded.to(device).eval()
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            raise EngineError(
                f"model {model.name} ({model.path}) cannot be loaded: {first_line(error)}"
            ) from error
        if tokenizer.chat_template is None:
            raise EngineError(f"model {model.name} ({model.path}) has no chat template")
        return loaded, tokenizer

    def _device(self, cuda: bool) -> str:
        if self.device == "cuda" and not cuda:
            raise EngineError(
                "engine transformers: `device: cuda`, but torch sees no GPU; "
                "install a CUDA build of torch, or use `device: auto`"
            )
        return "cuda" if cuda and self.device != "cpu" else "cpu"


def choose_attention(device: str) -> None:
    """Leave cuDNN's out on a GPU, for the whole process.

    torch prefers it on Hopper and newer where there is a mask, in half precision. It makes a plan for each
    new shape, and no two steps of decoding have the same.
    """
    import torch

    if device == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
