"""Batches of rows of similar length, endless and always the same; other processes may write them ahead."""

import os
import random
import signal
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedTokenizerFast

from trainers.documents import Row, draw_document, encode
from trainers.scratch import ArithmeticTraces

_BATCHES_PER_POOL = 16
_NO_END = 2**62

Padded = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Ids and weights: arrays, as tensors of another process need shared memory, which containers lack."""


@dataclass(frozen=True)
class Batch:
    """Both (rows, longest row), padded on the right, which a causal model ignores."""

    ids: torch.Tensor
    weights: torch.Tensor
    """How much each token counts in the loss: 0 for prompt, planted mistakes and padding."""

    def parts(self, rows: int | None) -> Iterator["Batch"]:
        """The same rows, at most so many at once."""
        at_once = rows or len(self.ids)
        pairs = zip(self.ids.split(at_once), self.weights.split(at_once), strict=True)
        return (Batch(ids, weights) for ids, weights in pairs)


def batches(
    data: ArithmeticTraces,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    batch_size: int,
    first_step: int = 0,
    workers: int = 0,
) -> Generator[Batch]:
    """Endless batches; `first_step` goes on where an interrupted training was.

    Batches come from pools that are sorted by length; each pool has its own random stream, so any step can
    be reached without drawing the ones before, and each pool be written by another process.
    """
    first_pool, skip = divmod(first_step, _BATCHES_PER_POOL)
    with closing(_pools(_Pools(data, tokenizer, seed, batch_size), first_pool, workers)) as pools:
        for pool in pools:
            for ids, weights in pool[skip:]:
                yield Batch(ids=torch.from_numpy(ids), weights=torch.from_numpy(weights))
            skip = 0


@dataclass(frozen=True)
class _Pools(Dataset[list[Padded]]):
    """Pools by their number."""

    data: ArithmeticTraces
    tokenizer: PreTrainedTokenizerFast
    seed: int
    batch_size: int

    def __getitem__(self, number: int) -> list[Padded]:
        rng = random.Random(f"{self.seed}:{number}")
        rows = [
            encode(draw_document(self.data, rng), self.tokenizer, self.data.result_weight)
            for _ in range(self.batch_size * _BATCHES_PER_POOL)
        ]
        rows.sort(key=lambda row: len(row[0]))
        buckets = [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]
        rng.shuffle(buckets)
        return [_pad(bucket, int(self.tokenizer.pad_token_id)) for bucket in buckets]


def _pools(pools: _Pools, first: int, workers: int) -> Generator[list[Padded]]:
    numbers = range(first, _NO_END)
    if not workers:
        yield from map(pools.__getitem__, numbers)
        return
    loader: DataLoader[Any] = DataLoader(
        pools,
        sampler=numbers,
        batch_size=None,
        num_workers=min(workers, os.cpu_count() or 1),
        prefetch_factor=1,
        collate_fn=_as_it_is,
        worker_init_fn=_leave_ctrl_c_to_the_parent,
        multiprocessing_context="spawn",  # forks of a process with threads and a GPU may hang
        generator=torch.Generator(),  # that of the training is left alone
    )
    yield from loader


def _as_it_is(pool: list[Padded]) -> list[Padded]:
    return pool


def _leave_ctrl_c_to_the_parent(worker: int) -> None:
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pad(rows: list[Row], pad: int) -> Padded:
    width = max(len(ids) for ids, _ in rows)
    return (
        np.array([ids + [pad] * (width - len(ids)) for ids, _ in rows]),
        np.array([weights + [0.0] * (width - len(weights)) for _, weights in rows], np.float32),
    )
