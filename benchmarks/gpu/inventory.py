"""What this machine and its GPU are, as the present user sees them: every getter, with its return code."""

import hashlib
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.reading import THROTTLING, Gpu
from costbench.metering.nvml_devices import AVERAGE, INSTANT
from costbench.metering.nvml_library import text
from costbench.metering.processes import census
from costbench.metering.trace import Floats

_GETTERS = (
    "Name", "Brand", "Architecture", "CudaComputeCapability", "VbiosVersion", "PersistenceMode",
    "ComputeMode", "EccMode", "MigMode", "MaxMigDeviceCount", "VirtualizationMode", "C2cModeInfoV",
    "BusType", "PowerSource", "PowerManagementLimit", "PowerManagementLimitConstraints",
    "PowerManagementDefaultLimit", "EnforcedPowerLimit", "PowerUsage", "TotalEnergyConsumption",
    "PerformanceState", "UtilizationRates", "MemoryInfo", "BAR1MemoryInfo", "CurrentClocksEventReasons",
    "SupportedClocksEventReasons", "MarginTemperature", "NumGpuCores", "MemoryBusWidth",
    "CurrPcieLinkGeneration", "CurrPcieLinkWidth", "NumaNodeId", "AddressingMode",
    "AutoBoostedClocksEnabled", "AdaptiveClockInfoStatus", "NumFans", "Index", "MultiGpuBoard",
    "AccountingMode",
)  # fmt: skip
"""Without arguments. Not among them: serial and part numbers, bus ids, host names."""
_WITH = {
    "Temperature": ((0,), (1,)), "TemperatureThreshold": ((0,), (1,), (2,), (3,)),
    "ClockInfo": ((0,), (1,), (2,), (3,)), "MaxClockInfo": ((0,), (1,), (2,)),
    "ApplicationsClock": ((0,), (1,), (2,)), "DefaultApplicationsClock": ((0,), (2,)),
}  # fmt: skip
_FIELDS = (*THROTTLING.values(), 83, AVERAGE, INSTANT, *range(187, 193))
_SCOPES = (0, 1, 2, 3)
_TOTAL_POWER_SAMPLES, _MODULE_POWER_SAMPLES = 0, 7
_TEXT_AT_MOST = 80
_PACKAGES = (
    "costbench", "torch", "transformers", "numpy", "pydantic", "nvidia-ml-py", "codecarbon", "vllm", "pandas",
)  # fmt: skip
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_CALLS, _CALLS_AT_LEAST_S = 300, 0.25


def short(uuid: str) -> str:
    """A GPU's name in what is published: tells two cards apart and does not name one."""
    return f"GPU-{hashlib.sha256(uuid.encode()).hexdigest()[:8]}"


def machine() -> dict[str, Any]:
    """Without torch: nothing here may open a context."""
    return {
        "cpu": _cpuinfo("model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1
        ),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": dict(_versions()),
        "virtual": "hypervisor" in (_cpuinfo("flags") or "").split(),
        "container": any(Path(mark).exists() for mark in _CONTAINER_MARKS) or _own_pids(),
        "root": os.geteuid() == 0,
        "nvidia_smi": shutil.which("nvidia-smi") is not None,
        "rapl": any(Path("/sys/class/powercap").glob("intel-rapl*")),
        "visible_devices_set": "CUDA_VISIBLE_DEVICES" in os.environ,
    }


def gpu_inventory(gpu: Gpu) -> dict[str, Any]:
    """Everything that NVML says of it without privileges, or the code with which it does not."""
    known = gpu.binding.known
    driver, nvml = known("nvmlSystemGetDriverVersion"), known("nvmlSystemGetNVMLVersion")
    device = gpu.device.model_dump(mode="json", exclude={"domain", "mig_uuids"})
    return {
        "gpu": short(gpu.uuid),
        "gpus_here": len(gpu.binding.handles()),
        "driver": None if driver is None else text(driver),
        "nvml": None if nvml is None else text(nvml),
        "cuda_of_the_driver": known("nvmlSystemGetCudaDriverVersion"),
        "as_costbench_sees_it": device,
        "counter_error": None if gpu.counter_error is None else str(gpu.counter_error),
        "getters": dict(_getters(gpu)),
        "fields": [_field(gpu, field, scope) for field in _FIELDS for scope in _SCOPES],
        "power_samples": {
            name: _samples(gpu, kind)
            for name, kind in (("total", _TOTAL_POWER_SAMPLES), ("module", _MODULE_POWER_SAMPLES))
        },
        "processes": processes(gpu),
    }


