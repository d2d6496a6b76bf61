"""CodeCarbon itself, for a few seconds: no stand-in."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from costbench.metering.codecarbon import CodeCarbonMeter
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
"""
# A process in which the meter runs for the first time; it says only what this program prints.
PROGRAM = """
import json, os, sys, time
from costbench.metering.codecarbon import CodeCarbonMeter
from costbench.metering.sampler import Sampler
from costbench.metering.trace import build_trace
with Sampler([CodeCarbonMeter()]) as sampler:
    time.sleep(2)
trace = build_trace(sampler.drain()[0])
edges = {name: (found.t_s[1], found.t_s[-1]) for name, found in trace.items()}
watts = {name: trace[name].energy(*at) / (at[1] - at[0]) for name, at in edges.items()}
kept = {key: value for key, value in os.environ.items() if key.upper().startswith("CODECARBON_")}
print(json.dumps([watts, kept]))
"""


def watched(seconds):
    """Watts of each domain as CodeCarbon models them here, and the readings they come from."""
    with Sampler([CodeCarbonMeter()]) as sampler:
        time.sleep(seconds)
        facts = sampler.facts
    readings, faults = sampler.drain()
    assert faults == []
    series = build_trace(readings)
    watts = {
        name: found.energy(found.t_s[1], found.t_s[-1]) / (found.t_s[-1] - found.t_s[1])
        for name, found in series.items()
    }
    return facts, readings, watts


@pytest.fixture(scope="module")
def alone():
    """A session without anybody's settings."""
    return watched(3.0)


def test_both_domains_are_positive_and_grow(alone):
    _, readings, watts = alone
    assert set(watts) == {"cpu", "ram"}
    for domain in watts:
        joules = [reading.joules for reading in readings if reading.domain == domain]
        assert joules[0] > 0
        assert joules == sorted(joules)
        assert len(set(joules)) >= 4  # a new figure each half second
        assert 0.1 < watts[domain] < 1000


def test_its_joules_are_called_modelled_and_never_measured(alone):
    (facts,), _, _ = alone
    assert facts.provenance == "modelled"
    assert facts.scope == "machine_model"
    assert facts.headline == ("cpu", "ram")
    assert "modelled_not_measured" in facts.reasons


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
    watts, kept = json.loads(line)
    # 50 times as much, or 5,000 W, had a single one of them come through.
    assert watts["ram"] == pytest.approx(alone[2]["ram"], rel=0.25)
    assert watts["cpu"] < 10 * alone[2]["cpu"]
    assert kept == HOSTILE_VARIABLES
    assert [path.name for path in tmp_path.iterdir()] == [".codecarbon.config"]


def test_a_session_says_nothing_and_writes_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with CodeCarbonMeter().open():
        pass
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_it_is_the_meter_where_there_is_no_gpu_and_nothing_is_one_when_nothing_is_wanted():
    assert [meter.kind for meter in meters_for("auto", gpu=False)] == ["codecarbon"]
    assert [meter.kind for meter in meters_for("auto", gpu=True)] == ["nvml"]
    assert meters_for("none", gpu=True) == meters_for("none", gpu=False) == ()
