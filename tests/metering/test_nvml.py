"""The NVML meter through NVIDIA's real Python binding, over a library compiled here in place of theirs.

Each recording is made by a process of its own: the binding loads its library once, by the loader's own
search path.
"""

import json
import random
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from fake_nvml import PowerTrace, compile_library, environment, uuid
from pauses import paused_at, paused_in, pauses_of

from costbench.metering.quality import judge_gpu, judge_sampler
from costbench.metering.sampler import JOULES, Fault, Reading
from costbench.metering.trace import NOTHING, Trace, build_trace, trace_of
from costbench.metering.window_energy import COUNTER, INTEGRAL, LOST, GpuTrace, window_energy
from costbench.types import GPU_SCOPE, MODULE_SCOPE, Device, MeterFacts

NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED, NO_FUNCTION = 3, 4, 9, 13
GPU_IS_LOST, MISMATCH, UNKNOWN_ERROR = 15, 18, 999
WATTS = 300
NOBODY = 99999999  # more than any process number
QUICK = {"FAKE_NVML_PERIOD_S": 0.02, "FAKE_NVML_GPUS": 1}  # so that the meter opens in 0.3 s

FROM_GAP_TO_PREFILL_W = 480
"""By so much power differs within a trace: what nobody read is off by no more."""
LATE_S = 0.05
"""Polls come every 20 ms."""

# Samples for a while and prints all there was; faults count from when it has begun, where START is a file.
RECORD = """
import dataclasses, json, os, pathlib, sys, time
from costbench.metering.nvml import NvmlMeter
from costbench.metering.sampler import Sampler
seconds = float(sys.argv[1])
with Sampler([NvmlMeter()]) as sampler:
    if "FAKE_NVML_START" in os.environ:
        pathlib.Path(os.environ["FAKE_NVML_START"]).touch()
    time.sleep(seconds if sampler.facts else 0)
    until_s = time.monotonic()
    while seconds and not sampler.settled(until_s):
        time.sleep(0.05)
    facts = [each.model_dump(mode="json") for each in sampler.facts]
readings, faults = sampler.drain()
print(json.dumps({
    "facts": facts,
    "until_s": until_s,
    "readings": [dataclasses.astuple(each) for each in readings],
    "faults": [dataclasses.astuple(each) for each in faults],
}))
"""

# A machine with eight GPUs, most of them in trouble of their own; seconds are from the library's init.
WELL, BUSY, GETS_LOST, IS_RESET, GETS_STUCK, COUNTERLESS, SPLIT, MODULE = range(8)
SECONDS, TROUBLE_S = 20, 13
MACHINE = {
    "FAKE_NVML_GPUS": 8,
    "FAKE_NVML_PHASE_S_1": 0.037,
    "FAKE_NVML_CAPPED_SHARE_1": 0.5,
    "FAKE_NVML_HEATING_1": 0.5,
    "FAKE_NVML_PIDS_0": "self",
    "FAKE_NVML_PIDS_1": f"self,1,{NOBODY}",
    "FAKE_NVML_PIDS_7": f"self,{NOBODY}",
    "FAKE_NVML_LOST_S_2": TROUBLE_S,
    "FAKE_NVML_RESET_S_3": TROUBLE_S,
    "FAKE_NVML_STUCK_S_4": TROUBLE_S,
    "FAKE_NVML_ENERGY_5": NOT_SUPPORTED,
    "FAKE_NVML_VIRTUAL_5": 2,
    "FAKE_NVML_MIG_6": 1,
    "FAKE_NVML_C2C_7": 1,
    "FAKE_NVML_READY_S_7": 1,
}


