"""Processes that ask Math-Verify and can be killed while they do.

A formula of a few characters can keep sympy busy for years, and Math-Verify's own timeouts work by
signal and call an answer wrong when they fire. So they stay off here, and a worker that is late is
killed: first its whole batch, then, answer by answer, only who is to blame.
"""

import contextlib
import logging
import math
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Self

from costbench.errors import GradeError
from costbench.graders.verifying import Pair, Verdict, verdict_on

if TYPE_CHECKING:
    from pebble import ProcessPool

BATCH = 64
"""Pairs per task: one task for each pair costs about a quarter more time."""
MEMORY_BYTES = 2 << 30
"""What one worker may allocate for formulas, on Linux."""

_FRUITLESS_POOLS = 3
_SHARE_OF_DEADLINE = 0.5
"""After which a worker hands back what it has of a chunk: many slow answers are not one that hangs."""
_LAST_RESORT_S = 10


class Workers:
    """Use in `with`; the processes start with the first pair. Not for several threads at once."""

    def __init__(self, count: int, deadline_s: float) -> None:
        self._count = count
        self._deadline_s = deadline_s
        self._pool: ProcessPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()

    def verify(self, pairs: Sequence[Pair]) -> dict[Pair, Verdict]:
        """Give each pair a verdict; GradeError when workers cannot even start."""
        chunks = _chunks(list(dict.fromkeys(pairs)), self._count)
        verdicts = self._run(chunks)
        company = [pair for chunk in chunks if len(chunk) > 1 for pair in chunk]
        suspects = [pair for pair in company if verdicts[pair] in ("timeout", "crashed")]
        return verdicts | self._run([[pair] for pair in suspects])

    def _run(self, chunks: list[list[Pair]]) -> dict[Pair, Verdict]:
        """Verify chunk by chunk; the members of one share its "timeout" or "crashed"."""
        verdicts: dict[Pair, Verdict] = {}
        fruitless = 0
        while chunks and fruitless < _FRUITLESS_POOLS:
            found = self._attempt(chunks)
            fruitless = 0 if found else fruitless + 1
            verdicts |= found
            left = ([pair for pair in chunk if pair not in verdicts] for chunk in chunks)
            chunks = [chunk for chunk in left if chunk]
        if not chunks:
            return verdicts
        raise GradeError(
            "math: the worker processes that call Math-Verify die as soon as they start; "
            "where costbench is called from a script, guard it with `if __name__ == '__main__':`"
        )

    def _attempt(self, chunks: list[list[Pair]]) -> dict[Pair, Verdict]:
        """Return what one pool can tell; one that broke (a worker died while idle) is put away."""
        verdicts: dict[Pair, Verdict] = {}
        try:
            futures = [self._schedule(chunk) for chunk in chunks]
            for chunk, future in zip(chunks, futures, strict=True):
                verdicts.update(zip(chunk, _outcome(future, len(chunk)), strict=False))
        except RuntimeError:
            self._stop()
        except BaseException:
            self._stop()
            raise
        return verdicts

    def _schedule(self, chunk: list[Pair]) -> "Future[list[Verdict]]":
        if self._pool is None:
            self._pool = _new_pool(self._count)
        killed_at_last_s = math.ceil(self._deadline_s) + _LAST_RESORT_S
        return self._pool.schedule(
            _verify_chunk,
            args=(chunk, self._deadline_s * _SHARE_OF_DEADLINE, killed_at_last_s),
            timeout=self._deadline_s,
        )

    def _stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def _chunks(pairs: list[Pair], workers: int) -> list[list[Pair]]:
    size = min(BATCH, math.ceil(len(pairs) / workers)) or 1
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]


def _new_pool(workers: int) -> "ProcessPool":
    from pebble import ProcessPool

    # Never fork: the parent may have torch's threads and locks.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=workers, initializer=_prepare, context=spawn)


def _outcome(future: "Future[list[Verdict]]", size: int) -> list[Verdict]:
    """Wait for a chunk's verdicts; RuntimeError when the pool itself broke."""
    from pebble import ProcessExpired

    try:
        return future.result()
    except TimeoutError:
        return ["timeout"] * size
    except (ProcessExpired, MemoryError):
        return ["crashed"] * size
    except ImportError as error:
        raise GradeError(
            f"math: Math-Verify cannot be imported ({error}); install costbench again"
        ) from error


def _prepare() -> None:
    """Run in each new worker: quiet, easy to kill, limited in memory, Math-Verify loaded and used once.

    Else the first task's deadline would have to cover a second of imports, and what is made on first use.
    """
    # A formula that hangs in C code never runs pebble's handler in Python.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    with contextlib.suppress(ImportError):  # the first task says so
        verdict_on(Pair("1/2", "0.5"))
    _limit_memory()


def _limit_memory() -> None:
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _verify_chunk(chunk: list[Pair], enough_s: float, killed_at_last_s: int) -> list[Verdict]:
    """Run in a worker, until it is enough: the verdicts of the first pairs, of one at least.

    The alarm ends it even when the parent is gone and nobody else would.
    """
    _alarm(killed_at_last_s)
    verdicts: list[Verdict] = []
    try:
        start = time.monotonic()
        for pair in chunk:
            verdicts.append(verdict_on(pair))
            if time.monotonic() - start > enough_s:
                break
        return verdicts
    finally:
        _alarm(0)


def _alarm(seconds: int) -> None:
    if sys.platform != "win32":
        signal.alarm(seconds)
