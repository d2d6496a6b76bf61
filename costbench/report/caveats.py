"""Caveats: a closed list, each with a sentence for the reader and decided by a rule."""

from collections.abc import Mapping

import numpy as np

from costbench.records import ERROR, TRUNCATED, UNGRADED, CellRecord
from costbench.report.energy import CellEnergy
from costbench.types import Quality

_LOW_RESOLUTION_S, _UNRELIABLE_S = 10.0, 2.0
_MANY_UNGRADED, _MANY_TRUNCATED = 0.01, 0.10
_FEW_PROBLEMS = 30

EXPLANATIONS: Mapping[str, str] = {
    "protocol_quick": "protocol quick (minutes): a demonstration, not a basis for published claims",
    "modelled_not_measured": "no energy counter: joules are CodeCarbon's model of this machine, not measured",
    "constant_ram_term": "most of the modelled power is a constant for memory: time in disguise",
    "rapl_in_vm": "the CPU's counter is the hypervisor's model of this virtual machine",
    "no_meter": "no meter was running: energy and carbon are not known",
    "energy_uncovered": "the meter did not cover every window: energy is not known",
    "low_resolution": "windows under 10 s in all: energy is coarse",
    "unreliable_window": "windows under 2 s in all: energy is unreliable",
    "resumed": "interrupted and resumed: work lost in flight is in its time and energy",
    "many_ungraded": "more than 1 % of the attempts have no grade or ended in an error",
    "many_truncated": "more than 10 % of the responses were cut before a final answer",
    "incomplete": "not all planned attempts are there yet",
    "one_pass": "a single pass: the interval of energy and money does not include differences between passes",
    "few_problems": "fewer than 30 problems: intervals are rough",
    "no_price_book": "no price book was named: money is not known",
    "no_machine_price": "the price book has no price for this machine: money is not known",
    "no_grid_intensity": "the price book names no grid: carbon is not known",
    "assumed_price": "money is machine time at an assumed rental price, electricity included",
    "assumed_grid": "carbon is energy at an assumed grid's yearly average; no PUE, nothing embodied",
}


def explain(code: str) -> str:
    """The sentence for a code; a code of someone else's meter stands for itself."""
    return EXPLANATIONS.get(code, code.replace("_", " "))


def energy_reasons(energy: CellEnergy, duration_s: float) -> tuple[str, ...]:
    """What limits the trust in a cell's joules (thresholds: docs/measurement.md)."""
    resumed = ("resumed",) if energy.sessions > 1 else ()
    unknown = unknown_energy(energy)
    if unknown:
        return (*unknown, *energy.meter_reasons, *resumed)
    short: tuple[str, ...] = ()
    if duration_s < _LOW_RESOLUTION_S:
        short = ("unreliable_window",) if duration_s < _UNRELIABLE_S else ("low_resolution",)
    return ("protocol_quick", *energy.meter_reasons, *short, *resumed)


def unknown_energy(energy: CellEnergy) -> tuple[str, ...]:
    """Why a cell's joules are not known; empty where they are."""
    if energy.joules is not None:
        return ()
    return ("no_meter",) if energy.provenance == "unavailable" else ("energy_uncovered",)


def quality_of(reasons: tuple[str, ...]) -> Quality:
    """The verdict that goes with the reasons; the quick protocol never earns better than degraded."""
    if "no_meter" in reasons or "energy_uncovered" in reasons:
        return "unavailable"
    return "unreliable" if "unreliable_window" in reasons else "degraded"


def caveats_of(record: CellRecord, energy: tuple[str, ...], *others: str) -> tuple[str, ...]:
    """All caveats of a cell, energy's first."""
    outcomes, attempts = record.columns["outcome"], max(1, record.attempts)
    found = [*energy, *others]
    if np.isin(outcomes, (UNGRADED, ERROR)).sum() / attempts > _MANY_UNGRADED:
        found.append("many_ungraded")
    if (outcomes == TRUNCATED).sum() / attempts > _MANY_TRUNCATED:
        found.append("many_truncated")
    if not record.complete:
        found.append("incomplete")
    if record.passes == 1:
        found.append("one_pass")
    if record.problems < _FEW_PROBLEMS:
        found.append("few_problems")
    return tuple(dict.fromkeys(found))
