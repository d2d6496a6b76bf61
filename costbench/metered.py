"""What `costbench meter` found: the energy of a program, cut out of its run folder."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from costbench.doctor_meters import MODEL_NOTE, doubts, expect
from costbench.errors import StoreError
from costbench.metered_contract import Metered, MeteredDomain, MeteredEnergy
from costbench.metering.quality import judge_length, judge_sampler, judged_energy
from costbench.metering.reasons import REASONS, quality_of
from costbench.metering.trace import Trace, total_joules
from costbench.metering.window_energy import (
    RESOLVED_UPDATES,
    Bound,
    GpuTrace,
    WindowEnergy,
    counter_energy,
)
from costbench.printable import clean
from costbench.records import RunRecord, read_records
from costbench.report.wording import NA, number
from costbench.store import Store
from costbench.types import GPU_SCOPE, Device, MeterFacts, Provenance

METER, COMMAND = "meter", "command"
"""What such a run folder calls itself, and its one window."""
_PIPE_WIDTH, _UUID_SHOWN = 120, 12
_BOUNDS: dict[Bound, str] = {"exact": "", "upper": "<= ", "partial": ">= "}

Span = tuple[float, float]


def summarize(folder: Path) -> Metered:
    """Cut the program's window; the same folder always gives the same. Raises StoreError."""
    with Store.open(folder) as store:
        if store.meta("kind") != METER:
            raise StoreError(f"{folder}: is the run of a suite, not of `costbench meter`")
        run = read_records(store, {})
        session, span = _window(store, run)
    meters = run.meters.get(session, ())
    domains = [
        _domain(run, session, facts, domain, span) for facts in meters for domain in facts.headline
    ]
    return Metered(
        run=folder.resolve().name,
        name=run.meta["name"],
        program=run.meta["program"],
        started_at=run.meta["started_at"],
        complete=run.meta["complete"],
        duration_s=span[1] - span[0] if span else None,
        exit_code=run.meta.get("exit_code"),
        energy=_energy(run, meters, domains),
        domains=tuple(domains),
        faults=tuple(dict.fromkeys(fault.message for fault in run.faults)),
        machine=run.meta["machine"],
        costbench_version=run.meta["costbench_version"],
    )


def is_metered(folder: Path) -> bool:
    """Whether a run folder is that of `costbench meter`."""
    with Store.open(folder) as store:
        return bool(store.meta("kind") == METER)


def print_metered(found: Metered, form: str, *, err: bool = False) -> None:
    """As a table, or with "json" as one line; on stdout, or on stderr where stdout is the program's."""
    stream = sys.stderr if err else sys.stdout
    if form == "json":
        stream.write(found.model_dump_json() + "\n")
        stream.flush()
        return
    console = Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH)
    ran = "ran for an unknown time" if found.duration_s is None else f"ran {found.duration_s:.3g} s"
    ended = f"exit code {found.exit_code}" if found.complete else "was not followed to its end"
    _say(console, f"{found.run}: {found.program} {ran}, {ended}")
    console.print(_table(found))
    for remark in _remarks(found):
        _say(console, remark)


def _say(console: Console, line: str) -> None:
    console.print(clean(line), highlight=False, markup=False, soft_wrap=True)


def _window(store: Store, run: RunRecord) -> tuple[int, Span | None]:
    """Session and edges; a window that a crash left open lasts until the last reading."""
    query = "SELECT session, start_s, end_s FROM windows WHERE cell = ?"
    row = store.db.execute(query, (COMMAND,)).fetchone()
    if row is None:
        return max(run.traces, default=0), None
    session, start_s, end_s = row
    end_s = _last_reading_s(run.traces[session]) if end_s is None else end_s
    return session, (start_s, end_s) if end_s is not None and end_s > start_s else None


def _last_reading_s(trace: Trace) -> float | None:
    """Of all counters: later moments are not covered by each of them. Without any, of what else there is."""
    changes = [float(each.t_s[-1]) for each in trace.counters.values() if each.t_s.size]
    others = [float(each.t_s[-1]) for each in trace.gauges.values() if each.t_s.size]
    return min(changes) if changes else max(others, default=None)


def _domain(
    run: RunRecord, session: int, facts: MeterFacts, domain: str, span: Span | None
) -> MeteredDomain:
    device = next((each for each in facts.devices if each.domain == domain), None)
    period_s = _update_period_s(run.traces[session], domain, device)
    found = _cut(run, session, facts, domain, span)
    late = _of_the_sampler(run, session, span, period_s or facts.period_s)
    reasons = tuple(dict.fromkeys([*facts.reasons, *found.reasons, *late]))
    watts = uncertainty = None
    if span is not None and found.joules is not None and found.bound != "partial":
        watts = found.joules / (span[1] - span[0])
        uncertainty = expect(
            found.method,
            facts.provenance,
            span[1] - span[0],
            update_period_s=period_s,
            power_covered=device is None or device.power_covered,
        )
    return MeteredDomain(
        meter=facts.name,
        domain=domain,
        device=device.name if device else None,
        joules=found.joules,
        mean_power_w=watts,
        provenance=facts.provenance,
        method=found.method,
        scope=device.scope if device else facts.scope,
        bound=found.bound,
        quality=quality_of(reasons),
        reasons=reasons,
        uncertainty=uncertainty,
    )


