"""CodeCarbon itself, for a few seconds: no stand-in."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import codecarbon
import pytest
from fake_nvml import compile_library, environment, uuid

from costbench.errors import MeterError
from costbench.metering.codecarbon import GPUS, CodeCarbonMeter
from costbench.metering.sampler import Sampler
from costbench.metering.select import meters_for
from costbench.metering.trace import build_trace

HOSTILE_VARIABLES = {
    "CODECARBON_PUE": "50",
    "CODECARBON_FORCE_RAM_POWER": "5000",
    "CODECARBON_SAVE_TO_FILE": "true",
    "CODECARBON_OUTPUT_METHODS": "csv,logger",
    "CODECARBON_LOG_LEVEL": "debug",
    "codecarbon_force_cpu_power": "5000",
}
HOSTILE_FILE = """\
[codecarbon]
pue = 50
force_ram_power = 5000
force_cpu_power = 5000
output_dir = nowhere
emissions_endpoint = http://127.0.0.1:{port}/
log_level = debug
cloud_provider = gcp
cloud_region = europe-west1
region = quebec
tracking_mode = process
gpu_ids = 7
"""
# A process in which the meter runs for the first time; it says only what this program prints.
PROGRAM = """
import json, os, time
from costbench.metering.codecarbon import CodeCarbonMeter
from costbench.metering.sampler import Sampler
from costbench.metering.trace import build_trace
with Sampler([CodeCarbonMeter()]) as sampler:
    time.sleep(2)
    (facts,) = sampler.facts
counters = build_trace(sampler.drain()[0]).counters
edges = {name: (found.t_s[1], found.t_s[-1]) for name, found in counters.items()}
watts = {name: counters[name].energy(*at) / (at[1] - at[0]) for name, at in edges.items()}
kept = {key: value for key, value in os.environ.items() if key.upper().startswith("CODECARBON_")}
print(json.dumps([watts, kept, facts.reasons]))
"""
# Our counters and CodeCarbon beside each other, until they can be compared or it is told why they cannot.
BESIDE = """
import dataclasses, json, time
from costbench.metering.codecarbon import GPUS, CodeCarbonMeter
from costbench.metering.nvml import NvmlMeter
from costbench.metering.sampler import Sampler
from costbench.metering.second_opinion import second_opinion
from costbench.metering.trace import build_trace
from pauses import pauses_of
with Sampler([NvmlMeter(), CodeCarbonMeter(gpus=True)], required=True) as sampler:
    nvml, codecarbon = sampler.facts
    readings, faults, end_s = [], [], time.monotonic() + 60
    while not faults and time.monotonic() < end_s:
        time.sleep(0.5)
        more = sampler.drain()
        readings, faults = readings + more[0], faults + more[1]
        theirs = build_trace(readings).counters.get(GPUS)
        if theirs is not None and theirs.t_s[-1] - theirs.t_s[:2][-1] > 6.5:
            break
readings += sampler.drain()[0]
trace = build_trace(readings)
found = second_opinion(trace, nvml.headline)
print(json.dumps({
    "domains": sorted(trace.counters),
    "headline": codecarbon.headline,
    "faults": [[fault.code, fault.domain, fault.message] for fault in faults],
    "found": found and dataclasses.asdict(found),
    "paused_s": sum(end_s - start_s for start_s, end_s in pauses_of(trace)),
}))
"""


def watched(figures):
    """Watts of each domain as CodeCarbon models them here, and the readings they come from."""
    readings, end_s = [], time.monotonic() + 60
    with Sampler([CodeCarbonMeter()]) as sampler:
        while len({each.value for each in readings if each.domain == "cpu"}) < figures:
            assert time.monotonic() < end_s
            time.sleep(0.5)
            more, faults = sampler.drain()
            assert faults == []
            readings += more
        facts = sampler.facts
    more, faults = sampler.drain()
    assert faults == []
    readings += more
    series = build_trace(readings).counters
    watts = {
        name: found.energy(found.t_s[1], found.t_s[-1]) / (found.t_s[-1] - found.t_s[1])
        for name, found in series.items()
    }
    return facts, readings, watts


@pytest.fixture(scope="module")
def alone():
    """A session without anybody's settings."""
    return watched(figures=6)


def test_both_domains_are_positive_and_grow(alone):
    _, readings, watts = alone
    assert set(watts) == {"cpu", "ram"}
    for domain in watts:
        joules = [reading.value for reading in readings if reading.domain == domain]
        assert joules[0] > 0
        assert joules == sorted(joules)
        assert len(set(joules)) >= 4  # a new figure each half second
        assert 0.1 < watts[domain] < 1000


def test_its_joules_are_called_modelled_and_never_measured(alone):
    (facts,), _, _ = alone
    assert facts.provenance == "modelled"
    assert facts.scope == "machine_model"
    assert facts.headline == ("cpu", "ram")
    assert facts.reasons == ("modelled_not_measured", "constant_ram_term")


def test_settings_of_others_change_nothing_get_lost_nowhere_and_leave_no_trace(alone, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        (tmp_path / ".codecarbon.config").write_text(HOSTILE_FILE.format(port=port))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **HOSTILE_VARIABLES},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        with pytest.raises(BlockingIOError):  # nobody called
            listening.accept()
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    watts, kept, reasons = json.loads(line)
    # 50 times as much, or 5,000 W, had a single one of them come through.
    assert watts["ram"] == pytest.approx(alone[2]["ram"], rel=0.25)
    assert watts["cpu"] < 10 * alone[2]["cpu"]
    assert kept == HOSTILE_VARIABLES
    assert "codecarbon_setting" not in reasons
    assert [path.name for path in tmp_path.iterdir()] == [".codecarbon.config"]


