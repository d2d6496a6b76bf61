"""Which meters to try here, the best first."""

from collections.abc import Sequence
from typing import Literal

from costbench.interfaces import Meter
from costbench.metering.codecarbon import CodeCarbonMeter
from costbench.metering.nvml import NvmlMeter
from costbench.metering.rapl import RaplMeter


def meters_for(choice: Literal["auto", "none"] | Sequence[Meter], *, gpu: bool) -> Sequence[Meter]:
    """Meters for the suite's key; "auto" is counters where there is a GPU, else CodeCarbon's model."""
    if choice == "none":
        return ()
    if choice != "auto":
        return choice
    if gpu:
        return (NvmlMeter(),)
    rapl = RaplMeter()
    return (rapl, CodeCarbonMeter()) if rapl.is_there() else (CodeCarbonMeter(),)
