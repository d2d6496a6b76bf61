"""What a run writes down as it goes, into its folder's database."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from costbench.attempts import Attempt, Call, add_attempt
from costbench.errors import StoreError
from costbench.metering.sampler import Fault, Reading
from costbench.metering.trace import chunks_of
from costbench.run_folder import (
    DATABASE,
    ENVIRONMENT,
    LATER,
    SCHEMA_VERSION,
    connect,
    create,
    drafted,
    locked,
    stand_in,
    unreadable,
    write_text,
)
from costbench.types import Grade, MeterFacts, Phase, Problem

__all__ = ["Attempt", "Call", "PlannedCell", "Store"]


@dataclass(frozen=True)
class PlannedCell:
    """A row of the plan as it is stored: enough to grade and report without the suite."""

    id: str
    spec: dict[str, Any]
    problems: Sequence[Problem]


class Store:
    """An open run folder; use it in `with`, so that its files are tidied up at the end."""

    def __init__(self, folder: Path, database: sqlite3.Connection) -> None:
        self.folder = folder
        self.db = database
        self.session = 0
        self._held = ExitStack()

    @classmethod
    def create(cls, folder: Path, meta: dict[str, Any], cells: Sequence[PlannedCell] = ()) -> Self:
        """A new run folder with its plan, locked; raises StoreError where it cannot be written."""
        with drafted(folder) as database:
            draft = cls(folder, database)
            with draft.transaction():
                for key, value in {"schema_version": SCHEMA_VERSION, **meta}.items():
                    draft.set_meta(key, value)
                for ordinal, cell in enumerate(cells):
                    draft._add_cell(ordinal, cell)
        return cls.open(folder, lock=True)

    @classmethod
    def open(cls, folder: Path, *, lock: bool = False) -> Self:
        """An existing run folder; with `lock` nobody else may open it so.

        Raises StoreError when it is none, is of another schema, or is locked by another process.
        """
        if not (folder / DATABASE).is_file():
            raise StoreError(f"{folder}: no run folder (it has no {DATABASE})")
        with ExitStack() as held:
            if lock:
                held.enter_context(locked(folder))
            try:
                store = cls(folder, connect(folder))
                held.callback(store.db.close)
                found = store.meta("schema_version")
            except sqlite3.Error as error:
                raise unreadable(folder, error) from error
            if found != SCHEMA_VERSION:
                older = isinstance(found, int) and found < SCHEMA_VERSION
                raise StoreError(
                    f"{folder}: has schema {found}, this costbench reads {SCHEMA_VERSION}; "
                    + ("read it with the version that wrote it" if older else "update costbench")
                )
            store._held = held.pop_all()
        if lock:
            with store.transaction():
                create(store.db, LATER)
        else:
            stand_in(store.db)
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object = None, error: object = None, trace: object = None) -> None:
        self._held.close()  # the last one to close the database folds its log into it
        if isinstance(error, sqlite3.DatabaseError):
            raise unreadable(self.folder, error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; raises StoreError when the disk refuses."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            with suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise StoreError(
                f"{self.folder}: cannot be written: {error}; what is committed is safe, "
                "run again to resume"
            ) from error
        except BaseException:
            with suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise

    def meta(self, key: str) -> Any:
        """A value of the run itself, None when absent."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def specs(self) -> dict[str, dict[str, Any]]:
        """What the plan says of each cell, in its order."""
        rows = self.db.execute("SELECT id, spec FROM cells ORDER BY ordinal")
        return {cell: json.loads(spec) for cell, spec in rows}

    def set_meta(self, key: str, value: Any) -> None:
        """Write a value of the run itself."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def plan_again(self, meta: dict[str, Any], cells: Sequence[PlannedCell]) -> None:
        """Note what a resumed run's suite says now of its cells, and add those that are new."""
        with self.transaction():
            for key, value in meta.items():
                self.set_meta(key, value)
            there = self.specs()
            new = [cell for cell in cells if cell.id not in there]
            self.db.executemany(
                "UPDATE cells SET spec = ? WHERE id = ?",
                [(json.dumps(cell.spec), cell.id) for cell in cells if cell.id in there],
            )
            for ordinal, cell in enumerate(new, start=len(there)):
                self._add_cell(ordinal, cell)

    def begin_session(
        self, environment: dict[str, Any], now: tuple[float, float] | None = None
    ) -> None:
        """One process's part of the run: monotonic times are comparable within it only.

        `now` is a moment by the wall clock and by the session's own; that of the call when None.
        """
        with self.transaction():
            cursor = self.db.execute(
                "INSERT INTO sessions (wall_s, monotonic_s) VALUES (?, ?)",
                now or (time.time(), time.monotonic()),
            )
        self.session = int(cursor.lastrowid or 0)
        write_text(
            self.folder / ENVIRONMENT, json.dumps(environment, indent=2, ensure_ascii=False) + "\n"
        )

    def add_meters(self, facts: Iterable[MeterFacts]) -> None:
        """What measured in this session."""
        with self.transaction():
            self.db.executemany(
                "INSERT INTO meters VALUES (?, ?)",
                [(self.session, fact.model_dump_json()) for fact in facts],
            )

    def _require_folder(self) -> None:
        """SQLite would go on writing into a file that has no name any more."""
        if not (self.folder / DATABASE).exists():
            raise StoreError(
                f"{self.folder}: was removed while the run was at work; what it had measured is lost"
            )

    def add_attempts(self, attempts: Iterable[Attempt], readings: Iterable[Reading]) -> None:
        """Attempts and the trace that covers them, in one transaction."""
        self._require_folder()
        with self.transaction():
            for attempt in attempts:
                add_attempt(self.db, self.session, attempt)
            self.db.executemany(
                "INSERT INTO trace VALUES (?, ?, ?, ?, ?)",
                [(self.session, *chunk) for chunk in chunks_of(readings)],
            )

    @contextmanager
    def window(self, cell: str | None, pass_number: int | None, phase: Phase) -> Iterator[None]:
        """A stretch of this session's trace; after a crash it stays open and lasts until the last reading."""
        with self.transaction():
            cursor = self.db.execute(
                "INSERT INTO windows (session, cell, pass, phase, start_s) VALUES (?, ?, ?, ?, ?)",
                (self.session, cell, pass_number, phase, time.monotonic()),
            )
        try:
            yield
        finally:
            with self.transaction():
                self.db.execute(
                    "UPDATE windows SET end_s = ? WHERE id = ?",
                    (time.monotonic(), cursor.lastrowid),
                )

    def add_event(
        self, kind: str, message: str, cell: str | None = None, code: str | None = None
    ) -> None:
        """Something a reader of the report should know."""
        with self.transaction():
            self.db.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (self.session, time.monotonic(), kind, cell, message, code),
            )

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """What a meter could not do."""
        if not faults:
            return
        rows = [(self.session, f.t_s, f.told, f.code, f.domain) for f in faults]
        with self.transaction():
            self.db.executemany("INSERT INTO events VALUES (?, ?, 'meter', NULL, ?, ?, ?)", rows)

    def add_grades(self, grader: str, version: str, grades: Iterable[tuple[int, Grade]]) -> None:
        """Verdicts on attempts, beside those of other graders and versions."""
        rows = [(at, grader, version, g.correct, g.extracted, g.reason) for at, g in grades]
        with self.transaction():
            self.db.executemany("INSERT OR REPLACE INTO grades VALUES (?, ?, ?, ?, ?, ?)", rows)

    def done(self, cell: str, pass_number: int, round_number: int = 0) -> set[str]:
        """Ids of the problems that this pass of a cell has an attempt at.

        One that failed in an earlier session, for a reason that may be gone, is still to do.
        """
        rows = self.db.execute(
            "SELECT problem FROM attempts WHERE cell = ? AND pass = ? AND round = ?"
            " AND NOT (session != ? AND round = 0 AND id IN (SELECT attempt FROM to_retry))",
            (cell, pass_number, round_number, self.session),
        )
        return {problem for (problem,) in rows}

    def to_retry(self, cells: Sequence[str]) -> int:
        """How many planned attempts failed for a reason that may be gone another time."""
        rows = self.db.execute(
            "SELECT cell FROM attempts WHERE round = 0 AND id IN (SELECT attempt FROM to_retry)"
        )
        wanted = set(cells)
        return sum(cell in wanted for (cell,) in rows)

    def _add_cell(self, ordinal: int, cell: PlannedCell) -> None:
        dataset = cell.spec["dataset_sha256"]
        self.db.execute(
            "INSERT INTO cells VALUES (?, ?, ?)", (cell.id, ordinal, json.dumps(cell.spec))
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO problems VALUES (?, ?, ?, ?, ?, ?)",  # cells share datasets
            [
                (dataset, p.id, at, p.question, p.answer, p.level)
                for at, p in enumerate(cell.problems)
            ],
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO problem_facts VALUES (?, ?, ?, ?)",
            [
                (dataset, p.id, p.subject, p.options)
                for p in cell.problems
                if p.subject or p.options
            ],
        )
