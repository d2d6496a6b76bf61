"""The energy of a cell: its windows cut out of the trace, whole and steady, beside idle power."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.steady import share_inside, steady_span
from costbench.metering.quality import judge_repeats
from costbench.metering.trace import total_joules
from costbench.metering.uncertainty import Uncertainty, uncertainty_of
from costbench.metering.window_energy import Bound
from costbench.protocol import Protocol
from costbench.records import CellRecord, IdleWindow, RunRecord, Window
from costbench.report.cuts import Cut, Cutter, gpu_uuids, weakest
from costbench.types import Provenance

__all__ = ["CellEnergy", "IdlePower", "gpu_uuids", "measure_cell"]

Floats = NDArray[np.float64]
WindowKind = Literal["whole", "steady"]
_DRIFT_W, _DRIFT_SHARE = 3.0, 0.05


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


@dataclass(frozen=True)
class Stretch:
    """One window as it counts: its joules and seconds, scaled to all the tokens of its pass."""

    cut: Cut
    output_tokens: float
    """Written inside."""
    scale: float = 1.0
    """Tokens of the whole pass per token written inside: 1 for a whole window."""


@dataclass(frozen=True)
class CellEnergy:
    """Joules by window and in all, and how they came about."""

    whole: tuple[Stretch, ...]
    steady: tuple[Stretch, ...] | None
    """None where the protocol has none, or a pass has no steady part that is long enough."""
    idle: IdlePower
    kind: WindowKind = "whole"
    """Which of them the figures rest on."""

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Those that the figures rest on."""
        return self.steady if self.kind == "steady" and self.steady else self.whole

    @cached_property
    def window_joules(self) -> Floats:
        """By window, for all of its pass; NaN where not known."""
        return np.array([_scaled(each.cut.joules, each.scale) for each in self.stretches])

    @cached_property
    def window_seconds(self) -> Floats:
        """By window, for all of its pass."""
        return np.array([each.cut.duration_s * each.scale for each in self.stretches])

    @property
    def joules(self) -> float | None:
        """For all passes; None when a window is not known."""
        if not self.window_joules.size or np.isnan(self.window_joules).any():
            return None
        return float(self.window_joules.sum())

    @property
    def at_least(self) -> float | None:
        """A lower bound where a GPU was lost on the way; None where there is none to give."""
        known = [each.cut.at_least for each in self.stretches]
        return sum(j for j in known if j is not None) if self.bound == "partial" else None

    @property
    def bound(self) -> Bound:
        """The loosest of all windows'."""
        bounds = {each.cut.bound for each in self.stretches}
        return "partial" if "partial" in bounds else "upper" if "upper" in bounds else "exact"

    @property
    def by_domain(self) -> dict[str, float | None]:
        """Joules of each domain in all windows, as they are."""
        return _sum_domains([_joules_of(each.cut) for each in self.stretches])

    @property
    def neighbors(self) -> dict[str, float | None]:
        """Joules of the machine's other GPUs meanwhile."""
        return _sum_domains([each.cut.neighbors for each in self.stretches])

    @property
    def provenance(self) -> Provenance:
        """The weakest of all windows'."""
        meters = [each.cut.meter for each in self.stretches]
        return weakest([meter.provenance if meter else "unavailable" for meter in meters])

    @property
    def method(self) -> str | None:
        """How the joules were read."""
        return _common([each.cut.method for each in self.stretches])

    @property
    def scope(self) -> str | None:
        """What they cover."""
        scopes: list[str | None] = []
        for each in self.stretches:
            meter = each.cut.meter
            devices = {d.domain: d.scope for d in meter.devices} if meter else {}
            found = [devices[name] for name in each.cut.by_domain if name in devices]
            scopes += found or [meter.scope if meter else None]
        return _common(scopes)

    @property
    def sessions(self) -> int:
        """How many processes worked on it."""
        return len({each.cut.session for each in self.stretches})

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """Every doubt, of meters, windows and protocol, each once."""
        cuts = [each.cut for each in self.stretches]
        of_meters = [code for cut in cuts if cut.meter for code in cut.meter.reasons]
        of_windows = [code for cut in cuts for code in cut.reasons]
        return tuple(dict.fromkeys([*of_meters, *of_windows, *self._repeats(), *self._baseline()]))

    @cached_property
    def uncertainty(self) -> Uncertainty | None:
        """Of all windows together; None where nothing is known."""
        if self.joules is None:
            return None
        durations = [each.cut.duration_s for each in self.stretches]
        devices = [d for each in self.stretches if each.cut.meter for d in each.cut.meter.devices]
        periods = [device.update_period_s for device in devices if device.update_period_s]
        return uncertainty_of(
            self.method,
            self.provenance,
            sum(durations) / np.sqrt(len(durations)),  # edges of several windows average out
            update_period_s=max(periods, default=None),
            power_covered=all(device.power_covered for device in devices),
        )

    def _repeats(self) -> tuple[str, ...]:
        if self.provenance != "measured":
            return ()
        per_token = [
            each.cut.joules / each.output_tokens
            for each in self.stretches
            if each.cut.joules is not None and each.output_tokens > 0
        ]
        return judge_repeats(per_token)

    def _baseline(self) -> tuple[str, ...]:
        return ("baseline_drift",) if self.idle.drifted else ()


