"""What the cells of block 3 say, by costbench's own readers; needs what `costbench report` needs."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu import cell_verdicts
from benchmarks.gpu.block3 import unpack
from benchmarks.gpu.folder import RUNS
from benchmarks.gpu.stored import AbsentError
from benchmarks.gpu.table import Row
from costbench.analysis.attribution import Rule
from costbench.metering.trace import Floats
from costbench.metering.window_energy import COUNTER, GpuTrace, power_integral, window_energy


@dataclass(frozen=True)
class Cells:
    """Plain figures of a run: nothing here depends on how they were read."""

    integrals: dict[str, Floats]
    """By cell: of each window counter and integral of power, in joules."""
    residual: float | None
    """Of the fit of joules per token read and written."""
    windows: int
    """That the fit is over."""
    alone: Floats
    """Attempts that ran alone: joules by the counter, and as shared out; a row each."""
    idle_w: tuple[float | None, float | None]
    """With the model loaded, before the first cell and after the last."""
    opinion: tuple[float, float] | None
    """CodeCarbon's joules and the counter's."""


def read_cells(folder: Path) -> Cells:
    """Raises AbsentError where there is no run, or what reads it is not installed."""
    if not (folder / RUNS).exists():
        raise AbsentError("cells: not run")
    with tempfile.TemporaryDirectory() as place:
        unpack(folder, Path(place) / "runs")
        found = sorted(Path(place).glob("runs/*/run.db"))
        if not found:
            raise AbsentError("cells: no run in the archive")
        return _read(found[-1].parent)


def _read(run_folder: Path) -> Cells:
    try:
        from costbench.grading import graders_in_use
        from costbench.records import read_records
        from costbench.report.measured import measure_run
        from costbench.report.opinions import second_opinions
        from costbench.store import Store
    except ImportError as missing:
        raise AbsentError(f"cells: judging needs the package {missing.name}") from missing
    with Store.open(run_folder) as store:
        run = read_records(store, graders_in_use(store))
    measured = measure_run(run, "whole", "output_tokens")
    fit = next(iter(measured.fits.values()), None)
    idle = [cell.energy.idle for cell in measured.cells.values()]
    opinion = next(iter(second_opinions(run)), None)
    return Cells(
        integrals={record.id: _integrals(run, record) for record in run.cells},
        residual=fit.residual if fit else None,
        windows=fit.windows if fit else 0,
        alone=_alone(run, measured),
        idle_w=(idle[0].context_before_w, idle[0].context_after_w) if idle else (None, None),
        opinion=(opinion.joules, opinion.counter_joules) if opinion else None,
    )


def _gpus(run: Any, record: Any, session: int) -> list[Any]:
    from costbench.report.cuts import Cutter

    cutter = Cutter(run, record)
    return [cutter.gpu(session, device) for device in cutter.devices(session)]


def counted(gpu: GpuTrace, start_s: float, end_s: float) -> float | None:
    """Joules by the counter alone: where power stood in for it, there is nothing to compare power with."""
    found = window_energy(gpu, start_s, end_s)
    return found.joules if found.method == COUNTER else None


def _integrals(run: Any, record: Any) -> Floats:

    rows = []
    for window in record.windows:
        for gpu in _gpus(run, record, window.session):
            span = window.start_s, window.end_s
            pair = counted(gpu, *span), power_integral(gpu, *span)
            rows.append([np.nan if value is None else value for value in pair])
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _alone(run: Any, measured: Any) -> Floats:
    """Of cells with one attempt at a time: what the counter says of its time, and its share by the fit."""
    from costbench.report.measured import attribution_of, rules_for
    from costbench.report.shares import attributed

    rows: list[tuple[float, float]] = []
    for record in run.cells:
        if record.spec["concurrency"] != 1:
            continue
        rules = rules_for(record, measured.fits)
        rule: Rule = "phase_weighted" if "phase_weighted" in rules else "output_tokens"
        energy = measured.cells[record.id].energy
        by = attribution_of(record, rule, measured.fits)
        shares = attributed(record, energy.window_joules, by)
        spans = zip(
            record.index("session"),
            record.columns["started_s"],
            record.columns["finished_s"],
            strict=True,
        )
        for share, (session, start_s, end_s) in zip(shares, spans, strict=True):
            if end_s - start_s < cell_verdicts.ALONE_AT_LEAST_S:
                continue
            parts = [counted(gpu, start_s, end_s) for gpu in _gpus(run, record, int(session))]
            if parts and None not in parts:
                rows.append((sum(p for p in parts if p is not None), float(share)))
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _once(read: Callable[[], Cells]) -> Callable[[], Cells]:
    """What came of the first call, also where that was an error: reading a run takes seconds."""
    kept: list[Cells | Exception] = []

    def found() -> Cells:
        if not kept:
            try:
                kept.append(read())
            except Exception as error:  # noqa: BLE001 - told by every row that asks
                kept.append(error)
        if isinstance(kept[0], Exception):
            raise kept[0]
        return kept[0]

    return found


def cell_rows(folder: Path) -> Sequence[Row]:
    """The assumptions that a run folder can settle."""
    found = _once(lambda: read_cells(folder))

    trace, shares = "metering/quality.py", "docs/measurement.md, sharing"
    return (
        Row("cells_integral", "counter and integral agree in every cell", trace, "2 % (5 %), worst cell",
            lambda _: cell_verdicts.cells_agree(found().integrals)),
        Row("cells_phases", "joules per token read and written, and idle watts, explain the windows", shares,
            "misses 10 % at most", lambda _: cell_verdicts.phases(found().residual, found().windows)),
        Row("cells_alone", "a request that runs alone uses what it would be attributed", shares,
            "median within 15 %", lambda _: cell_verdicts.shares_of_alone(found().alone)),
        Row("cells_idle", "idle power with a model loaded is the same before and after", "report/idle.py",
            "3 W or 5 %", lambda _: cell_verdicts.idle_again(*found().idle_w)),
        Row("cells_codecarbon", "CodeCarbon and our counter tell the same of the GPU",
            "metering/second_opinion.py", "1 % (5 %)",
            lambda _: cell_verdicts.second_opinion(found().opinion)),
    )  # fmt: skip
