"""`costbench doctor` on this machine as it is, and on one where something is missing."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from costbench import doctor_meters, hardware
from costbench.doctor import Finding, can_run
from costbench.doctor_meters import MeterFinding, expect, look_at
from costbench.errors import MeterError
from costbench.screen import print_findings
from costbench.types import GPU_SCOPE, Component, Device, MeterFacts

WITHOUT = """
import sys
json_wanted = ["--format", "json"] if "json" in sys.argv else []
for name in {*sys.argv[1:]} - {"json"}:
    sys.modules[name] = None  # as if it were not installed
from costbench.cli import main
main(["doctor", *json_wanted])
"""


def doctor(folder: Path, *missing: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *missing],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


class Ticking(Component):
    """Counters that move every 40 ms; of two GPUs the second has none."""

    kind: str = "ticking"
    gpus: bool = False
    provenance: str = "measured"

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        yield _Open(self)


class _Open:
    def __init__(self, meter: Ticking) -> None:
        self.meter: Any = meter
        devices = (
            Device(domain="gpu:a", name="NVIDIA H200", update_period_s=0.1, power_window_s=1.0),
            Device(domain="gpu:b", name="Old", power_window_s=1.0, reasons=("mig",)),
            Device(domain="gpu:c", name="Older"),
        )
        self.facts = MeterFacts(
            name="ticking",
            provenance=meter.provenance,
            method="counter_interpolated",
            scope=GPU_SCOPE if meter.gpus else "box",
            period_s=0.01,
            settle_s=0.1,
            headline=(),
            reasons=("rapl_in_vm",),
            devices=devices if meter.gpus else (),
        )

    def read(self) -> Mapping[str, float | None]:
        steps = self.steps()
        if self.facts.devices:
            return {"gpu:a": steps, "gpu:b": None, "gpu:c": None}
        return {"one": steps, "still": 5.0}

    def steps(self) -> float:
        return time.monotonic() // 0.04

    def why(self, domain: str) -> MeterError | None:
        return MeterError("no such counter", "counter_unsupported")


def test_everything_is_tried_for_real(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    (server, engine, vllm) = sorted(
        (line for line in lines if " engine " in line), key=lambda line: line.split()[2]
    )
    assert server.startswith("untried engine   openai: needs settings of yours: base_url")
    if importlib.util.find_spec("vllm") is None:
        assert vllm.startswith(
            "absent  engine   vllm: engine vllm: the package vllm is not installed"
        )
    assert engine.startswith("works")
    assert f"4 tokens of abacus-base (torch {torch.__version__}" in engine
    assert any(line.startswith("works   grader   math: math-3+math-verify-") for line in lines)
    heads = [line for line in lines if not line.startswith(" ")]
    assert {line.split()[0] for line in heads} <= {"works", "absent", "untried"}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("missing", "told", "code"),
    [
        ("codecarbon", "absent  meter    codecarbon: ", 0),
        ("pebble", "broken  grader   math: ", 0),
        ("transformers", "broken  engine   transformers: ", 1),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_tried(
    tmp_path: Path, missing: str, told: str, code: int
) -> None:
    done = doctor(tmp_path, missing)
    assert told in done.stdout
    assert "works   grader   exact: exact-3" in done.stdout
    assert done.returncode == code


def test_json_has_everything_and_stdout_nothing_else(tmp_path: Path) -> None:
    done = doctor(tmp_path, "json", "pynvml")
    found = json.loads(done.stdout)
    assert found.keys() == {"schema_version", "machine", "findings", "can_run"}
    assert (found["schema_version"], found["can_run"], done.returncode) == (1, True, 0)
    by_name = {(each["family"], each["name"]): each for each in found["findings"]}
    assert by_name["engine", "transformers"]["meter"] is None
    nvml = by_name["meter", "nvml"]
    assert nvml["state"] == "absent"
    assert nvml["detail"] == "NVML: its package is missing: pip install nvidia-ml-py"
    (missing,) = nvml["meter"]["reasons"]
    assert (missing["code"], missing["quality"]) == ("nvml_missing", "unavailable")
    assert missing["label"]
    assert missing["hint"]
    model = by_name["meter", "codecarbon"]["meter"]
    assert (model["provenance"], model["scope"]) == ("modelled", "machine_model")
    assert "do not compare" in model["uncertainty_note"]
    assert "modelled_not_measured" in {each["code"] for each in model["reasons"]}
    for domain in model["domains"]:
        assert 0.3 < domain["update_period_s"] < 0.8
        assert [each["window_s"] for each in domain["uncertainty"]] == [30, 10, 1]
        assert all(each["absolute_percent"] >= 80 for each in domain["uncertainty"])


# Meters


def test_a_counter_is_watched_to_tell_how_often_it_moves() -> None:
    found = look_at(Ticking())
    one, still = found.domains
    assert one.update_period_s == pytest.approx(0.04, rel=0.25)
    assert still.update_period_s is None
    assert found.summary == "measured, counter_interpolated: one, still"
    lines = list(found.details())
    assert lines[0].startswith("one: counter_interpolated of box, changes every 0.0")
    assert lines[1].startswith("±10 % of a cell, ±4.4 % of a ratio at 30 s; ±10 %, ±4.4 % at 10 s")
    assert any(line.startswith("still: ") and "did not change" in line for line in lines)
    assert any(line.startswith("rapl_in_vm: the CPU's counter is the hyper") for line in lines)


class Held(Ticking):
    """Its machine is held still at first; then it moves every 0.4 s, so many times."""

    times: float

    @contextmanager
    def open(self) -> Iterator["_Open"]:
        yield _HeldOpen(self)


class _HeldOpen(_Open):
    def steps(self) -> float:
        return min(self.meter.times, max(0.0, doctor_meters.time.monotonic() - 1.0) // 0.4)


@pytest.mark.parametrize(("times", "watched_s"), [(9, 2.6), (2, 6.0)])
def test_a_counter_that_was_seen_to_move_too_seldom_is_watched_for_longer(
    monkeypatch: pytest.MonkeyPatch, times: float, watched_s: float
) -> None:
    now = [0.0]
    clock = SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda pause_s: now.append(now.pop() + pause_s)
    )
    monkeypatch.setattr(doctor_meters, "time", clock)
    one, still = look_at(Held(times=times)).domains
    assert one.update_period_s == pytest.approx(0.4, rel=0.05)
    assert still.update_period_s is None
    assert now[0] == pytest.approx(watched_s, abs=0.1)


def test_each_gpu_says_how_it_is_measured_and_what_is_in_the_way() -> None:
    found = look_at(Ticking(gpus=True))
    counted, integrated, dark = found.domains
    assert (counted.device, counted.update_period_s, counted.reasons) == ("NVIDIA H200", 0.1, ())
    assert (integrated.method, integrated.readable) == ("power_integral", True)
    assert [doubt.code for doubt in integrated.reasons] == ["mig", "power_integral"]
    assert (dark.readable, dark.uncertainty) == (False, ())
    assert [doubt.code for doubt in dark.reasons] == ["counter_unsupported"]
    assert found.summary.endswith("cannot be read now: gpu:c")
    assert "uncertainty: not known" in list(found.details())


def test_a_model_s_uncertainty_reads_as_a_model_s() -> None:
    found = look_at(Ticking(provenance="modelled"))
    assert "a model: off by 40 % and more; do not compare" in list(found.details())


@pytest.mark.parametrize(
    ("method", "provenance", "window_s", "percent"),
    [
        ("counter_interpolated", "measured", 30.0, 10.5),
        ("counter_interpolated", "measured", 0.1, None),  # shorter than two updates
        ("rapl", "measured", 1.0, 10.8),
        ("codecarbon_load_model", "modelled", 1.0, 80.0),
        ("of a stranger's own", "measured", 30.0, None),
        ("rated_power", "assumed", 30.0, None),
    ],
)
def test_uncertainty_is_told_where_it_is_known(
    method: str, provenance: str, window_s: float, percent: float | None
) -> None:
    found = expect(method, provenance, window_s, update_period_s=0.1)
    assert found.absolute_percent == percent
    assert (found.ratio_percent is None) == (percent is None)


def test_lines_of_a_meter_stand_below_it_and_are_harmless(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = Finding("meter", "x", "absent", "\x1b[2J", MeterFinding.absent("rapl_permission"))
    strange = Finding("meter", "y", "absent", "no", MeterFinding.absent("\x1b]0;"))
    assert print_findings([finding, strange]) == [finding, strange]
    shown = capsys.readouterr().out
    assert shown.splitlines()[:2] == [
        "absent  meter    x: \\x1b[2J",
        " " * 17 + "rapl_permission: run as root, or a udev rule that gives your group read access "
        "to energy_uj",
    ]
    assert "\x1b" not in shown


def test_a_driver_beside_a_cpu_build_of_torch_is_told_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version").write_text("NVRM version: 580.1")
    monkeypatch.setattr(hardware, "_NVIDIA_DRIVER", tmp_path / "version")
    monkeypatch.setattr(torch.version, "cuda", None)
    reason = hardware.no_gpu_reason()
    number = torch.__version__.partition("+")[0]
    assert reason.endswith(f"pip install --force-reinstall 'torch=={number}'")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "torch (CUDA 13.0) cannot use it" in hardware.no_gpu_reason()


def test_a_container_s_share_of_the_cores_is_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(hardware, "_CPU_QUOTA", quota)
    without = hardware.probe_machine().cores
    quota.write_text("100000 100000\n")
    assert hardware.probe_machine().cores == 1
    quota.write_text("max 100000\n")
    assert hardware.probe_machine().cores == without


@pytest.mark.parametrize(
    ("states", "runs"),
    [(("works", "works"), True), (("works", "broken"), False), (("untried", "works"), False)],
)
def test_an_engine_and_a_grader_must_work(states: tuple[str, str], runs: bool) -> None:
    families = ("engine", "grader")
    findings = [Finding(f, "x", s, "") for f, s in zip(families, states, strict=True)]
    assert can_run(findings) is runs