def _update_period_s(trace: Trace, domain: str, device: Device | None) -> float | None:
    if device is not None:
        return device.update_period_s
    series = trace.counters.get(domain)
    return series.update_period_s if series is not None else None


def _cut(
    run: RunRecord, session: int, facts: MeterFacts, domain: str, span: Span | None
) -> WindowEnergy:
    """Joules with what is known of them, and every doubt."""
    trace = run.traces[session]
    if span is None:
        return WindowEnergy(None, reasons=("energy_uncovered",))
    for device in facts.devices:
        if device.domain == domain:
            return judged_energy(GpuTrace.of(trace, device, run.lost(session, domain)), span)
    return counter_energy(trace.counters.get(domain), *span, facts.method, updates=RESOLVED_UPDATES)


def _of_the_sampler(
    run: RunRecord, session: int, span: Span | None, period_s: float
) -> tuple[str, ...]:
    crashed = any(fault.code == "sampler_crashed" for fault in run.faults)
    late = judge_sampler(run.traces[session], span, period_s) if span else ()
    late += judge_length(span[1] - span[0]) if span else ()
    return (*late, "sampler_crashed") if crashed else late


def _energy(
    run: RunRecord, meters: Sequence[MeterFacts], domains: Sequence[MeteredDomain]
) -> MeteredEnergy:
    """Where there is a GPU it is a GPU's meter that counts: a model of the rest does not stand in for it."""
    fitting = [facts for facts in meters if (facts.scope == GPU_SCOPE) == run.meta["gpu"]]
    if not fitting:
        return MeteredEnergy(reasons=_why_none(run))
    strongest_first = get_args(Provenance)
    facts = min(fitting, key=lambda meter: strongest_first.index(meter.provenance))
    parts = [part for part in domains if part.meter == facts.name]
    # A part that is not known whole has no power either, and no total comes of it.
    whole = all(part.mean_power_w is not None for part in parts)
    ranges = [part.uncertainty for part in parts if part.uncertainty is not None]
    reasons = tuple(dict.fromkeys(code for part in parts for code in part.reasons))
    return MeteredEnergy(
        joules=total_joules({part.domain: part.joules for part in parts}) if whole else None,
        mean_power_w=total_joules({part.domain: part.mean_power_w for part in parts}),
        provenance=facts.provenance,
        method="+".join(dict.fromkeys(part.method for part in parts if part.method)) or None,
        scope=facts.scope,
        bound=max((part.bound for part in parts), key=[*_BOUNDS].index, default="exact"),
        quality=quality_of(reasons),
        reasons=reasons,
        uncertainty=max(ranges, key=lambda one: one.absolute_percent or 0.0)
        if whole and ranges
        else None,
    )


def _why_none(run: RunRecord) -> tuple[str, ...]:
    """Those of meters that did not open, behind the plain fact."""
    codes = [fault.code for fault in run.faults if fault.domain is None and fault.code in REASONS]
    return tuple(dict.fromkeys(["no_meter", *(code for code in codes if code)]))


def _table(found: Metered) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("what", "joules", "95 %", "mean W", "provenance", "quality"):
        table.add_column(column, justify="right" if column in {"joules", "mean W"} else "left")
    for part in found.domains:
        table.add_row(escape(clean(_name(part))), *_cells(part))
    table.add_row("energy", *_cells(found.energy))
    return table


def _name(part: MeteredDomain) -> str:
    """Of a GPU with as much of its UUID as nvidia-smi needs."""
    if part.device is None:
        return f"{part.meter} {part.domain}"
    return f"{part.meter} {part.device} {part.domain.removeprefix('gpu:')[:_UUID_SHOWN]}"


def _cells(part: MeteredDomain | MeteredEnergy) -> tuple[str, ...]:
    half = part.uncertainty.absolute_percent if part.uncertainty else None
    method = f" ({part.method})" if part.method else ""
    return (
        _BOUNDS[part.bound] + number(part.joules) if part.joules is not None else NA,
        "" if half is None else f"±{half:.2g} %",
        number(part.mean_power_w),
        escape(clean(part.provenance + method)),
        part.quality,
    )


def _remarks(found: Metered) -> Iterator[str]:
    codes = [*found.energy.reasons, *(code for part in found.domains for code in part.reasons)]
    yield from map(str, doubts(codes))
    if any(part.provenance == "modelled" for part in found.domains):
        yield f"modelled joules: {MODEL_NOTE}"
    yield from found.faults