@dataclass(frozen=True)
class Recording:
    """What one process measured, and the truth where there is a trace of power."""

    facts: MeterFacts | None
    faults: list[Fault]
    trace: Trace
    until_s: float
    """Readings go on for a second from here."""
    truth: PowerTrace | None = None

    def device(self, gpu: int) -> Device:
        return self.facts.devices[gpu]

    def gpu(self, gpu: int) -> GpuTrace:
        device = self.device(gpu)
        ends = [(each.code, each.t_s) for each in self.told(gpu) if each.code in LOST]
        return GpuTrace.of(self.trace, device, ends[0] if ends else None)

    def told(self, gpu: int) -> list[Fault]:
        return [each for each in self.faults if each.domain == self.device(gpu).domain]

    def span(self) -> tuple[float, float]:
        """A window that is covered well: power tells of a time half a second before."""
        times = self.trace.counters[self.device(0).domain].t_s
        return float(times[0]) + 0.7, self.until_s

    def counted(self, known, rel, *edges_s):
        """Joules by a counter, whose edges alone are off by what nobody read there."""
        late_s = paused_at(pauses_of(self.trace), *edges_s)
        return pytest.approx(known, abs=rel * known + FROM_GAP_TO_PREFILL_W * late_s)

    def stood_in_for(self, energy, known, window):
        """Whether power tells of a window what is so, or that nobody read it for too long."""
        paused_s = paused_in(pauses_of(self.trace), window)
        if energy.joules is None:
            assert energy.reasons[1:] == ("energy_uncovered",)
            return paused_s > 0.5
        off_j = abs(energy.joules - known)
        return off_j <= 0.02 * known + FROM_GAP_TO_PREFILL_W * paused_s


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A folder with the compiled library."""
    return compile_library(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="module")
def machine(library, tmp_path_factory):
    """What was recorded of the machine with eight GPUs."""
    truth = PowerTrace.random(seed=1, seconds=SECONDS + 15, gpus=8)
    variables = truth.write(tmp_path_factory.mktemp("trace") / "power.txt")
    return record(library, SECONDS, truth, **variables, **MACHINE)


def record(folder, seconds, truth=None, **variables):
    """What the meter gave in a process that finds its NVML library in a folder."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RECORD, str(seconds)],
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return Recording(
        facts=MeterFacts(**found["facts"][0]) if found["facts"] else None,
        faults=[Fault(*each) for each in found["faults"]],
        trace=build_trace(Reading(*each) for each in found["readings"]),
        until_s=found["until_s"],
        truth=truth,
    )


def refused(folder, **variables):
    """The code and the sentence with which the meter did not open."""
    found = record(folder, 0, **variables)
    assert found.facts is None
    assert not found.trace.counters
    (fault,) = found.faults
    return fault.code, fault.message


def drawn(first_s, last_s, seconds, count):
    """Windows at random times."""
    dice = random.Random(seconds)
    starts = [dice.uniform(first_s, last_s - seconds) for _ in range(count)]
    return [(start_s, start_s + seconds) for start_s in starts]


def errors(gpu, truth, at, windows):
    """How far off the energies of windows are, relative to the truth."""
    found = [window_energy(gpu, *window) for window in windows]
    assert {(each.method, each.reasons) for each in found} <= {(COUNTER, ())}
    joules = np.array([each.joules for each in found])
    exact = np.array([truth.joules(at, *window) for window in windows])
    return np.abs(joules / exact - 1)


def seen_late_s(gpu, at_s):
    """How long the polls around a moment were apart."""
    return float(np.diff(gpu.counter.between(at_s - 0.2, at_s + 0.2).seen_s).max())


def test_a_window_of_two_gpus_has_their_power_times_its_time(library):
    found = record(library, 2.5)
    start_s, end_s = found.span()
    for at in range(2):
        energy = window_energy(found.gpu(at), start_s, end_s)
        known = WATTS * (end_s - start_s)
        assert energy.joules == found.counted(known, 0.02, start_s, end_s)
        assert (energy.method, energy.bound, energy.reasons) == (COUNTER, "exact", ())
    assert found.facts.headline == (f"gpu:{uuid(0)}", f"gpu:{uuid(1)}")
    assert found.facts.period_s == 0.02
    assert found.faults == []


