"""An attempt as it is kept: what was tried, what each call took, what came of it."""

import sqlite3
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from costbench.types import Completion, Retry, Solution


@dataclass(frozen=True)
class Call:
    """One call of an attempt, as the engine answered it."""

    completion: Completion
    injected_tokens: int | None
    """Tokens of injected text that this call sent for the first time."""


@dataclass(frozen=True)
class Arrival:
    """When an attempt of an open loop was to begin."""

    scheduled_s: float
    """What a user waits is counted from here, whatever came between."""
    sent_s: float
    """When we got to it: what is later than scheduled is our own lag, not the server's."""


@dataclass(frozen=True)
class Attempt:
    """One try at one problem: a solution, or the error that ended it.

    Times that an imported file does not have are NaN, here and in its calls, and null when stored.
    """

    cell: str
    problem: str
    pass_number: int
    seed: int
    started_s: float
    finished_s: float
    calls: Sequence[Call]
    solution: Solution | None
    error: str | None = None
    usd: float | None = None
    """What an imported file says it cost; what is measured here is priced when it is reported."""
    round_number: int = 0
    """Above 0 where a pass was too short for its window and its problems came again."""
    transient: bool = False
    """The error may not come again: a run that is resumed tries once more."""
    retries: Sequence[Retry] = ()
    """Requests that failed on the way, whatever became of the attempt."""
    arrival: Arrival | None = None
    """None in a closed loop, where an attempt arrives when it begins."""


def add_attempt(database: sqlite3.Connection, session: int, attempt: Attempt) -> None:
    """Write one within a transaction; it takes the place of one that an earlier session has to try again."""
    _put_aside(database, attempt)
    solution = attempt.solution
    cursor = database.execute(
        "INSERT INTO attempts"
        " (cell, problem, pass, round, session, seed, started_s, finished_s, finished, error)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt.cell, attempt.problem, attempt.pass_number, attempt.round_number, session, attempt.seed,
            attempt.started_s, attempt.finished_s, solution.finished if solution else None, attempt.error,
        ),
    )  # fmt: skip
    key = int(cursor.lastrowid or 0)
    lost = [retry for retry in attempt.retries if retry.output_tokens is not None]
    rows = [_call_row(key, at, call) for at, call in enumerate(attempt.calls)]
    rows += [_lost_row(key, at, retry) for at, retry in enumerate(lost, len(rows))]
    database.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    facts: list[tuple[int, int, str, str | None]] = [
        (key, at, ",".join(call.completion.estimated), None)
        for at, call in enumerate(attempt.calls)
        if call.completion.estimated
    ]
    facts += [(key, at, _LOST, retry.reason) for at, retry in enumerate(lost, len(attempt.calls))]
    database.executemany("INSERT INTO call_facts VALUES (?, ?, ?, ?)", facts)
    database.executemany(
        "INSERT INTO events VALUES (?, ?, 'retry', ?, ?, NULL, NULL)",
        [
            (session, retry.failed_s, attempt.cell, f"{retry.reason}: {retry.message}")
            for retry in attempt.retries
        ],
    )
    _add_times(database, key, attempt)
    if attempt.transient:
        database.execute("INSERT INTO to_retry VALUES (?)", (key,))
    database.executemany(
        "INSERT INTO pieces VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                key,
                at,
                p.origin,
                p.text,
                p.tokens,
                None if p.token_ids is None else array("I", p.token_ids).tobytes(),
            )
            for at, p in enumerate(solution.pieces if solution else ())
        ],
    )
    if attempt.usd is not None:
        database.execute("INSERT INTO attempt_costs VALUES (?, ?)", (key, attempt.usd))


def _add_times(database: sqlite3.Connection, key: int, attempt: Attempt) -> None:
    """What only streams and open loops tell."""
    told = (
        (key, at, call.completion.first_answer_token_s, _floats(call.completion.inter_token_s))
        for at, call in enumerate(attempt.calls)
    )
    rows = [row for row in told if row[2:] != (None, None)]
    database.executemany("INSERT INTO call_times VALUES (?, ?, ?, ?)", rows)
    if attempt.arrival is not None:
        row = (key, attempt.arrival.scheduled_s, attempt.arrival.sent_s)
        database.execute("INSERT INTO arrivals VALUES (?, ?, ?)", row)


def _floats(values: Sequence[float] | None) -> bytes | None:
    return None if values is None else array("f", values).tobytes()


_LOST = "input_tokens,output_tokens"
"""An answer that broke off tells no counts."""


def _put_aside(database: sqlite3.Connection, attempt: Attempt) -> None:
    found = database.execute(
        "SELECT id FROM attempts JOIN to_retry ON attempt = id"
        " WHERE cell = ? AND problem = ? AND pass = ? AND round = ?",
        (attempt.cell, attempt.problem, attempt.pass_number, attempt.round_number),
    ).fetchone()
    if found is None:
        return
    database.execute(
        "INSERT INTO retried SELECT cell, problem, pass, session, started_s, finished_s, error,"
        " (SELECT SUM(output_tokens) FROM calls WHERE attempt = id) FROM attempts WHERE id = ?",
        found,
    )
    database.execute("DELETE FROM attempts WHERE id = ?", found)
    for table in ("calls", "call_facts", "call_times", "arrivals", "pieces", "grades", "to_retry"):
        database.execute(f"DELETE FROM {table} WHERE attempt = ?", found)  # noqa: S608 - names of ours


def _call_row(attempt: int, ordinal: int, call: Call) -> tuple[Any, ...]:
    done = call.completion
    return (
        attempt, ordinal, done.submitted_s, done.started_s, done.first_token_s, done.finished_s,
        done.input_tokens, done.cached_tokens, done.output_tokens, done.reasoning_tokens,
        call.injected_tokens, done.finish, done.batch_size,
    )  # fmt: skip


def _lost_row(attempt: int, ordinal: int, lost: Retry) -> tuple[Any, ...]:
    """An answer that broke off: none of it is taken for cached, so that it is charged in full."""
    return (
        attempt, ordinal, lost.submitted_s, lost.submitted_s, lost.first_token_s, lost.failed_s,
        lost.input_tokens, 0, lost.output_tokens, lost.reasoning_tokens, 0, "lost", None,
    )  # fmt: skip
