"""Windows cut out of the trace: joules by domain, with every doubt about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from costbench.metering.quality import judge_sampler, judged_energy
from costbench.metering.reasons import REASONS
from costbench.metering.trace import total_joules
from costbench.metering.window_energy import (
    Bound,
    GpuTrace,
    WindowEnergy,
    counter_energy,
    window_energy,
)
from costbench.records import CellRecord, RunRecord
from costbench.types import GPU_SCOPE, Device, MeterFacts, Provenance

Span = tuple[float, float]

_STRONGEST_FIRST: tuple[Provenance, ...] = get_args(Provenance)
_OTHER_PERIOD_S = 0.5
REMOTE = "remote_server"
"""Why a cell has neither the joules nor the price of this machine."""


@dataclass(frozen=True)
class Cut:
    """One window: what it used, how that is known, and what limits the trust in it."""

    session: int
    span: Span
    by_domain: dict[str, WindowEnergy]
    meter: MeterFacts | None
    reasons: tuple[str, ...]
    neighbors: dict[str, float | None]
    """GPUs of the machine that are not the headline: reserved perhaps, used by nobody."""

    @property
    def duration_s(self) -> float:
        """Seconds from edge to edge."""
        return self.span[1] - self.span[0]

    @property
    def joules(self) -> float | None:
        """Of all domains; None when one is not known whole."""
        return total_joules({domain: _whole(found) for domain, found in self.by_domain.items()})

    @property
    def at_least(self) -> float | None:
        """What is known of them in any case, where the whole is not: nothing with others' energy in it."""
        sure = [found for found in self.by_domain.values() if found.bound != "upper"]
        known = [found.joules for found in sure if found.joules is not None]
        return sum(known) if known else None

    @property
    def bound(self) -> Bound:
        """The loosest of its domains'."""
        return loosest(found.bound for found in self.by_domain.values())

    @property
    def method(self) -> str | None:
        """How its joules came about: the meter's way, unless a domain needed another."""
        found = dict.fromkeys(each.method for each in self.by_domain.values() if each.method)
        return "+".join(found) or (self.meter.method if self.meter else None)


