"""Where suites and run folders are."""

import datetime
import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from costbench.errors import StoreError, SuiteError
from costbench.run_folder import DATABASE
from costbench.store import Store

_NAMED = 5
_PACKAGE = Path(__file__).parent
# Beside the package in a checkout, inside it in an installed wheel.
_BUNDLED = (_PACKAGE.parent / "suites", _PACKAGE / "suites")


def find_suite(name: str) -> Path:
    """A suite by path, or by the name of a bundled one; raises SuiteError that lists those."""
    path = Path(name)
    with suppress(OSError):  # longer than any path
        if path.is_file():
            return path
        if path.is_dir():
            raise SuiteError(f"{name}: is a folder; name the suite file in it")
    known = {suite.stem: suite for folder in reversed(_BUNDLED) for suite in folder.glob("*.yaml")}
    # "suites/math.yaml" works from an installed wheel too, as long as nothing else is meant.
    wanted = path.stem if path.suffix in {"", ".yaml", ".yml"} else name
    if wanted in known and path.parent in {Path(), Path("suites")}:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SuiteError(
        f"{name}: no such file, and no bundled suite{hint} (available: {', '.join(sorted(known))})"
    )


def bundled_prices() -> Path:
    """The newest of the price books that come with costbench."""
    books = [book for folder in _BUNDLED for book in (folder / "prices").glob("*.yaml")]
    return max(books, key=lambda book: book.stem)


def run_folders(out: Path) -> Iterator[Path]:
    """All run folders below `out`, the newest first; not the drafts that a killed process left."""
    found = [path.parent for path in out.glob(f"[!.]*/{DATABASE}")] if out.is_dir() else []
    yield from sorted(found, key=_started, reverse=True)


def _started(folder: Path) -> tuple[str, int]:
    """The time in a folder's name, and its number where two runs began in one second."""
    stamp = re.search(r"(\d{8}-\d{6})(?:\.(\d+))?$", folder.name)
    return (stamp[1], int(stamp[2] or 1)) if stamp else ("", 0)


def find_run(name: str | None, out: Path) -> Path:
    """A run by folder or by name below `out`; the newest when none is named."""
    if name is None:
        newest = next(run_folders(out), None)
        if newest is None:
            raise StoreError(f"{out}: no run yet; start one with `costbench run math`")
        return newest
    path = Path(name).parent if Path(name).name == DATABASE else Path(name)
    for folder in (path, out / name):
        if (folder / DATABASE).is_file():
            return folder
    raise StoreError(f"{name}: no such run; {_newest(out)}")


def _newest(out: Path) -> str:
    names = [folder.name for folder in run_folders(out)][:_NAMED]
    return f"the newest in {out}: {', '.join(names)}" if names else f"there is none in {out}"


@dataclass(frozen=True)
class Unfinished:
    """A run that stopped before its end."""

    folder: Path
    differs_in: tuple[str, ...]
    """Parts of its identity that are not what is wanted now; empty: it can go on."""


def unfinished_run(
    out: Path, suite: str, identity: Mapping[str, str], unavailable: Collection[str] = ()
) -> Unfinished | None:
    """The newest run of this identity if it is not complete, else the newest unfinished one of this suite.

    A group whose data cannot be had now, or could not then, makes no difference.
    """
    other = None
    for folder in run_folders(out):
        with (
            suppress(StoreError),
            Store.open(folder) as store,
        ):  # not ours to read: no reason to stop
            then = store.meta("unavailable") or ()
            differs_in = _differences(store.meta("identity"), identity, (then, unavailable))
            if not differs_in:
                return None if store.meta("complete") else Unfinished(folder, ())
            if store.meta("suite")["name"] == suite and not store.meta("complete"):
                other = other or Unfinished(folder, differs_in)
    return other


def _differences(
    found: Mapping[str, str],
    wanted: Mapping[str, str],
    unavailable: tuple[Collection[str], Collection[str]],
) -> tuple[str, ...]:
    """Parts that differ, but for groups that one side has and the other could not have."""
    then, now = unavailable
    had, has = ({_group(part) for part in parts} for parts in (found, wanted))
    excused = {group for group in has - had if group in then}
    excused |= {group for group in had - has if group in now}
    parts = {part for part in {*found, *wanted} if found.get(part) != wanted.get(part)}
    others = {_group(part) for part in parts if part.endswith("/cells")}
    return tuple(
        sorted(
            part
            for part in parts
            if _group(part) not in excused
            and (_group(part) not in others or part.endswith("/cells"))  # else other in all
        )
    )


def _group(part: str) -> str:
    """Of a part of an identity; "" where it is the run's."""
    return part.rpartition("/")[0]


def new_run_folder(out: Path, suite: str, now: datetime.datetime) -> Path:
    """A name that no run has yet."""
    stem = f"{suite}-{now:%Y%m%d-%H%M%S}"
    folder, number = out / stem, 1
    while folder.exists():
        number += 1
        folder = out / f"{stem}.{number}"
    return folder
