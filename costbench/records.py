"""Reading a run folder back as columns: one CellRecord per row of the report, numpy all the way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costbench.answer_classes import answer_codes
from costbench.doubts import doubts_of
from costbench.interfaces import Grader
from costbench.metering.trace import Trace, trace_of
from costbench.metering.window_energy import LOST
from costbench.store import Store
from costbench.types import OUTCOMES, MeterFacts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CORRECT, WRONG, TRUNCATED, UNGRADED, ERROR = range(len(OUTCOMES))
"""Outcome codes, in the order of types.Outcome."""

IMPORT = "import"
"""What the run folder of `costbench import` calls itself."""

TOKEN_COLUMNS = (
    "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "injected_tokens",
)  # fmt: skip
_COLUMNS = (
    "problem", "sample", "round", "session", "outcome", *TOKEN_COLUMNS, "latency_s", "ttft_s",
    "batch_size", "started_s", "first_token_s", "finished_s", "unclosed", "ttfat_s", "arrived_s", "sent_s",
    "tpot_s", "unfinished",
)  # fmt: skip

_ATTEMPTS = """
SELECT p.ordinal, a.pass, a.round, a.session,
    CASE WHEN a.error IS NOT NULL THEN 4
         WHEN g.attempt IS NULL OR g.correct IS NULL THEN 3
         WHEN g.extracted IS NULL AND NOT a.finished THEN 2
         WHEN g.correct THEN 0 ELSE 1 END,
    {tokens},
    MAX(c.finished_s) - COALESCE(r.scheduled_s, MIN(c.submitted_s)),
    MIN(CASE WHEN c.ordinal = 0 THEN c.first_token_s - COALESCE(r.scheduled_s, c.submitted_s) END),
    SUM(1.0 * c.batch_size * c.output_tokens) / NULLIF(SUM(c.output_tokens), 0),
    a.started_s, MIN(CASE WHEN c.ordinal = 0 THEN c.first_token_s END), a.finished_s,
    a.finished AND g.reason IS 'thinking_never_closed',
    MIN(t.first_answer_token_s) - COALESCE(r.scheduled_s, MIN(c.submitted_s)),
    COALESCE(r.scheduled_s, a.started_s), r.sent_s,
    (MAX(c.finished_s) - MIN(CASE WHEN c.ordinal = 0 THEN c.first_token_s END))
        / NULLIF(MAX({answered} - 1, 0), 0),
    NOT a.finished{answer}
FROM attempts a
JOIN problems p ON p.dataset = :dataset AND p.id = a.problem
LEFT JOIN calls c ON c.attempt = a.id
LEFT JOIN call_times t ON t.attempt = c.attempt AND t.ordinal = c.ordinal
LEFT JOIN arrivals r ON r.attempt = a.id
LEFT JOIN grades g ON g.attempt = a.id AND g.grader = :grader AND g.version = :version
WHERE a.cell = :cell GROUP BY a.id ORDER BY p.ordinal, a.pass, a.round
""".format(
    # A sum is known when every call told its part; without a call it is 0.
    tokens=", ".join(
        f"CASE WHEN COUNT(c.{name}) = COUNT(c.ordinal) THEN TOTAL(c.{name}) END"
        for name in TOKEN_COLUMNS
    ),
    answered="CASE WHEN COUNT(c.output_tokens) = COUNT(c.ordinal) THEN"
    " SUM(CASE WHEN c.finish != 'lost' THEN c.output_tokens END) END",
    answer="{answer}",
)


@dataclass(frozen=True)
class Window:
    """One stretch of a cell's work: a pass, or the part of it that one process did."""

    session: int
    pass_number: int | None
    """None: all passes of its session, whose attempts an imported file has side by side."""
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Seconds from edge to edge."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class CellRecord:
    """Everything stored about one cell; columns have one entry per attempt, NaN where not known."""

    id: str
    spec: dict[str, Any]
    problems: int
    levels: tuple[int | None, ...]
    """Difficulty by problem."""
    columns: dict[str, Floats]
    """`answer` is there where answers were read: which one it is, as `answer_codes` numbers them; `usd` in
    imported runs whose files say what attempts cost."""
    windows: tuple[Window, ...]
    grader: tuple[str, str]
    """Whose grades the outcomes are by: grader and version."""
    events: tuple[str, ...] = ()
    """Codes of what went wrong around its passes."""
    doubts: tuple[str, ...] = ()
    """Codes of what is not known, or not so well, of its calls."""
    inter_token_s: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Between what came one after another of its streams: mean, p50, p95 and p99, of whole windows and
    of their steady parts; empty where nobody has read them."""
    gradable: bool = True
    """False: no problem has a reference answer, so that time and energy are all there is to know."""

    @property
    def load(self) -> dict[str, Any]:
        """How its attempts came: so many in flight, or at a rate."""
        return self.spec.get("open_loop") or {"concurrency": self.spec["concurrency"]}

    @property
    def imported(self) -> bool:
        """Whether it is another tool's work."""
        return "imported" in self.spec

    @property
    def attempts(self) -> int:
        """How many there are so far."""
        return int(self.columns["problem"].size)

    @property
    def complete(self) -> bool:
        """Whether every planned attempt is there; those of further rounds were not planned."""
        planned = self.problems * int(self.spec["sampling"]["samples_per_problem"])
        return int((self.columns["round"] == 0).sum()) == planned

    @property
    def passes(self) -> int:
        """How many have begun; they are taken in turn."""
        return int(self.columns["sample"].max(initial=0)) + 1

    def index(self, name: str) -> Ints:
        """A column of whole numbers."""
        return self.columns[name].astype(np.int64)


