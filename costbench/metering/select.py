"""Which meters to try here, the best first."""

import os
from collections.abc import Sequence
from typing import Literal

from costbench.interfaces import Meter
from costbench.metering.codecarbon import CodeCarbonMeter
from costbench.metering.nvml import NvmlMeter
from costbench.metering.rapl import RaplMeter


def meters_for(
    choice: Literal["auto", "none"] | Sequence[Meter], *, gpu: bool, server_pid: int | None = None
) -> Sequence[Meter]:
    """Meters for the suite's key.

    "auto" is NVML's counters where there is a GPU, with CodeCarbon as a second opinion; elsewhere RAPL where
    this kernel has it, and CodeCarbon's model.
    """
    if choice == "none" or not is_local_rank_zero():
        return ()
    if choice != "auto":
        return choice
    if gpu:
        return (NvmlMeter(server_pid=server_pid), CodeCarbonMeter(gpus=True))
    rapl = RaplMeter()
    return (rapl, CodeCarbonMeter()) if rapl.is_there() else (CodeCarbonMeter(),)


def is_local_rank_zero() -> bool:
    """Of several processes of one job on a machine, one measures; joules must not be counted twice."""
    return os.environ.get("LOCAL_RANK", "0") in {"", "0"}
