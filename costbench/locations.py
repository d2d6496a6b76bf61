"""Where suites, recipes and run folders are."""

import datetime
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from costbench.errors import StoreError, SuiteError
from costbench.store import DATABASE, Store

_PACKAGE = Path(__file__).parent
# Beside the package in a checkout, inside it in an installed wheel.
_BUNDLED = (_PACKAGE.parent / "suites", _PACKAGE / "suites")


def find_suite(name: str) -> Path:
    """A suite by path, or by the name of a bundled one; raises SuiteError that lists those."""
    path = Path(name)
    with suppress(OSError):  # longer than any path
        if path.is_file():
            return path
    known = {suite.stem: suite for folder in reversed(_BUNDLED) for suite in folder.glob("*.yaml")}
    # "suites/math.yaml" works from an installed wheel too, as long as nothing else is meant.
    wanted = path.stem if path.suffix in {"", ".yaml", ".yml"} else name
    if wanted in known and path.parent in {Path(), Path("suites")}:
        return known[wanted]
    raise SuiteError(
        f"{name}: no such file, and no bundled suite (there are: {', '.join(sorted(known))})"
    )


def run_folders(out: Path) -> Iterator[Path]:
    """All run folders below `out`, the newest first."""
    found = [path.parent for path in out.glob(f"*/{DATABASE}")] if out.is_dir() else []
    yield from sorted(found, key=lambda folder: folder.name.rpartition("-2")[2], reverse=True)


def find_run(name: str | None, out: Path) -> Path:
    """A run by folder or by name below `out`; the newest when none is named."""
    if name is None:
        newest = next(run_folders(out), None)
        if newest is None:
            raise StoreError(f"{out}: no run yet; start one with `costbench run math`")
        return newest
    for folder in (Path(name), out / name):
        if (folder / DATABASE).is_file():
            return folder
    raise StoreError(f"{name}: no run folder; look in {out}")


def unfinished_run(out: Path, identity: str) -> Path | None:
    """The newest run of this identity that is not complete, to go on with."""
    for folder in run_folders(out):
        with Store.open(folder) as store:
            if store.meta("identity") == identity:
                return None if store.meta("complete") else folder
    return None


def new_run_folder(out: Path, suite: str, now: datetime.datetime) -> Path:
    """A name that no run has yet."""
    stem = f"{suite}-{now:%Y%m%d-%H%M%S}"
    folder, number = out / stem, 1
    while folder.exists():
        number += 1
        folder = out / f"{stem}.{number}"
    return folder


def bundled_prices(stored: Path) -> Path | None:
    """The price book a run was started with, or the bundled one of that name where it has moved."""
    if stored.is_file():
        return stored
    candidates = (folder / "prices" / stored.name for folder in _BUNDLED)
    return next((path for path in candidates if path.is_file()), None)
