"""A few questions and answers of a run, for whoever asks to see them."""

from collections.abc import Iterator

import numpy as np

from costbench.records import CellRecord, RunRecord
from costbench.report.contract import Sample
from costbench.store import Store
from costbench.types import OUTCOMES

BETWEEN_VOTES = "\n\n---\n\n"
"""Stands between the responses of an attempt that has several."""

# In the order of CellRecord's columns.
_ATTEMPTS = """
SELECT a.id FROM attempts a JOIN problems p ON p.dataset = ? AND p.id = a.problem
WHERE a.cell = ? ORDER BY p.ordinal, a.pass, a.round
"""
_TEXTS = """
SELECT a.problem, p.question, p.answer, g.extracted, a.error,
    (SELECT group_concat(text, :between) FROM (SELECT text FROM pieces WHERE attempt = a.id ORDER BY ordinal))
FROM attempts a
JOIN problems p ON p.dataset = :dataset AND p.id = a.problem
LEFT JOIN grades g ON g.attempt = a.id AND g.grader = :grader AND g.version = :version
WHERE a.id = :attempt
"""


def read_samples(store: Store, run: RunRecord, count: int) -> tuple[Sample, ...]:
    """Of each cell the first attempt at each of the first `count` problems: the same ones in every cell."""
    return tuple(sample for record in run.cells for sample in _of_cell(store, record, count))


def _of_cell(store: Store, record: CellRecord, count: int) -> Iterator[Sample]:
    dataset = record.spec["dataset_sha256"]
    ids = [row[0] for row in store.db.execute(_ATTEMPTS, (dataset, record.id))]
    problems, firsts = np.unique(record.index("problem"), return_index=True)
    outcomes = record.index("outcome")
    key = {"dataset": dataset, "grader": record.grader[0], "version": record.grader[1]}
    key["between"] = BETWEEN_VOTES if record.spec.get("votes") else ""
    for at in firsts[problems < count]:
        found = store.db.execute(_TEXTS, key | {"attempt": ids[at]}).fetchone()
        problem, question, reference, extracted, error, response = found
        yield Sample(
            cell=record.id,
            problem=problem,
            outcome=OUTCOMES[outcomes[at]],
            question=question,
            response=response or "",
            reference=reference,
            extracted=extracted,
            error=error,
        )
