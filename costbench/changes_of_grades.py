"""Which stored answers two graders, or two versions of one, judge differently."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from costbench.printable import clean
from costbench.store import Store

Rule = tuple[str, str]
"""Kind and version of a grader."""

TURNED, DECIDED, UNDECIDED = "judged differently", "graded now", "left undecided"
_LONGEST = 40
_JUDGED_DIFFERENTLY = """
FROM attempts a
JOIN grades old ON old.attempt = a.id AND old.grader = ? AND old.version = ?
JOIN grades new ON new.attempt = a.id AND new.grader = ? AND new.version = ?
WHERE a.cell = ? AND old.correct IS NOT new.correct
"""
_ONLY_ONE = "old.correct IS NULL OR new.correct IS NULL"
_COUNTS = (
    "COUNT(old.correct + new.correct), COUNT(*) - COUNT(old.correct), COUNT(*) - COUNT(new.correct)"
)


@dataclass(frozen=True)
class Change:
    """One answer; a verdict of None is none (the grader could not decide)."""

    cell: str
    problem: str
    pass_number: int
    old_extracted: str | None
    new_extracted: str | None
    old_correct: bool | None
    new_correct: bool | None
    old_reason: str | None
    new_reason: str | None


@dataclass(frozen=True)
class Changes:
    """Of one cell, from one rule to another: how many, and the first of them."""

    cell: str
    old: Rule
    new: Rule
    turned: int
    """Right for one of them and wrong for the other."""
    decided: int
    """Judged by the new one only."""
    undecided: int
    """Judged by the old one only."""
    first: tuple[Change, ...]

    @property
    def count(self) -> int:
        """All of them."""
        return self.turned + self.decided + self.undecided


def changes_between(
    store: Store, cell: str, old: Rule, new: Rule, most: int | None = None
) -> Changes:
    """What `new` says otherwise than `old`: verdicts that turned, then those that only one of them has.

    In the order of attempts; with all of them without `most`.
    """
    key = (*old, *new, cell)
    counted = store.db.execute(f"SELECT {_COUNTS} {_JUDGED_DIFFERENTLY}", key)
    turned, decided, undecided = counted.fetchone()
    rows = store.db.execute(
        "SELECT a.cell, a.problem, a.pass, old.extracted, new.extracted, old.correct, new.correct,"
        f" old.reason, new.reason {_JUDGED_DIFFERENTLY} ORDER BY {_ONLY_ONE}, a.id LIMIT ?",
        (*key, -1 if most is None else most),
    )
    first = tuple(_change(row) for row in rows)
    return Changes(cell, old, new, turned, decided, undecided, first)


def _change(row: tuple[Any, ...]) -> Change:
    verdicts = [None if verdict is None else bool(verdict) for verdict in row[5:7]]
    return Change(*row[:5], *verdicts, *row[7:])


def as_json(changes: Sequence[Changes]) -> list[dict[str, Any]]:
    """A mapping for each changed answer, with both rules."""
    return [
        {
            **asdict(change),
            "change": _kind(change),
            "old": " ".join(each.old),
            "new": " ".join(each.new),
        }
        for each in changes
        for change in each.first
    ]


def print_changes(changes: Sequence[Changes], console: Console) -> None:
    """A row for each answer that is there, and how many more there are."""
    for each in changes:
        if not each.count:
            continue
        table = Table("problem", "pass", "from", "to", "answer", "reason", box=None, pad_edge=False)
        for one in each.first:
            answer = _shown(one.new_extracted)
            if one.old_extracted != one.new_extracted:
                answer = f"{_shown(one.old_extracted)} -> {answer}"
            verdicts = (_verdict(one.old_correct), _verdict(one.new_correct))
            reason = clean(one.new_reason or "")
            cells = (clean(one.problem), str(one.pass_number), *verdicts, answer, reason)
            table.add_row(*map(escape, cells))
        old, new = (escape(clean(_rule(rule))) for rule in (each.old, each.new))
        console.print(
            f"\n{escape(clean(each.cell))}: {_told(each)} by {new}, beside {old}", soft_wrap=True
        )
        console.print(table)
        if each.count > len(each.first):
            console.print(
                f"… and {each.count - len(each.first):,} more (all of them: --format json)"
            )


def _told(each: Changes) -> str:
    counts = (
        (each.turned, TURNED),
        (each.decided, DECIDED),
        (each.undecided, UNDECIDED),
    )
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def _rule(rule: Rule) -> str:
    """A version may begin with its grader's name."""
    kind, version = rule
    return version if version.startswith(kind) else f"{kind} {version}"


def _kind(one: Change) -> str:
    if one.old_correct is None:
        return DECIDED
    return UNDECIDED if one.new_correct is None else TURNED


def _verdict(correct: bool | None) -> str:
    return "undecided" if correct is None else ("correct" if correct else "wrong")


def _shown(text: str | None) -> str:
    if text is None:
        return "no answer"
    line = clean(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
