"""Block 2: how readings follow a step, heat, how well the same work repeats, and what the sampler costs."""

import time
from collections.abc import Sequence

from benchmarks.gpu import inventory
from benchmarks.gpu.folder import Result
from benchmarks.gpu.reading import Arrays, Recorder
from benchmarks.gpu.session import Session, Step, say

_FAST_S, _SLOW_S = 0.002, 0.02
_STEP_S, _STEPS = 3.0, 3
_HEAT_S, _HEATS = 10.0, 5
_WITHIN_C, _COOL_S, _COOL_AT_MOST_S = 2.0, 5.0, 10.0
_SHORT_S, _SHORTS, _LONG_S, _LONGS, _GAP_S = 5.0, 10, 30.0, 5, 1.0
_FEWEST = 3
_PAIRS, _PAIR_S = 8, 2.0
_OPENING_S = 2.0
"""About what the sampler takes to look at the GPU before it begins."""


def step_response(session: Session) -> Result:
    """On and off, each long enough for an average over a second to settle."""
    recorder = session.recorder(_FAST_S)
    _ = session.burner
    recorder.seconds(session.scaled(2.0, 1.5))
    each_s = session.scaled(_STEP_S, 1.4)
    spans = session.record_work(recorder, "matmul", each_s, each_s, _STEPS)
    recorder.seconds(session.scaled(1.0, 0.5))
    return Result({}, recorder.arrays() | spans)


def sampler_cost(session: Session) -> Result:
    """Speed of launches from Python with and without costbench's sampler in the same process."""
    pairs = max(_FEWEST, round(_PAIRS * min(1.0, session.options.scale)))
    seconds = session.scaled(_PAIR_S, 0.3)
    session.burner.ask_pairs(pairs, seconds)
    found = session.burner.answer(2 * pairs * (seconds + _OPENING_S + 3) + 20)
    return Result({}, {"rate_with": found["with"], "rate_without": found["without"]})


def two_processes(session: Session) -> Result:
    """What the process list shows of two loads, from outside of both."""
    gpu, first = session.gpu, session.burner
    one = inventory.processes(gpu)
    with session.new_burner() as second:
        second.ask("matmul", session.scaled(2.0, 0.5))
        time.sleep(session.scaled(1.0, 0.3))
        pids, two = gpu.pids(), inventory.processes(gpu)
        second.answer(30)
    wanted = {"first": first.facts["pid"], "second": second.facts["pid"]}
    seen = {name: None if pids is None else pid in pids for name, pid in wanted.items()}
    return Result({"with_one": one, "with_two": two, "seen": seen})


def heat_straight(session: Session) -> Result:
    """Full load again and again, without a pause."""
    recorder = session.recorder(_SLOW_S)
    _ = session.burner
    recorder.seconds(session.scaled(1.0, 0.2))
    spans = session.record_work(recorder, "matmul", session.scaled(_HEAT_S, 0.7), 0.05, _HEATS)
    return Result({}, recorder.arrays() | spans)


def heat_cooled(session: Session) -> Result:
    """The same with a pause before each, until the GPU is about as warm as before the first."""
    recorder = session.recorder(_SLOW_S)
    _ = session.burner
    recorder.seconds(session.scaled(_COOL_S, 0.3))
    start_c = session.gpu.temperature_c()
    found: list[Arrays] = []
    for _ in range(_HEATS):
        _cool(session, recorder, start_c)
        found.append(session.record_work(recorder, "matmul", session.scaled(_HEAT_S, 0.7)))
    return Result({"start_c": start_c}, recorder.arrays() | _joined(found))


def repeat_short(session: Session) -> Result:
    """Windows of 5 s of the same work."""
    return _repeat(session, session.scaled(_SHORT_S, 0.5), _SHORTS)


def repeat_long(session: Session) -> Result:
    """Windows of 30 s of the same work, as many as there is time for."""
    each_s = session.scaled(_LONG_S, 0.6)
    fit = int((session.left_s() - 5) / (each_s + _GAP_S))
    if fit < _LONGS:
        say(f"repeat_long: time for {fit} windows")
    return _repeat(session, each_s, max(_FEWEST, min(_LONGS, fit)))


def _repeat(session: Session, each_s: float, times: int) -> Result:
    recorder = session.recorder(_SLOW_S)
    recorder.seconds(session.scaled(0.5, 0.2))
    gap_s = session.scaled(_GAP_S, 0.1)
    spans = session.record_work(recorder, "matmul", each_s, gap_s, times)
    return Result({}, recorder.arrays() | spans)


def _cool(session: Session, recorder: Recorder, start_c: float | None) -> None:
    recorder.seconds(session.scaled(_COOL_S, 0.2))
    end_s = time.monotonic() + session.scaled(_COOL_AT_MOST_S - _COOL_S, 0.1)

    def cool() -> bool:
        now_c = session.gpu.temperature_c()
        near = start_c is None or now_c is None or now_c <= start_c + _WITHIN_C
        return near or time.monotonic() > end_s

    recorder.until(cool)


def _joined(parts: Sequence[Arrays]) -> Arrays:
    return {name: [row for part in parts for row in part[name]] for name in parts[0]}  # type: ignore[misc]


STEPS: Sequence[Step] = (
    Step("step_response", 2 * _STEP_S * _STEPS + 15, step_response, 10),
    Step("sampler_cost", 2 * _PAIRS * (_PAIR_S + _OPENING_S), sampler_cost, 10),
    Step("two_processes", 20, two_processes, 2),
    Step("heat_straight", _HEAT_S * _HEATS + 2, heat_straight, 6),
    Step("heat_cooled", (_HEAT_S + 8) * _HEATS + 5, heat_cooled, 8),
    Step("repeat_short", (_SHORT_S + _GAP_S) * _SHORTS + 2, repeat_short, 11),
    Step("repeat_long", (_LONG_S + _GAP_S) * _FEWEST + 6, repeat_long, 6),
)
