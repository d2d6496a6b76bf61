"""The energy of a cell: its windows cut out of the trace, with what kind of joules they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costbench.metering.trace import total_joules, window_joules
from costbench.records import CellRecord, RunRecord, Window
from costbench.types import GPU_SCOPE, MeterFacts, Provenance

_STRONGEST_FIRST: tuple[Provenance, ...] = (
    "measured", "attributed", "modelled", "assumed", "imported", "unavailable",
)  # fmt: skip


@dataclass(frozen=True)
class CellEnergy:
    """Joules by window (NaN where not known) and in all, and how they came about."""

    window_joules: NDArray[np.float64]
    by_domain: dict[str, float | None]
    provenance: Provenance
    method: str | None
    scope: str | None
    meter_reasons: tuple[str, ...]
    sessions: int

    @property
    def joules(self) -> float | None:
        """Of all windows; None when any is not known."""
        if not self.window_joules.size or np.isnan(self.window_joules).any():
            return None
        return float(self.window_joules.sum())


def measure_cell(run: RunRecord, record: CellRecord) -> CellEnergy:
    """Cut the cell's windows; each with the best meter of its session."""
    parts = [
        (window, headline_meter(run.meters.get(window.session, ()))) for window in record.windows
    ]
    uuids = gpu_uuids(run, record)
    domains = [
        _domains(run, window, facts, uuids.get(window.session, ())) for window, facts in parts
    ]
    totals = [total_joules(found) for found in domains]
    facts = [found for _, found in parts]
    return CellEnergy(
        window_joules=np.array([np.nan if total is None else total for total in totals]),
        by_domain=_sum_domains(domains),
        provenance=_weakest(facts),
        method=_common([found.method for found in facts if found]),
        scope=_common([found.scope for found in facts if found]),
        meter_reasons=tuple(dict.fromkeys(r for found in facts if found for r in found.reasons)),
        sessions=len({window.session for window in record.windows}),
    )


def headline_meter(meters: tuple[MeterFacts, ...]) -> MeterFacts | None:
    """The meter whose joules count: the one with the strongest provenance."""
    return min(meters, key=lambda found: _STRONGEST_FIRST.index(found.provenance), default=None)


def gpu_uuids(run: RunRecord, record: CellRecord) -> dict[int, tuple[str, ...]]:
    """The GPUs the cell's engine worked on, by session."""
    found = run.meta.get(f"engine:{record.id}", {}).get("gpu_uuids", {})
    return {int(session): tuple(uuids) for session, uuids in found.items()}


def _domains(
    run: RunRecord, window: Window, facts: MeterFacts | None, uuids: tuple[str, ...]
) -> dict[str, float | None]:
    """Joules of what worked: of GPUs only those of the engine, whatever others the meter sees."""
    if facts is None:
        return {}
    domains = facts.headline
    if facts.scope == GPU_SCOPE:
        domains = tuple(f"gpu:{uuid}" for uuid in uuids)
    trace = run.traces.get(window.session, {})
    return window_joules(trace, domains, window.start_s, window.end_s)


def _sum_domains(windows: list[dict[str, float | None]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for window in windows for name in window)
    return {
        name: total_joules({str(at): w.get(name) for at, w in enumerate(windows)}) for name in names
    }


def _weakest(facts: list[MeterFacts | None]) -> Provenance:
    kinds: list[Provenance] = [found.provenance if found else "unavailable" for found in facts]
    return max(kinds, key=_STRONGEST_FIRST.index, default="unavailable")


def _common(values: list[str]) -> str | None:
    return "+".join(dict.fromkeys(values)) or None