@dataclass(frozen=True)
class IdleWindow:
    """A stretch without work that counts: `whose` is its model ("group/model"), of a warm-up its cell."""

    session: int
    phase: str
    whose: str | None
    start_s: float
    end_s: float


@dataclass(frozen=True)
class MeterFault:
    """What a meter could not do; `domain` where it was one of several."""

    session: int
    t_s: float
    message: str
    code: str | None
    domain: str | None


@dataclass(frozen=True)
class RunRecord:
    """A run folder in memory."""

    meta: dict[str, Any]
    cells: tuple[CellRecord, ...]
    traces: dict[int, Trace]
    """By session."""
    meters: dict[int, tuple[MeterFacts, ...]]
    failed: tuple[tuple[str, str], ...]
    """Groups that could not go on, with the reason."""
    faults: tuple[MeterFault, ...]
    idle: tuple[IdleWindow, ...]
    warmups: tuple[IdleWindow, ...] = ()
    """`whose` is the cell's."""

    @property
    def imported(self) -> bool:
        """Whether `costbench import` wrote it."""
        return bool(self.meta.get("kind") == IMPORT)

    def lost(self, session: int, domain: str) -> tuple[str, float] | None:
        """Why and from when a GPU could not be read any more; None where it was read to the end."""
        last_s = self.traces[session].last_reading_s(domain)
        for fault in self.faults:
            if (fault.session, fault.domain) != (session, domain) or fault.code not in LOST:
                continue
            if last_s is None or last_s <= fault.t_s:
                return fault.code, fault.t_s
        return None


def read_records(
    store: Store,
    grader_version: dict[str, tuple[str, str]],
    spelling: Mapping[str, Grader] | None = None,
) -> RunRecord:
    """The whole run; `grader_version` says per cell whose grades count (grader and version).

    With `spelling`, a grader per cell, the answers of cells with several samples per problem are read, too.
    """
    meta = {
        key: json.loads(value) for key, value in store.db.execute("SELECT key, value FROM meta")
    }
    traces = {
        session: read_trace(store, session)
        for (session,) in store.db.execute("SELECT id FROM sessions")
    }
    cells = [
        _cell(store, (cell, spec), grader_version[cell], traces, (spelling or {}).get(cell))
        for cell, spec in store.specs().items()
    ]
    groups = {cell.spec["group"] for cell in cells}
    finished = groups - {cell.spec["group"] for cell in cells if not cell.complete}
    meters: dict[int, list[MeterFacts]] = {}
    for session, facts in store.db.execute("SELECT session, facts FROM meters"):
        meters.setdefault(session, []).append(MeterFacts.model_validate_json(facts))
    return RunRecord(
        meta=meta,
        cells=tuple(cell for cell in cells if cell.attempts),
        traces=traces,
        meters={session: tuple(facts) for session, facts in meters.items()},
        failed=tuple(
            (group, reason)
            for group, reason in _events(store, "failed")
            if group not in finished  # a later session made it good
        ),
        faults=_faults(store),
        idle=_windows_of(store, "idle_bare", "idle_context"),
        warmups=_windows_of(store, "warmup"),
    )


def _faults(store: Store) -> tuple[MeterFault, ...]:
    query = (
        "SELECT session, t_s, message, code, domain FROM events WHERE kind = 'meter' ORDER BY t_s"
    )
    return tuple(MeterFault(*row) for row in store.db.execute(query))


def _windows_of(store: Store, *phases: str) -> tuple[IdleWindow, ...]:
    query = (
        "SELECT session, phase, cell, start_s, end_s FROM windows"
        " WHERE phase = ? AND end_s IS NOT NULL ORDER BY id"
    )
    return tuple(IdleWindow(*row) for each in phases for row in store.db.execute(query, (each,)))


