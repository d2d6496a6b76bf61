"""A run folder that cannot be used says why and what to do."""

import json
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costbench.attempts import Attempt
from costbench.doubts import doubts_of
from costbench.errors import StoreError
from costbench.locations import Unfinished, find_run, new_run_folder, run_folders, unfinished_run
from costbench.store import PlannedCell, Store
from costbench.types import Retry

IDENTITY = {"suite": "x", "versions": "y"}
META = {"identity": IDENTITY, "suite": {"name": "math"}, "complete": False}


def test_a_folder_without_a_database_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no run folder \(it has no run\.db\)"):
        Store.open(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store, store.transaction():
        store.set_meta("schema_version", 99)
    with pytest.raises(StoreError, match="has schema 99, this costbench reads 2; update costbench"):
        Store.open(tmp_path / "run")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_text("not a database, but long enough to look like one" * 50)
    with pytest.raises(StoreError, match=r"run\.db cannot be read"):
        Store.open(tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another with --out"):
        Store.create(tmp_path / "file" / "run", META)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:

        def half() -> None:
            with store.transaction():
                store.set_meta("half", 1)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            half()
        assert store.meta("half") is None


def test_a_closed_run_is_two_files(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        store.begin_session({"cpu": "one"})
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "environment.json",
        "run.db",
    ]
    assert json.loads((tmp_path / "run" / "environment.json").read_text()) == {"cpu": "one"}


def test_a_window_left_open_by_a_crash_has_no_end(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        store.begin_session({})
        with store.window("cell", 0, "whole"):
            (end,) = store.db.execute("SELECT end_s FROM windows").fetchone()
            assert end is None
        (start, end) = store.db.execute("SELECT start_s, end_s FROM windows").fetchone()
        assert end > start


def test_the_newest_run_is_found_and_names_are_not_reused(tmp_path: Path) -> None:
    import datetime

    with pytest.raises(StoreError, match="no run yet; start one with"):
        find_run(None, tmp_path)
    now = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
    first = new_run_folder(tmp_path, "math", now)
    Store.create(first, META).__exit__()
    second = new_run_folder(tmp_path, "math", now)
    assert second != first
    Store.create(second, META).__exit__()
    later = new_run_folder(tmp_path, "a-suite", now + datetime.timedelta(days=1))
    Store.create(later, META).__exit__()
    assert next(run_folders(tmp_path)) == later
    evening = new_run_folder(tmp_path, "math", now.replace(hour=21))
    Store.create(evening, META).__exit__()
    assert list(run_folders(tmp_path)) == [later, evening, second, first]
    assert find_run(first.name, tmp_path) == first
    with pytest.raises(StoreError, match="no such run; "):
        find_run("nothing", tmp_path)


def test_two_writers_of_one_attempt_are_refused_by_the_database(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        columns = "(cell, problem, pass, round, session, seed, started_s, finished_s)"
        insert = f"INSERT INTO attempts {columns} VALUES ('c', 'p', 0, 0, 1, 1, 0, 1)"
        store.db.execute(insert)
        with pytest.raises(sqlite3.IntegrityError):
            store.db.execute(insert)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def cells() -> Iterator[PlannedCell]:
        (draft,) = tmp_path.iterdir()
        assert draft.name.startswith(".run.")
        assert list(run_folders(tmp_path)) == []
        raise Killed

    class Cells(list[PlannedCell]):
        def __iter__(self) -> Iterator[PlannedCell]:
            return cells()

    with pytest.raises(Killed):
        Store.create(tmp_path / "run", META, Cells())
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        with pytest.raises(StoreError, match="another process is at work on this run; wait for it"):
            Store.open(store.folder, lock=True)
        Store.open(store.folder).__exit__()  # a reader is welcome
    with Store.open(tmp_path / "run", lock=True):
        pass


def test_only_an_unfinished_run_of_the_same_identity_is_gone_on_with(tmp_path: Path) -> None:
    assert unfinished_run(tmp_path / "none", "math", IDENTITY) is None
    folder = tmp_path / "math-20261120-120000"
    with Store.create(folder, META) as store:
        assert unfinished_run(tmp_path, "math", IDENTITY) == Unfinished(folder, ())
        newer = IDENTITY | {"versions": "z"}
        assert unfinished_run(tmp_path, "math", newer) == Unfinished(folder, ("versions",))
        assert unfinished_run(tmp_path, "another", newer) is None
        with store.transaction():
            store.set_meta("complete", True)
        assert unfinished_run(tmp_path, "math", IDENTITY) is None


@pytest.mark.parametrize("content", ["junk " * 4000, ""])
def test_a_broken_or_foreign_folder_does_not_stop_new_runs(tmp_path: Path, content: str) -> None:
    (tmp_path / "broken-20261120").mkdir()
    (tmp_path / "broken-20261120" / "run.db").write_text(content)
    with Store.create(tmp_path / "newer-20261121", META) as store, store.transaction():
        store.set_meta("schema_version", 99)
    assert unfinished_run(tmp_path, "math", IDENTITY) is None


def read_as_nobody(folder: Path) -> str:
    """What a process without rights says that opens the folder: its meta or its error."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_read, args=(folder, sender))
    child.start()
    said: str = receiver.recv()
    child.join()
    return said


def _read(folder: Path, sender: Any) -> None:
    if os.getuid() == 0:
        os.setuid(65534)
    try:
        with Store.open(folder) as store:
            name = store.meta("suite")["name"]
            with store.transaction():
                store.set_meta("complete", True)
            sender.send(f"wrote to {name}")
    except StoreError as error:
        sender.send(str(error))


@pytest.fixture
def read_only_run() -> Iterator[Path]:
    """A finished run that only its owner may write, where everybody can look."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "run"
        with Store.create(folder, META):
            pass
        folder.chmod(0o555)
        (folder / "run.db").chmod(0o444)
        yield folder
        folder.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="rights work otherwise there")
def test_a_read_only_folder_is_read_and_says_why_it_cannot_be_written(read_only_run: Path) -> None:
    said = read_as_nobody(read_only_run)
    assert "cannot be written: attempt to write a readonly database" in said
    (read_only_run / "run.db-wal").write_text("part of it")
    said = read_as_nobody(read_only_run)
    assert "was interrupted, and is read-only here: part of it is still in run.db-wal" in said


def test_a_run_whose_folder_is_removed_under_it_says_so_at_once(tmp_path: Path) -> None:
    """SQLite would write on into the nameless file, and hours later nothing would be there."""
    with Store.create(tmp_path / "run", META) as store:
        store.begin_session({})
        store.add_attempts([], [])
        shutil.rmtree(store.folder)
        with pytest.raises(StoreError, match="was removed while the run was at work"):
            store.add_attempts([], [])


def test_a_damaged_database_is_a_sentence_wherever_it_is_noticed(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store, store.transaction():
        for at in range(5_000):
            store.db.execute(
                "INSERT INTO events VALUES (1, ?, 'kind', NULL, 'message', NULL, NULL)", (at,)
            )
    database = tmp_path / "run" / "run.db"
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 4))
    with (
        pytest.raises(StoreError, match=r"run\.db cannot be read: .* `sqlite3 run\.db \.recover`"),
        Store.open(tmp_path / "run") as store,
    ):
        store.db.execute("SELECT message FROM events").fetchall()


def test_a_run_can_be_named_by_its_database(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        assert find_run(str(store.folder / "run.db"), tmp_path) == store.folder


def _attempt(error: str | None, *, transient: bool = False) -> Attempt:
    half = Retry(
        reason="dropped", message="gone", submitted_s=1.0, failed_s=2.0, first_token_s=1.5,
        input_tokens=7, output_tokens=3,
    )  # fmt: skip
    return Attempt(
        cell="c", problem="p", pass_number=0, seed=1, started_s=1.0, finished_s=3.0, calls=(),
        solution=None, error=error, transient=transient, retries=(half,),
    )  # fmt: skip


def test_an_error_that_may_pass_is_done_for_its_session_and_to_do_for_the_next(
    tmp_path: Path,
) -> None:
    with Store.create(tmp_path / "run", META) as store:
        store.begin_session({})
        store.add_attempts([_attempt("busy", transient=True)], [])
        assert store.done("c", 0) == {"p"}
        assert store.to_retry(["c"]) == 1
        store.begin_session({})
        assert store.done("c", 0) == set()
        store.add_attempts([_attempt("refused")], [])
        assert store.done("c", 0) == {"p"}
        assert store.to_retry(["c"]) == 0
        aside = store.db.execute("SELECT session, error, output_tokens FROM retried").fetchall()
        assert aside == [(1, "busy", 3)]
        calls = store.db.execute("SELECT output_tokens, finish FROM calls").fetchall()
        assert calls == [(3, "lost")]
        told = store.db.execute("SELECT message FROM events WHERE kind = 'retry'").fetchall()
        assert told == [("dropped: gone",)] * 2


def test_an_older_run_gets_the_tables_that_it_lacks_when_it_goes_on(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        for table in ("call_facts", "to_retry", "retried"):
            store.db.execute(f"DROP TABLE {table}")
    with Store.open(tmp_path / "run") as store:
        assert doubts_of(store, "c") == ()
    with Store.open(tmp_path / "run", lock=True) as store:
        store.begin_session({})
        store.add_attempts([_attempt("busy", transient=True)], [])
        assert store.to_retry(["c"]) == 1
        assert doubts_of(store, "c") == ("retried_requests",)
