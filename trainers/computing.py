"""Where a small model is trained: device, precision, and a loss for which a GPU waits for nobody."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import Qwen3ForCausalLM

from costbench.errors import TrainError
from trainers.batches import Batch
from trainers.scratch import Compute

_NO_MASK = {"full_attention": None}
"""Causal attention and nothing else: unless told, transformers asks the GPU for its positions each time."""


class Computer:
    """A model on its device, and what a step does there."""

    def __init__(self, model: Qwen3ForCausalLM, compute: Compute) -> None:
        """Raises TrainError where the recipe's device is not there."""
        self._device = _device(compute)
        torch.nn.Module.to(model, self._device)
        self._model: Any = model
        self._bfloat16 = compute.dtype == "bfloat16"
        states: Any = self._model.model
        # Rows of every batch are as long as they are: shapes stay open.
        self._states: Callable[..., Any] = (
            torch.compile(states, dynamic=True) if compute.compile else states
        )
        self._rows_at_once = compute.rows_at_once
        self._context = int(model.config.max_position_embeddings)

    @property
    def gpus(self) -> tuple[str, ...]:
        """UUID of the GPU at work, as NVML names it."""
        if self._device.type != "cuda":
            return ()
        return (f"GPU-{torch.cuda.get_device_properties(self._device).uuid}",)

    def descend(self, batch: Batch) -> torch.Tensor:
        """Add the gradients of the batch's loss to what is there; the loss stays where it was computed.

        A few rows at once give what all at once do, but for the last digits: each token counts by its share
        of the whole batch's weight. Raises TrainError as `loss` does.
        """
        whole = float(batch.weights[:, 1:].sum())
        losses = []
        for part in batch.parts(self._rows_at_once):
            share = float(part.weights[:, 1:].sum()) / whole
            if share:  # rows in which nothing counts have no mean
                loss = self.loss(part) * share
                loss.backward()
                losses.append(loss.detach())
        return torch.stack(losses).sum()

    def loss(self, batch: Batch) -> torch.Tensor:
        """Weighted mean cross entropy over the tokens that count, in float32.

        Raises TrainError for rows that are longer than the model's context.
        """
        width = batch.ids.shape[1]
        if width > self._context:
            raise TrainError(
                f"a trace of {width} tokens is more than model.context, {self._context}: "
                "make it larger, or data.levels lower"
            )
        # Which positions count is found here, where the batch was made: a GPU would have to be asked.
        said_at = (batch.weights[:, 1:] > 0).nonzero() @ torch.tensor([width, 1])
        ids, states_at, expected, weights = self._moved(
            batch.ids,
            said_at,
            batch.ids.flatten()[said_at + 1],
            batch.weights.flatten()[said_at + 1],
        )
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
            found = self._states(input_ids=ids, attention_mask=_NO_MASK, use_cache=False)
            states = found.last_hidden_state.flatten(0, 1).index_select(0, states_at)
            logits = self._model.lm_head(states)
        losses = torch.nn.functional.cross_entropy(logits.float(), expected, reduction="none")
        return (losses * weights).sum() / weights.sum()

    def _moved(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self._device.type != "cuda":
            return tensors
        return tuple(one.pin_memory().to(self._device, non_blocking=True) for one in tensors)


def _device(compute: Compute) -> torch.device:
    there = torch.cuda.is_available()
    if compute.device == "cuda" and not there:
        raise TrainError(
            "compute.device is cuda, but torch sees no GPU; install a CUDA build of torch, "
            "or use `device: auto`"
        )
    return torch.device("cuda" if there and compute.device != "cpu" else "cpu")