@pytest.mark.parametrize("visible", ["1", uuid(1), ""])
def test_all_gpus_are_read_whatever_index_cuda_knows_them_by(library, visible):
    found = record(library, 0, FAKE_NVML_PERIOD_S=0.02, CUDA_VISIBLE_DEVICES=visible)
    assert [device.domain for device in found.facts.devices] == [f"gpu:{uuid(0)}", f"gpu:{uuid(1)}"]
    assert found.trace.counters.keys() == set(found.facts.headline)


def test_a_machine_without_gpus_is_refused_in_a_sentence(library):
    assert refused(library, FAKE_NVML_GPUS=0) == ("no_gpu", "NVML: no GPU on this machine")


def test_without_the_library_the_meter_says_what_to_look_for(tmp_path):
    (tmp_path / "libnvidia-ml.so.1").touch()  # found first, and no library: so on every machine
    code, message = refused(tmp_path)
    assert code == "nvml_missing"
    assert message.endswith("is an NVIDIA driver installed here?")


@pytest.mark.parametrize(
    ("call", "returned", "code"),
    [
        ("INIT", DRIVER_NOT_LOADED, "no_gpu"),
        ("INIT", NO_PERMISSION, "permission"),
        ("INIT", MISMATCH, "driver_mismatch"),
        ("INIT", UNKNOWN_ERROR, None),
        ("COUNT", NO_PERMISSION, "permission"),
        ("HANDLE", GPU_IS_LOST, "gpu_lost"),
    ],
)
def test_a_driver_that_refuses_a_call_is_a_reason_and_no_crash(library, call, returned, code):
    told, message = refused(library, **{f"FAKE_NVML_{call}": returned})
    assert told == code
    assert message.startswith("NVML: ")


def test_neither_energy_nor_power_is_refused_and_is_never_zero(library):
    calls = ("ENERGY", "POWER", "FIELDS")
    told = refused(library, **{f"FAKE_NVML_{call}": NOT_SUPPORTED for call in calls})
    assert told == ("counter_unsupported", "NVML: Not Supported (energy counter)")


def test_a_counter_that_never_moves_is_not_taken_for_one(library):
    found = record(library, 0, FAKE_NVML_STUCK_S=0, FAKE_NVML_GPUS=1)
    assert found.device(0).update_period_s is None
    assert [fault.code for fault in found.told(0)] == ["counter_stuck"]
    assert found.facts.method == INTEGRAL


def test_an_old_driver_that_tells_little_still_counts(library):
    calls = {"INFO": NO_FUNCTION, "GAUGES": NOT_SUPPORTED, "PROCESSES": NO_PERMISSION, "FIELDS": 13}
    found = record(library, 1, **QUICK, **{f"FAKE_NVML_{call}": c for call, c in calls.items()})
    device = found.device(0)
    assert (device.name, device.architecture, device.persistence) == ("unknown", None, None)
    assert (device.processes, device.memory_used_mib, device.power_limit_w) == (None, None, None)
    assert {quantity for domain, quantity in found.trace.gauges if domain != "clock"} == {"power_w"}
    assert found.faults == []


def test_a_driver_that_cannot_say_goodbye_does_not_break_the_end_of_a_run(library):
    found = record(library, 0, FAKE_NVML_SHUTDOWN=DRIVER_NOT_LOADED, **QUICK)
    assert len(found.facts.devices) == 1
    assert found.faults == []


def test_a_slow_driver_is_asked_less_often(library):
    found = record(library, 0, FAKE_NVML_DELAY_US=3000, **QUICK)
    assert found.facts.period_s == 0.05


