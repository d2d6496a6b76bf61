"""Every verdict on arrays made up for it: one that holds, one that is contradicted, and what stays open."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.gpu import cell_verdicts, rhythm, verdicts
from benchmarks.gpu.analysis import Fit, Wave, fit_boxcar, on_share, on_time_s, ticks
from benchmarks.gpu.table import ROWS
from benchmarks.gpu.verdicts import Judged, Power
from costbench.metering.trace import Floats

OFF_W, ON_W = 100.0, 500.0
JUDGES: list[tuple[str, Callable[[], Judged], str]] = []


def case(expected: str) -> Callable[[Callable[[], Judged]], Callable[[], Judged]]:
    """A case with the word that it must come to."""

    def keep(make: Callable[[], Judged]) -> Callable[[], Judged]:
        JUDGES.append((make.__name__, make, expected))
        return make

    return keep


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


@case("holds")
def counter_that_moves() -> Judged:
    return verdicts.counter_moves(*EVEN, None)


@case("contradicted")
def counter_that_is_refused() -> Judged:
    return verdicts.counter_moves(*EVEN, "NVML: Not Supported")


@case("contradicted")
def counter_that_stands_still() -> Judged:
    return verdicts.counter_moves(EVEN[0], np.ones_like(EVEN[0]), None)


@case("holds")
def period_of_100_ms() -> Judged:
    return verdicts.update_period(*EVEN)


@case("contradicted")
def period_of_20_ms() -> Judged:
    return verdicts.update_period(*counter(steady(300), every_s=0.02))


@case("open")
def period_of_nothing() -> Judged:
    return verdicts.update_period(EVEN[0], np.ones_like(EVEN[0]))


@case("holds")
def even_updates() -> Judged:
    return verdicts.update_jitter(*EVEN)


@case("contradicted")
def uneven_updates() -> Judged:
    return verdicts.update_jitter(np.arange(UNEVEN.size) * 0.01, UNEVEN.astype(float))


@case("open")
def too_few_updates() -> Judged:
    return verdicts.update_jitter(np.arange(4.0), np.arange(4.0))


@case("holds")
def probe_that_is_right() -> Judged:
    return verdicts.same_period(0.103, *EVEN)


@case("contradicted")
def probe_that_is_wrong() -> Judged:
    return verdicts.same_period(0.2, *EVEN)


@case("open")
def probe_of_nothing() -> Judged:
    return verdicts.same_period(None, *EVEN)


@case("holds")
def quick_calls() -> Judged:
    return verdicts.call_time(np.array([0.001] * 99 + [0.2]))


@case("contradicted")
def slow_calls() -> Judged:
    return verdicts.call_time(np.full(50, 0.0025))


@case("open")
def no_calls() -> Judged:
    return verdicts.call_time(NONE)


@case("holds")
def counter_that_goes_on() -> Judged:
    return verdicts.survives(1000.0, 1200.0, 2.0, 700)


@case("contradicted")
def counter_that_begins_again() -> Judged:
    return verdicts.survives(1000.0, 12.0, 2.0, 700)


@case("contradicted")
def counter_that_jumps() -> Judged:
    return verdicts.survives(1000.0, 90000.0, 2.0, 700)


@case("open")
def no_counter_to_go_on() -> Judged:
    return verdicts.survives(None, 1.0, 2.0, 700)


@case("holds")
def power_that_agrees() -> Judged:
    return verdicts.agreement(power(0.01), (1.0, 11.0))


@case("contradicted")
def power_that_disagrees() -> Judged:
    return verdicts.agreement(power(0.75), (1.0, 11.0))


@case("open")
def power_in_between() -> Judged:
    return verdicts.agreement(power(-0.03), (1.0, 11.0))


@case("open")
def power_that_covers_nothing() -> Judged:
    return verdicts.agreement(power(0.0), (1.0, 110.0))


@case("holds")
def sensors_alike() -> Judged:
    return verdicts.sensors({"a_w": 300, "b_w": 310, "c_w": None})


@case("contradicted")
def sensors_apart() -> Judged:
    return verdicts.sensors({"a_w": 300, "b_w": 330})


@case("open")
def one_sensor() -> Judged:
    return verdicts.sensors({"a_w": 300, "b_w": math.nan})


@case("holds")
def context_as_published() -> Judged:
    return verdicts.context_power(75, 120)


@case("contradicted")
def context_that_costs_nothing() -> Judged:
    return verdicts.context_power(75, 76)


@case("open")
def context_unknown() -> Judged:
    return verdicts.context_power(None, 76)


@case("holds")
def bare_that_stays() -> Judged:
    return verdicts.stays_bare((0, 0), (500.0, 510.0), (75.0, 77.0))


@case("contradicted")
def bare_with_one_process_more() -> Judged:
    return verdicts.stays_bare((0, 1), (None, None), (None, None))


@case("contradicted")
def bare_with_memory_taken() -> Judged:
    return verdicts.stays_bare((None, None), (500.0, 1000.0), (75.0, 75.0))


@case("contradicted")
def bare_that_draws_more() -> Judged:
    return verdicts.stays_bare((None, None), (500.0, 500.0), (75.0, 110.0))


@case("open")
def bare_unseen() -> Judged:
    return verdicts.stays_bare((None, 0), (None, 1.0), (None, None))


@case("holds")
def nobody_there() -> Judged:
    return verdicts.alone(0)


@case("contradicted")
def somebody_there() -> Judged:
    return verdicts.alone(2)


@case("open")
def nobody_knows() -> Judged:
    return verdicts.alone(None)


@case("holds")
def window_as_expected() -> Judged:
    return rhythm.window_of(fit_boxcar([wave(1.0, period_s=4.0)]), 1.0)


@case("contradicted")
def window_that_is_another() -> Judged:
    return rhythm.window_of(fit_boxcar([wave(0.1, period_s=4.0)]), 1.0)


@case("open")
def window_of_noise() -> Judged:
    return rhythm.window_of(Fit(0.1, 0.0, OFF_W, ON_W, 0.2), 0.1)


@case("holds")
def reading_in_time() -> Judged:
    return rhythm.delay_of([wave(1.0, period_s=4.0)])


@case("contradicted")
def reading_that_is_late() -> Judged:
    return rhythm.delay_of([wave(1.0, delay_s=0.3, period_s=4.0)])


@case("open")
def reading_that_never_moves() -> Judged:
    return rhythm.delay_of([Wave(np.arange(20.0), np.ones(20), spans(1.0, 10))])


@case("holds")
def counter_of_all_the_time() -> Judged:
    return rhythm.true_integral([wave(0.1), wave(0.1, period_s=1.0)], 0.1)


@case("contradicted")
def counter_of_a_quarter() -> Judged:
    return rhythm.true_integral([wave(0.025), wave(0.025, period_s=1.0)], 0.1)


@case("open")
def counter_of_two_thirds() -> Judged:
    return rhythm.true_integral([wave(0.065), wave(0.065, period_s=1.0)], 0.1)


@case("open")
def counter_without_updates() -> Judged:
    return rhythm.true_integral([wave(0.1)], None)


@case("holds")
def rhythms_alike() -> Judged:
    return rhythm.coverage(beats(0.1), 0.1)


@case("contradicted")
def rhythms_that_beat() -> Judged:
    return rhythm.coverage(beats(0.025), 0.1)


@case("open")
def fast_rhythms_that_draw_more() -> Judged:
    return rhythm.coverage(beats(0.1, more=0.2), 0.1)


@case("open")
def no_rhythm_near() -> Judged:
    return rhythm.coverage({1.0: beat(1.0, 0.1), 0.2: beat(0.2, 0.1)}, 0.1)


@case("open")
def no_rhythm() -> Judged:
    return rhythm.coverage({}, 0.1)


@case("holds")
def warmer_is_more() -> Judged:
    return verdicts.warmth(np.arange(40.0, 60), 500 + np.arange(20.0), 700)


@case("contradicted")
def warmer_is_less() -> Judged:
    return verdicts.warmth(np.arange(40.0, 60), 500 - np.arange(20.0), 700)


@case("open")
def warmer_at_the_limit() -> Judged:
    return verdicts.warmth(np.arange(40.0, 60), np.full(20, 699.0), 700)


@case("open")
def never_warmer() -> Judged:
    return verdicts.warmth(np.full(20, 50.0), 500 + np.arange(20.0), None)


@case("holds")
def heat_of_little() -> Judged:
    return verdicts.heat_row(np.array([100.0, 100.5, 100.2]), np.full(3, 10.0))


@case("contradicted")
def heat_of_much() -> Judged:
    return verdicts.heat_row(np.array([100.0, 103.0, 106.0]), np.full(3, 10.0))


@case("open")
def heat_of_one() -> Judged:
    return verdicts.heat_row(np.array([100.0, math.nan]), np.full(2, 10.0))


@case("holds")
def work_that_repeats() -> Judged:
    return verdicts.repeatability(np.array([100.0, 101.0, 102.0]), np.full(3, 10.0))


@case("contradicted")
def work_that_scatters() -> Judged:
    return verdicts.repeatability(np.array([100.0, 105.0, 110.0]), np.full(3, 10.0))


@case("open")
def work_done_once() -> Judged:
    return verdicts.repeatability(np.array([100.0]), np.ones(1))


RATES = np.array([100.0, 100.1, 99.9, 100.05, 99.95, 100.0])


@case("holds")
def sampler_for_nothing() -> Judged:
    return verdicts.sampler_cost(RATES, RATES)


@case("contradicted")
def sampler_that_costs() -> Judged:
    return verdicts.sampler_cost(RATES * 0.98, RATES)


@case("open")
def sampler_in_noise() -> Judged:
    return verdicts.sampler_cost(RATES * np.array([0.9, 1.1, 1.0, 0.95, 1.05, 1.0]), RATES)


@case("open")
def sampler_of_one_pair() -> Judged:
    return verdicts.sampler_cost(RATES[:1], RATES[:1])


CAPPED, FREE = np.full(20, 4.0), np.zeros(20)


@case("holds")
def cap_that_is_counted() -> Judged:
    return verdicts.throttling({"power_cap": np.arange(20.0)}, CAPPED, 20)


@case("contradicted")
def cap_that_is_not_counted() -> Judged:
    return verdicts.throttling({"power_cap": np.zeros(20)}, CAPPED, 20)


@case("contradicted")
def cap_that_goes_back() -> Judged:
    return verdicts.throttling({"power_cap": np.array([3.0, 2.0])}, CAPPED, 20)


@case("contradicted")
def cap_that_cannot_be_read() -> Judged:
    return verdicts.throttling({}, CAPPED, 20)


@case("open")
def cap_that_was_not_reached() -> Judged:
    return verdicts.throttling({"power_cap": np.zeros(20)}, FREE, 20)


@case("open")
def cap_without_reasons() -> Judged:
    return verdicts.throttling({"power_cap": np.zeros(20)}, NONE, 20)


@case("holds")
def both_seen() -> Judged:
    return verdicts.visible({"first": True, "second": True}, 1, 2)


@case("contradicted")
def one_hidden() -> Judged:
    return verdicts.visible({"first": True, "second": False}, 1, 2)


@case("open")
def none_listed() -> Judged:
    return verdicts.visible({"first": None, "second": None}, None, None)


def rows(*off: float) -> dict[str, Floats]:
    return {f"c{at}": np.array([[100.0, 100.0 * (1 + o)]]) for at, o in enumerate(off)}


@case("holds")
def cells_alike() -> Judged:
    return cell_verdicts.cells_agree(rows(0.0, -0.01))


@case("contradicted")
def cells_apart() -> Judged:
    return cell_verdicts.cells_agree(rows(0.0, -0.08))


@case("open")
def cells_in_between() -> Judged:
    return cell_verdicts.cells_agree(rows(0.03))


@case("open")
def cells_without_power() -> Judged:
    return cell_verdicts.cells_agree({"c": np.array([[100.0, math.nan]])})


@case("holds")
def phases_that_fit() -> Judged:
    return cell_verdicts.phases(0.03, 9)


@case("contradicted")
def phases_that_do_not() -> Judged:
    return cell_verdicts.phases(0.3, 9)


@case("open")
def phases_of_few() -> Judged:
    return cell_verdicts.phases(None, 3)


@case("holds")
def share_of_one_alone() -> Judged:
    return cell_verdicts.shares_of_alone(np.array([[100.0, 105.0], [100.0, 98.0], [90.0, 91.0]]))


@case("contradicted")
def share_of_another() -> Judged:
    return cell_verdicts.shares_of_alone(np.array([[100.0, 150.0], [100.0, 130.0], [90.0, 140.0]]))


@case("open")
def too_few_alone() -> Judged:
    return cell_verdicts.shares_of_alone(np.array([[100.0, 150.0], [100.0, 130.0]]))


@case("holds")
def idle_as_before() -> Judged:
    return cell_verdicts.idle_again(120, 122.5)


@case("contradicted")
def idle_that_drifts() -> Judged:
    return cell_verdicts.idle_again(120, 130)


@case("open")
def idle_unknown() -> Judged:
    return cell_verdicts.idle_again(None, 130)


@case("holds")
def opinion_alike() -> Judged:
    return cell_verdicts.second_opinion((1005, 1000))


@case("contradicted")
def opinion_of_nothing() -> Judged:
    return cell_verdicts.second_opinion((0, 1000))


@case("open")
def opinion_in_between() -> Judged:
    return cell_verdicts.second_opinion((1030, 1000))


@case("open")
def no_opinion() -> Judged:
    return cell_verdicts.second_opinion(None)


@pytest.mark.parametrize(
    ("make", "expected"), [(make, word) for _, make, word in JUDGES], ids=[n for n, _, _ in JUDGES]
)
def test_a_verdict(make: Callable[[], Judged], expected: str) -> None:
    found = make()
    assert found.verdict == expected, found
    assert found.seen or found.why
    for value in found.seen.values():
        assert value is None or isinstance(value, str) or math.isfinite(value)


def test_every_row_has_a_name_of_its_own() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids)) >= 30


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


def test_updates_that_change_nothing_are_points_as_well() -> None:
    t_s, watts = ticks(np.arange(14) * 0.1, np.repeat([1.0, 2, 3, 3, 4, 5, 6], 2))
    assert t_s.tolist() == pytest.approx([0.15, 0.35, 0.55, 0.75, 0.95, 1.15])
    assert watts.tolist() == [2, 3, 3, 4, 5, 6]
