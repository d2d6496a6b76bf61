"""The load's process as the plan drives it."""

import os
from pathlib import Path

import numpy as np
import pytest
from fake_nvml import uuid
from gpu_plan import Plan

from benchmarks.gpu.burner import Burner


def test_clocks_that_rise_after_the_sampler_was_opened_do_not_count_against_it(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in Plan.on(tmp_path, library).variables.items():
        monkeypatch.setenv(name, value)
    assert os.environ["FAKE_NVML_LIVE"]
    with Burner(f"cuda:{uuid(0)}", "wave_load:Ramp") as burner:
        burner.ask_pairs(3, 0.5)
        found = burner.answer(60)
    with_it, without = (np.array(found[name]) for name in ("with", "without"))
    assert len(with_it) == len(without) == 3
    assert np.median(with_it / without) == pytest.approx(1, abs=0.03)
