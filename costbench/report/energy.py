"""The energy of a cell: its windows cut out of the trace, whole and steady, beside idle power."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.steady import share_inside
from costbench.metering.quality import judge_repeats
from costbench.metering.trace import total_joules
from costbench.metering.uncertainty import Uncertainty, uncertainty_of
from costbench.metering.window_energy import Bound
from costbench.parts import ran_in, steady_part
from costbench.protocol import Protocol
from costbench.records import CellRecord, RunRecord, Window
from costbench.report.cuts import Cut, Cutter, loosest, weakest
from costbench.report.idle import IdlePower, bare_watts, idle_power
from costbench.types import Provenance

Floats = NDArray[np.float64]
WindowKind = Literal["whole", "steady"]


@dataclass(frozen=True)
class Stretch:
    """One window as it counts: its joules and seconds, scaled to all the tokens of its pass."""

    cut: Cut
    output_tokens: float | None
    """Written inside; None where an engine did not count."""
    pass_number: int | None
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
    lacking: tuple[str, ...] = ()
    """Why there is no window at all."""

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
        return loosest(each.cut.bound for each in self.stretches)

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
        """The weakest of all windows'; what is not known was not measured."""
        if self.joules is None and self.at_least is None:
            return "unavailable"
        meters = [each.cut.meter for each in self.stretches]
        return weakest([meter.provenance if meter else "unavailable" for meter in meters])

    @property
    def method(self) -> str | None:
        """How the joules were read; None where they are not known."""
        if self.joules is None and self.at_least is None:
            return None
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
    def instrument(self) -> str:
        """What was read: cells with the same one share its error, on one machine."""
        return f"{self.scope} of {sorted(self.by_domain)}"

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
        found = [*self.lacking, *of_meters, *of_windows, *self._repeats(), *self._baseline()]
        return tuple(dict.fromkeys(found))

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
        spent: dict[int | None, float] = defaultdict(float)
        tokens: dict[int | None, float] = defaultdict(float)
        for each in self.stretches:  # an interrupted pass has several
            spent[each.pass_number] += np.nan if each.cut.joules is None else each.cut.joules
            tokens[each.pass_number] += each.output_tokens or 0.0
        return judge_repeats([spent[n] / tokens[n] for n in spent if tokens[n] > 0])

    def _baseline(self) -> tuple[str, ...]:
        return ("baseline_drift",) if self.idle.drifted else ()


def measure_cell(run: RunRecord, record: CellRecord) -> CellEnergy:
    """Cut the cell's windows; each with the best meter of its session."""
    cutter = Cutter(run, record)
    bare = {window.session: bare_watts(run, cutter, window.session) for window in record.windows}

    def cut(window: Window, span: tuple[float, float]) -> Cut:
        return cutter.cut(window.session, span, bare[window.session])

    whole = tuple(_whole(record, window, cut) for window in record.windows)
    protocol = protocol_of(run)
    return CellEnergy(
        whole=whole,
        steady=_steady(record, protocol, cut) if protocol.steady else None,
        idle=idle_power(run, record, cutter, bare),
        lacking=("imported_without_energy",) if record.imported and not whole else (),
    )


def protocol_of(run: RunRecord) -> Protocol:
    """As resolved when the run was planned."""
    return Protocol.model_validate(run.meta["suite"]["protocol"])


def _whole(record: CellRecord, window: Window, cut: Callable[..., Cut]) -> Stretch:
    tokens = _sum(record.columns["output_tokens"][ran_in(record, window)])
    return Stretch(cut(window, (window.start_s, window.end_s)), tokens, window.pass_number)


def _steady(
    record: CellRecord, protocol: Protocol, cut: Callable[..., Cut]
) -> tuple[Stretch, ...] | None:
    found = []
    for window in record.windows:
        mine = ran_in(record, window)
        column = {name: values[mine] for name, values in record.columns.items()}
        begun, ended = column["first_token_s"], column["finished_s"]
        span = steady_part(record, window)
        if span is None or span[1] - span[0] < protocol.window_at_least_s:
            return None
        begun = np.where(np.isnan(begun), column["started_s"], begun)
        tokens = column["output_tokens"]
        inside, all_of_them = _sum(tokens * share_inside(begun, ended, span)), _sum(tokens)
        if not inside or all_of_them is None:
            return None
        found.append(Stretch(cut(window, span), inside, window.pass_number, all_of_them / inside))
    return tuple(found) or None


def _joules_of(cut: Cut) -> dict[str, float | None]:
    return {domain: found.joules for domain, found in cut.by_domain.items()}


def _sum_domains(windows: list[dict[str, float | None]]) -> dict[str, float | None]:
    """Over the windows that have it: a resumed run may have moved to another GPU."""
    names = dict.fromkeys(name for window in windows for name in window)
    return {
        name: total_joules({str(at): w[name] for at, w in enumerate(windows) if name in w})
        for name in names
    }


def _sum(values: Floats) -> float | None:
    """None where any is not known; an attempt without a call has 0."""
    return None if np.isnan(values).any() else float(values.sum())


def _scaled(joules: float | None, scale: float) -> float:
    return np.nan if joules is None else joules * scale


def _common(values: list[str | None]) -> str | None:
    return "+".join(dict.fromkeys(value for value in values if value)) or None
