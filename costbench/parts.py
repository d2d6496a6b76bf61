"""Parts of a cell's windows: which attempts ran in them, and from when to when the load was as intended."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.stats import percentiles
from costbench.analysis.steady import arrival_span, steady_span
from costbench.records import CellRecord, RunRecord, Window
from costbench.store import Store

Which = NDArray[np.bool_]
Span = tuple[float, float]


def ran_in(record: CellRecord, window: Window) -> Which:
    """Which attempts ran in a window."""
    same_session = record.columns["session"] == window.session
    if window.pass_number is None:
        return np.asarray(same_session)
    return np.asarray(same_session & (record.columns["sample"] == window.pass_number))


def arrived_s(record: CellRecord) -> NDArray[np.float64]:
    """When each attempt came: at its scheduled time, in a closed loop when it began."""
    return record.columns.get("arrived_s", record.columns["started_s"])


def steady_part(record: CellRecord, window: Window) -> Span | None:
    """Of one window; None where there is none."""
    mine = ran_in(record, window)
    ended = record.columns["finished_s"][mine]
    if "open_loop" in record.spec:
        return arrival_span(arrived_s(record)[mine], ended)
    places = record.spec["concurrency"]
    if places is None:  # an imported file need not say
        return None
    started, first = (record.columns[name][mine] for name in ("started_s", "first_token_s"))
    return steady_span(started, first, ended, int(places))


def steady_parts(record: CellRecord) -> tuple[tuple[Window, Span], ...] | None:
    """Of all windows; None unless each has one."""
    found = [(window, steady_part(record, window)) for window in record.windows]
    known = tuple((window, span) for window, span in found if span is not None)
    return known if known and len(known) == len(found) else None


def come_steadily(record: CellRecord) -> Which | None:
    """Which attempts came in a steady part; None unless each window has one."""
    parts = steady_parts(record)
    if parts is None:
        return None
    came_s, found = arrived_s(record), np.zeros(record.attempts, dtype=np.bool_)
    for window, (start_s, _) in parts:  # nobody comes after one's end
        found |= ran_in(record, window) & (came_s >= start_s)
    return found


def with_gaps(store: Store, run: RunRecord) -> RunRecord:
    """The run with the times between its streamed tokens, summed up: they are as many as tokens."""
    cells = tuple(replace(c, inter_token_s=_gaps(store, c)) for c in run.cells)
    return replace(run, cells=cells)


def _gaps(store: Store, record: CellRecord) -> dict[str, dict[str, float | None]]:
    query = (
        "SELECT p.ordinal, a.pass, a.round, t.inter_token_s FROM attempts a"
        " JOIN problems p ON p.dataset = ? AND p.id = a.problem JOIN call_times t ON t.attempt = a.id"
        " WHERE a.cell = ? AND a.error IS NULL AND t.inter_token_s IS NOT NULL"
    )
    rows = store.db.execute(query, (record.spec["dataset_sha256"], record.id)).fetchall()
    if not rows:
        return {}
    steady = come_steadily(record)
    whole = [np.frombuffer(blob, dtype="<f4") for *_, blob in rows]
    found = {"whole": _spread(whole)}
    if steady is not None:
        at = zip(
            *(record.index(each)[steady] for each in ("problem", "sample", "round")), strict=True
        )
        steadily = set(at)
        pairs = zip(whole, rows, strict=True)
        found["steady"] = _spread([gaps for gaps, row in pairs if row[:3] in steadily])
    return found


def _spread(gaps: list[NDArray[np.float32]]) -> dict[str, float | None]:
    return percentiles(np.concatenate(gaps).astype(np.float64) if gaps else np.array([]))
