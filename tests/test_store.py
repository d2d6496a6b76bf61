"""A run folder that cannot be used says why and what to do."""

import json
import sqlite3
from pathlib import Path

import pytest

from costbench.errors import StoreError
from costbench.locations import find_run, new_run_folder, run_folders
from costbench.store import Store

META = {"identity": "x", "complete": False}


def test_a_folder_without_a_database_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no run folder \(it has no run\.db\)"):
        Store.open(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store, store.transaction():
        store.set_meta("schema_version", 99)
    with pytest.raises(StoreError, match="has schema 99, this costbench reads 1; update costbench"):
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
    Store.create(first, META).db.close()
    second = new_run_folder(tmp_path, "math", now)
    assert second != first
    later = new_run_folder(tmp_path, "a-suite", now + datetime.timedelta(days=1))
    Store.create(later, META).db.close()
    assert next(run_folders(tmp_path)) == later
    assert find_run(first.name, tmp_path) == first
    with pytest.raises(StoreError, match="no run folder; look in"):
        find_run("nothing", tmp_path)


def test_two_writers_of_one_attempt_are_refused_by_the_database(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", META) as store:
        columns = "(cell, problem, pass, session, seed, started_s, finished_s)"
        insert = f"INSERT INTO attempts {columns} VALUES ('c', 'p', 0, 1, 1, 0, 1)"
        store.db.execute(insert)
        with pytest.raises(sqlite3.IntegrityError):
            store.db.execute(insert)
