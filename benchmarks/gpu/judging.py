"""What each row of the table makes of stored results: the right arrays for the right pure function."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.gpu import rhythm, verdicts
from benchmarks.gpu.analysis import (
    counter_energy,
    fit_boxcar,
    period_s,
    span_energy,
    span_mean,
)
from benchmarks.gpu.reading import THROTTLING
from benchmarks.gpu.stored import AVERAGE_S, SLOW_WAVES_MS, Data
from benchmarks.gpu.verdicts import Judged
from costbench.metering.nvml_devices import INSTANT_WINDOW_S
from costbench.metering.trace import Floats

_BIN_S = 1.0
_INSTANT_S = 0.1
"""Of generations that INSTANT_WINDOW_S does not name."""
_LONG_WAVE_S = 10.0


def counter(data: Data) -> Judged:
    """Of the fast poll under load."""
    t_s, joules = data.maybe("poll_load", "counter_t_s"), data.maybe("poll_load", "counter_j")
    return verdicts.counter_moves(t_s, joules, data.facts("inventory")["counter_error"])


def _update_s(data: Data) -> float | None:
    return period_s(*data.counter("poll_load"))


def survives(step: str) -> Callable[[Data], Judged]:
    """Of NVML closed and opened again."""

    def judge(data: Data) -> Judged:
        facts = data.facts(step)
        limit_w = data.facts("inventory")["power_limit_w"] or 1000.0
        return verdicts.survives(facts["before_j"], facts["after_j"], facts["apart_s"], limit_w)

    return judge


def agreement(step: str) -> Callable[[Data], Judged]:
    """Of one stretch of idling or work."""
    return lambda data: verdicts.agreement(data.power(step), data.stretch(step))


def sensors(data: Data) -> Judged:
    """Of the steady part of the fast poll under load."""
    step, window = "poll_load", data.stretch("poll_load")
    found: dict[str, float | None] = {"counter_w": data.mean_w(step)}
    for name in ("average", "instant", "usage"):
        t_s, watts = data.maybe(step, f"{name}_t_s"), data.maybe(step, f"{name}_w")
        inside = watts[(t_s >= window[0] + AVERAGE_S / 4) & (t_s <= window[1])]
        found[f"{name}_w"] = float(inside.mean()) if inside.size else None
    return verdicts.sensors(found)


def listing(data: Data) -> Judged:
    """Of the child that only lists GPUs."""
    facts = data.facts("listing")
    processes = facts["processes_before"], facts["processes_during"]
    memory = facts["memory_before_mib"], facts["memory_during_mib"]
    since_s = float(data.array("listing", "listed_t_s")[0])
    t_s, joules = data.counter("listing")
    # Power after it said that it had listed them, by which time a context would be there.
    pairs = [(float(t_s[0]), _before(t_s)), (since_s, float(t_s[-1]) - 0.1)]
    watts = [_mean(counter_energy(t_s, joules, pair), pair) for pair in pairs]
    return verdicts.stays_bare(processes, memory, (watts[0], watts[1]))


def _before(t_s: Floats) -> float:
    """The end of the part before the child was started."""
    return float(t_s[0]) + min(1.9, float(t_s[-1] - t_s[0]) / 4)


def _mean(joules: float | None, window: tuple[float, float]) -> float | None:
    return None if joules is None else joules / (window[1] - window[0])


def integral(data: Data) -> Judged:
    """Of waves whose phase moves against the updates'."""
    steps = [f"wave_{ms}ms" for ms in SLOW_WAVES_MS]
    return rhythm.true_integral(data.waves("counter", steps), _update_s(data))


def delay_counter(data: Data) -> Judged:
    """Of a slow wave and a fast one."""
    return rhythm.delay_of(data.waves("counter", ["wave_1000ms", "wave_130ms"]))


def coverage(name: str) -> Callable[[Data], Judged]:
    """Of all waves that were run."""

    def judge(data: Data) -> Judged:
        beats = data.beats(name)
        if name != "counter" and any(np.ptp(b.spans_s) < _LONG_WAVE_S for b in beats.values()):
            return verdicts.unknown("waves too short for an average over a second")
        slowest = data.beats("counter").get(max(beats)) if beats else None
        update_s = _update_s(data) if name == "counter" else data.reading_s(name)
        return rhythm.coverage(beats, update_s, slowest.rise_w() if slowest else None)

    return judge


def window(name: str, steps: Sequence[str]) -> Callable[[Data], Judged]:
    """Of a power reading while the load goes on and off."""

    def judge(data: Data) -> Judged:
        fit = fit_boxcar(data.waves(name, steps))
        instant_s = INSTANT_WINDOW_S.get(data.generation() or "", _INSTANT_S)
        expected_s = AVERAGE_S if name == "average" else instant_s
        return rhythm.window_of(fit, expected_s)

    return judge


def warmth(data: Data) -> Judged:
    """Of seconds of full load, while the GPU warms up."""
    step = "heat_straight"
    spans = data.array(step, "spans_t_s")
    starts = np.concatenate(
        [np.arange(a + _BIN_S / 2, b - _BIN_S, _BIN_S) for a, b in spans] or [np.empty(0)]
    )
    bins = np.column_stack((starts, starts + _BIN_S))
    t_s, degrees = data.array(step, "temperature_t_s"), data.array(step, "temperature_c")
    watts = span_energy(*data.counter(step), bins) / _BIN_S
    limit_w = data.facts("inventory")["power_limit_w"]
    return verdicts.warmth(span_mean(t_s, degrees, bins), watts, limit_w)


def same_work(step: str, judge: Callable[[Floats, Floats], Judged]) -> Callable[[Data], Judged]:
    """Of spans of the same work."""

    def judged(data: Data) -> Judged:
        joules = span_energy(*data.counter(step), data.array(step, "spans_t_s"))
        return judge(joules, data.array(step, "chunks"))

    return judged


def throttling(data: Data) -> Judged:
    """Of full load without a pause."""
    step = "heat_straight"
    seconds = {name: data.maybe(step, f"{name}_s") for name in THROTTLING}
    there = {name: values for name, values in seconds.items() if values.size}
    loaded_s = float(np.diff(data.array(step, "spans_t_s")).sum())
    t_s, reasons = data.maybe(step, "event_t_s"), data.maybe(step, "event_reasons")
    first_s, last_s = data.array(step, "spans_t_s")[[0, -1], [0, 1]]
    inside = reasons[(t_s >= first_s) & (t_s <= last_s)] if reasons.size else reasons
    return verdicts.throttling(there, inside, loaded_s)


def visible(data: Data) -> Judged:
    """Of two loads at once."""
    facts = data.facts("two_processes")
    return verdicts.visible(facts["seen"], facts["with_one"]["listed"], facts["with_two"]["listed"])


def sampler(data: Data) -> Judged:
    """Of pairs with and without it."""
    return verdicts.sampler_cost(
        *(data.array("sampler_cost", f"rate_{n}") for n in ("with", "without"))
    )


def calls(step: str) -> Callable[[Data], Judged]:
    """Of the call for the counter."""
    return lambda data: verdicts.call_time(data.array(step, "counter_call_s"))
