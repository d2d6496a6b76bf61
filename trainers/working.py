"""Folders of a training: the one that is promised, and beside it the one with what is not finished."""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from costbench.errors import StoreError, TrainError
from costbench.run_folder import locked
from costbench.training import FILE, read_facts
from trainers.following import LEDGER
from trainers.telling import is_first_process


def finished(folder: Path, identity: str) -> bool:
    """Whether this recipe has made the folder; raises TrainError where something else is there."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    facts = read_facts(folder / FILE)
    if facts is None or facts.recipe_sha256 != identity:
        raise TrainError(
            f"{folder}: is there already, and not by this recipe; name another with --out"
        )
    return True


def tidy(folder: Path) -> None:
    """Of a finished training nothing is kept for going on; a kill may have come before that was removed."""
    shutil.rmtree(working_folder(folder), ignore_errors=True)


def publish(fresh: Path, folder: Path) -> None:
    """Put a whole folder under its name; what the training kept for going on is not needed any more."""
    if folder.exists():
        folder.rmdir()  # `finished` has let an empty one pass
    fresh.rename(folder)
    tidy(folder)


def working_folder(folder: Path) -> Path:
    """Where a training keeps what is not finished."""
    return folder.with_name(f"{folder.name}.training")


@contextmanager
def claimed(work: Path, identity: str) -> Iterator[None]:
    """The working folder is this recipe's, and this job's alone; raises TrainError where it is not."""
    work.mkdir(parents=True, exist_ok=True)
    if not is_first_process():
        yield
        return
    try:
        with locked(work, "on this training; wait for it, or name another folder with --out"):
            _mark(work, identity)
            yield
    except StoreError as error:
        raise TrainError(str(error)) from error


def _mark(work: Path, identity: str) -> None:
    """Note whose folder it is; one without work in it may change hands, as when a key is mended."""
    mark = work / "recipe.json"
    owner = json.loads(mark.read_text())["recipe_sha256"] if mark.exists() else None
    if owner == identity:
        return
    if owner is not None and (newest_checkpoint(work) or (work / "samples.jsonl").exists()):
        raise TrainError(
            f"{work}: holds the training of another recipe; train into another folder with --out, "
            "or delete it"
        )
    mark.write_text(json.dumps({"recipe_sha256": identity}))


def newest_checkpoint(work: Path) -> Path | None:
    """The last checkpoint that was written to its end; halves of one are removed."""
    whole = []
    for folder in work.glob("checkpoint-*"):
        if (folder / LEDGER).exists():
            whole.append(folder)
        elif is_first_process():
            shutil.rmtree(folder)
    return max(whole, key=lambda one: int(one.name.rpartition("-")[2]), default=None)


@contextmanager
def full_disk_told(work: Path) -> Iterator[None]:
    """A full disk becomes a TrainError; what was whole before stays."""
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise TrainError(
            f"{work}: no space left on the disk; free some and run the same command again: it goes on from "
            "the last whole checkpoint"
        ) from error


def is_full_disk(error: BaseException) -> bool:
    """Libraries tell of it in words of their own; torch with what its archive stumbled over next."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    said = str(error)
    return any(sign in said for sign in _FULL_DISK)


_FULL_DISK = (
    *("No space left", "os error 28"),
    *("file write failed", "iostream error", "inline_container.cc"),
)