def test_a_driver_that_goes_and_comes_back_is_read_on(library, tmp_path):
    gone = {"FAKE_NVML_START": tmp_path / "begun", "FAKE_NVML_GONE_S": 1.2}
    found = record(library, 4, **gone, **QUICK)
    (fault,) = found.faults
    assert (fault.code, fault.domain) == ("driver_gone", found.device(0).domain)
    power = found.trace.gauge(found.device(0).domain, "power_w")
    paused_s = sum(end_s - start_s for start_s, end_s in pauses_of(found.trace))
    assert 0.9 < np.diff(power.t_s).max() < 1.5 + paused_s
    assert found.trace.counters[found.device(0).domain].t_s[-1] - fault.t_s > 1.5
    start_s, end_s = found.span()
    energy = window_energy(GpuTrace.of(found.trace, found.device(0)), start_s, end_s)
    assert energy.joules == found.counted(WATTS * (end_s - start_s), 0.02, start_s, end_s)


def test_what_kind_each_gpu_is_and_what_is_doubtful_about_it(machine):
    device = machine.device(WELL)
    assert (device.name, device.architecture, device.driver) == (
        "NVIDIA H200", "Hopper", "580.65.06",
    )  # fmt: skip
    assert device.update_period_s == pytest.approx(0.1, abs=0.01)
    assert (device.power_window_s, device.power_covered, device.power_limit_w) == (1.0, True, 700)
    assert (device.scope, device.virtualization, device.processes) == (GPU_SCOPE, "none", 0)
    assert (device.persistence, device.ecc, device.memory_used_mib) == (True, True, 500)
    doubts = {at: machine.device(at).reasons for at in range(8) if machine.device(at).reasons}
    assert doubts == {COUNTERLESS: ("vgpu",), SPLIT: ("mig",), MODULE: ("gpu_module",)}
    assert machine.device(SPLIT).mig_uuids == (uuid(SPLIT).replace("GPU", "MIG"),)
    assert machine.device(MODULE).scope == MODULE_SCOPE
    assert machine.device(BUSY).processes == 2  # not counting our own


def test_only_what_went_wrong_is_told_and_each_once(machine):
    told = {(fault.code, fault.domain) for fault in machine.faults}
    assert len(machine.faults) == len(told)
    assert told == {
        ("gpu_lost", machine.device(GETS_LOST).domain),
        ("counter_unsupported", machine.device(COUNTERLESS).domain),
    }


@pytest.mark.parametrize("at", [WELL, BUSY, SPLIT, MODULE])
@pytest.mark.parametrize(("seconds", "bar"), [(1, 0.04), (10, 0.005)])
def test_windows_at_random_times_are_exact(machine, at, seconds, bar):
    """Edges as polled would be 9 % off at 1 s. On a busy machine polls come late, and then that is told."""
    gpu = machine.gpu(at)
    windows = [
        window
        for window in drawn(*machine.span(), seconds, count=300)
        if not judge_sampler(machine.trace, window, gpu.device.update_period_s)
        and max(seen_late_s(gpu, edge_s) for edge_s in window) <= LATE_S
    ]
    off = errors(gpu, machine.truth, at, windows)
    assert len(windows) < 30 or np.percentile(off, 95) < bar


def test_a_gpu_that_is_lost_midway_gives_what_was_read_before_and_says_so(machine):
    gpu, (start_s, end_s) = machine.gpu(GETS_LOST), machine.span()
    energy = window_energy(gpu, start_s, end_s)
    assert (energy.bound, energy.reasons) == ("partial", ("gpu_lost",))
    last_s = gpu.counter.t_s[-1]
    known = machine.truth.joules(GETS_LOST, start_s, last_s)
    assert energy.joules == machine.counted(known, 0.02, start_s, last_s)
    before = window_energy(gpu, start_s, min(start_s + 5, last_s - 0.5))
    assert (before.bound, before.reasons) == ("exact", ())
    after = window_energy(gpu, gpu.lost[1] + 1, end_s)
    assert (after.joules, after.reasons) == (None, ("gpu_lost",))


