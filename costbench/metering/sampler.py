"""One thread that reads every open meter all through a run.

A cumulative counter loses resolution, not energy, when a reading is late; so a thread is enough even
beside a busy interpreter. An error of a meter is an event in the trace and never ends the run.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from costbench.errors import MeterError
from costbench.interfaces import Meter, OpenMeter
from costbench.types import MeterFacts


@dataclass(frozen=True)
class Reading:
    """One counter at one time; `t_s` is on the monotonic clock."""

    domain: str
    t_s: float
    joules: float


@dataclass(frozen=True)
class Fault:
    """A meter that could not be opened or read, with the reason and the remedy."""

    meter: str
    t_s: float
    message: str


class Sampler:
    """Use in `with`: meters open on entry, one reading more is taken on exit. `drain` is thread-safe.

    A meter that cannot open is a fault; where all are `required` it raises MeterError instead.
    """

    def __init__(self, meters: Sequence[Meter], *, required: bool = False) -> None:
        self._meters = meters
        self._required = required
        self._stack = ExitStack()
        self._open: list[OpenMeter] = []
        self._readings: list[Reading] = []
        self._faults: list[Fault] = []
        self._failing: dict[int, str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="costbench-sampler", daemon=True)

    def __enter__(self) -> Self:
        for meter in self._meters:
            try:
                self._open.append(self._stack.enter_context(meter.open()))
            except Exception as error:
                if self._required:
                    self._stack.close()
                    raise MeterError(f"meters: {meter.kind}: {_reason(error)}") from error
                self._faults.append(Fault(meter.kind, time.monotonic(), _reason(error)))
        self._read(self._open)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()
        self._read(self._open)
        self._stack.close()

    @property
    def facts(self) -> tuple[MeterFacts, ...]:
        """The meters that are measuring."""
        return tuple(meter.facts for meter in self._open)

    @property
    def settle_s(self) -> float:
        """How long to wait until every counter has moved past the present."""
        return max((meter.facts.settle_s for meter in self._open), default=0.0)

    def drain(self) -> tuple[list[Reading], list[Fault]]:
        """Readings and faults since the last call."""
        with self._lock:
            taken = self._readings, self._faults
            self._readings, self._faults = [], []
        return taken

    def _loop(self) -> None:
        due = {id(meter): 0.0 for meter in self._open}
        while not self._stop.wait(self._pause(due)):
            now = time.monotonic()
            ready = [meter for meter in self._open if due[id(meter)] <= now]
            self._read(ready)
            due.update({id(meter): now + meter.facts.period_s for meter in ready})

    def _pause(self, due: dict[int, float]) -> float:
        if not due:
            return 1.0
        return max(0.001, min(due.values()) - time.monotonic())

    def _read(self, meters: Sequence[OpenMeter]) -> None:
        for meter in meters:
            before = time.monotonic()
            try:
                counters = meter.read()
            except Exception as error:  # noqa: BLE001 - nor stop the other meters
                self._note_fault(meter, before, _reason(error))
                continue
            self._failing.pop(id(meter), None)
            t_s = (before + time.monotonic()) / 2
            with self._lock:
                self._readings += [
                    Reading(domain, t_s, joules)
                    for domain, joules in counters.items()
                    if joules is not None
                ]

    def _note_fault(self, meter: OpenMeter, t_s: float, message: str) -> None:
        """Told once, not with every poll, until the meter reads again or fails in another way."""
        if self._failing.get(id(meter)) != message:
            self._failing[id(meter)] = message
            with self._lock:
                self._faults.append(Fault(meter.facts.name, t_s, message))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MeterError) else f"{type(error).__name__}: {error}"