def test_a_session_says_nothing_and_writes_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with CodeCarbonMeter().open():
        pass
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "value"), [("pue", 1.5), ("country_iso_code", "FRA")])
def test_settings_that_it_did_not_keep_to_are_told(name, value, monkeypatch):
    kind = codecarbon.OfflineEmissionsTracker
    monkeypatch.setattr(
        codecarbon, "OfflineEmissionsTracker", lambda **given: kind(**{**given, name: value})
    )
    with CodeCarbonMeter().open() as opened:
        assert "codecarbon_setting" in opened.facts.reasons


def test_a_start_that_fails_without_a_word_is_told(tmp_path, monkeypatch):
    (tmp_path / ".codecarbon.config").write_text("no section\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("costbench.metering.codecarbon._START_S", 0.5)
    with pytest.raises(MeterError, match="gave no figure") as raised:
        CodeCarbonMeter().open().__enter__()
    assert raised.value.code == "codecarbon_failed"


def test_without_the_package_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(MeterError, match="pip install codecarbon") as raised:
        CodeCarbonMeter().open().__enter__()
    assert raised.value.code == "codecarbon_missing"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_library(tmp_path_factory.mktemp("nvml"))


def beside(library, path, **variables):
    """What two GPUs of the fake library drew by our counters and by CodeCarbon, in a process of its own."""
    watts = {"FAKE_NVML_GPUS": 2, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BESIDE],
        env=environment(library, PATH=path, **watts, **variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_of_gpus_it_gives_a_second_opinion_whatever_cuda_is_told(library, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    told = beside(library, path, CUDA_VISIBLE_DEVICES=uuid(1))
    assert told["headline"] == ["cpu", "ram"]
    assert GPUS in told["domains"]
    assert told["faults"] == []
    # Where nobody reads, neither when CodeCarbon's first figure or its last one comes is known.
    assert told["found"]["used"] or told["paused_s"] > 0.2
    ours_j = told["found"]["ours_joules"]
    assert told["found"]["difference"] == pytest.approx(
        0, abs=0.05 + 2 * 300 * told["paused_s"] / ours_j
    )
    assert ours_j > 2 * 300 * (5 - told["paused_s"])


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there is an nvidia-smi here")
def test_gpus_that_it_does_not_see_are_not_0_joules(library):
    told = beside(library, os.environ["PATH"])
    assert GPUS not in told["domains"]
    assert told["found"] is None
    ((code, domain, message),) = told["faults"]
    assert (code, domain) == ("second_opinion_dropped", GPUS)
    assert "nvidia-smi" in message


def test_where_nvml_has_no_gpu_there_is_no_such_domain():
    with CodeCarbonMeter(gpus=True).open() as opened:
        assert opened.why(GPUS) is None
        assert set(opened.read()) >= {"cpu", "ram"}
        if not Path("/dev/nvidiactl").exists():
            assert GPUS not in opened.read()


def test_it_is_a_meter_everywhere_and_nothing_is_one_when_nothing_is_wanted():
    assert meters_for("auto", gpu=False)[-1] == CodeCarbonMeter()
    assert meters_for("auto", gpu=True)[-1] == CodeCarbonMeter(gpus=True)
    assert meters_for("none", gpu=True) == meters_for("none", gpu=False) == ()


# The library as it is, but slow: whoever stops it meets a measurement under way, or a timer about to fire.
LATE = """
import sys, threading, time
from codecarbon import OfflineEmissionsTracker
from codecarbon.external.scheduler import PeriodicScheduler
from costbench.metering import codecarbon

measure, run = OfflineEmissionsTracker._do_measurements, PeriodicScheduler._run
at_work = threading.Event()

def slowly(self):
    at_work.set()
    time.sleep(0.3)
    measure(self)

def late(self):
    at_work.set()
    time.sleep(0.3)
    run(self)

hook = threading.excepthook
for owner, name, slow in (
    (OfflineEmissionsTracker, "_do_measurements", slowly),
    (PeriodicScheduler, "_run", late),
):
    before = getattr(owner, name)
    setattr(owner, name, slow)
    with codecarbon.CodeCarbonMeter().open():
        at_work.clear()
        at_work.wait(30)
    setattr(owner, name, before)
    print("left", [one.name for one in threading.enumerate()][1:])
    time.sleep(1.2)  # more than two of its intervals
print("hook", threading.excepthook is hook)


def raised_in(file, error):
    names = {}
    exec(compile(f"def work():\\n    raise {error}('told')", file, "exec"), names)
    thread = threading.Thread(target=names["work"], name=f"{error} in {file}")
    thread.start()
    thread.join()


for file in ("codecarbon/emissions_tracker.py", "costbench/metering/codecarbon.py"):
    raised_in(file, "TypeError")
"""


def test_no_timer_outlives_the_meter_and_what_threads_die_of_is_told() -> None:
    """Once it died of a TypeError at the end, and a hook that stayed kept those of others silent, too."""
    done = subprocess.run(
        [sys.executable, "-c", LATE], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines() == ["left []", "left []", "hook True"]
    told = [line for line in done.stderr.splitlines() if line.startswith("Exception in thread")]
    assert told == [
        "Exception in thread TypeError in codecarbon/emissions_tracker.py:",
        "Exception in thread TypeError in costbench/metering/codecarbon.py:",
    ]
