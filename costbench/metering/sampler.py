"""One thread that reads every open meter all through a run.

A cumulative counter loses resolution, not energy, when a reading is late; so a thread is enough even
beside a busy interpreter. An error of a meter is an event in the trace and never ends the run.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from costbench.errors import MeterError
from costbench.interfaces import Explaining, Gauge, Gauged, Meter, OpenMeter
from costbench.metering.settling import MAX_GAP_S, Movements
from costbench.types import MeterFacts

JOULES = "joules"
CLOCK, WALL, GAP = "clock", "wall_minus_monotonic_s", "sampler_gap_s"
"""The sampler's own domain and quantities: an anchor to wall time every second, and pauses of its own."""

Values = Mapping[tuple[str, str], float | None]
"""By domain and quantity."""

_ANCHOR_EVERY_S = 1.0
_LONGEST_PAUSE_S = 0.1
_LATE_S = 0.1
"""A pause longer than this, beyond the period that was asked for, is noted."""
_PATIENCE_S = 2 * MAX_GAP_S
"""For a counter that stood still, and a driver that does not answer."""


@dataclass(frozen=True)
class Reading:
    """One value at one time; `t_s` is on the monotonic clock."""

    domain: str
    t_s: float
    value: float
    quantity: str = JOULES


@dataclass(frozen=True)
class Fault:
    """A meter, or one of its domains, that could not be opened or read: the reason and the remedy."""

    meter: str
    t_s: float
    message: str
    code: str | None = None
    domain: str | None = None

    @property
    def told(self) -> str:
        """The message after the meter's name, where it does not begin with it."""
        named = self.message.lower().startswith(self.meter)
        return self.message if named else f"{self.meter}: {self.message}"


@dataclass
class _Task:
    """Something to do every `period_s`."""

    period_s: float
    work: Callable[[], None]
    due_s: float = 0.0


