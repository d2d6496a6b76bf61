"""Folders of a training: the one that is promised, and beside it the one with what is not finished."""

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
    if not folder.exists() or not any(folder.iterdir()):
        return False
    facts = read_facts(folder / FILE)
    if facts is None or facts.recipe_sha256 != identity:
        raise TrainError(
            f"{folder}: is there already, and not by this recipe; name another with --out"
        )
    return True


def publish(fresh: Path, folder: Path) -> None:
    """Put a whole folder under its name; what the training kept for going on is not needed any more."""
    if folder.exists():
        folder.rmdir()  # `finished` has let an empty one pass
    fresh.rename(folder)
    shutil.rmtree(working_folder(folder))


def working_folder(folder: Path) -> Path:
    """Where a training keeps what is not finished."""
    return folder.with_name(f"{folder.name}.training")


@contextmanager
def claimed(work: Path, identity: str) -> Iterator[None]:
    """The working folder is this recipe's, and this job's alone; raises TrainError where it is not."""
    mark = work / "recipe.json"
    if mark.exists():
        if json.loads(mark.read_text())["recipe_sha256"] != identity:
            raise TrainError(
                f"{work}: holds the training of another recipe; train into another folder with --out, "
                "or delete it"
            )
    else:
        work.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"recipe_sha256": identity}))
    if not is_first_process():
        yield
        return
    try:
        with locked(work, "on this training; wait for it, or name another folder with --out"):
            yield
    except StoreError as error:
        raise TrainError(str(error)) from error


def newest_checkpoint(work: Path) -> Path | None:
    """The last checkpoint that was written to its end; halves of one are removed."""
    whole = []
    for folder in work.glob("checkpoint-*"):
        if (folder / LEDGER).exists():
            whole.append(folder)
        elif is_first_process():
            shutil.rmtree(folder)
    return max(whole, key=lambda one: int(one.name.rpartition("-")[2]), default=None)