class Cutter:
    """Cuts windows for one cell's engine, or for idle power beside it."""

    def __init__(self, run: RunRecord, record: CellRecord) -> None:
        self._run = run
        self._uuids = gpu_uuids(run, record)
        self._unmetered = unmetered(run, record)
        chosen = run.meta["suite"].get("meters")
        self._gpus: Any = chosen.get("gpus", "engine") if isinstance(chosen, dict) else "engine"

    def cut(
        self, session: int, span: Span, idle_w: Mapping[str, float | None] | None = None
    ) -> Cut:
        """One window; `idle_w` is bare idle power by domain, to tell what is plausible."""
        meter = self._meter(session)
        if meter is None:
            unseen = self._unmetered.get(session)
            why = (unseen,) if unseen else self._why_none(session)
            return Cut(session, span, {}, None, why, {})
        if meter.scope == GPU_SCOPE and not self._run.imported:
            return self._cut_gpus(session, span, meter, idle_w or {})
        trace = self._run.traces[session]
        energies = {
            domain: counter_energy(trace.counters.get(domain), *span, meter.method)
            for domain in meter.headline
        }
        late = judge_sampler(trace, span, _OTHER_PERIOD_S)
        return Cut(session, span, energies, meter, self._codes(session, span, energies, late), {})

    def devices(self, session: int) -> list[Device]:
        """The GPUs whose joules count in a session."""
        meter = self._meter(session)
        found = {device.domain: device for device in meter.devices} if meter else {}
        return [found[domain] for domain in self._domains(session, found) if domain in found]

    def gpu(self, session: int, device: Device) -> GpuTrace:
        """What was read of one GPU."""
        lost = self._run.lost(session, device.domain)
        return GpuTrace.of(self._run.traces[session], device, lost)

    def _meter(self, session: int) -> MeterFacts | None:
        """The one with the strongest provenance of those that can see what did the work."""
        if self._unmetered.get(session):
            return None
        meters = self._run.meters.get(session, ())
        if self._run.imported:  # a trace that was named beside the files
            return meters[0] if meters else None
        on_gpu = self._gpus != "engine" or bool(self._uuids.get(session))
        fitting = [facts for facts in meters if (facts.scope == GPU_SCOPE) == on_gpu]
        return min(
            fitting, key=lambda found: _STRONGEST_FIRST.index(found.provenance), default=None
        )

    def _why_none(self, session: int) -> tuple[str, ...]:
        """Reasons of the meters that could not be opened."""
        if self._run.imported:
            return ("imported_without_energy",)
        codes = [f.code for f in self._run.faults if f.session == session and f.domain is None]
        named = [c for c in codes if c and c in REASONS and REASONS[c].quality == "unavailable"]
        return tuple(dict.fromkeys(named)) or ("no_meter",)

    def _cut_gpus(
        self, session: int, span: Span, meter: MeterFacts, idle_w: Mapping[str, float | None]
    ) -> Cut:
        devices = {device.domain: device for device in meter.devices}
        energies: dict[str, WindowEnergy] = {}
        wanted = self._domains(session, devices)
        for domain in wanted:
            if domain not in devices:
                energies[domain] = WindowEnergy(None, reasons=("device_mismatch",))
                continue
            gpu = self.gpu(session, devices[domain])
            energies[domain] = judged_energy(gpu, span, idle_w.get(domain))
        periods = [d.update_period_s for d in devices.values() if d.update_period_s]
        period_s = max(periods, default=_OTHER_PERIOD_S)
        late = judge_sampler(self._run.traces[session], span, period_s)
        neighbors = {
            domain: _whole(window_energy(self.gpu(session, device), *span))
            for domain, device in devices.items()
            if domain not in wanted
        }
        return Cut(
            session, span, energies, meter, self._codes(session, span, energies, late), neighbors
        )

    def _domains(self, session: int, devices: dict[str, Device]) -> list[str]:
        """Those of the engine, all, or those the suite names; an instance stands for its whole GPU."""
        if self._gpus == "all":
            return list(devices)
        uuids = self._uuids.get(session, ()) if self._gpus == "engine" else self._gpus
        whole = {uuid: device.domain for device in devices.values() for uuid in device.mig_uuids}
        return list(dict.fromkeys(whole.get(uuid, f"gpu:{uuid}") for uuid in uuids))

    def _codes(
        self, session: int, span: Span, energies: dict[str, WindowEnergy], more: Sequence[str]
    ) -> tuple[str, ...]:
        crashed = any(
            f.session == session and f.code == "sampler_crashed" and f.t_s < span[1]
            for f in self._run.faults
        )
        found = [code for each in energies.values() for code in each.reasons]
        return tuple(dict.fromkeys([*found, *more, *(["sampler_crashed"] if crashed else [])]))


def loosest(bounds: Iterable[Bound]) -> Bound:
    """Of several: part is missing, else others' is in it, else exact."""
    found = set(bounds)
    return "partial" if "partial" in found else "upper" if "upper" in found else "exact"


def gpu_uuids(run: RunRecord, record: CellRecord) -> dict[int, tuple[str, ...]]:
    """The GPUs the cell's engine worked on, by session."""
    found = run.meta.get(f"engine:{record.id}", {}).get("gpu_uuids", {})
    return {int(session): tuple(uuids) for session, uuids in found.items()}


def unmetered(run: RunRecord, record: CellRecord) -> dict[int, str]:
    """Why no meter here saw what did the work, by session; only those where that is so."""
    found = run.meta.get(f"engine:{record.id}", {}).get("unmetered", {})
    return {int(session): code for session, code in found.items() if code}


def weakest(provenances: Sequence[Provenance]) -> Provenance:
    """A total is as strong as its weakest part."""
    return max(provenances, key=_STRONGEST_FIRST.index, default="unavailable")


def _whole(found: WindowEnergy) -> float | None:
    """Not a part of the joules."""
    return None if found.bound == "partial" else found.joules
