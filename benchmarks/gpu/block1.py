"""Block 1: what is there, how it updates, what it draws idle, and whether the counter misses anything.

The order matters: until `listing` nothing of CUDA has been touched.
"""

import time
from collections.abc import Callable, Sequence

from benchmarks.gpu import analysis, inventory
from benchmarks.gpu.folder import INVENTORY, Result
from benchmarks.gpu.session import Session, Step

FAST_S, QUICK_S, CALM_S = 0.001, 0.005, 0.02
PERIODS_MS = (1000, 200, 130, 101, 100, 50, 20)
"""Of the square waves; the slowest first: it says what half a load draws."""
MEASURED = {"wave_update": 1.0, "wave_beside": 1.01}
"""Waves at so many times the counter's own period, where none of the others is within half a percent."""
WAVES = (*(f"wave_{ms}ms" for ms in PERIODS_MS), *MEASURED)
_SAME, _FASTEST_MS = 0.005, 10.0
_WAVE_S, _WAVE_AT_LEAST_S = 15.0, 2.6
_IDLE_S, _IDLE_AT_LEAST_S = 60.0, 3.0
_POLL_S, _POLL_AT_LEAST_S = 20.0, 2.5
_LISTING_S, _CLOSED_S = 5.0, 1.0
_LISTING_GIVE_UP_S = 60.0


def take_inventory(session: Session) -> Result:
    """Written to a file of its own as well."""
    found = {"machine": inventory.machine(), "gpu": inventory.gpu_inventory(session.gpu)}
    session.folder.write(INVENTORY, found)
    device = session.gpu.device
    return Result(
        {
            "name": device.name,
            "architecture": device.architecture,
            "driver": device.driver,
            "update_period_s": device.update_period_s,
            "power_limit_w": device.power_limit_w,
            "counter_error": found["gpu"]["counter_error"],
            "processes": found["gpu"]["processes"],
        }
    )


def latency_idle(session: Session) -> Result:
    """How long each call takes that costbench makes."""
    return Result({}, inventory.latencies(session.gpu))


def poll_idle(session: Session) -> Result:
    """As fast as it goes, up to 1 kHz."""
    return _idle(session, FAST_S, session.scaled(_POLL_S, _POLL_AT_LEAST_S))


def bare_idle(session: Session) -> Result:
    """Nothing on the GPU but what others have there; asked as often as costbench does."""
    return _idle(session, CALM_S, session.scaled(_IDLE_S, _IDLE_AT_LEAST_S))


def reopen_bare(session: Session) -> Result:
    """NVML given back and taken again while nobody else keeps the driver."""
    return _reopen(session)


def listing(session: Session) -> Result:
    """Torch lists the GPUs in a process of its own: whether it appears on the GPU, and power rises."""
    gpu = session.gpu
    before = inventory.processes(gpu), gpu.memory_used_mib()
    recorder = session.recorder(QUICK_S)
    recorder.seconds(session.scaled(2.0, 0.5))
    with session.new_burner(listing=True) as child:
        since_s = time.monotonic()
        recorder.seconds(session.scaled(_LISTING_S, 1.5))
        pids = gpu.pids()
        after = inventory.processes(gpu), gpu.memory_used_mib()
        found = child.facts
    facts = {
        "processes_before": before[0]["listed"], "processes_during": after[0]["listed"],
        "memory_before_mib": before[1], "memory_during_mib": after[1],
        "child_is_listed": None if pids is None else found["pid"] in pids, "gpus": len(found["gpus"]),
    }  # fmt: skip
    return Result(facts, recorder.arrays() | {"listed_t_s": [since_s]})  # type: ignore[arg-type]


def context_idle(session: Session) -> Result:
    """With the load's context and memory there, and no work."""
    _ = session.burner
    return _idle(session, CALM_S, session.scaled(_IDLE_S, _IDLE_AT_LEAST_S))


def latency_load(session: Session) -> Result:
    """The same calls beside full load."""
    seconds = session.scaled(8.0, 3.0)
    session.burner.ask("matmul", seconds)
    time.sleep(0.3)
    arrays = inventory.latencies(session.gpu)
    session.burner.answer(seconds + 20)
    return Result({}, arrays)


