"""How large cache and steps of continuous batching are, and what else device and attention ask for."""

import math
from dataclasses import dataclass
from typing import Any

from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching.cache import (
    find_head_dim,
    find_num_kv_heads,
    group_layers_by_attn_type,
)

from costbench.engines.loaded import context

_NO_SEED = 0
_BLOCK = {"cuda": 256, "cpu": 32}
"""Tokens of a block of cache; flash attention reads whole ones of 256."""
_STEP_TOKENS = {"cuda": 8192, "cpu": 512}
"""Read in one step at most: longer prompts are read in parts."""
_MASKED_STEP_TOKENS = {"sdpa": 2048, "eager": 256}
"""Where attention takes a mask: a row for each of these, and a column for each token of the cache."""
_MASKED_MEMORY = {"sdpa": 0.6, "eager": 0.3}
"""Share of a GPU's free memory for cache and mask. The manager does not count what attention needs meanwhile:
a copy of keys and values for each head, and without SDPA the scores of each head, some of them in float32."""
_FLASH_MEMORY = 0.8
"""The manager's own where tokens are drawn, which it cannot see of ours."""
_MASK_ELEMENTS = 1 << 32
"""The memory-efficient kernel of torch before 2.13 finds the rows of a mask by 32 bits."""
_CPU_CACHE_BYTES = 2 << 30


@dataclass(frozen=True)
class Sizes:
    """Of a manager's cache and steps."""

    rows: int
    block: int
    """Tokens of a block of cache."""
    blocks: int
    room_for_all: bool
    """Each row can have the model's full length at once."""
    at_once: int
    """Tokens of a step at most."""
    memory_share: float | None
    """Of what is free; None leaves it to the manager."""
    graphs: tuple[bool, bool] | None
    """CUDA graphs of steps that read prompts, and of those that only write; None leaves it to the manager.

    The first are recorded anew for each length that comes by, in the middle of a window; the others when the
    manager is made."""

    as_asked: bool = True
    """Else as many blocks as the manager finds room for: fewer, for these it had not."""

    @property
    def step_tokens(self) -> int:
        """Half the cache at most, for the manager's warm-up fills both; but a token of each row."""
        return max(min(self.at_once, self.blocks * self.block // 2), self.rows)

    @property
    def settings(self) -> ContinuousBatchingConfig:
        """As the manager takes them."""
        return ContinuousBatchingConfig(
            block_size=self.block,
            num_blocks=self.blocks if self.as_asked else None,
            max_batch_tokens=self.step_tokens,
            max_requests_per_batch=self.rows,
            max_memory_percent=self.memory_share,
            allow_block_sharing=False,  # later cells would find their prompts read
            safety_margin=0.0 if self.as_asked and self.room_for_all else None,
            use_cuda_graph=self.graphs,
            seed=_NO_SEED,
        )


def sizes(model: Any, rows: int) -> Sizes:
    """For a model that has its attention; raises AttributeError or ValueError where it has no such cache."""
    config = model.config.get_text_config()
    groups, _ = group_layers_by_attn_type(config)
    device, attention = model.device.type, model.config._attn_implementation
    needed = rows * len(groups) * (math.ceil(context(model) / _BLOCK[device]) + 1)
    if device == "cuda":
        return on_cuda(attention, rows, needed)
    width = find_num_kv_heads(config) * find_head_dim(config)
    at_once = _STEP_TOKENS[device]
    per_token = (2 * len(groups[0]) * width + at_once) * model.dtype.itemsize  # and its mask
    most = int(_CPU_CACHE_BYTES // (per_token * _BLOCK[device]))
    return Sizes(
        rows, _BLOCK[device], min(needed, most), needed <= most, at_once,
        memory_share=None, graphs=None,
    )  # fmt: skip


def on_cuda(attention: str, rows: int, needed: int) -> Sizes:
    """With `needed` blocks, or what a mask leaves of them."""
    block, at_once = _BLOCK["cuda"], _STEP_TOKENS["cuda"]
    if "flash" in attention:
        return Sizes(
            rows, block, needed, True, at_once,
            memory_share=_FLASH_MEMORY, graphs=(False, True),
        )  # fmt: skip
    way = attention.removeprefix("paged|")
    at_once = max(_MASKED_STEP_TOKENS[way], rows)
    most = (_MASK_ELEMENTS // at_once - at_once) // block
    return Sizes(
        rows, block, min(needed, most), needed <= most, at_once,
        memory_share=_MASKED_MEMORY[way], graphs=None,
    )  # fmt: skip
