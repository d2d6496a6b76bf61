"""How often a counter moves, found by looking at it every 5 ms and a little more."""

import numpy as np
import pytest

from costbench.metering.trace import mean_gap

LOOKS_S, ENOUGH = 0.005, 12


def seen(update_s: float, call_s: float, dice: np.random.Generator) -> list[float]:
    """When a dozen changes were noticed: each look comes late by its own call and by the timer."""
    phase_s, now_s, last = dice.uniform(0, update_s), 0.0, 0
    times: list[float] = []
    while len(times) < ENOUGH:
        updates = int((now_s + phase_s) / update_s)
        now_s += call_s * dice.uniform(0.8, 1.3)
        if updates != last:
            times.append(now_s)
        last = updates
        now_s += LOOKS_S + 6e-5 * dice.uniform(0.5, 2)
    return times


@pytest.mark.parametrize("update_s", [0.02, 0.025, 0.05, 0.1])
@pytest.mark.parametrize("call_s", [0.0003, 0.001, 0.002])
def test_looks_that_are_5_ms_apart_find_the_period_to_3_percent(
    update_s: float, call_s: float
) -> None:
    dice = np.random.default_rng(0)
    off = [abs(mean_gap(seen(update_s, call_s, dice)) / update_s - 1) for _ in range(200)]
    assert np.percentile(off, 95) < 0.03
    assert max(off) < 0.05


@pytest.mark.parametrize("pause", [1, 2, 7, 20])
def test_a_time_in_which_nobody_looked_counts_as_the_updates_in_it(pause: int) -> None:
    times = [*np.arange(6) * 0.025, *(np.arange(6, 12) + pause) * 0.025]
    assert mean_gap(times) == pytest.approx(0.025)


@pytest.mark.parametrize("late", [0.7, 0.9])
def test_a_look_that_came_late_takes_from_the_next_gap(late: float) -> None:
    times = np.arange(12.0)
    times[[4, 8]] += late
    assert mean_gap(list(times)) == pytest.approx(1)


def test_one_change_has_no_period() -> None:
    assert mean_gap([]) is None
    assert mean_gap([3.0]) is None
