"""A machine with NVIDIA GPUs, where there is none: our stand-in for their library, and what the GPUs draw."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

_SOURCE = Path(__file__).with_name("metering") / "fake_nvml.c"
_NAME = "libnvidia-ml.so.1"
_FLAGS = ("-shared", "-fPIC", "-Wall", "-Werror", f"-Wl,-soname,{_NAME}")
_HIDDEN = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


def uuid(gpu: int) -> str:
    """What the stand-in calls its GPUs."""
    digit, letter = str(gpu), "abcdefgh"[gpu]
    return "-".join(["GPU", letter * 8, digit * 4, digit * 4, digit * 4, digit * 12])


def compile_library(folder: Path) -> Path:
    """Compile the library into a folder, which is given back; skips the test where no compiler is."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc here to compile the fake NVML library with")
    command = [compiler, *_FLAGS, "-o", str(folder / _NAME), str(_SOURCE), "-lm"]
    subprocess.run(command, check=True, timeout=60)
    return folder


def environment(folder: Path, **variables: object) -> dict[str, str]:
    """For a process that finds its NVML library in a folder; the variables are listed in fake_nvml.c."""
    kept = {key: value for key, value in os.environ.items() if key not in _HIDDEN}
    return {
        **kept,
        "LD_LIBRARY_PATH": str(folder),
        **{key: str(value) for key, value in variables.items()},
    }


@dataclass(frozen=True)
class PowerTrace:
    """What every GPU draws: power holds from one step to the next, and after the last one for ever."""

    t_s: tuple[float, ...]
    """When each step begins, from the epoch."""
    watts: tuple[tuple[float, ...], ...]
    """By step and GPU."""
    epoch_s: float = field(default_factory=time.monotonic)
    """Where t = 0 is on the monotonic clock."""

    @classmethod
    def random(cls, seed: int, seconds: float, gpus: int = 1) -> "PowerTrace":
        """Bursts as of a language model at work: 600 W prefill, 250 to 420 W decoding, gaps at 120 W."""
        each = [dict(_bursts(random.Random(f"{seed} {gpu}"), seconds)) for gpu in range(gpus)]
        times = sorted(set().union(*each))
        now = [0.0] * gpus
        rows = []
        for t_s in times:
            now = [steps.get(t_s, watts) for steps, watts in zip(each, now, strict=True)]
            rows.append(tuple(now))
        return cls(tuple(times), tuple(rows))

    def write(self, path: Path) -> dict[str, str]:
        """Write it to a file; gives the variables with which the library replays it."""
        steps = zip(self.t_s, self.watts, strict=True)
        lines = (" ".join(map(repr, (t_s, *watts))) for t_s, watts in steps)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return {"FAKE_NVML_TRACE": str(path), "FAKE_NVML_EPOCH": repr(self.epoch_s)}

    def joules(self, gpu: int, start_s: float, end_s: float) -> float:
        """The exact energy of a GPU between two times of the monotonic clock."""
        return float(np.diff(self.integral(gpu, np.array([start_s, end_s])))[0])

    def integral(self, gpu: int, t_s: np.ndarray) -> np.ndarray:
        """Joules from the first step to each of these times of the monotonic clock."""
        times, watts, joules = self._columns
        since_epoch_s = t_s - self.epoch_s
        at = np.maximum(np.searchsorted(times, since_epoch_s, side="right") - 1, 0)
        return joules[at, gpu] + watts[at, gpu] * (since_epoch_s - times[at])

    @cached_property
    def _columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        times, watts = np.array(self.t_s), np.array(self.watts)
        spent = watts[:-1] * np.diff(times)[:, None]
        return times, watts, np.vstack((np.zeros_like(watts[:1]), np.cumsum(spent, axis=0)))


def _bursts(dice: random.Random, seconds: float) -> Iterator[tuple[float, float]]:
    """Times and watts, about 300 W on average: a prefill, some stretches of decoding, a gap; again."""
    t_s = 0.0
    while t_s < seconds:
        decoding = [(dice.uniform(250, 420), 0.05, 0.8) for _ in range(dice.randint(1, 4))]
        for watts, shortest_s, longest_s in ((600.0, 0.02, 0.2), *decoding, (120.0, 0.1, 0.7)):
            yield t_s, watts
            t_s += dice.uniform(shortest_s, longest_s)
