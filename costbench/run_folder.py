"""A run folder on disk: there whole or not at all, written by one run at a time, readable by anyone.

`run.db` is SQLite in WAL mode; its facts are only ever added. `environment.json` is for the reader.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from costbench.errors import StoreError

SCHEMA_VERSION = 2
DATABASE = "run.db"
ENVIRONMENT = "environment.json"

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, wall_s REAL NOT NULL, monotonic_s REAL NOT NULL);
CREATE TABLE meters (session INTEGER NOT NULL, facts TEXT NOT NULL);
CREATE TABLE cells (id TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, spec TEXT NOT NULL);
CREATE TABLE problems (dataset TEXT NOT NULL, id TEXT NOT NULL, ordinal INTEGER NOT NULL,
    question TEXT NOT NULL, answer TEXT, level INTEGER, PRIMARY KEY (dataset, id));
CREATE TABLE problem_facts (dataset TEXT NOT NULL, id TEXT NOT NULL, subject TEXT, options INTEGER,
    PRIMARY KEY (dataset, id)) WITHOUT ROWID;
CREATE TABLE attempts (id INTEGER PRIMARY KEY, cell TEXT NOT NULL, problem TEXT NOT NULL,
    pass INTEGER NOT NULL, round INTEGER NOT NULL, session INTEGER NOT NULL, seed INTEGER NOT NULL,
    started_s REAL, finished_s REAL, finished INTEGER, error TEXT,
    UNIQUE (cell, problem, pass, round));
CREATE TABLE calls (attempt INTEGER NOT NULL, ordinal INTEGER NOT NULL, submitted_s REAL,
    started_s REAL, first_token_s REAL, finished_s REAL, input_tokens INTEGER,
    cached_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER, injected_tokens INTEGER,
    finish TEXT NOT NULL, batch_size REAL, PRIMARY KEY (attempt, ordinal)) WITHOUT ROWID;
CREATE TABLE pieces (attempt INTEGER NOT NULL, ordinal INTEGER NOT NULL, origin TEXT NOT NULL,
    text TEXT NOT NULL, tokens INTEGER, token_ids BLOB, PRIMARY KEY (attempt, ordinal)) WITHOUT ROWID;
CREATE TABLE grades (attempt INTEGER NOT NULL, grader TEXT NOT NULL, version TEXT NOT NULL,
    correct INTEGER, extracted TEXT, reason TEXT, PRIMARY KEY (attempt, grader, version)) WITHOUT ROWID;
CREATE TABLE trace (session INTEGER NOT NULL, domain TEXT NOT NULL, quantity TEXT NOT NULL,
    t_s BLOB NOT NULL, value BLOB NOT NULL);
CREATE TABLE windows (id INTEGER PRIMARY KEY, session INTEGER NOT NULL, cell TEXT, pass INTEGER,
    phase TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL);
CREATE TABLE attempt_costs (attempt INTEGER PRIMARY KEY, usd REAL NOT NULL);
CREATE TABLE events (session INTEGER, t_s REAL NOT NULL, kind TEXT NOT NULL, cell TEXT,
    message TEXT NOT NULL, code TEXT, domain TEXT);
"""

LATER = """
CREATE TABLE IF NOT EXISTS call_facts (attempt INTEGER NOT NULL, ordinal INTEGER NOT NULL, estimated TEXT,
    lost TEXT, PRIMARY KEY (attempt, ordinal)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS to_retry (attempt INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS retried (cell TEXT NOT NULL, problem TEXT NOT NULL, pass INTEGER NOT NULL,
    session INTEGER NOT NULL, started_s REAL NOT NULL, finished_s REAL NOT NULL, error TEXT NOT NULL,
    output_tokens INTEGER);
CREATE TABLE IF NOT EXISTS call_times (attempt INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    first_answer_token_s REAL, inter_token_s BLOB, PRIMARY KEY (attempt, ordinal));
CREATE TABLE IF NOT EXISTS arrivals (attempt INTEGER PRIMARY KEY, scheduled_s REAL NOT NULL,
    sent_s REAL NOT NULL);
"""
"""Tables that older run folders of this schema lack until a run goes on in them."""
_READ_ALWAYS = ("call_times", "arrivals")


@contextmanager
def drafted(folder: Path) -> Iterator[sqlite3.Connection]:
    """An empty database of a folder that gets its name only when all that belongs in it is written.

    A process that is killed half way leaves a hidden draft and no run. Raises StoreError.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        with closing(connect(draft)) as database:
            create(database, SCHEMA)
            create(database, LATER)
            yield database
        draft.rename(folder)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{folder}: cannot be written: {error}; choose another with --out"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def create(database: sqlite3.Connection, tables: str) -> None:
    """Make tables, one statement after the other: a script would end a transaction."""
    for statement in tables.strip().split(";\n"):
        database.execute(statement)


def stand_in(database: sqlite3.Connection) -> None:
    """Empty tables, for this connection only, where an older folder has none."""
    for statement in LATER.strip().split(";\n"):
        name = statement.split()[5]
        query = "SELECT 1 FROM sqlite_master WHERE name = ?"
        if name in _READ_ALWAYS and not database.execute(query, (name,)).fetchone():
            database.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def connect(folder: Path) -> sqlite3.Connection:
    """The database of a folder; raises sqlite3.Error, or StoreError for one that cannot be read as it is."""
    path = folder / DATABASE
    if not os.access(folder, os.W_OK):
        return _connect_read_only(path)
    database = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _connect_read_only(path: Path) -> sqlite3.Connection:
    """Where nobody can write: SQLite cannot make the files that readers share there, and needs none."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path.parent}: was interrupted, and is read-only here: part of it is still in {log.name}; "
            "copy the folder to where it can be written"
        )
    address = f"{path.absolute().as_uri()}?immutable=1"
    return sqlite3.connect(address, uri=True, isolation_level=None)


@contextmanager
def locked(
    folder: Path,
    advice: str = "on this run; wait for it, or start a separate run with --new",
) -> Iterator[None]:
    """This process alone writes into the folder, until it ends, however it ends.

    Raises StoreError, with the advice, when another one does.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{folder}: another process is at work {advice}") from error
        except OSError:  # a file system without locks: better without than not at all
            pass
        yield
    finally:
        os.close(handle)


def unreadable(folder: Path, error: sqlite3.Error) -> StoreError:
    """What to say of a database that SQLite cannot read."""
    return StoreError(
        f"{folder}: {DATABASE} cannot be read: {error}; where it is damaged, "
        f"`sqlite3 {DATABASE} .recover` gets back what can be"
    )


def write_text(path: Path, text: str) -> None:
    """Replace a file whole: a reader sees the old text or the new one; raises StoreError."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}; name another place with --out"
        ) from error
