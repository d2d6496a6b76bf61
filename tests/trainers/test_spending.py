"""Whose joules a training books."""

import pytest
import torch

from costbench.types import GPU_SCOPE, MeterFacts
from trainers import spending
from trainers.checkpoint import Ledger
from trainers.spending import Spending


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
