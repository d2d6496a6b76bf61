"""Counters and power readings made up after a known course of power."""

from collections.abc import Callable

import numpy as np

from benchmarks.gpu.analysis import Wave, on_share
from costbench.metering.trace import Floats

OFF_W, ON_W = 100.0, 500.0


def counter(
    watts: Callable[[Floats], Floats], seconds: float = 12, every_s: float = 0.1
) -> tuple[Floats, Floats]:
    """Polls of a counter at 200 Hz; `watts` is power over time, added up to the millisecond."""
    fine = np.arange(0, seconds, 0.001)
    joules = np.cumsum(watts(fine)) * 0.001
    polls = np.arange(0, seconds, 0.005)
    at = np.floor(polls / every_s + 1e-9) * every_s
    return polls, np.interp(at, fine, joules)


def steady(watts: float) -> Callable[[Floats], Floats]:
    return lambda t_s: np.full(t_s.shape, watts)


def spans(period_s: float, seconds: float, first_s: float = 2.0) -> Floats:
    starts = np.arange(first_s, first_s + seconds, period_s)
    return np.column_stack((starts, starts + period_s / 2))


def wave(window_s: float, delay_s: float = 0.0, period_s: float = 0.13) -> Wave:
    """A reading every 100 ms that is a mean of the time before it."""
    on = spans(period_s, 10)
    t_s = np.arange(2.0, 12.0, 0.1)
    share = on_share(on, t_s - delay_s, window_s)
    return Wave(t_s, OFF_W + (ON_W - OFF_W) * share, on)
