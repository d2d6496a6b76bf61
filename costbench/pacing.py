"""The time around the passes of a run: idle power, warming up until steady, cooling down."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from costbench.cell import Cell
from costbench.errors import RequestError
from costbench.interfaces import OpenEngine
from costbench.metering.sampler import Sampler
from costbench.policies.asking import ask
from costbench.protocol import Protocol
from costbench.store import Store
from costbench.types import Completion, Phase, Request

_STEADY_CHUNKS, _STEADY_CV = 3, 0.05
_STEADY_C, _STEADY_OVER_S = 1.0, 10.0
_COOL_WITHIN_C, _LOOK_EVERY_S = 2.0, 0.5
_SLOW_COUNTER_S, _UPDATES_PER_WINDOW = 0.25, 100

Say = Callable[[str], None]
"""Tells whoever watches what is being waited for."""


class Pacing:
    """Waits as the protocol says, and stores a window for each wait."""

    def __init__(self, store: Store, sampler: Sampler, protocol: Protocol, say: Say) -> None:
        self._store = store
        self._sampler = sampler
        self.protocol = protocol
        self._say = say
        self._begun = False
        self._watched: frozenset[str] = frozenset()
        self._cool_c: float | None = None

    def watch(self, uuids: Iterable[str]) -> None:
        """The GPUs whose heat matters; all of the machine where the engine names none."""
        self._watched = frozenset(f"gpu:{uuid}" for uuid in uuids)
        self._begun = False

    @property
    def window_s(self) -> float:
        """How long a window is at least; longer where a counter moves seldom."""
        periods = (d.update_period_s for facts in self._sampler.facts for d in facts.devices)
        slowest_s = max((period for period in periods if period), default=0.0)
        if not self.protocol.window_s or slowest_s <= _SLOW_COUNTER_S:
            return self.protocol.window_s
        return max(self.protocol.window_s, _UPDATES_PER_WINDOW * slowest_s)

    async def idle(self, phase: Phase, whose: str | None) -> None:
        """Idle power, where there is a counter to read it from."""
        length_s = {"idle_bare": self.protocol.idle_bare_s}.get(phase, self.protocol.idle_context_s)
        counters = any(facts.provenance == "measured" for facts in self._sampler.facts)
        if not counters or length_s <= self.protocol.idle_drop_s:
            return
        self._say(f"idle power, {length_s:g} s")
        await asyncio.sleep(self.protocol.idle_drop_s)
        with self._store.window(whose, None, phase):
            await asyncio.sleep(length_s - self.protocol.idle_drop_s)

    async def warm_up(self, cell: Cell, engine: OpenEngine, concurrency: int) -> None:
        """Short batches as wide as those to come, until they are steady; what they say is not kept."""
        self._say("warming up")
        protocol = self.protocol
        began_s, rates, heat = time.monotonic(), list[float](), list[tuple[float, float]]()
        with self._store.window(cell.id, None, "warmup"):
            while True:
                rates.append(await _batch_rate(cell, engine, concurrency, protocol.warmup_tokens))
                now_s = time.monotonic()
                temperature = self._temperature_c()
                heat += [(now_s, temperature)] if temperature is not None else []
                enough = len(rates) >= protocol.warmup_batches
                enough = enough and now_s - began_s >= protocol.warmup_s
                if enough and (not protocol.steady or (_even(rates) and _warm(heat))):
                    return
                if enough and now_s - began_s >= protocol.warmup_at_most_s:
                    break
        message = f"not steady after {protocol.warmup_at_most_s:g} s of warm-up"
        self._store.add_event("warmup", message, cell.id, "not_steady")

    async def cool_down(self) -> None:
        """Until the GPUs are nearly as cool as they were before the first pass, or it takes too long."""
        if not self._begun:
            self._begun, self._cool_c = True, self._temperature_c()
            return  # nothing has heated them yet
        if not self.protocol.cooldown_s:
            return
        self._say("cooling down")
        began_s = time.monotonic()
        await asyncio.sleep(self.protocol.cooldown_s)
        while time.monotonic() - began_s < self.protocol.cooldown_at_most_s:
            now_c = self._temperature_c()
            if now_c is None or self._cool_c is None or now_c <= self._cool_c + _COOL_WITHIN_C:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    def _temperature_c(self) -> float | None:
        """Of the hottest GPU that is watched."""
        found = self._sampler.latest("temperature_c")
        watched = [c for domain, c in found.items() if not self._watched or domain in self._watched]
        return max(watched, default=None)


async def _batch_rate(cell: Cell, engine: OpenEngine, concurrency: int, max_tokens: int) -> float:
    """Tokens per second of one batch."""
    requests = [
        Request(
            messages=ask(cell.problems[at % len(cell.problems)]),
            max_tokens=max_tokens,
            sampling=cell.sampling,
            seed=at,
        )
        for at in range(concurrency)
    ]

    async def answer(request: Request) -> Completion | None:
        with suppress(RequestError):  # its own attempt will tell
            return await engine.generate(request)
        return None

    began_s = time.monotonic()
    done = await asyncio.gather(*map(answer, requests))
    tokens = sum(found.output_tokens or 0 for found in done if found is not None)
    return tokens / max(1e-9, time.monotonic() - began_s)


def _even(rates: Sequence[float]) -> bool:
    """Whether the last chunks differ by less than 5 %, as the coefficient of variation."""
    last = rates[-_STEADY_CHUNKS:]
    if len(last) < _STEADY_CHUNKS:
        return False
    mean = statistics.fmean(last)
    return mean == 0 or statistics.stdev(last) / mean < _STEADY_CV


def _warm(heat: Sequence[tuple[float, float]]) -> bool:
    """Whether the temperature rises by less than 1 °C in 10 s."""
    if not heat:
        return True
    now_s, now_c = heat[-1]
    earlier = [(t, c) for t, c in heat if t <= now_s - _STEADY_OVER_S] or [heat[0]]
    then_s, then_c = earlier[-1]
    return now_s <= then_s or (now_c - then_c) / (now_s - then_s) < _STEADY_C / _STEADY_OVER_S