def _events(store: Store, kind: str) -> tuple[tuple[str, str], ...]:
    query = "SELECT DISTINCT COALESCE(cell, ''), message FROM events WHERE kind = ? ORDER BY t_s"
    return tuple(store.db.execute(query, (kind,)))


def _cell(
    store: Store,
    planned: tuple[str, dict[str, Any]],
    grader: tuple[str, str],
    traces: dict[int, Trace],
    spelling: Grader | None,
) -> CellRecord:
    cell, spec = planned
    several = int(spec["sampling"]["samples_per_problem"]) > 1
    problems = store.db.execute(
        "SELECT level, answer IS NOT NULL FROM problems WHERE dataset = ? ORDER BY ordinal",
        (spec["dataset_sha256"],),
    ).fetchall()
    return CellRecord(
        id=cell,
        spec=spec,
        problems=int(spec["problems"]),
        levels=tuple(level for level, _ in problems),
        columns=_columns(store, planned, grader, spelling if several else None),
        windows=_windows(store, cell, traces),
        grader=grader,
        events=tuple(
            code
            for (code,) in store.db.execute(
                "SELECT DISTINCT code FROM events WHERE cell = ? AND code IS NOT NULL", (cell,)
            )
        ),
        doubts=doubts_of(store, cell),
        gradable="imported" in spec or any(answer for _, answer in problems),
    )


def _columns(
    store: Store,
    planned: tuple[str, dict[str, Any]],
    grader: tuple[str, str],
    spelling: Grader | None,
) -> dict[str, Floats]:
    cell, spec = planned
    key = {"cell": cell, "dataset": spec["dataset_sha256"]}
    key |= {"grader": grader[0], "version": grader[1]}
    query = _ATTEMPTS.format(answer=", g.extracted" if spelling else "")
    rows = store.db.execute(query, key).fetchall()
    figures = [row[: len(_COLUMNS)] for row in rows] if spelling else rows
    table = np.array(figures, dtype=np.float64).reshape(-1, len(_COLUMNS))
    columns = {name: table[:, at] for at, name in enumerate(_COLUMNS)}
    if spec.get("imported", {}).get("costs"):
        columns["usd"] = _costs(store, cell, spec["dataset_sha256"])
    if spelling:
        columns["answer"] = answer_codes([row[-1] for row in rows], spelling).astype(np.float64)
    return columns


def _costs(store: Store, cell: str, dataset: str) -> Floats:
    """What an imported file says that each attempt cost, in the order of the other columns."""
    query = (
        "SELECT c.usd FROM attempts a JOIN problems p ON p.dataset = ? AND p.id = a.problem"
        " LEFT JOIN attempt_costs c ON c.attempt = a.id"
        " WHERE a.cell = ? ORDER BY p.ordinal, a.pass, a.round"
    )
    rows = store.db.execute(query, (dataset, cell)).fetchall()
    return np.array(rows, dtype=np.float64).reshape(-1)


def _windows(store: Store, cell: str, traces: dict[int, Trace]) -> tuple[Window, ...]:
    query = "SELECT session, pass, start_s, end_s FROM windows WHERE cell = ? AND phase = 'whole' ORDER BY id"
    found = []
    for session, number, start_s, end_s in store.db.execute(query, (cell,)):
        end = _last_seen(store, session, traces, start_s) if end_s is None else end_s
        if end is not None and end > start_s:
            found.append(Window(session, number, start_s, end))
    return tuple(found)


def _last_seen(
    store: Store, session: int, traces: dict[int, Trace], start_s: float
) -> float | None:
    """Where a window ended that a crash left open: the last change that all its counters saw.

    Without a counter that lived in it, it is the last attempt; later moments were measured by nobody.
    """
    ends = [
        float(series.t_s[-1]) for series in traces[session].counters.values() if series.t_s.size
    ]
    if ends and min(ends) > start_s:
        return min(ends)
    query = "SELECT MAX(finished_s) FROM attempts WHERE session = ?"
    last: float | None = store.db.execute(query, (session,)).fetchone()[0]
    return last


def read_trace(store: Store, session: int) -> Trace:
    """What the meters of one session gave."""
    chunks: dict[tuple[str, str], list[tuple[Floats, Floats]]] = {}
    query = "SELECT domain, quantity, t_s, value FROM trace WHERE session = ? ORDER BY rowid"
    for domain, quantity, t_s, values in store.db.execute(query, (session,)):
        pair = np.frombuffer(t_s, dtype="<f8"), np.frombuffer(values, dtype="<f8")
        chunks.setdefault((domain, quantity), []).append(pair)
    return trace_of(
        {
            key: (np.concatenate([t for t, _ in found]), np.concatenate([v for _, v in found]))
            for key, found in chunks.items()
        }
    )
