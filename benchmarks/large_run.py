"""Run folders of any size, written through the store as a run writes them; the words are made up.

python benchmarks/large_run.py FOLDER --attempts 100000
python benchmarks/large_run.py FOLDER --attempts 1000000 --cells 40 --passes 50 --words 5
"""

import argparse
import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costbench.attempts import Attempt, Call
from costbench.hardware import probe_machine
from costbench.metering.sampler import Reading
from costbench.store import PlannedCell, Store
from costbench.types import Completion, Grade, MeterFacts, Model, Piece, Problem, Sampling, Solution

PER_COMMIT = 100
WATTS, TOKENS, STEP_S, ACCURACY = 50.0, 150, 0.01, 0.8
GRADER = ("exact", "exact-1")
METER = MeterFacts(
    name="made_up", provenance="assumed", method="made_up", scope="made_up",
    period_s=0.1, settle_s=0.2, headline=("machine",),
)  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How much of everything; `words` is how long the stored responses are, whatever tokens they claim."""

    attempts: int
    cells: int = 10
    passes: int = 4
    words: int | None = None

    @property
    def problems(self) -> int:
        """Of each cell, so that there are about so many attempts."""
        return max(1, self.attempts // (self.passes * self.cells))


def spec(number: int, size: Size) -> dict[str, Any]:
    """A cell as a run stores it."""
    return {
        "group": "large",
        "model": Model(name=f"model-{number}", path="none", role="baseline").model_dump(
            mode="json"
        ),
        "policy": {"kind": "unconstrained", "max_tokens": 400},
        "policy_name": "unconstrained",
        "budget": None,
        "budget_counts": "response",
        "dataset": "made-up",
        "dataset_sha256": "0" * 64,
        "prompt_sha256": "0" * 64,
        "problems": size.problems,
        "grader": {"kind": "exact"},
        "sampling": Sampling(samples_per_problem=size.passes).model_dump(),
        "concurrency": 64,
    }


def attempts(cell: str, size: Size, rng: random.Random, start_s: float) -> Iterator[Attempt]:
    """Of one pass, one after another in time."""
    for at in range(size.problems):
        tokens = rng.randint(TOKENS // 2, TOKENS * 3 // 2)
        words = size.words or tokens
        began_s = start_s + at * STEP_S
        sampled = Piece(
            text="word " * words + "</think>7", origin="sampled", tokens=tokens,
            token_ids=tuple(range(words)),
        )  # fmt: skip
        done = Completion(
            sampled=sampled, finish="end", input_tokens=60, reasoning_tokens=tokens - 2,
            written_tokens=(), submitted_s=began_s, started_s=began_s, first_token_s=began_s + 0.001,
            finished_s=began_s + STEP_S, batch_size=64.0,
        )  # fmt: skip
        solution = Solution(pieces=(sampled,), finished=True)
        yield Attempt(cell, f"p{at}", 0, at, began_s, began_s + STEP_S, (Call(done, 0),), solution)


def write(folder: Path, size: Size, *, grade: bool = True) -> float:
    """A run of about so many attempts; gives the seconds that its commits took."""
    questions = [
        Problem(id=f"p{at}", question="?", prompt="?", answer="7") for at in range(size.problems)
    ]
    cells = [
        PlannedCell(f"large/model-{n}/unconstrained/made-up/c64", spec(n, size), questions)
        for n in range(size.cells)
    ]
    meta: dict[str, Any] = {
        "identity": {}, "machine": probe_machine().model_dump(mode="json"), "skipped": [],
        "suite": {"name": "large", "protocol": {"kind": "quick"}, "decision": {"equivalence_margin": None}},
        "price_file": None, "price_book": None, "started_at": "2026-11-21T00:00:00+00:00",
        "costbench_version": "0", "complete": True,
    }  # fmt: skip
    rng, spent_s, now_s = random.Random(0), 0.0, 0.0
    with Store.create(folder, meta, cells) as store:
        store.begin_session({})
        store.add_meters([METER])
        for number, cell in itertools.product(range(size.passes), cells):
            end_s = now_s + size.problems * STEP_S
            store.db.execute(
                "INSERT INTO windows (session, cell, pass, phase, start_s, end_s)"
                " VALUES (1, ?, ?, 'whole', ?, ?)",
                (cell.id, number, now_s, end_s),
            )
            rows = attempts(cell.id, size, rng, now_s)
            while some := list(itertools.islice(rows, PER_COMMIT)):
                some = [Attempt(**{**vars(one), "pass_number": number}) for one in some]
                ends = [one.finished_s for one in some]
                readings = [
                    Reading("machine", t_s, WATTS * t_s) for t_s in (some[0].started_s, *ends)
                ]
                began = time.monotonic()
                store.add_attempts(some, readings)
                spent_s += time.monotonic() - began
            now_s = end_s
        if grade:
            keys = [key for (key,) in store.db.execute("SELECT id FROM attempts")]
            grades = ((key, Grade(correct=rng.random() < ACCURACY, extracted="7")) for key in keys)
            store.add_grades(*GRADER, grades)
    return spent_s


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--words", type=int, help="Of each response [default: as many as tokens].")
    given = parser.parse_args()
    size = Size(given.attempts, given.cells, given.passes, given.words)
    seconds = write(given.folder, size)
    print(f"{given.folder}: {1e6 * seconds / size.attempts:.0f} us of commits an attempt")
