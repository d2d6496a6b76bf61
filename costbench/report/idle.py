"""Power without work: before a model was loaded, and with it loaded, before and after its cells."""

from dataclasses import dataclass

from costbench.metering.reasons import quality_of
from costbench.metering.trace import total_joules
from costbench.records import CellRecord, IdleWindow, RunRecord
from costbench.report.cuts import Cutter

_DRIFT_W, _DRIFT_SHARE = 3.0, 0.05
_SHORT = frozenset({"few_updates", "some_updates"})
"""Idling is even: a short look at it is enough."""


@dataclass(frozen=True)
class IdlePower:
    """Watts of the headline's domains without work; None where not measured."""

    bare_w: float | None = None
    context_before_w: float | None = None
    context_after_w: float | None = None

    @property
    def context_w(self) -> float | None:
        """With the model loaded: the mean of before and after, or the one there is."""
        known = [w for w in (self.context_before_w, self.context_after_w) if w is not None]
        return sum(known) / len(known) if known else None

    @property
    def drifted(self) -> bool:
        """Before and after differ by more than 3 W and more than 5 %."""
        before, after = self.context_before_w, self.context_after_w
        if before is None or after is None:
            return False
        return abs(after - before) > max(_DRIFT_W, _DRIFT_SHARE * before)


def bare_watts(run: RunRecord, cutter: Cutter, session: int) -> dict[str, float | None]:
    """Watts of each domain before a model was loaded; nothing where our own process was on it already."""
    window = next((w for w in run.idle if w.session == session and w.phase == "idle_bare"), None)
    if window is None:
        return {}
    for device in cutter.devices(session):
        for whose in ("own_processes", "unknown_processes"):  # unknown: hidden, and maybe our own
            there = cutter.gpu(session, device).gauges.get(whose)
            if there is not None and there.inside(window.start_s, window.end_s).any():
                return {}
    return _watts(cutter, window)


def idle_power(
    run: RunRecord, record: CellRecord, cutter: Cutter, bare: dict[int, dict[str, float | None]]
) -> IdlePower:
    """From the last session that worked on the cell."""
    if not record.windows:
        return IdlePower()
    last = record.windows[-1]
    whose = f"{record.spec['group']}/{record.spec['model']['name']}"
    context = [w for w in run.idle if w.session == last.session and w.whose == whose]
    before = [w for w in context if w.end_s <= last.start_s]
    after = [w for w in context if w.start_s >= last.end_s]
    return IdlePower(
        bare_w=total_joules(bare[last.session]),
        context_before_w=total_joules(_watts(cutter, before[-1])) if before else None,
        context_after_w=total_joules(_watts(cutter, after[0])) if after else None,
    )


def _watts(cutter: Cutter, window: IdleWindow) -> dict[str, float | None]:
    """By domain; None where its joules are partial, others' or otherwise not to be relied on."""
    length_s = window.end_s - window.start_s
    found = cutter.cut(window.session, (window.start_s, window.end_s))
    watts: dict[str, float | None] = {}
    for domain, energy in found.by_domain.items():
        doubts = [code for code in energy.reasons if code not in _SHORT]
        usable = energy.bound == "exact" and quality_of(doubts) in {"ok", "degraded"}
        joules = energy.joules if usable else None
        watts[domain] = None if joules is None else joules / length_s
    return watts
