"""What the verdicts rest on: fits of averaging windows, time of work, updates."""

import numpy as np
import pytest
from signals import OFF_W, ON_W, wave

from benchmarks.gpu.analysis import fit_boxcar, on_time_s, ticks


@pytest.mark.parametrize(("window_s", "delay_s"), [(0.025, 0.0), (0.1, 0.05), (0.06, 0.12)])
def test_a_fit_finds_window_and_delay_of_a_fast_reading(window_s: float, delay_s: float) -> None:
    waves = [wave(window_s, delay_s, period) for period in (0.13, 0.101, 1.0)]
    found = fit_boxcar(waves)
    assert found is not None
    assert found.window_s == pytest.approx(window_s, rel=0.1)
    assert found.delay_s == pytest.approx(delay_s, abs=0.006)
    assert (found.off_w, found.on_w) == pytest.approx((OFF_W, ON_W), rel=0.05)


@pytest.mark.parametrize("delay_s", [0.0, 0.2])
def test_a_fit_finds_an_average_over_a_second(delay_s: float) -> None:
    found = fit_boxcar([wave(1.0, delay_s, period_s=6.0)])
    assert found is not None
    assert found.window_s == pytest.approx(1.0, rel=0.03)
    assert found.delay_s == pytest.approx(delay_s, abs=0.02)


def test_time_of_work_before_a_moment() -> None:
    some = np.array([[1.0, 2.0], [4.0, 4.5]])
    moments = np.array([0.0, 1.5, 3.0, 4.25, 9.0])
    assert on_time_s(some, moments).tolist() == [0.0, 0.5, 1.0, 1.25, 1.5]


@pytest.mark.parametrize("update_s", [None, 0.1])
def test_updates_within_a_long_silence_stay_where_they_were(update_s: float | None) -> None:
    """Seen changes are 2 % further apart than updates are: over 20 of them that is not added up."""
    changed_s = np.concatenate(([1.0, 1.102, 1.204], 1.204 + 2.0 + np.array([0, 0.102, 0.204])))
    t_s = np.arange(900, 3600) / 1000
    at_s, _ = ticks(t_s, np.searchsorted(changed_s, t_s, side="right").astype(float), update_s)
    silent = at_s[(at_s > 1.25) & (at_s < 3.15)]
    assert silent == pytest.approx(1.204 + 0.1 * np.arange(1, 20), abs=0.003)


def test_a_rhythm_from_elsewhere_counts_only_where_it_is_no_slower() -> None:
    """A reading that changes every 50 ms under this load is not held to 100 ms."""
    t_s = np.arange(100) * 0.01
    values = np.floor(t_s / 0.05 + 1e-9)
    values[(values == 11) | (values == 12)] = 10  # two updates that change nothing
    assert ticks(t_s, values, 0.1)[0].tolist() == ticks(t_s, values)[0].tolist()


def test_updates_that_change_nothing_are_points_as_well() -> None:
    t_s, watts = ticks(np.arange(14) * 0.1, np.repeat([1.0, 2, 3, 3, 4, 5, 6], 2))
    assert t_s.tolist() == pytest.approx([0.15, 0.35, 0.55, 0.75, 0.95, 1.15])
    assert watts.tolist() == [2, 3, 3, 4, 5, 6]
