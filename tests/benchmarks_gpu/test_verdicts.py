"""Every verdict on arrays made up for it: one that holds, one that is contradicted, and what stays open."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from signals import OFF_W, ON_W, counter, spans, steady, wave

from benchmarks.gpu import cell_verdicts, rhythm, verdicts
from benchmarks.gpu.analysis import Fit, Wave, fit_boxcar, on_share
from benchmarks.gpu.table import ROWS
from benchmarks.gpu.verdicts import Judged, Power
from costbench.metering.trace import Floats


def beat(period_s: float, covered_s: float, more: float = 0.0) -> rhythm.Beat:
    """A counter that takes each 100 ms for what its end shows; `more` is what it draws beyond."""
    on = spans(period_s, 15)
    polls = np.arange(0, 20, 0.005)
    updates = np.arange(0, 20, 0.1)
    shown = OFF_W + (ON_W - OFF_W) * (1 + more) * on_share(on, updates + 0.013, covered_s)
    joules = np.concatenate(([0.0], np.cumsum(shown[1:] * 0.1)))
    at = np.floor(polls / 0.1 + 1e-9).astype(int)
    return rhythm.Beat(period_s, polls, joules[at], on)


def beats(covered_s: float, more: float = 0.0) -> dict[float, rhythm.Beat]:
    fast = {p: beat(p, covered_s, more) for p in (0.2, 0.13, 0.101, 0.1, 0.05, 0.02)}
    return {1.0: beat(1.0, covered_s), **fast}


def power(off: float) -> Power:
    t_s = np.arange(0, 12, 0.1)
    return Power(*counter(steady(300)), t_s, np.full(t_s.shape, 300 * (1 + off)), 0.5)


UNEVEN = np.repeat(np.arange(60), np.where(np.arange(60) % 2, 5, 15))
EVEN = counter(steady(300))
NONE: Floats = np.empty(0)
RATES = np.array([100.0, 100.1, 99.9, 100.05, 99.95, 100.0])
CAPPED, FREE = np.full(20, 4.0), np.zeros(20)


def rows(*off: float) -> dict[str, Floats]:
    return {f"c{at}": np.array([[100.0, 100.0 * (1 + o)]]) for at, o in enumerate(off)}


CASES: tuple[tuple[str, str, Callable[[], Judged]], ...] = (
    ("holds", "counter that moves", lambda: verdicts.counter_moves(*EVEN, None)),
    (
        "contradicted",
        "counter that is refused",
        lambda: verdicts.counter_moves(*EVEN, "NVML: Not Supported"),
    ),
    (
        "contradicted",
        "counter that stands still",
        lambda: verdicts.counter_moves(EVEN[0], np.ones_like(EVEN[0]), None),
    ),
    ("holds", "period of 100 ms", lambda: verdicts.update_period(*EVEN)),
    (
        "contradicted",
        "period of 20 ms",
        lambda: verdicts.update_period(*counter(steady(300), every_s=0.02)),
    ),
    ("open", "period of nothing", lambda: verdicts.update_period(EVEN[0], np.ones_like(EVEN[0]))),
    ("holds", "even updates", lambda: verdicts.update_jitter(*EVEN)),
    (
        "contradicted",
        "uneven updates",
        lambda: verdicts.update_jitter(np.arange(UNEVEN.size) * 0.01, UNEVEN.astype(float)),
    ),
    ("open", "too few updates", lambda: verdicts.update_jitter(np.arange(4.0), np.arange(4.0))),
    ("holds", "probe that is right", lambda: verdicts.same_period(0.103, *EVEN)),
    ("contradicted", "probe that is wrong", lambda: verdicts.same_period(0.2, *EVEN)),
    ("open", "probe of nothing", lambda: verdicts.same_period(None, *EVEN)),
    ("holds", "quick calls", lambda: verdicts.call_time(np.array([0.001] * 99 + [0.2]))),
    ("contradicted", "slow calls", lambda: verdicts.call_time(np.full(50, 0.0025))),
    ("open", "no calls", lambda: verdicts.call_time(NONE)),
    ("holds", "counter that goes on", lambda: verdicts.survives(1000.0, 1200.0, 2.0, 700)),
    (
        "contradicted",
        "counter that begins again",
        lambda: verdicts.survives(1000.0, 12.0, 2.0, 700),
    ),
    ("contradicted", "counter that jumps", lambda: verdicts.survives(1000.0, 90000.0, 2.0, 700)),
    ("open", "no counter to go on", lambda: verdicts.survives(None, 1.0, 2.0, 700)),
    ("holds", "power that agrees", lambda: verdicts.agreement(power(0.01), (1.0, 11.0))),
    ("contradicted", "power that disagrees", lambda: verdicts.agreement(power(0.75), (1.0, 11.0))),
    ("open", "power in between", lambda: verdicts.agreement(power(-0.03), (1.0, 11.0))),
    ("open", "power that covers nothing", lambda: verdicts.agreement(power(0.0), (1.0, 110.0))),
    ("holds", "sensors alike", lambda: verdicts.sensors({"a_w": 300, "b_w": 310, "c_w": None})),
    ("contradicted", "sensors apart", lambda: verdicts.sensors({"a_w": 300, "b_w": 330})),
    ("open", "one sensor", lambda: verdicts.sensors({"a_w": 300, "b_w": math.nan})),
    ("holds", "context as published", lambda: verdicts.context_power(75, 120)),
    ("contradicted", "context that costs nothing", lambda: verdicts.context_power(75, 76)),
    ("open", "context unknown", lambda: verdicts.context_power(None, 76)),
    ("holds", "bare that stays", lambda: verdicts.stays_bare((0, 0), (500.0, 510.0), (75.0, 77.0))),
    (
        "contradicted",
        "bare with one process more",
        lambda: verdicts.stays_bare((0, 1), (None, None), (None, None)),
    ),
    (
        "contradicted",
        "bare with memory taken",
        lambda: verdicts.stays_bare((None, None), (500.0, 1000.0), (75.0, 75.0)),
    ),
    (
        "contradicted",
        "bare that draws more",
        lambda: verdicts.stays_bare((None, None), (500.0, 500.0), (75.0, 110.0)),
    ),
    ("open", "bare unseen", lambda: verdicts.stays_bare((None, 0), (None, 1.0), (None, None))),
    ("holds", "nobody there", lambda: verdicts.alone(0)),
    ("contradicted", "somebody there", lambda: verdicts.alone(2)),
    ("open", "nobody knows", lambda: verdicts.alone(None)),
    (
        "holds",
        "window as expected",
        lambda: rhythm.window_of(fit_boxcar([wave(1.0, period_s=4.0)]), 1.0),
    ),
    (
        "contradicted",
        "window that is another",
        lambda: rhythm.window_of(fit_boxcar([wave(0.1, period_s=4.0)]), 1.0),
    ),
    ("open", "window of noise", lambda: rhythm.window_of(Fit(0.1, 0.0, OFF_W, ON_W, 0.2), 0.1)),
    ("holds", "reading in time", lambda: rhythm.delay_of([wave(1.0, period_s=4.0)])),
    (
        "contradicted",
        "reading that is late",
        lambda: rhythm.delay_of([wave(1.0, delay_s=0.3, period_s=4.0)]),
    ),
    (
        "open",
        "reading that never moves",
        lambda: rhythm.delay_of([Wave(np.arange(20.0), np.ones(20), spans(1.0, 10))]),
    ),
    (
        "holds",
        "counter of all the time",
        lambda: rhythm.true_integral([wave(0.1), wave(0.1, period_s=1.0)], 0.1),
    ),
    (
        "contradicted",
        "counter of a quarter",
        lambda: rhythm.true_integral([wave(0.025), wave(0.025, period_s=1.0)], 0.1),
    ),
    (
        "open",
        "counter of two thirds",
        lambda: rhythm.true_integral([wave(0.065), wave(0.065, period_s=1.0)], 0.1),
    ),
    ("open", "counter without updates", lambda: rhythm.true_integral([wave(0.1)], None)),
    ("holds", "rhythms alike", lambda: rhythm.coverage(beats(0.1), 0.1)),
    ("contradicted", "rhythms that beat", lambda: rhythm.coverage(beats(0.025), 0.1)),
    ("open", "fast rhythms that draw more", lambda: rhythm.coverage(beats(0.1, more=0.2), 0.1)),
    (
        "open",
        "no rhythm near",
        lambda: rhythm.coverage({1.0: beat(1.0, 0.1), 0.2: beat(0.2, 0.1)}, 0.1),
    ),
    ("open", "no rhythm", lambda: rhythm.coverage({}, 0.1)),
    (
        "holds",
        "warmer is more",
        lambda: verdicts.warmth(np.arange(40.0, 60), 500 + np.arange(20.0), 700),
    ),
    (
        "contradicted",
        "warmer is less",
        lambda: verdicts.warmth(np.arange(40.0, 60), 500 - np.arange(20.0), 700),
    ),
    (
        "open",
        "warmer at the limit",
        lambda: verdicts.warmth(np.arange(40.0, 60), np.full(20, 699.0), 700),
    ),
    (
        "open",
        "never warmer",
        lambda: verdicts.warmth(np.full(20, 50.0), 500 + np.arange(20.0), None),
    ),
    (
        "holds",
        "heat of little",
        lambda: verdicts.heat_row(np.array([100.0, 100.5, 100.2]), np.full(3, 10.0)),
    ),
    (
        "contradicted",
        "heat of much",
        lambda: verdicts.heat_row(np.array([100.0, 103.0, 106.0]), np.full(3, 10.0)),
    ),
    (
        "open",
        "heat of one",
        lambda: verdicts.heat_row(np.array([100.0, math.nan]), np.full(2, 10.0)),
    ),
    (
        "holds",
        "work that repeats",
        lambda: verdicts.repeatability(np.array([100.0, 101.0, 102.0]), np.full(3, 10.0)),
    ),
    (
        "contradicted",
        "work that scatters",
        lambda: verdicts.repeatability(np.array([100.0, 105.0, 110.0]), np.full(3, 10.0)),
    ),
    ("open", "work done once", lambda: verdicts.repeatability(np.array([100.0]), np.ones(1))),
    ("holds", "sampler for nothing", lambda: verdicts.sampler_cost(RATES, RATES)),
    ("contradicted", "sampler that costs", lambda: verdicts.sampler_cost(RATES * 0.98, RATES)),
    (
        "open",
        "sampler in noise",
        lambda: verdicts.sampler_cost(RATES * np.array([0.9, 1.1, 1.0, 0.95, 1.05, 1.0]), RATES),
    ),
    ("open", "sampler of one pair", lambda: verdicts.sampler_cost(RATES[:1], RATES[:1])),
    (
        "holds",
        "cap that is counted",
        lambda: verdicts.throttling({"power_cap": np.arange(20.0)}, CAPPED, 20),
    ),
    (
        "contradicted",
        "cap that is not counted",
        lambda: verdicts.throttling({"power_cap": np.zeros(20)}, CAPPED, 20),
    ),
    (
        "contradicted",
        "cap that goes back",
        lambda: verdicts.throttling({"power_cap": np.array([3.0, 2.0])}, CAPPED, 20),
    ),
    ("contradicted", "cap that cannot be read", lambda: verdicts.throttling({}, CAPPED, 20)),
    (
        "open",
        "cap that was not reached",
        lambda: verdicts.throttling({"power_cap": np.zeros(20)}, FREE, 20),
    ),
    (
        "open",
        "cap without reasons",
        lambda: verdicts.throttling({"power_cap": np.zeros(20)}, NONE, 20),
    ),
    ("holds", "both seen", lambda: verdicts.visible({"first": True, "second": True}, 1, 2)),
    (
        "contradicted",
        "one hidden",
        lambda: verdicts.visible({"first": True, "second": False}, 1, 2),
    ),
    ("open", "none listed", lambda: verdicts.visible({"first": None, "second": None}, None, None)),
    ("holds", "cells alike", lambda: cell_verdicts.cells_agree(rows(0.0, -0.01))),
    ("contradicted", "cells apart", lambda: cell_verdicts.cells_agree(rows(0.0, -0.08))),
    ("open", "cells in between", lambda: cell_verdicts.cells_agree(rows(0.03))),
    (
        "open",
        "cells without power",
        lambda: cell_verdicts.cells_agree({"c": np.array([[100.0, math.nan]])}),
    ),
    ("holds", "phases that fit", lambda: cell_verdicts.phases(0.03, 9)),
    ("contradicted", "phases that do not", lambda: cell_verdicts.phases(0.3, 9)),
    ("open", "phases of few", lambda: cell_verdicts.phases(None, 3)),
    (
        "holds",
        "share of one alone",
        lambda: cell_verdicts.shares_of_alone(
            np.array([[100.0, 105.0], [100.0, 98.0], [90.0, 91.0]])
        ),
    ),
    (
        "contradicted",
        "share of another",
        lambda: cell_verdicts.shares_of_alone(
            np.array([[100.0, 150.0], [100.0, 130.0], [90.0, 140.0]])
        ),
    ),
    (
        "open",
        "too few alone",
        lambda: cell_verdicts.shares_of_alone(np.array([[100.0, 150.0], [100.0, 130.0]])),
    ),
    ("holds", "idle as before", lambda: cell_verdicts.idle_again(120, 122.5)),
    ("contradicted", "idle that drifts", lambda: cell_verdicts.idle_again(120, 130)),
    ("open", "idle unknown", lambda: cell_verdicts.idle_again(None, 130)),
    ("holds", "opinion alike", lambda: cell_verdicts.second_opinion((1005, 1000))),
    ("contradicted", "opinion of nothing", lambda: cell_verdicts.second_opinion((0, 1000))),
    ("open", "opinion in between", lambda: cell_verdicts.second_opinion((1030, 1000))),
    ("open", "no opinion", lambda: cell_verdicts.second_opinion(None)),
)


@pytest.mark.parametrize(
    ("expected", "make"),
    [pytest.param(word, make, id=name.replace(" ", "_")) for word, name, make in CASES],
)
def test_a_verdict(expected: str, make: Callable[[], Judged]) -> None:
    found = make()
    assert found.verdict == expected, found
    assert found.seen or found.why
    for value in found.seen.values():
        assert value is None or isinstance(value, str) or math.isfinite(value)


def test_every_row_has_a_name_of_its_own() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids)) >= 30
