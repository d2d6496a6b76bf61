"""The whole plan on a GPU whose truth is known: what it says of each assumption."""

import getpass
import json
import platform
import shutil
from pathlib import Path

import numpy as np
import pytest
from fake_nvml import uuid
from gpu_plan import ROOT, Plan, replayed
from wave_load import BARE_W, CONTEXT_W, WATTS

HOLD = (
    "counter", "period_idle", "period_load", "probe", "call_idle", "call_load", "reopen_bare",
    "reopen", "bare_integral", "context_integral", "load_integral", "sensors", "bare_alone", "listing",
    "context_power", "integral", "coverage_counter", "delay_counter", "window_average", "delay_average",
    "window_instant", "processes", "throttling", "sampler",
)  # fmt: skip
LARGEST = 16 << 20
FILES = {
    "inventory.json", "steps.json", "summary.md", "traces-1.npz", "traces-2.npz", "verdicts.json",
}  # fmt: skip


BUSY = ("paused", "do not follow", "does not follow")
"""Of a machine with so much else to do that readings came late: no verdict, and no test of one."""


def test_what_is_so_holds(whole: Plan) -> None:
    found = whole.verdicts()
    others = {name: found[name] for name in HOLD if found[name]["verdict"] != "holds"}
    assert [v for v in others.values() if not any(busy in v["why"] for busy in BUSY)] == []
    assert len(others) <= 4


def test_the_truth_is_found(whole: Plan) -> None:
    seen = {name: each["seen"] for name, each in whole.verdicts().items()}
    assert seen["period_load"]["period_ms"] == pytest.approx(100, abs=3)
    for name, window_ms in (("integral", 100), ("window_average", 1000), ("window_instant", 25)):
        assert seen[name].get("window_ms", window_ms) == pytest.approx(window_ms, rel=0.2)
    for name, watts in (("bare_w", BARE_W), ("context_w", CONTEXT_W)):
        assert seen["context_power"].get(name, watts) == pytest.approx(watts, rel=0.05)
    average_w = seen["sensors"].get("average_w", WATTS["matmul"])
    assert average_w == pytest.approx(WATTS["matmul"], rel=0.01)
    assert (seen["processes"]["listed_with_one"], seen["processes"]["listed_with_two"]) == (1, 2)


def test_what_cannot_be_said_of_so_short_a_trial_is_open(whole: Plan) -> None:
    found = whole.verdicts()
    assert found["coverage_average"]["verdict"] == "open"
    assert found["warmth"]["why"] == "it did not get warmer by 2 °C"
    assert found["cells_integral"] == found["cells_integral"] | {"verdict": "open", "seen": {}}
    assert found["cells_integral"]["why"] == "cells: not run"


def test_there_are_few_files_and_they_name_nobody(whole: Plan) -> None:
    files = list(whole.out.iterdir())
    assert {file.name for file in files} == FILES
    names = {platform.node(), str(Path.home()), str(ROOT), uuid(0), str(whole.out)}
    names |= {getpass.getuser()} - {"root"}  # which is a key
    for file in files:
        assert file.stat().st_size < LARGEST
        if file.suffix in {".json", ".md"}:
            text = file.read_text()
            assert not [name for name in names if len(name) > 3 and name in text]


def test_the_inventory_has_every_call_with_its_code(whole: Plan) -> None:
    found = json.loads((whole.out / "inventory.json").read_text())
    gpu = found["gpu"]
    assert gpu["getters"]["Name"] == {"code": 0, "value": "NVIDIA H200"}
    assert gpu["getters"]["TotalEnergyConsumption"]["value"] > 0
    assert gpu["getters"]["Brand"] == {"code": 13}  # the stand-in has no such function
    fields = {(each["field"], each["scope"]): each for each in gpu["fields"]}
    assert (fields[185, 0]["code"], fields[185, 1]["code"]) == (0, 3)
    assert gpu["power_samples"]["total"] == {
        "code": 0, "count": 10, "median_gap_ms": 100.0, "span_s": 0.9,
    }  # fmt: skip
    assert gpu["power_samples"]["module"] == {"code": 3}
    assert gpu["gpu"].startswith("GPU-")
    assert found["machine"]["python"] == platform.python_version()
    assert {"root", "virtual", "container", "nvidia_smi", "versions"} <= found["machine"].keys()


def test_traces_are_arrays_of_numbers(whole: Plan) -> None:
    with np.load(whole.out / "traces-1.npz", allow_pickle=False) as stored:
        names = set(stored.files)
        t_s, joules = stored["poll_load/counter_t_s"], stored["poll_load/counter_j"]
    assert {"latency_idle/counter_call_s", "wave_100ms/spans_t_s", "bare_idle/average_w"} <= names
    assert t_s.shape == joules.shape
    assert 0 <= t_s[0] < t_s[-1] < 30
    assert np.median(np.diff(t_s)) < 0.01


def test_the_summary_is_a_table_with_a_line_for_each_assumption(whole: Plan) -> None:
    text = (whole.out / "summary.md").read_text()
    assert text.startswith("# What a real GPU says")
    assert "a trial, no measurement" in text
    assert "nothing here is about a real GPU" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(whole.verdicts())
    assert all(row.count(" | ") == 4 for row in rows)


def test_the_same_command_again_does_nothing_that_is_done(whole: Plan) -> None:
    before = (whole.out / "traces-1.npz").stat().st_mtime_ns
    done = whole.run("--blocks", "1", "--only", "inventory", "poll_load")
    assert done.returncode == 0
    assert "block 1" not in done.stderr
    assert (whole.out / "traces-1.npz").stat().st_mtime_ns == before


def test_verdicts_are_the_same_again_bit_for_bit(whole: Plan, tmp_path: Path) -> None:
    copy = tmp_path / "proof"
    shutil.copytree(whole.out, copy)
    for name in ("verdicts.json", "summary.md"):
        (copy / name).unlink()
    done = replayed(copy)
    assert done.returncode == 0, done.stderr
    for name in ("verdicts.json", "summary.md"):
        assert (copy / name).read_bytes() == (whole.out / name).read_bytes()
    assert done.stdout == (copy / "summary.md").read_text()
