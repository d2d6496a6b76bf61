"""The NVML meter through NVIDIA's real Python binding, over a library compiled here in place of theirs.

Each test runs in a process of its own: the binding loads its library once, by the loader's own search path.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

A, B = "GPU-aaaaaaaa-0000-0000-0000-000000000000", "GPU-bbbbbbbb-1111-1111-1111-111111111111"
NOT_SUPPORTED, DRIVER_NOT_LOADED, GPU_IS_LOST, NOT_READY = "3", "9", "15", "27"
WATTS = 300

# Opens the meter and says which domains it has, or why it has none.
OPEN = """
import json
from costbench.errors import MeterError
from costbench.metering.nvml import NvmlMeter
try:
    with NvmlMeter().open() as meter:
        print(json.dumps({"domains": meter.facts.headline, "joules": dict(meter.read())}))
except MeterError as error:
    print(json.dumps({"refused": str(error)}))
"""

# Samples for a while; halfway, the fault named by the arguments comes up.
SAMPLE = """
import json, os, sys, time
from costbench.metering.nvml import NvmlMeter
from costbench.metering.sampler import Sampler
from costbench.metering.trace import build_trace, window_joules
seconds, fault = float(sys.argv[1]), sys.argv[2:]
with Sampler([NvmlMeter()]) as sampler:
    time.sleep(0.25)
    start_s = time.monotonic()
    time.sleep(seconds / 2)
    if fault:
        os.environ[fault[0]] = fault[1]
    time.sleep(seconds / 2)
    end_s = time.monotonic()
    time.sleep(0.25)
    headline = [domain for facts in sampler.facts for domain in facts.headline]
readings, faults = sampler.drain()
trace = build_trace(readings)
print(json.dumps({
    "seconds": end_s - start_s,
    "joules": window_joules(trace, headline, start_s, end_s),
    "before": window_joules(trace, headline, start_s, start_s + seconds / 4),
    "faults": [(fault.meter, fault.message) for fault in faults],
    "smallest": min((reading.joules for reading in readings), default=None),
}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A folder with the compiled library."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc here to compile the fake NVML library with")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("fake_nvml.c")
    name = "libnvidia-ml.so.1"
    flags = ["-shared", "-fPIC", "-Wall", "-Werror", f"-Wl,-soname,{name}"]
    subprocess.run(
        [compiler, *flags, "-o", str(folder / name), str(source), "-lm"], check=True, timeout=60
    )
    return folder


def run(folder, program, *arguments, **variables):
    """What a program printed, in a process that finds its NVML library in `folder`."""
    hidden = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        env={**environment, "LD_LIBRARY_PATH": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_window_of_two_gpus_has_their_power_times_its_time(library):
    found = run(library, SAMPLE, "2")
    assert found["joules"].keys() == {f"gpu:{A}", f"gpu:{B}"}
    for joules in found["joules"].values():
        assert joules == pytest.approx(WATTS * found["seconds"], rel=0.02)
    assert found["faults"] == []


@pytest.mark.parametrize("visible", ["1", B, ""])
def test_all_gpus_are_read_whatever_index_cuda_knows_them_by(library, visible):
    found = run(library, OPEN, CUDA_VISIBLE_DEVICES=visible)
    assert sorted(found["joules"]) == sorted(found["domains"]) == [f"gpu:{A}", f"gpu:{B}"]


def test_a_machine_without_gpus_is_refused_in_a_sentence(library):
    found = run(library, OPEN, FAKE_NVML_GPUS="0")
    assert found == {"refused": "NVML: no GPU on this machine"}


def test_without_the_library_the_meter_says_what_to_look_for(tmp_path):
    (tmp_path / "libnvidia-ml.so.1").touch()  # found first, and no library: so on every machine
    found = run(tmp_path, OPEN)
    assert found["refused"].startswith("NVML: ")
    assert found["refused"].endswith("is an NVIDIA driver installed here?")


@pytest.mark.parametrize("call", ["INIT", "COUNT", "HANDLE"])
def test_a_driver_that_refuses_a_call_is_a_sentence_and_no_crash(library, call):
    found = run(library, OPEN, **{f"FAKE_NVML_{call}": DRIVER_NOT_LOADED})
    assert found["refused"].startswith("NVML: Driver Not Loaded; ")


@pytest.mark.parametrize(
    ("code", "words"),
    [(NOT_SUPPORTED, "Not Supported"), (GPU_IS_LOST, "GPU is lost"), (NOT_READY, "")],
)
def test_a_counter_that_cannot_be_read_is_refused_at_once_and_is_never_zero(library, code, words):
    found = run(library, OPEN, FAKE_NVML_ENERGY=code)
    assert found.keys() == {"refused"}
    assert found["refused"].startswith(f"NVML: energy counter: {words}")


def test_a_refused_meter_is_a_fault_of_the_run_and_gives_no_reading(library):
    found = run(library, SAMPLE, "0", FAKE_NVML_ENERGY=NOT_SUPPORTED)
    assert found["faults"] == [["nvml", "NVML: energy counter: Not Supported"]]
    assert found["smallest"] is None
    assert found["joules"] == {}


def test_a_gpu_that_is_lost_midway_is_a_fault_and_its_window_is_unknown(library):
    found = run(library, SAMPLE, "1", "FAKE_NVML_ENERGY", GPU_IS_LOST)
    assert found["joules"] == {f"gpu:{A}": None, f"gpu:{B}": None}
    assert found["faults"] == [["nvml", "NVML: energy counter: GPU is lost"]]
    assert found["smallest"] > 0
    for joules in found["before"].values():
        assert joules == pytest.approx(WATTS * 0.25, rel=0.25)  # a window of two or three steps


def test_a_driver_that_cannot_say_goodbye_does_not_break_the_end_of_a_run(library):
    found = run(library, OPEN, FAKE_NVML_SHUTDOWN=DRIVER_NOT_LOADED)
    assert len(found["domains"]) == 2
