"""The sampler thread beside real small meters: counters that grow by the clock at a known power."""

import time
from contextlib import contextmanager
from typing import Literal

import pytest
from pydantic import PrivateAttr

from costbench.errors import MeterError
from costbench.interfaces import Meter
from costbench.metering.sampler import CLOCK, Sampler
from costbench.metering.trace import build_trace, total_joules, window_joules
from costbench.types import Component, MeterFacts


class Dynamo(Component):
    """A meter of constant power; its counter may move in steps, and cannot be read while its belt is off."""

    kind: Literal["dynamo"] = "dynamo"
    domain: str = "dynamo"
    watts: float
    step_s: float = 0.0
    _belt_is_on: bool = PrivateAttr(default=True)
    _refused: int = PrivateAttr(default=0)
    _closed: bool = PrivateAttr(default=False)

    @contextmanager
    def open(self):
        yield _Turning(self)
        self._closed = True

    @property
    def closed(self):
        return self._closed

    def take_belt_off(self):
        """From here on it cannot be read; comes back when that was tried some times."""
        self._belt_is_on, before = False, self._refused
        until(lambda: self._refused >= before + 3)

    def put_belt_on(self):
        self._belt_is_on = True


def until(happened):
    """Wait for it, however busy the machine is."""
    end_s = time.monotonic() + 60
    while not (found := happened()):
        assert time.monotonic() < end_s
        time.sleep(0.002)
    return found


class _Turning:
    def __init__(self, dynamo):
        self._dynamo = dynamo
        self._began_s = time.monotonic()
        self.facts = MeterFacts(
            name=dynamo.domain,
            provenance="measured",
            method="clock",
            scope="test",
            period_s=0.005,
            settle_s=2 * max(dynamo.step_s, 0.01),
            headline=(dynamo.domain,),
        )

    def read(self):
        age_s = time.monotonic() - self._began_s
        if not self._dynamo._belt_is_on:
            self._dynamo._refused += 1
            raise MeterError("the belt is off")
        if self._dynamo.step_s:
            age_s -= age_s % self._dynamo.step_s
        return {self._dynamo.domain: self._dynamo.watts * age_s, "never": None}


class Careless(Component):
    """A stranger's meter that raises what it likes, from its second reading on."""

    kind: Literal["careless"] = "careless"
    facts: MeterFacts = MeterFacts(
        name="careless", provenance="measured", method="none", scope="test",
        period_s=0.005, settle_s=0.0, headline=("x",),
    )  # fmt: skip
    _readings: int = PrivateAttr(default=0)

    @contextmanager
    def open(self):
        yield self

    def read(self):
        self._readings += 1
        return {"x": 1.0 / (2 - self._readings)}


class Absent(Component):
    """A meter that is not there."""

    kind: Literal["absent"] = "absent"

    @contextmanager
    def open(self):
        raise MeterError("no such counter; buy one")
        yield


def measured(meters, before_s=0.05, window_s=0.4):
    """A window of sleep in a sampled stretch: its edges, the readings, the faults."""
    with Sampler(meters) as sampler:
        time.sleep(before_s)
        start_s = time.monotonic()
        time.sleep(window_s)
        end_s = time.monotonic()
        time.sleep(sampler.settle_s)
    readings, faults = sampler.drain()
    return (start_s, end_s), readings, faults


def test_the_meters_of_these_tests_are_meters():
    assert isinstance(Dynamo(watts=1), Meter)
    assert isinstance(Absent(), Meter)


@pytest.mark.parametrize("step_s", [0.0, 0.04])
def test_a_window_has_power_times_time(step_s):
    (start_s, end_s), readings, faults = measured([Dynamo(watts=250, step_s=step_s)], window_s=1.0)
    joules = build_trace(readings).counters["dynamo"].energy(start_s, end_s)
    assert joules == pytest.approx(250 * (end_s - start_s), rel=0.03)
    assert faults == []


def test_meters_are_read_side_by_side():
    meters = [Dynamo(domain="cpu", watts=100), Dynamo(domain="ram", watts=20, step_s=0.05)]
    (start_s, end_s), readings, _ = measured(meters)
    found = window_joules(build_trace(readings).counters, ("cpu", "ram"), start_s, end_s)
    assert total_joules(found) == pytest.approx(120 * (end_s - start_s), rel=0.03)


