"""What the making of a machine has emitted, by the second of its use."""

from costbench.hardware import Machine
from costbench.prices.book import PriceBook
from costbench.prices.site import Embodied
from costbench.prices.tariffs import fits
from costbench.units import SECONDS_PER_YEAR

_G_PER_KG = 1000


def embodied_entries(book: PriceBook | None, machine: Machine, gpus: int) -> tuple[Embodied, ...]:
    """What counts: of the GPUs and of the rest of the machine the first entry that fits, each."""
    fitting = [
        entry for entry in (book.embodied if book else ()) if fits(entry.match, machine, gpus)
    ]
    parts = [next((one for one in fitting if one.per == per), None) for per in ("gpu", "machine")]
    return tuple(part for part in parts if part is not None)


def embodied_gco2e_per_s(book: PriceBook | None, machine: Machine, gpus: int) -> float | None:
    """Of the GPUs reserved and their share of the rest of the machine; None where the book has neither.

    For each of the two: mass / (life x utilization), as in ISO/IEC 21031 (SCI).
    """
    found = [
        _g_per_s(part) * _count(part, machine, gpus)
        for part in embodied_entries(book, machine, gpus)
    ]
    return sum(found) if any(found) else None


def _g_per_s(entry: Embodied) -> float:
    return entry.kgco2e * _G_PER_KG / (entry.life_years * SECONDS_PER_YEAR * entry.utilization)


def _count(entry: Embodied, machine: Machine, gpus: int) -> float:
    """GPUs, or machines."""
    if entry.per == "gpu" or not gpus:
        return gpus if entry.per == "gpu" else 1
    return gpus / (entry.gpus or len(machine.gpus))
