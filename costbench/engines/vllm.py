"""vLLM in this process: its asynchronous engine, with continuous batching.

Requests join the batch at the next step, and leave it when they end. Times are the engine's own.
"""

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from costbench.errors import NotInstalledError
from costbench.interfaces import OpenEngine
from costbench.types import Component, Count, Model

_SAID_ELSEWHERE = {
    "model": "it is the model's `path`",
    "tokenizer": "it is the model's own",
    "revision": "it is the model's `revision`",
    "tokenizer_revision": "it is the model's `revision`",
    "trust_remote_code": "code of strangers is never run",
    "seed": "each request has its own",
    "generation_config": "the suite's sampling is sent with each request",
    "override_generation_config": "the suite's sampling is sent with each request",
    "reasoning_config": "it is made of the model's `thinking` markers",
    "skip_tokenizer_init": "stop markers need the tokenizer",
    "disable_log_stats": "times come from there",
    "enable_log_requests": "prompts are in no log",
}


class VllmEngine(Component):
    """Keys are named as vLLM names them; what is not said is vLLM's own default."""

    takes_ignore_eos: ClassVar[bool] = True
    takes_token_ids: ClassVar[bool] = True
    trial: ClassVar[dict[str, Any]] = {
        "enforce_eager": True,
        "gpu_memory_utilization": 0.1,
        "load_format": "safetensors",
    }
    """Settings for a first look by `costbench doctor`: soon there, and little memory."""
    kind: Literal["vllm"] = "vllm"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: Annotated[str, Field(min_length=1)] | None = None
    tensor_parallel_size: Count = 1
    data_parallel_size: Count = 1
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    max_model_len: Count | None = None
    max_num_seqs: Count | None = None
    """Rows answered together at most; as many as are in flight when absent."""
    enable_prefix_caching: bool | None = None
    load_format: Literal["auto", "safetensors", "dummy"] = "auto"
    """`dummy`: random weights, for times and energy without a download of weights."""
    enforce_eager: bool = False
    stream: bool = False
    """Hear of every token when it is there: for the time between tokens, at a price in CPU."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More of vLLM's engine arguments, by their names in Python."""

    @field_validator("extra", mode="after")
    @classmethod
    def _is_extra(cls, extra: dict[str, Any]) -> dict[str, Any]:
        for key in extra:
            if key in cls.model_fields:
                raise ValueError(f"`{key}` is a key of the engine itself; write it beside `extra`")
            if key in _SAID_ELSEWHERE:
                raise ValueError(f"`{key}` cannot be said here: {_SAID_ELSEWHERE[key]}")
        return extra

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator[OpenEngine]:
        """Load the model in processes of vLLM's own; raises EngineError that says what is missing."""
        found = importlib.util.find_spec("vllm")
        if found is None or found.origin is None:  # any folder of that name would be found, too
            raise NotInstalledError(
                "engine vllm: the package vllm is not installed; pip install 'costbench[vllm]'"
            )
        from costbench.engines.vllm_loading import serving

        async with serving(model, self.arguments(concurrency), stream=self.stream) as opened:
            yield opened

    def arguments(self, concurrency: int) -> dict[str, Any]:
        """Engine arguments that the suite says; the rest is left to vLLM."""
        said = self.model_dump(exclude={"kind", "stream", "extra"}, exclude_none=True)
        return {"max_num_seqs": concurrency} | said | self.extra