def processes(gpu: Gpu) -> dict[str, Any]:
    """How many are listed, and whose they seem to be; no names."""
    pids = gpu.pids()
    if pids is None:
        return {"listed": None}
    counted = census(pids, frozenset([os.getpid()]))
    return {
        "listed": len(pids), "own": counted.own, "foreign": counted.foreign, "unknown": counted.unknown,
    }  # fmt: skip


def latencies(gpu: Gpu, calls: int = _CALLS) -> dict[str, Floats]:
    """Seconds that each call took which costbench makes while it measures."""
    library, handle = gpu.binding, gpu.handle
    asked: dict[str, Callable[[], object]] = {
        "counter": gpu.counter_j,
        "usage": gpu.usage_w,
        "powers": gpu.powers_w,
        "throttling": gpu.throttled_s,
        "temperature": gpu.temperature_c,
        "clock": lambda: library.known("nvmlDeviceGetClockInfo", handle, 1),
        "utilization": lambda: library.known("nvmlDeviceGetUtilizationRates", handle),
        "memory": gpu.memory_used_mib,
        "processes": gpu.pids,
    }
    return {f"{name}_call_s": _durations(ask, calls) for name, ask in asked.items()}


def _durations(ask: Callable[[], object], calls: int) -> Floats:
    took: list[float] = []
    end_s = time.perf_counter() + _CALLS_AT_LEAST_S
    while len(took) < calls and (time.perf_counter() < end_s or len(took) < calls // 10):
        began_s = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began_s)
        time.sleep(0.0005)  # one after the other, but not as one burst
    return np.array(took)


def _getters(gpu: Gpu) -> Iterable[tuple[str, dict[str, Any]]]:
    calls: list[tuple[str, tuple[int, ...]]] = [(name, ()) for name in _GETTERS]
    calls += [(name, arguments) for name, each in _WITH.items() for arguments in each]
    for name, arguments in calls:
        yield " ".join([name, *map(str, arguments)]), _asked(gpu, f"nvmlDeviceGet{name}", arguments)


def _asked(gpu: Gpu, name: str, arguments: tuple[int, ...]) -> dict[str, Any]:
    nvml = gpu.binding.nvml
    try:
        return {"code": 0, "value": _plain(getattr(nvml, name)(gpu.handle, *arguments))}
    except nvml.NVMLError as error:
        return {"code": int(error.value)}
    except Exception as error:  # noqa: BLE001 - a binding that lacks or breaks one call still has the others
        return {"code": None, "error": type(error).__name__}


def _field(gpu: Gpu, field: int, scope: int) -> dict[str, Any]:
    try:
        (found,) = gpu.binding.nvml.nvmlDeviceGetFieldValues(gpu.handle, [(field, scope)])
    except gpu.binding.nvml.NVMLError as error:
        return {"field": field, "scope": scope, "code": int(error.value)}
    (value,) = gpu.binding.fields(gpu.handle, [(field, scope)])
    return {
        "field": field, "scope": scope, "code": int(found.nvmlReturn),
        "type": int(found.valueType), "value": value,
        "latency_us": int(found.latencyUsec), "stamped": bool(found.timestamp),
    }  # fmt: skip


def _samples(gpu: Gpu, kind: int) -> dict[str, Any]:
    nvml = gpu.binding.nvml
    try:
        _, samples = nvml.nvmlDeviceGetSamples(gpu.handle, kind, 0)
    except nvml.NVMLError as error:
        return {"code": int(error.value)}
    stamps = np.array([sample.timeStamp for sample in samples], dtype=np.float64)
    gaps_ms = np.diff(stamps) * 1e-3
    return {
        "code": 0, "count": len(samples),
        "median_gap_ms": round(float(np.median(gaps_ms)), 3) if gaps_ms.size else None,
        "span_s": round(float(stamps[-1] - stamps[0]) * 1e-6, 3) if stamps.size else None,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, float)) or value is None:
        return value if value is None or math.isfinite(value) else None
    if isinstance(value, (bytes, str)):
        return text(value)[:_TEXT_AT_MOST]
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    names = [name for name, *_ in getattr(value, "_fields_", ())]
    numbers = {name: getattr(value, name) for name in names}
    return {name: each for name, each in numbers.items() if isinstance(each, (bool, int, float))}


def _versions() -> Iterable[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def _cpuinfo(key: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), None)


def _own_pids() -> bool:
    """Whether process 1 is no init: a container's own numbering."""
    try:
        name = Path("/proc/1/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return name not in {"systemd", "init"}