class Sampler:
    """Use in `with`: meters open on entry, one reading more is taken on exit. `drain` is thread-safe.

    A meter that cannot open is a fault; where all are `required` it raises MeterError instead.
    """

    def __init__(self, meters: Sequence[Meter], *, required: bool = False) -> None:
        self._meters = meters
        self._required = required
        self._stack = ExitStack()
        self._open: list[OpenMeter] = []
        self._tasks: list[_Task] = []
        self._readings: list[Reading] = []
        self._faults: list[Fault] = []
        self._latest: dict[tuple[str, str], float] = {}
        self._movements = Movements()
        self._round_s = 0.0
        self._failing: dict[tuple[int, str], str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="costbench-sampler", daemon=True)
        self.thread_s: float | None = None
        """CPU time of the sampling thread, known when it has ended."""

    def __enter__(self) -> Self:
        for meter in self._meters:
            try:
                self._open.append(self._stack.enter_context(meter.open()))
            except Exception as error:
                code = getattr(error, "code", None)
                if self._required:
                    self._stack.close()
                    raise MeterError(f"meters: {meter.kind}: {_reason(error)}", code) from error
                self._faults.append(Fault(meter.kind, time.monotonic(), _reason(error), code))
        self._tasks = list(self._plan())
        self._read_all()
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()
        self._read_all()
        self._stack.close()

    @property
    def facts(self) -> tuple[MeterFacts, ...]:
        """The meters that are measuring."""
        return tuple(meter.facts for meter in self._open)

    @property
    def settle_s(self) -> float:
        """How long it takes on a machine at leisure until every counter has moved past a moment."""
        return max((meter.facts.settle_s for meter in self._open), default=0.0)

    def settled(self, end_s: float) -> bool:
        """Whether every counter was seen to move past `end_s`, or no more is to be had by waiting.

        Time alone does not tell: a process that was held still has read nothing meanwhile.
        """
        now, due_s = time.monotonic(), end_s + self.settle_s
        if not self._tasks or not self._thread.is_alive() or now > due_s + _PATIENCE_S:
            return True
        with self._lock:
            return self._round_s >= due_s and self._movements.all_past(end_s, now)

    def drain(self) -> tuple[list[Reading], list[Fault]]:
        """Readings and faults since the last call."""
        with self._lock:
            taken = self._readings, self._faults
            self._readings, self._faults = [], []
        return taken

    def latest(self, quantity: str) -> dict[str, float]:
        """The newest value of a gauge, by domain."""
        with self._lock:
            return {domain: value for (domain, q), value in self._latest.items() if q == quantity}

    def _plan(self) -> Sequence[_Task]:
        tasks = []
        for meter in self._open:
            tasks.append(_Task(meter.facts.period_s, lambda m=meter: self._read_counters(m)))  # type: ignore[misc]
            for gauge in meter.gauges if isinstance(meter, Gauged) else ():
                tasks.append(_Task(gauge.period_s, lambda m=meter, g=gauge: self._read_gauge(m, g)))  # type: ignore[misc]
        return [*tasks, _Task(_ANCHOR_EVERY_S, self._anchor)] if tasks else []

    def _read_all(self) -> None:
        for task in self._tasks:
            task.work()

    def _loop(self) -> None:
        try:
            self._poll_until_stopped()
        except Exception as error:  # noqa: BLE001 - what was sampled stays, and the run goes on
            message = f"the sampler stopped: {_reason(error)}"
            with self._lock:
                self._faults.append(Fault("sampler", time.monotonic(), message, "sampler_crashed"))
        self.thread_s = time.thread_time()

    def _poll_until_stopped(self) -> None:
        shortest = min((task.period_s for task in self._tasks), default=_ANCHOR_EVERY_S)
        last_s = time.monotonic()
        soon_s = (
            shortest / 2
        )  # what is due so soon shares a wake-up: they cost more than the readings
        while not self._stop.is_set():
            time.sleep(self._pause())  # a third cheaper than to wait for an event
            now = time.monotonic()
            if now - last_s > shortest + _LATE_S:
                self._store([Reading(CLOCK, now, now - last_s, GAP)])
            last_s = now
            for task in self._tasks:
                if task.due_s <= now + soon_s:
                    task.work()
                    task.due_s = now + task.period_s
            self._round_s = now

    def _pause(self) -> float:
        due_s = min((task.due_s for task in self._tasks), default=float("inf"))
        return min(_LONGEST_PAUSE_S, max(0.001, due_s - time.monotonic()))

    def _anchor(self) -> None:
        now = time.monotonic()
        self._store([Reading(CLOCK, now, time.time() - now, WALL)])

    def _read_counters(self, meter: OpenMeter) -> None:
        def counters() -> Values:
            return {(domain, JOULES): joules for domain, joules in meter.read().items()}

        found = self._timed(meter, counters, "counters")
        for domain in {domain for domain, _ in found}:
            if found[domain, JOULES] is None:
                self._ask_why(meter, domain)
            else:
                self._failing.pop((id(meter), domain), None)

    def _read_gauge(self, meter: OpenMeter, gauge: Gauge) -> None:
        self._timed(meter, gauge.read, f"gauges, {gauge.period_s:g} s")

    def _timed(self, meter: OpenMeter, read: Callable[[], Values], what: str) -> Values:
        """Read, with the time halfway between before and after; an error is a fault and gives nothing."""
        before = time.monotonic()
        try:
            found = read()
        except Exception as error:  # noqa: BLE001 - nor stop the other meters
            self._note(meter, what, error)
            return {}
        self._failing.pop((id(meter), what), None)
        t_s = (before + time.monotonic()) / 2
        self._store(
            [
                Reading(domain, t_s, value, quantity)
                for (domain, quantity), value in found.items()
                if value is not None
            ]
        )
        return found

    def _store(self, readings: list[Reading]) -> None:
        with self._lock:
            self._readings += readings
            for reading in readings:
                if reading.quantity == JOULES:
                    self._movements.note(reading.domain, reading.t_s, reading.value)
                else:
                    self._latest[reading.domain, reading.quantity] = reading.value

    def _ask_why(self, meter: OpenMeter, domain: str) -> None:
        error = meter.why(domain) if isinstance(meter, Explaining) else None
        if error is not None:
            self._note(meter, domain, error, domain)

    def _note(
        self, meter: OpenMeter, what: str, error: Exception, domain: str | None = None
    ) -> None:
        """Told once, not with every poll, until it reads again or fails in another way."""
        key, message = (id(meter), what), _reason(error)
        if self._failing.get(key) != message:
            self._failing[key] = message
            code = getattr(error, "code", None)
            fault = Fault(meter.facts.name, time.monotonic(), message, code, domain)
            with self._lock:
                self._faults.append(fault)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MeterError) else f"{type(error).__name__}: {error}"