def test_a_meter_that_cannot_open_is_a_fault_and_the_others_go_on():
    (start_s, end_s), readings, faults = measured([Absent(), Dynamo(watts=250)], window_s=0.1)
    assert [(fault.meter, fault.message) for fault in faults] == [
        ("absent", "no such counter; buy one")
    ]
    assert build_trace(readings).counters["dynamo"].energy(start_s, end_s) > 0


def test_only_open_meters_have_facts():
    with Sampler([Absent(), Dynamo(watts=250, step_s=0.03)]) as sampler:
        assert [facts.name for facts in sampler.facts] == ["dynamo"]
        assert sampler.settle_s == 0.06
    with Sampler([Absent()]) as sampler:
        assert sampler.facts == ()
        assert sampler.settle_s == 0
        assert sampler.drain()[0] == []


def test_a_meter_that_fails_for_good_leaves_its_window_unknown_and_the_others_known():
    broken = Dynamo(domain="broken", watts=250)
    with Sampler([broken, Dynamo(watts=10)]) as sampler:
        start_s = time.monotonic()
        time.sleep(0.1)
        broken.take_belt_off()
        time.sleep(0.1)
        end_s = time.monotonic()
    readings, faults = sampler.drain()
    trace = build_trace(readings).counters
    assert trace["broken"].energy(start_s, end_s) is None
    assert window_joules(trace, ("broken", "dynamo"), start_s, end_s)["broken"] is None
    assert trace["dynamo"].energy(start_s, end_s) == pytest.approx(10 * (end_s - start_s), rel=0.1)
    assert {fault.message for fault in faults} == {"the belt is off"}


def test_a_fault_is_told_once_and_not_with_every_poll():
    dynamo = Dynamo(watts=250)
    with Sampler([dynamo]) as sampler:
        dynamo.take_belt_off()
        dynamo.put_belt_on()
    _, faults = sampler.drain()
    assert [fault.message for fault in faults] == ["the belt is off"]


def test_a_short_gap_costs_resolution_and_no_energy():
    dynamo = Dynamo(watts=250)
    with Sampler([dynamo]) as sampler:
        time.sleep(0.05)
        start_s = time.monotonic()
        time.sleep(0.1)
        dynamo.take_belt_off()
        time.sleep(0.15)
        dynamo.put_belt_on()
        time.sleep(0.15)
        end_s = time.monotonic()
    readings, faults = sampler.drain()
    joules = build_trace(readings).counters["dynamo"].energy(start_s, end_s)
    assert joules == pytest.approx(250 * (end_s - start_s), rel=0.03)
    assert len(faults) == 1


def test_drain_gives_every_reading_once_and_in_order():
    found = []
    with Sampler([Dynamo(watts=250)]) as sampler:
        for _ in range(5):
            found.append(until(lambda: sampler.drain()[0]))
    found.append(sampler.drain()[0])
    assert all(found)
    together = [reading.t_s for readings in found for reading in readings]
    assert together == sorted(set(together))
    assert sampler.drain() == ([], [])


def test_a_domain_that_cannot_be_read_just_now_leaves_no_reading():
    _, readings, _ = measured([Dynamo(watts=250)], window_s=0.02)
    assert {r.domain for r in readings if r.domain != CLOCK} == {"dynamo"}


def test_the_last_reading_is_taken_on_the_way_out():
    with Sampler([Dynamo(watts=250)]) as sampler:
        pass
    assert len(sampler.drain()[0]) >= 2


def test_meters_are_closed_even_when_the_run_breaks():
    dynamo = Dynamo(watts=250)

    def run():
        with Sampler([dynamo]):
            raise RuntimeError("the run broke")

    with pytest.raises(RuntimeError, match="the run broke"):
        run()
    assert dynamo.closed


def test_an_error_nobody_expected_stops_neither_the_run_nor_the_other_meters():
    (_, end_s), readings, faults = measured([Careless(), Dynamo(watts=10.0)], window_s=0.1)
    assert [fault.message for fault in faults] == ["ZeroDivisionError: float division by zero"]
    assert max(reading.t_s for reading in readings if reading.domain == "dynamo") > end_s
