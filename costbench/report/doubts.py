"""Which caveats a cell carries: a closed list, each decided by a rule."""

import numpy as np

from costbench.records import ERROR, TRUNCATED, UNGRADED, CellRecord
from costbench.report.energy import CellEnergy
from costbench.types import Quality

_LOW_RESOLUTION_S, _UNRELIABLE_S = 10.0, 2.0
_MANY_UNGRADED, _MANY_TRUNCATED = 0.01, 0.10
_FEW_PROBLEMS = 30


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
    """All doubts about a cell, energy's first."""
    outcomes, attempts = record.columns["outcome"], max(1, record.attempts)
    passes = int(record.spec["sampling"]["samples_per_problem"])
    found = [*energy, *others]
    if np.isin(outcomes, (UNGRADED, ERROR)).sum() / attempts > _MANY_UNGRADED:
        found.append("many_ungraded")
    if (outcomes == TRUNCATED).sum() / attempts > _MANY_TRUNCATED:
        found.append("many_truncated")
    if record.attempts < record.problems * passes:
        found.append("incomplete")
    if record.passes == 1:
        found.append("one_pass")
    if record.problems < _FEW_PROBLEMS:
        found.append("few_problems")
    return tuple(dict.fromkeys(found))
