"""Power over time with its windows, from what was read to what a report has room for."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costbench.metering.mean_power import DomainPower, counter_power, gpu_power
from costbench.metering.window_energy import GpuTrace
from costbench.records import RunRecord
from costbench.report.contract import PowerTrace, TraceFacts, WindowMark
from costbench.report.cuts import Cut
from costbench.report.measured import MeasuredRun
from costbench.types import GPU_SCOPE, MeterFacts

Floats = NDArray[np.float64]

MOST_POINTS, MOST_POINTS_OF_ONE = 2000, 400
MOST_TRACES, MOST_WINDOWS = 100, 500


class _Window(NamedTuple):
    """As a WindowMark, on the monotonic clock."""

    cell: str | None
    phase: str
    pass_number: int | None
    start_s: float
    end_s: float

    def mark(self, zero_s: float) -> WindowMark:
        """With its seconds counted from there."""
        moved = self._replace(start_s=self.start_s - zero_s, end_s=self.end_s - zero_s)
        return WindowMark.model_validate(moved._asdict())


@dataclass(frozen=True)
class _Seen:
    """What one meter saw of one session: the domains that counted, and the windows of cells."""

    session: int
    meter: MeterFacts
    domains: tuple[str, ...]
    windows: tuple[_Window, ...]


@dataclass(frozen=True)
class _Power:
    """Watts of all domains together, in stretches that begin at `start_s` on the monotonic clock."""

    start_s: float
    bin_s: float
    watts: Floats
    methods: tuple[str, ...]


def power_trace(run: RunRecord, measured: MeasuredRun) -> PowerTrace | None:
    """Of every session whose meter saw what did the work; None where there is none, and of imported runs."""
    if run.imported:
        return None
    every = [seen for seen in _seen(run, measured) if _curves(run, seen)]
    kept = every[:MOST_TRACES]
    most = min(MOST_POINTS_OF_ONE, MOST_POINTS // max(1, len(kept)))
    powers = ((seen, _power(_curves(run, seen), most)) for seen in kept)
    found = [_facts(seen, power) for seen, power in powers if power is not None]
    if not found:
        return None
    return PowerTrace(traces=_thinned(found), traces_left_out=len(every) - len(kept))


def _seen(run: RunRecord, measured: MeasuredRun) -> list[_Seen]:
    """By session and meter, in the order of sessions."""
    domains: dict[tuple[int, str], dict[str, None]] = defaultdict(dict)
    windows: dict[tuple[int, str], list[_Window]] = defaultdict(list)
    meters: dict[tuple[int, str], MeterFacts] = {}
    for window, cut in _cuts(measured):
        if cut.meter is not None:
            key = cut.session, cut.meter.name
            meters[key] = cut.meter
            domains[key] |= dict.fromkeys(cut.by_domain)
            windows[key].append(window)
    for session, name in windows:
        windows[session, name] += [
            _Window(w.whose, w.phase, None, w.start_s, w.end_s)
            for w in chain(run.idle, run.warmups)
            if w.session == session
        ]
    return [
        _Seen(key[0], meters[key], tuple(domains[key]), tuple(windows[key]))
        for key in sorted(windows)
    ]


def _cuts(measured: MeasuredRun) -> Iterator[tuple[_Window, Cut]]:
    for cell, found in measured.cells.items():
        for phase, stretches in (("whole", found.energy.whole), ("steady", found.energy.steady)):
            for stretch in stretches or ():
                yield _Window(cell, phase, stretch.pass_number, *stretch.cut.span), stretch.cut


def _curves(run: RunRecord, seen: _Seen) -> list[DomainPower]:
    """Of every domain that counted; empty where one was never read, since the sum is not known then."""
    trace = run.traces[seen.session]
    if seen.meter.scope != GPU_SCOPE:
        every = [counter_power(trace.counters.get(d), seen.meter.method) for d in seen.domains]
    else:
        devices = {device.domain: device for device in seen.meter.devices}
        every = [
            gpu_power(GpuTrace.of(trace, devices[d])) if d in devices else None
            for d in seen.domains
        ]
    known = [found for found in every if found is not None]
    return known if len(known) == len(every) else []


def _power(curves: Sequence[DomainPower], most: int) -> _Power | None:
    """In at most so many stretches, none shorter than what the counters can tell apart."""
    starts, ends = zip(*(curve.span for curve in curves), strict=True)
    start_s, end_s = max(starts), min(ends)
    finest_s = max(curve.resolution_s for curve in curves)
    if end_s <= start_s:
        return None
    count = int(min(most, (end_s - start_s) / finest_s)) if finest_s else most
    edges = np.linspace(start_s, end_s, max(1, count) + 1)
    found = [curve.mean_watts(edges) for curve in curves]
    watts = np.sum([each for each, _ in found], axis=0)
    if np.isnan(watts).all():
        return None
    methods = dict.fromkeys(method for _, methods in found for method in methods)
    return _Power(start_s, (end_s - start_s) / watts.size, watts, tuple(methods))


def _facts(seen: _Seen, power: _Power) -> TraceFacts:
    zero_s = min([power.start_s, *(window.start_s for window in seen.windows)])
    windows = sorted(seen.windows, key=lambda window: (window.start_s, -window.end_s))
    known = power.watts[~np.isnan(power.watts)]
    scopes = dict.fromkeys(d.scope for d in seen.meter.devices if d.domain in seen.domains)
    return TraceFacts(
        session=seen.session,
        meter=seen.meter.name,
        provenance=seen.meter.provenance,
        method="+".join(power.methods),
        scope="+".join(scopes) or seen.meter.scope,
        domains=seen.domains,
        start_s=power.start_s - zero_s,
        bin_s=power.bin_s,
        watts=tuple(None if np.isnan(each) else float(each) for each in power.watts),
        mean_w=float(known.mean()),
        joules=float(known.sum() * power.bin_s),
        passes=sum(window.phase == "whole" for window in windows),
        windows=tuple(window.mark(zero_s) for window in windows),
    )


def _thinned(traces: Sequence[TraceFacts]) -> tuple[TraceFacts, ...]:
    """With the longest windows of all of them, as many as a report has room for."""
    every = [(at, nth) for at, trace in enumerate(traces) for nth in range(len(trace.windows))]

    def length_s(place: tuple[int, int]) -> float:
        mark = traces[place[0]].windows[place[1]]
        return mark.end_s - mark.start_s

    kept = set(sorted(every, key=length_s, reverse=True)[:MOST_WINDOWS])
    return tuple(
        _with(trace, [m for nth, m in enumerate(trace.windows) if (at, nth) in kept])
        for at, trace in enumerate(traces)
    )


def _with(trace: TraceFacts, kept: Sequence[WindowMark]) -> TraceFacts:
    left_out = len(trace.windows) - len(kept)
    return trace.model_copy(update={"windows": tuple(kept), "windows_left_out": left_out})