def poll_load(session: Session) -> Result:
    """As fast as it goes, beside full load."""
    recorder = session.recorder(FAST_S)
    recorder.seconds(session.scaled(2.0, 0.5))
    spans = session.record_work(recorder, "matmul", session.scaled(_POLL_S, _POLL_AT_LEAST_S))
    return Result({}, recorder.arrays() | spans)


def reopen(session: Session) -> Result:
    """NVML given back and taken again beside a CUDA context."""
    _ = session.burner
    return _reopen(session)


def wave(period_ms: int) -> Callable[[Session], Result]:
    """A load that is on half of each period, bound by memory so that no power limit bends it."""
    return lambda session: _wave(session, period_ms)


def wave_at(times: float) -> Callable[[Session], Result]:
    """The same at so many times the period that the counter was seen to have."""

    def run(session: Session) -> Result:
        update_ms = _update_ms(session)
        period_ms = None if update_ms is None else round(update_ms * times, 3)
        if period_ms is None or period_ms < _FASTEST_MS:
            return Result({"period_ms": None, "why": "no period that a load could follow"})
        if any(abs(period_ms / other - 1) <= _SAME for other in PERIODS_MS):
            return Result({"period_ms": None, "why": f"{period_ms} ms is among the others"})
        return _wave(session, period_ms)

    return run


def _update_ms(session: Session) -> float | None:
    """By the fast poll; by the short look at the start where that has no result."""
    t_s, joules = (session.folder.array("poll_load", name) for name in ("counter_t_s", "counter_j"))
    found = None if t_s is None or joules is None else analysis.period_s(t_s, joules)
    seconds = found or session.gpu.device.update_period_s
    return None if seconds is None else 1e3 * seconds


def _wave(session: Session, period_ms: float) -> Result:
    half_s = period_ms / 2000
    times = round(session.scaled(_WAVE_S, _WAVE_AT_LEAST_S) / (2 * half_s))
    recorder = session.recorder(QUICK_S)
    recorder.seconds(session.scaled(1.2, 0.2))
    spans = session.record_work(recorder, "stream", half_s, half_s, times)
    return Result({"period_ms": period_ms}, recorder.arrays() | spans)


def _idle(session: Session, period_s: float, seconds: float) -> Result:
    before = inventory.processes(session.gpu)
    recorder = session.recorder(period_s)
    recorder.seconds(seconds)
    return Result(
        {"processes": before, "memory_used_mib": session.gpu.memory_used_mib()}, recorder.arrays()
    )


def _reopen(session: Session) -> Result:
    before = session.gpu.counter_j(), time.monotonic()
    took_s = session.gpu.reopen(session.scaled(_CLOSED_S, 0.3))
    after = session.gpu.counter_j(), time.monotonic()
    facts = {
        "before_j": before[0], "after_j": after[0], "apart_s": after[1] - before[1], "opening_s": took_s,
    }  # fmt: skip
    return Result(facts)


STEPS: Sequence[Step] = (
    Step("inventory", 8, take_inventory),
    Step("latency_idle", 4, latency_idle),
    Step("poll_idle", _POLL_S, poll_idle, _POLL_AT_LEAST_S),
    Step("bare_idle", _IDLE_S, bare_idle, _IDLE_AT_LEAST_S),
    Step("reopen_bare", 3, reopen_bare),
    Step("listing", 20, listing, 3),
    Step("context_idle", _IDLE_S + 25, context_idle, _IDLE_AT_LEAST_S),
    Step("latency_load", 9, latency_load, 3),
    Step("poll_load", _POLL_S + 3, poll_load, _POLL_AT_LEAST_S),
    Step("reopen", 3, reopen),
    *(Step(f"wave_{ms}ms", _WAVE_S + 2, wave(ms), _WAVE_AT_LEAST_S) for ms in PERIODS_MS),
    *(
        Step(name, _WAVE_S + 2, wave_at(times), _WAVE_AT_LEAST_S)
        for name, times in MEASURED.items()
    ),
)
