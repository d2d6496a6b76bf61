"""What `costbench import` writes: a run folder with the keys and tables that a suite's run has."""

import datetime
import importlib.metadata
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costbench.errors import StoreError
from costbench.hardware import Gpu, Machine
from costbench.import_cells import ImportedCell, SourceFile, attempt_of
from costbench.import_energy import EnergyTrace, Span
from costbench.imported import ImportedSample
from costbench.interfaces import ImportFormat
from costbench.plugins import build_component
from costbench.protocol import Protocol
from costbench.records import IMPORT
from costbench.store import Store
from costbench.types import Grade
from costbench.wanted import Decision

_AT_ONCE = 1_000


def overlapping(cells: Sequence[ImportedCell]) -> set[str]:
    """Cells of which a window shares time with another one."""
    spans = sorted((span, cell.plan.id) for cell in cells for span in cell.windows.values())
    found: set[str] = set()
    last_s, last = -math.inf, ""
    for (start_s, end_s), cell in spans:
        if start_s < last_s:
            found |= {cell, last}
        if end_s > last_s:
            last_s, last = end_s, cell
    return found


@dataclass(frozen=True)
class Writing:
    """All that goes into the folder."""

    form: ImportFormat
    name: str | None
    gpu: tuple[str, int] | None
    files: Sequence[SourceFile]
    cells: Sequence[ImportedCell]
    trace: EnergyTrace | None

    @property
    def machine(self) -> Machine:
        """At most its GPUs are known."""
        name, count = self.gpu or ("", 0)
        gpu = Gpu(name=name, memory_gib=float("nan"))
        unknown = "unknown"
        return Machine(
            cpu=unknown, cores=None, memory_gib=None, system=unknown, python=unknown, virtual=None,
            gpus=(gpu,) * count, versions={},
        )  # fmt: skip

    def windows(self, session: int) -> list[Span]:
        """Of all cells in one file."""
        return [c.windows[session] for c in self.cells if session in c.windows]

    def zero_s(self, session: int) -> float:
        """Where the session's clock is 0: its first attempt's start."""
        starts = (s.started_s for s in self.files[session - 1].samples if s.started_s is not None)
        return min(starts, default=0.0)


def meta_of(writing: Writing, now: datetime.datetime) -> dict[str, Any]:
    """With the keys that a suite's run has."""
    machine = writing.machine
    uuids = [f"imported-{at}" for at, _ in enumerate(machine.gpus)]
    sessions = {str(number): uuids for number, _ in enumerate(writing.files, start=1)}
    engine = {"latency_basis": "client", "gpu_uuids": sessions}
    engines = {f"engine:{cell.plan.id}": engine for cell in writing.cells}
    return engines | {
        "kind": IMPORT,
        "identity": {"kind": IMPORT},  # that of no suite: nothing is ever resumed from here
        "imported": {
            "format": writing.form.kind,
            "files": [file.path.name for file in writing.files],
            "settings": writing.form.model_dump(mode="json"),
        },
        "suite": {
            "name": writing.name or f"{IMPORT}:{writing.form.kind}",
            "protocol": Protocol.named("imported").model_dump(mode="json"),
            "decision": Decision().model_dump(mode="json"),
        },
        "machine": machine.model_dump(mode="json"),
        "skipped": [],
        "price_file": None,
        "price_book": None,
        "started_at": _started(writing, now).isoformat(timespec="seconds"),
        "costbench_version": importlib.metadata.version("costbench"),
        "complete": True,
    }


def _started(writing: Writing, now: datetime.datetime) -> datetime.datetime:
    """The first attempt's start by the wall clock, else now."""
    every = [s.started_s for f in writing.files for s in f.samples if s.started_s is not None]
    if not every or not writing.form.wall_clock:
        return now
    return datetime.datetime.fromtimestamp(min(every), datetime.UTC)


def write_run(folder: Path, writing: Writing, meta: dict[str, Any]) -> None:
    """Under a hidden name first: a run is there whole or not at all. Raises StoreError."""
    draft = folder.with_name(f".{folder.name}.import")
    try:
        plans = [cell.plan for cell in writing.cells]
        with Store.create(draft, meta, plans) as store:
            for session in range(1, len(writing.files) + 1):
                _write_session(store, writing, session)
            for cell, code in caveats(writing):
                store.add_event("imported", code, cell, code)
        draft.rename(folder)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_session(store: Store, writing: Writing, session: int) -> None:
    zero_s = writing.zero_s(session)
    known = writing.form.wall_clock and zero_s > 0
    began = (zero_s if known else time.time(), 0.0)
    store.begin_session(writing.machine.model_dump(mode="json"), began)
    for cell in writing.cells:
        tries = [one for one in cell.tries if one.session == session]
        for start in range(0, len(tries), _AT_ONCE):
            some = tries[start : start + _AT_ONCE]
            store.add_attempts((attempt_of(cell.plan.id, one, zero_s) for one in some), ())
        if session in cell.windows:
            _write_window(store, cell, session, zero_s)
        _write_grades(store, cell, session)
    if writing.trace is not None:
        store.add_meters([writing.trace.facts])
        store.add_attempts((), writing.trace.around(writing.windows(session), zero_s))


def _write_window(store: Store, cell: ImportedCell, session: int, zero_s: float) -> None:
    start_s, end_s = cell.windows[session]
    with store.transaction():
        store.db.execute(
            "INSERT INTO windows (session, cell, pass, phase, start_s, end_s)"
            " VALUES (?, ?, NULL, 'whole', ?, ?)",
            (session, cell.plan.id, start_s - zero_s, end_s - zero_s),
        )


def _write_grades(store: Store, cell: ImportedCell, session: int) -> None:
    """Also where the files have no verdict, with the reason."""
    query = "SELECT problem, pass, id FROM attempts WHERE cell = ? AND session = ?"
    ids = {(p, n): key for p, n, key in store.db.execute(query, (cell.plan.id, session))}
    grader = build_component("graders", cell.plan.spec["grader"])
    grades = (
        (ids[one.sample.problem, one.pass_number], _grade(one.sample))
        for one in cell.tries
        if one.session == session and one.sample.error is None
    )
    store.add_grades(grader.kind, grader.version, grades)


def _grade(one: ImportedSample) -> Grade:
    why = one.reason or (None if one.correct is not None else "no_imported_verdict")
    return Grade(correct=one.correct, extracted=one.extracted, reason=why)


def caveats(writing: Writing) -> Iterator[tuple[str, str]]:
    """By cell, codes of what a reader should know."""
    crowded = overlapping(writing.cells) if writing.form.wall_clock else set()
    for cell in writing.cells:
        if not cell.windows:
            yield cell.plan.id, "imported_without_times"
        if cell.plan.id in crowded:
            yield cell.plan.id, "imported_overlap"
        if any(one.sample.tokens_counted for one in cell.tries):
            yield cell.plan.id, "tokens_counted_on_import"
        if any(one.sample.unfinished for one in cell.tries):
            yield cell.plan.id, "imported_unfinished"
