"""What all windows of a run used, by phase: passes, warm-ups, idling; not what lies between."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from costbench.prices import PriceBook
from costbench.records import CellRecord, IdleWindow, RunRecord
from costbench.report.caveats import missing_of
from costbench.report.contract import PhaseEnergy
from costbench.report.cuts import Cut, Cutter
from costbench.report.footprint import host_watts
from costbench.report.measured import MeasuredRun
from costbench.types import Provenance
from costbench.units import kwh_from_joules

TOTAL = "total"
_ORDER = ("whole", "warmup", "idle_context", "idle_bare")
_G_PER_KG = 1000


def run_energy(
    run: RunRecord, measured: MeasuredRun, book: PriceBook | None
) -> tuple[PhaseEnergy, ...]:
    """A row per phase and kind of knowledge, then the total, which is null where kinds would be mixed."""
    rows: dict[tuple[str, Provenance], list[Cut]] = defaultdict(list)
    for phase, cut in _cuts(run, measured):
        rows[phase, cut.meter.provenance if cut.meter else "unavailable"].append(cut)
    if not rows:
        return ()
    ordered = sorted(rows, key=lambda key: _ORDER.index(key[0]))
    found = [_phase(phase, known, rows[phase, known], book) for phase, known in ordered]
    return (*found, _total(found, [cut for cuts in rows.values() for cut in cuts], book))


def _cuts(run: RunRecord, measured: MeasuredRun) -> Iterator[tuple[str, Cut]]:
    for cell in measured.cells.values():
        yield from (("whole", stretch.cut) for stretch in cell.energy.whole)
    for window in (*run.warmups, *run.idle):
        record = _worked_on(run, window)
        if record is not None:
            span = (window.start_s, window.end_s)
            yield window.phase, Cutter(run, record).cut(window.session, span)


def _worked_on(run: RunRecord, window: IdleWindow) -> CellRecord | None:
    """The cell whose machine parts were read: its own, one of its model, else one of its session."""
    for record in run.cells:
        model = f"{record.spec['group']}/{record.spec['model']['name']}"
        if window.whose in {record.id, model}:
            return record
    same = (r for r in run.cells if any(w.session == window.session for w in r.windows))
    return next(same, next(iter(run.cells), None))


@dataclass(frozen=True)
class _Sum:
    """Joules of several windows, None where one is not known."""

    cuts: Sequence[Cut]

    @property
    def duration_s(self) -> float:
        return sum(cut.duration_s for cut in self.cuts)

    @property
    def kwh(self) -> float | None:
        known = [cut.joules for cut in self.cuts if cut.joules is not None]
        return kwh_from_joules(sum(known)) if len(known) == len(self.cuts) else None

    def host_kwh(self, book: PriceBook | None) -> float:
        """Of the rest of the machine, by the book."""
        watts = (
            (host_watts(book, cut.meter.scope if cut.meter else None, len(cut.by_domain)), cut)
            for cut in self.cuts
        )
        return kwh_from_joules(sum(w * cut.duration_s for w, cut in watts))

    @property
    def reason(self) -> str:
        """Why the joules are not known: the first doubt of the first window without them."""
        unknown = next((cut for cut in self.cuts if cut.joules is None), None)
        return next(iter(unknown.reasons), "energy_uncovered") if unknown else "energy_uncovered"


def _phase(
    phase: str,
    known: Provenance,
    cuts: Sequence[Cut],
    book: PriceBook | None,
    *,
    mixed: bool = False,
) -> PhaseEnergy:
    total = _Sum(cuts)
    kwh = None if mixed else total.kwh
    pue, grid = (book.pue, book.grid) if book else (None, None)
    no_energy = None if kwh is not None else "different_provenance" if mixed else total.reason
    facility = None if kwh is None or pue is None else (kwh + total.host_kwh(book)) * pue.value
    no_facility = no_energy or (None if pue else missing_of(book, "no_pue"))
    no_grid = None if grid else missing_of(book, "no_grid_intensity")
    reasons = {
        "kwh": no_energy,
        "kwh_facility": no_facility,
        "kgco2e": no_energy or no_grid,
        "kgco2e_facility": no_facility or no_grid,
    }
    per_kwh = None if grid is None else grid.gco2e_per_kwh / _G_PER_KG
    return PhaseEnergy(
        phase=phase,
        provenance=known,
        windows=len(cuts),
        duration_s=total.duration_s,
        kwh=kwh,
        kwh_facility=facility,
        kgco2e=_times(kwh, per_kwh),
        kgco2e_facility=_times(facility, per_kwh),
        reasons={name: reason for name, reason in reasons.items() if reason},
    )


def _total(
    found: Sequence[PhaseEnergy], cuts: Sequence[Cut], book: PriceBook | None
) -> PhaseEnergy:
    kinds = dict.fromkeys(each.provenance for each in found)
    known = next(iter(kinds)) if len(kinds) == 1 else "unavailable"
    return _phase(TOTAL, known, cuts, book, mixed=len(kinds) > 1)


def _times(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor
