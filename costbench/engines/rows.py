"""Rows of a batch: when each one is done, and what came out of it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from transformers import StoppingCriteria

from costbench.types import Finish


@dataclass
class Row:
    """One request in a batch; times are monotonic, tokens are sampled ones."""

    prompt_ids: list[int]
    max_tokens: int
    stop_ids: tuple[tuple[int, ...], ...]
    """Each stop marker as the token ids that end it."""
    ignore_eos: bool = False
    """An end of turn does not end it."""
    tokens: list[int] = field(default_factory=list)
    rows_alongside: int = 0
    """Rows that were being answered in each of its steps, itself included, summed up."""
    token_s: list[float] = field(default_factory=list)
    """When each of the tokens was there: at the end of its step."""
    finish: Finish | None = None

    @property
    def mean_batch_size(self) -> float:
        """Rows that shared its steps, on average."""
        return self.rows_alongside / max(1, len(self.tokens))

    def accept(self, token: int, now_s: float, end_ids: frozenset[int]) -> bool:
        """Take one sampled token; True when it was the row's last."""
        self.tokens.append(token)
        self.token_s.append(now_s)
        if token in end_ids and not self.ignore_eos:
            self.finish = "end"
        elif self.stop_marker() is not None:
            self.finish = "stop"
        elif len(self.tokens) >= self.max_tokens:
            self.finish = "length"
        return self.finish is not None

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """Between its tokens."""
        return tuple(later - before for before, later in pairwise(self.token_s))

    def stop_marker(self) -> tuple[int, ...] | None:
        """The stop marker that the tokens end with."""
        for marker in self.stop_ids:
            if tuple(self.tokens[-len(marker) :]) == marker:
                return marker
        return None

    @property
    def ids(self) -> list[int]:
        """Everything so far, as the next step reads it."""
        return self.prompt_ids + self.tokens


class EachRowEndsByItself(StoppingCriteria):
    """Called by `generate` after every step: hands each token to its row and reports who is done."""

    def __init__(
        self,
        rows: Sequence[Row],
        end_ids: frozenset[int],
        on_done: Callable[[Row, float], None],
        closing: threading.Event,
    ) -> None:
        self._rows = rows
        self._end_ids = end_ids
        self._on_done = on_done
        self._closing = closing

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Which rows are done, as `generate` wants to know after every step."""
        del scores, kwargs
        tokens = input_ids[:, -1].tolist()
        now_s = time.monotonic()
        live = sum(row.finish is None for row in self._rows)
        for row, token in zip(self._rows, tokens, strict=True):
            if row.finish is not None:
                continue
            row.rows_alongside += live
            if row.accept(token, now_s, self._end_ids):
                self._on_done(row, now_s)
        closing = self._closing.is_set()  # nobody waits for the rest any more
        done = [closing or row.finish is not None for row in self._rows]
        return torch.tensor(done, device=input_ids.device)
