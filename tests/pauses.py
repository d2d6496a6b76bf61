"""When a sampler stood still: what else a machine does may keep it from reading for seconds.

A test that compares its figures with the truth allows for what nobody read, and for no more.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from costbench.metering.sampler import CLOCK, GAP
from costbench.metering.trace import Trace

Span = tuple[float, float]
_BESIDE_S = 0.2
"""Two updates of a counter: its last one before a pause and its first one after it are told from there."""


def pauses_of(trace: Trace) -> list[Span]:
    """Those of a trace, which has them from 0.1 s on."""
    found = trace.gauge(CLOCK, GAP)
    return _spans(found.t_s, found.values)


def pauses_in(database: Path) -> list[Span]:
    """Those that a run has stored."""
    query = "SELECT t_s, value FROM trace WHERE quantity = ?"
    with closing(sqlite3.connect(database)) as rows:
        found = list(rows.execute(query, (GAP,)))
    return [
        span for chunk in found for span in _spans(*(np.frombuffer(blob, "<f8") for blob in chunk))
    ]


def _spans(ended_s: np.ndarray, lasted_s: np.ndarray) -> list[Span]:
    return list(zip((ended_s - lasted_s).tolist(), ended_s.tolist(), strict=True))


def paused_at(pauses: Sequence[Span], *moments_s: float) -> float:
    """Seconds of the pauses that any of these moments lies in or beside."""
    return sum(
        end_s - start_s
        for start_s, end_s in pauses
        if any(start_s - _BESIDE_S <= at_s <= end_s + _BESIDE_S for at_s in moments_s)
    )


def paused_in(pauses: Sequence[Span], window: Span) -> float:
    """Seconds of the pauses that reach into a window, or begin right before it or end right behind it."""
    near = (window[0] - _BESIDE_S, window[1] + _BESIDE_S)
    return sum(
        end_s - start_s for start_s, end_s in pauses if start_s <= near[1] and end_s >= near[0]
    )