def measure_cell(run: RunRecord, record: CellRecord) -> CellEnergy:
    """Cut the cell's windows; each with the best meter of its session."""
    cutter = Cutter(run, record)
    bare = {
        window.session: _bare_by_domain(run, cutter, window.session) for window in record.windows
    }

    def cut(window: Window, span: tuple[float, float]) -> Cut:
        return cutter.cut(window.session, span, bare[window.session])

    whole = tuple(_whole(record, window, cut) for window in record.windows)
    protocol = protocol_of(run)
    return CellEnergy(
        whole=whole,
        steady=_steady(record, protocol, cut) if protocol.steady else None,
        idle=_idle_power(run, record, cutter, bare),
    )


def protocol_of(run: RunRecord) -> Protocol:
    """As resolved when the run was planned."""
    return Protocol.model_validate(run.meta["suite"]["protocol"])


def _whole(record: CellRecord, window: Window, cut: Callable[..., Cut]) -> Stretch:
    tokens = record.columns["output_tokens"][_inside(record, window)]
    return Stretch(cut(window, (window.start_s, window.end_s)), float(np.nansum(tokens)))


def _steady(
    record: CellRecord, protocol: Protocol, cut: Callable[..., Cut]
) -> tuple[Stretch, ...] | None:
    found = []
    for window in record.windows:
        mine = _inside(record, window)
        column = {name: values[mine] for name, values in record.columns.items()}
        begun, ended = column["first_token_s"], column["finished_s"]
        span = steady_span(column["started_s"], begun, ended, int(record.spec["concurrency"]))
        if span is None or span[1] - span[0] < protocol.window_at_least_s:
            return None
        begun = np.where(np.isnan(begun), column["started_s"], begun)
        tokens = column["output_tokens"]
        inside = float(np.nansum(tokens * share_inside(begun, ended, span)))
        if inside <= 0:
            return None
        found.append(Stretch(cut(window, span), inside, float(np.nansum(tokens)) / inside))
    return tuple(found) or None


def _inside(record: CellRecord, window: Window) -> NDArray[np.bool_]:
    """Which attempts ran in a window."""
    same_session = record.columns["session"] == window.session
    return np.asarray(same_session & (record.columns["sample"] == window.pass_number))


def _bare_by_domain(run: RunRecord, cutter: Cutter, session: int) -> dict[str, float]:
    """Watts of each domain before a model was loaded; nothing where our own process was on it already."""
    window = next((w for w in run.idle if w.session == session and w.phase == "idle_bare"), None)
    if window is None:
        return {}
    for device in cutter.devices(session):
        own = cutter.gpu(session, device).gauges.get("own_processes")
        if own is not None and own.inside(window.start_s, window.end_s).any():
            return {}
    watts = _watts(cutter, window)
    return {domain: w for domain, w in watts.items() if w is not None}


def _idle_power(
    run: RunRecord, record: CellRecord, cutter: Cutter, bare: dict[int, dict[str, float]]
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
        bare_w=sum(bare[last.session].values()) if bare[last.session] else None,
        context_before_w=total_joules(_watts(cutter, before[-1])) if before else None,
        context_after_w=total_joules(_watts(cutter, after[0])) if after else None,
    )


def _watts(cutter: Cutter, window: IdleWindow) -> dict[str, float | None]:
    length_s = window.end_s - window.start_s
    found = cutter.cut(window.session, (window.start_s, window.end_s))
    return {
        domain: None if joules is None else joules / length_s
        for domain, joules in _joules_of(found).items()
    }


def _joules_of(cut: Cut) -> dict[str, float | None]:
    return {domain: found.joules for domain, found in cut.by_domain.items()}


def _sum_domains(windows: list[dict[str, float | None]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for window in windows for name in window)
    return {
        name: total_joules({str(at): w.get(name) for at, w in enumerate(windows)}) for name in names
    }


def _scaled(joules: float | None, scale: float) -> float:
    return np.nan if joules is None else joules * scale


def _common(values: list[str | None]) -> str | None:
    return "+".join(dict.fromkeys(value for value in values if value)) or None
