"""When what was used until a moment is known: a window at the end of a run must not lose its joules."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import pytest
from pydantic import PrivateAttr

from costbench.metering import sampler as sampler_module
from costbench.metering.sampler import Sampler
from costbench.metering.settling import MAX_GAP_S, Movements
from costbench.metering.trace import build_trace
from costbench.types import Component, MeterFacts

SETTLE_S = 0.1


class Pausing(Component):
    """A counter of ten watts that stands while the process that moves it is held still."""

    kind: Literal["pausing"] = "pausing"
    _held: float | None = PrivateAttr(default=None)

    def hold(self) -> None:
        self._held = time.monotonic()

    def let_go(self) -> None:
        self._held = None

    @contextmanager
    def open(self) -> Iterator["Pausing"]:
        yield self

    @property
    def facts(self) -> MeterFacts:
        return MeterFacts(
            name="pausing", provenance="measured", method="clock", scope="test",
            period_s=0.01, settle_s=SETTLE_S, headline=("box",),
        )  # fmt: skip

    def read(self) -> Mapping[str, float | None]:
        return {"box": 10.0 * (self._held or time.monotonic())}


def wait(sampler: Sampler, end_s: float) -> None:
    while not sampler.settled(end_s):
        time.sleep(0.005)


def joules(sampler: Sampler, start_s: float, end_s: float) -> float | None:
    return build_trace(sampler.drain()[0]).counters["box"].energy(start_s, end_s)


def test_a_counter_that_stood_longer_than_it_settles_is_waited_for() -> None:
    meter = Pausing()
    with Sampler([meter]) as sampler:
        start_s = time.monotonic()
        time.sleep(0.2)
        meter.hold()
        end_s = time.monotonic()
        time.sleep(3 * SETTLE_S)
        assert not sampler.settled(end_s)
        meter.let_go()
        wait(sampler, end_s)
        found = joules(sampler, start_s, end_s)
    assert found is not None
    assert found == pytest.approx(10 * (end_s - start_s), rel=0.5)  # where it stood it is a line


def test_one_that_stands_for_good_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_module, "_PATIENCE_S", 0.5)
    meter = Pausing()
    with Sampler([meter]) as sampler:
        time.sleep(0.1)
        meter.hold()
        end_s = time.monotonic()
        wait(sampler, end_s)
        assert 0.5 < time.monotonic() - end_s < MAX_GAP_S
        assert joules(sampler, end_s - 0.05, end_s) is None


def test_it_takes_as_long_as_a_meter_asks_for() -> None:
    with Sampler([Pausing()]) as sampler:
        end_s = time.monotonic()
        wait(sampler, end_s)
        assert time.monotonic() - end_s >= SETTLE_S


def test_nobody_waits_without_a_meter_or_after_the_last_reading() -> None:
    with Sampler([]) as sampler:
        assert sampler.settled(time.monotonic())
    with Sampler([Pausing()]) as sampler:
        assert not sampler.settled(time.monotonic())
    assert sampler.settled(time.monotonic())


def moved(*times_s: float) -> Movements:
    movements = Movements()
    for joules_now, t_s in enumerate(times_s):
        movements.note("a", t_s, joules_now)
    return movements


def test_the_first_change_after_a_moment_may_have_come_before_it() -> None:
    assert not moved(0, 1).all_past(0.5, 1.0)
    assert moved(0, 1, 2).all_past(0.5, 2.0)
    assert not moved(0, 1, 2).all_past(1.0, 2.0)


def test_the_same_value_read_again_is_no_change() -> None:
    movements = moved(0, 1)
    movements.note("a", 2.0, 1)
    assert not movements.all_past(0.5, 2.0)


def test_each_counter_is_waited_for_but_those_that_never_moved_or_have_stood_too_long() -> None:
    movements = moved(0, 1, 2)
    movements.note("stuck", 0.0, 7.0)
    movements.note("stuck", 2.0, 7.0)
    assert movements.all_past(0.5, 2.0)
    movements.note("slow", 0.0, 1.0)
    movements.note("slow", 0.4, 2.0)
    assert not movements.all_past(0.5, 2.0)
    assert not movements.all_past(0.5, 0.4 + MAX_GAP_S)
    assert movements.all_past(0.5, 0.5 + MAX_GAP_S)
