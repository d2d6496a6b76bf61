"""Whose joules a training books, and what they are called."""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import pytest
import torch
from pydantic import PrivateAttr

from costbench.errors import MeterError
from costbench.hardware import probe_machine
from costbench.training import UNLIKE_METERS
from costbench.types import GPU_SCOPE, Component, MeterFacts
from trainers import spending
from trainers.checkpoint import Ledger
from trainers.spending import Spending
from trainers.spent import energy_said, training_energy


def facts(scope: str, *headline: str) -> MeterFacts:
    return MeterFacts(
        name="meter",
        provenance="measured",
        method="counter",
        scope=scope,
        period_s=0.1,
        settle_s=0.1,
        headline=headline,
    )


def test_without_a_gpu_all_that_the_meter_counts_is_booked() -> None:
    assert Spending(Ledger())._domains(facts("machine_model", "cpu", "ram")) == ("cpu", "ram")


def test_on_gpus_only_those_of_the_job_count_and_no_meter_of_the_cpu_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booked = Spending(Ledger())
    # What a machine with GPUs says; there is none here.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(spending, "visible_gpus", lambda: ("GPU-b",))
    assert booked._domains(facts(GPU_SCOPE, "gpu:GPU-a", "gpu:GPU-b")) == ("gpu:GPU-b",)
    assert booked._domains(facts("machine_model", "cpu", "ram")) == ()


class Steady(Component):
    """A counter of ten watts; what it is called is as on another machine."""

    kind: Literal["steady"] = "steady"
    facts: MeterFacts

    @contextmanager
    def open(self) -> Iterator["Steady"]:
        yield self

    def read(self) -> Mapping[str, float | None]:
        return {"box": 10.0 * time.monotonic()}

    def why(self, domain: str) -> MeterError | None:
        return None


COUNTED = facts("cpu_package", "box")
MODELLED = {
    "energy_method": "codecarbon_load_model",
    "energy_provenance": "modelled",
    "energy_scope": "machine_model",
}
LIKE = {
    "energy_method": COUNTED.method,
    "energy_provenance": COUNTED.provenance,
    "energy_scope": COUNTED.scope,
}


def gone_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, meter: type[Steady] = Steady
) -> Ledger:
    """Some more of a training, metered by a counter of the CPU, and stored as checkpoints are."""
    monkeypatch.setattr(spending, "meters_for", lambda *_, **__: (meter(facts=COUNTED),))
    with Spending(ledger, ()) as spent:
        time.sleep(0.3)
        spent.settle()
    stored = json.dumps(dataclasses.asdict(spent.ledger))
    return Ledger(**json.loads(stored))


def hour(**named: str) -> Ledger:
    """A training that has taken an hour so far."""
    return Ledger(step=10, duration_s=3600.0, joules=360_000.0, **named)


def test_parts_that_are_counted_alike_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = gone_on(hour(**LIKE), monkeypatch)
    assert ledger.joules is not None
    assert 360_001 < ledger.joules < 360_100
    energy = training_energy(ledger)
    assert (energy.joules, energy.provenance, energy.reason) == (ledger.joules, "measured", None)
    assert "(measured: counter, cpu_package: of CPU packages" in energy_said(energy)


@pytest.mark.parametrize("name", MODELLED)
def test_parts_that_are_counted_in_unlike_ways_are_never_summed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ledger = gone_on(hour(**LIKE | {name: MODELLED[name]}), monkeypatch)
    for _ in range(2):  # the second part is like the one before: what came first is still in it
        assert ledger.joules is None
        energy = training_energy(ledger)
        assert (energy.joules, energy.provenance) == (None, "unavailable")
        assert (energy.method, energy.scope, energy.reason) == (None, None, UNLIKE_METERS)
        assert "unlike meters" in energy_said(energy)
        ledger = gone_on(ledger, monkeypatch)


def test_a_part_without_a_meter_leaves_the_whole_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = gone_on(Ledger(duration_s=3600.0), monkeypatch)
    assert ledger.joules is None
    assert "no meter covered all of it" in energy_said(training_energy(ledger))


def test_each_machine_is_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    here = probe_machine().label
    ledger = gone_on(gone_on(Ledger(machines=["1x NVIDIA H200"]), monkeypatch), monkeypatch)
    assert ledger.machines == ["1x NVIDIA H200", here]
    assert gone_on(Ledger(), monkeypatch).machines == [here]
    assert gone_on(hour(**LIKE), monkeypatch).machines == ["a machine that was not noted", here]


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("cpu_package", "cpu_package: of CPU packages"),
        ("machine_model", "machine_model: of CPU and memory of the whole machine"),
        (GPU_SCOPE, "gpu_device: of the GPUs alone"),
        ("wall_socket", "counter, wall_socket)"),
    ],
)
def test_a_card_says_what_the_joules_cover(scope: str, said: str) -> None:
    named = {"energy_method": "counter", "energy_provenance": "measured", "energy_scope": scope}
    found = energy_said(training_energy(Ledger(duration_s=9.0, joules=36_000.0, **named)))
    assert found.startswith("0.01000 kWh (measured: counter, ")
    assert said in found
    assert ("whole machine" in found) == (scope == "machine_model")


class Held(Steady):
    """The same, in a process that is held still just when a part ends."""

    _began_s: float = PrivateAttr(default_factory=time.monotonic)

    def read(self) -> Mapping[str, float | None]:
        age_s = time.monotonic() - self._began_s
        return {"box": 10.0 * (min(age_s, 0.25) if age_s < 1 else age_s)}


def test_a_machine_that_stalls_at_the_end_of_a_part_does_not_cost_its_joules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = gone_on(Ledger(), monkeypatch, Held)
    assert ledger.joules is not None
    assert ledger.joules > 0


def test_a_meter_that_is_not_of_the_gpus_at_work_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient = COUNTED.model_copy(update={"settle_s": 60.0})
    monkeypatch.setattr(spending, "meters_for", lambda *_, **__: (Steady(facts=patient),))
    with Spending(Ledger(), ("GPU-b",)) as spent:
        began_s = time.monotonic()
        assert spent.settle().joules is None
        assert time.monotonic() - began_s < 30
