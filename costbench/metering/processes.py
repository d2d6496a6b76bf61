"""Whose processes are on a GPU: ours (our process tree, or a declared server's), others', or unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_DEEPEST = 100


@dataclass(frozen=True)
class Census:
    """Processes on one GPU, counted by owner."""

    own: int
    foreign: int
    unknown: int
    """Listed by the driver under a number that no process here has: hidden by a container."""


def census(pids: Iterable[int], roots: frozenset[int], proc: Path = _PROC) -> Census:
    """Sort processes by whether one of `roots` is among their ancestors."""
    own = foreign = unknown = 0
    for pid in pids:
        ancestors = list(lineage(pid, proc))
        if roots.intersection(ancestors):
            own += 1
        elif ancestors:
            foreign += 1
        else:
            unknown += 1
    return Census(own, foreign, unknown)


def lineage(pid: int, proc: Path = _PROC) -> Iterable[int]:
    """A process and its ancestors; nothing where there is no such process here."""
    for _ in range(_DEEPEST):
        parent = _parent(pid, proc)
        if parent is None:
            return
        yield pid
        if parent == 0:
            return
        pid = parent


def _parent(pid: int, proc: Path) -> int | None:
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[1])  # a name may hold blanks and brackets