def test_a_counter_that_is_set_back_is_bridged_by_power(machine):
    window = machine.span()
    energy = window_energy(machine.gpu(IS_RESET), *window)
    assert machine.stood_in_for(energy, machine.truth.joules(IS_RESET, *window), window)
    assert energy.reasons[0] == "counter_reset"
    if energy.joules is not None:
        assert (energy.method, energy.reasons) == (f"{COUNTER}+{INTEGRAL}", ("counter_reset",))


@pytest.mark.parametrize(
    ("at", "reason"), [(GETS_STUCK, "counter_stuck"), (COUNTERLESS, "power_integral")]
)
def test_power_stands_in_for_a_counter_that_stands_still_or_is_not_there(machine, at, reason):
    window = machine.span()
    energy = window_energy(machine.gpu(at), *window)
    assert machine.stood_in_for(energy, machine.truth.joules(at, *window), window)
    assert energy.reasons[0] == reason
    if energy.joules is not None:
        assert (energy.method, energy.reasons) == (INTEGRAL, (reason,))


def test_throttling_heat_and_strangers_are_seen(machine):
    window = machine.span()

    def codes(at):
        gpu = machine.gpu(at)
        found = set(judge_gpu(gpu, window, window_energy(gpu, *window), None))
        # Power that nobody read for a while is no measure for the counter.
        paused = paused_in(pauses_of(machine.trace), window) > 0
        return found - {"counter_differs", "counter_disagrees"} if paused else found

    assert codes(WELL) == set()
    assert codes(BUSY) == {"power_capped", "temperature_far", "shared_gpu"}
    assert codes(SPLIT) == {"mig"}
    assert codes(MODULE) == {"gpu_module", "shared_gpu"}  # whoever it is was there before us


def test_gauges_arrive_as_they_are(machine):
    gauges = machine.gpu(BUSY).gauges
    last = {quantity: float(samples.values[-1]) for quantity, samples in gauges.items()}
    assert (last["sm_clock_mhz"], last["memory_clock_mhz"]) == (1980, 3201)
    assert (last["utilization_percent"], last["memory_used_mib"]) == (90, 500)
    assert (last["processes"], last["own_processes"]) == (3, 1)
    assert (last["foreign_processes"], last["unknown_processes"]) == (1, 1)
    start_s, end_s = machine.span()
    capped = gauges["power_capped_s"]
    # A reading's time is off by half of what it took.
    late_s = 0.01 * (end_s - start_s) + paused_at(pauses_of(machine.trace), start_s, end_s)
    assert capped.at(end_s) - capped.at(start_s) == pytest.approx(
        (end_s - start_s) / 2, abs=late_s / 2
    )
    assert gauges["hardware_slowdown_s"].values.max() == 0
    assert "utilization_percent" not in machine.gpu(SPLIT).gauges  # MIG has none


@pytest.mark.parametrize(("seconds", "bar"), [(1, 0.02), (10, 0.005), (30, 0.002)])
def test_long_series_of_polls_give_exact_windows(seconds, bar):
    """What the sampler would have read in ten minutes, without waiting for them.

    At 1 s the counter's 100 ms alone leave 1.8 % open; polls 20 ms apart add next to nothing, since the
    counter's own rhythm tells when it moved.
    """
    truth = PowerTrace.random(seed=2, seconds=600)
    dice = np.random.default_rng(3)
    polls_s = truth.epoch_s + np.cumsum(0.02 + dice.exponential(0.001, 28000))  # each a bit late
    updates_s = np.floor((polls_s - truth.epoch_s) / 0.1) * 0.1
    joules = np.floor(truth.integral(0, truth.epoch_s + updates_s) * 1000) / 1000
    counter = trace_of({("gpu", JOULES): (polls_s, joules)}).counters["gpu"]
    gpu = GpuTrace(Device(domain="gpu", name="", update_period_s=0.1), counter, NOTHING, {})
    first_s, last_s = counter.t_s[[1, -1]]
    off = errors(gpu, truth, 0, drawn(first_s, last_s, seconds, count=2000))
    assert np.percentile(off, 95) < bar
