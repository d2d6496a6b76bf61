"""Every doubt about joules, by its code: what it does to their quality, what it means, and what to do.

A closed list. Whatever goes wrong with a meter ends as one of these codes beside a figure or beside `null`;
nothing ever becomes a 0. What decides each of them: docs/measurement.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from costbench.types import Quality


@dataclass(frozen=True)
class Reason:
    """What a code stands for."""

    quality: Quality
    """The best that joules with this doubt can be."""
    label: str
    hint: str | None = None


REASONS: Mapping[str, Reason] = {
    # Nothing can be measured.
    "no_meter": Reason(
        "unavailable",
        "no meter for what did the work: energy and carbon are not known",
        "costbench doctor",
    ),
    "imported_without_energy": Reason(
        "unavailable",
        "imported without a trace of energy: joules and carbon are not known",
        "costbench import --energy TRACE",
    ),
    "nvml_missing": Reason(
        "unavailable",
        "NVIDIA's library libnvidia-ml.so.1 is not here",
        "install the NVIDIA driver; in a container ask for the driver capability `utility`",
    ),
    "no_gpu": Reason("unavailable", "there is no NVIDIA GPU here", "nvidia-smi should list one"),
    "driver_mismatch": Reason(
        "unavailable", "NVIDIA's library and kernel driver differ in version", "restart the machine"
    ),
    "permission": Reason(
        "unavailable",
        "the driver refuses to be read here",
        "let this user, or this container's cgroup, at the devices /dev/nvidia*",
    ),
    "counter_unsupported": Reason(
        "unavailable", "the GPU has neither an energy counter nor a power reading"
    ),
    "counter_not_ready": Reason(
        "unavailable", "the GPU's energy counter is not ready", "try again; else restart the driver"
    ),
    "vgpu_unproven": Reason(
        "unavailable", "a virtual GPU whose counter could not be checked", "measure on the host"
    ),
    "device_mismatch": Reason(
        "unavailable",
        "NVML does not know the GPU that the engine works on",
        "let NVML see it: nvidia-smi -L must list its UUID",
    ),
    "below_resolution": Reason(
        "unavailable", "the window is shorter than the counter can resolve", "longer windows"
    ),
    "remote_server": Reason(
        "unavailable",
        "a server on another machine did the work: its energy is not known here",
        "measure where the server is",
    ),
    "server_not_named": Reason(
        "unavailable",
        "a server did the work, and nobody said that it is on this machine",
        "`meters: {server_pid: …}`, and on a GPU `gpus: […]`",
    ),
    "server_gpus_not_named": Reason(
        "unavailable",
        "a server did the work, and nobody said on which GPUs",
        "`meters: {server_pid: …, gpus: […]}`",
    ),
    "energy_uncovered": Reason(
        "unavailable", "the meter did not cover every window: energy is not known"
    ),
    "not_rank_zero": Reason(
        "unavailable",
        "of several processes on one machine only local rank 0 measures",
        "its run folder has the joules",
    ),
    "rapl_absent": Reason(
        "unavailable",
        "no RAPL on this machine (virtual machines and macOS have none)",
        "what there is instead is a model of the machine",
    ),
    "rapl_permission": Reason(
        "unavailable",
        "RAPL is readable for root only (CVE-2020-8694)",
        "run as root, or a udev rule that gives your group read access to energy_uj",
    ),
    "rapl_masked": Reason(
        "unavailable",
        "this container hides RAPL (Docker since 24.0.7)",
        "measure outside, or mount /sys/class/powercap",
    ),
    "rapl_ambiguous": Reason(
        "unavailable", "RAPL was not read for so long that it may have wrapped more than once"
    ),
    "codecarbon_missing": Reason(
        "unavailable", "codecarbon is not installed", "pip install codecarbon"
    ),
    "codecarbon_failed": Reason("unavailable", "CodeCarbon gave no figure"),
    # It broke on the way.
    "gpu_lost": Reason(
        "failed",
        "the GPU was lost: energy up to its last reading, a lower bound",
        "look for Xid messages of the kernel; the GPU needs a reset",
    ),
    "driver_gone": Reason(
        "failed", "the driver went away: energy up to its last reading, a lower bound"
    ),
    "sampler_crashed": Reason("failed", "the sampler stopped", "please report this"),
    # There are figures, and they are left out of rankings.
    "counter_reset": Reason(
        "unreliable",
        "the energy counter was set back in a window",
        "nvidia-smi -pm 1 keeps the driver loaded; look for resets",
    ),
    "counter_disagrees": Reason(
        "unreliable", "counter and integral of power differ by more than they may"
    ),
    "few_updates": Reason(
        "unreliable", "the counter moved less than 20 times in a window", "longer windows"
    ),
    "unreliable_window": Reason(
        "unreliable", "windows under 2 s in all: energy is unreliable", "protocol: standard"
    ),
    "sampler_stalled": Reason(
        "unreliable",
        "the sampler paused for more than 1 s, or at a window's edge",
        "keep a core free for it",
    ),
    "power_implausible": Reason(
        "unreliable", "mean power below idle or above the GPU's limit: something is misread"
    ),
    "hardware_slowdown": Reason(
        "unreliable",
        "the GPU slowed itself down for heat or for lack of power",
        "look at cooling and power supply",
    ),
    "temperature_far": Reason(
        "unreliable", "the GPU's temperature moved by more than 8 °C in a window", "longer warm-up"
    ),
    "mig": Reason(
        "unreliable",
        "MIG is on: an upper bound, the energy of the whole GPU and all its instances",
        "measure with MIG off",
    ),
    "shared_gpu": Reason(
        "unreliable",
        "another process used the GPU: an upper bound, its energy included",
        "nvidia-smi names it; a server of yours: `meters: {server_pid: …}`",
    ),
    "repeats_scatter": Reason(
        "unreliable", "passes differ by more than 5 % in joules per token", "a quiet machine"
    ),
    # They are usable, and no better than that.
    "power_integral": Reason(
        "degraded", "no energy counter: joules are the integral of power readings"
    ),
    "counter_stuck": Reason(
        "degraded", "the energy counter stood still under load: the integral of power instead"
    ),
    "counter_differs": Reason("degraded", "counter and integral of power differ noticeably"),
    "some_updates": Reason(
        "degraded", "the counter moved less than 100 times in a window", "longer windows"
    ),
    "low_resolution": Reason(
        "degraded", "windows under 10 s in all: energy is coarse", "longer windows"
    ),
    "sampler_late": Reason("degraded", "the sampler was late by more than two updates"),
    "power_capped": Reason(
        "degraded", "the GPU ran at its power cap for part of a window: normal under full load"
    ),
    "software_throttled": Reason(
        "degraded", "the driver lowered the clocks for heat for part of a window", "more cooling"
    ),
    "temperature_drift": Reason(
        "degraded", "the GPU's temperature moved by more than 3 °C in a window", "longer warm-up"
    ),
    "processes_hidden": Reason(
        "degraded", "processes on the GPU are hidden from this container: it may be shared"
    ),
    "vgpu": Reason("degraded", "a virtual GPU: its counter agrees with its power"),
    "clock_step": Reason("degraded", "the machine's clock was set, or it was suspended"),
    "repeats_vary": Reason("degraded", "passes differ by more than 2 % in joules per token"),
    "baseline_drift": Reason("degraded", "idle power differs before and after the work"),
    "not_steady": Reason("degraded", "warm-up did not become steady in the time it had"),
    "few_passes": Reason(
        "degraded", "fewer passes than the protocol asks for", "more samples_per_problem"
    ),
    "no_idle": Reason("degraded", "no idle power was measured: no net figures"),
    "short_window": Reason("degraded", "windows shorter than the protocol asks for"),
    "protocol_changed": Reason("degraded", "the suite shortens durations of its protocol"),
    "protocol_quick": Reason(
        "degraded",
        "protocol quick (minutes): a demonstration, not a basis for published claims",
        "protocol: standard",
    ),
    "modelled_not_measured": Reason(
        "degraded", "no energy counter: joules are CodeCarbon's model of this machine, not measured"
    ),
    "constant_ram_term": Reason(
        "degraded", "most of the modelled power is a constant for memory: time in disguise"
    ),
    "rapl_in_vm": Reason(
        "degraded", "the CPU's counter is the hypervisor's model of this virtual machine"
    ),
    "codecarbon_setting": Reason(
        "degraded", "CodeCarbon did not keep to the settings it was given"
    ),
    "resumed": Reason(
        "degraded", "interrupted and resumed: work lost in flight is in its time and energy"
    ),
    "imported_trace": Reason(
        "degraded",
        "joules are cut out of an imported trace, over windows by the other tool's clock",
    ),
    # Worth knowing.
    "gpu_module": Reason("ok", "the counter is that of the whole module, CPU and memory included"),
    "mirrored_zones": Reason("ok", "a CPU socket that is shown once per die was counted once"),
    "second_opinion_dropped": Reason(
        "ok", "CodeCarbon's figure for the GPUs is out of its gate and is not used"
    ),
}


def quality_of(codes: Iterable[str]) -> Quality:
    """The verdict on joules with these doubts: that of the worst; a stranger's code counts as degraded."""
    found = [REASONS[code].quality if code in REASONS else "degraded" for code in codes]
    return max(found, key=get_args(Quality).index, default="ok")
