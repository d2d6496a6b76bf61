"""A finished run as pandas tables, for whoever wants to compute something of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from costbench.grading import graders_in_use, parse_grader
from costbench.metering.sampler import JOULES
from costbench.metering.trace import Floats, Trace
from costbench.records import TOKEN_COLUMNS, CellRecord, RunRecord, read_records
from costbench.report.energy import measure_cell
from costbench.report.sampled import BETWEEN_VOTES
from costbench.report.shares import attributed
from costbench.store import Store
from costbench.types import OUTCOMES

# One row per attempt in the order of CellRecord's columns, which have no texts.
_FACTS = """
SELECT a.problem, p.level, a.pass, a.round, a.seed, g.correct, g.extracted, p.answer, a.error, p.question,
    CASE WHEN :text THEN
        (SELECT group_concat(text, :between) FROM
            (SELECT text FROM pieces WHERE attempt = a.id ORDER BY ordinal)) END
FROM attempts a
JOIN problems p ON p.dataset = :dataset AND p.id = a.problem
LEFT JOIN grades g ON g.attempt = a.id AND g.grader = :grader AND g.version = :version
WHERE a.cell = :cell ORDER BY p.ordinal, a.pass, a.round
"""
_FACT_COLUMNS = (
    "problem", "level", "pass", "round", "seed", "correct", "extracted", "reference", "error", "question",
    "response",
)  # fmt: skip
COLUMNS = {
    "run": "string", "cell": "string", "group": "string", "model": "string", "policy": "string",
    "budget": "Int64", "dataset": "string", "concurrency": "Int64", "problem": "string", "level": "Int64",
    "pass": "Int64", "round": "Int64", "session": "Int64", "seed": "Int64", "outcome": "string",
    "correct": "boolean", "extracted": "string", "reference": "string", "grader": "string",
    "grader_version": "string",
    "input_tokens": "Int64", "cached_tokens": "Int64", "output_tokens": "Int64", "reasoning_tokens": "Int64",
    "answer_tokens": "Int64", "injected_tokens": "Int64", "latency_s": "Float64", "ttft_s": "Float64",
    "mean_batch_size": "Float64", "joules": "Float64", "joules_provenance": "string",
    "machine_seconds": "Float64", "error": "string", "usd_imported": "Float64",
    "request_rate": "Float64", "waited_s": "Float64", "ttfat_s": "Float64", "tpot_s": "Float64",
}  # fmt: skip
"""Of `Run.attempts`, with their pandas types; all of them can be NA."""
TEXT_COLUMNS = {"question": "string", "response": "string"}


@dataclass(frozen=True)
class Run:
    """A stored run; nothing is written and nothing is graded that has no grade yet."""

    folder: Path
    grader: str | None = None
    """Whose verdicts count; each cell's own when None."""

    def attempts(self, *, text: bool = False) -> pd.DataFrame:
        """One row per attempt, in the order of cells, problems and passes; what is not known is NA.

        `waited_s` is from the scheduled arrival of an open loop until it was begun.

        `joules` and `machine_seconds` are the attempt's share of its window, by output tokens; `usd_imported`
        is what an imported file says that it cost;
        `joules_provenance` says where the window's come from. With `text`, also question and response.
        Raises StoreError.
        """
        with Store.open(self.folder) as store:
            graders = graders_in_use(store, parse_grader(self.grader) if self.grader else None)
            records = read_records(store, graders)
            frames = [_cell(store, records, record, text) for record in records.cells]
        columns = COLUMNS | (TEXT_COLUMNS if text else {})
        table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*columns])
        return table.assign(run=self.folder.name)[[*columns]].astype(columns)

    def trace(self) -> pd.DataFrame:
        """All that the meters gave, in order of session, domain and quantity.

        The quantity "joules" is a cumulative counter at the times it changed; the others (watts, degrees,
        clocks) are as read, the unit in their names. Times are comparable within a session.
        """
        with Store.open(self.folder) as store:
            traces = read_records(store, graders_in_use(store)).traces
        frames = [
            pd.DataFrame({"session": session, "domain": d, "quantity": q, "t_s": t_s, "value": v})
            for session, trace in traces.items()
            for d, q, t_s, v in _series(trace)
        ]
        columns = ["session", "domain", "quantity", "t_s", "value"]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _series(trace: Trace) -> Iterator[tuple[str, str, Floats, Floats]]:
    for domain, counter in trace.counters.items():
        yield domain, JOULES, counter.t_s, counter.joules
    for (domain, quantity), samples in trace.gauges.items():
        yield domain, quantity, samples.t_s, samples.values


def _cell(store: Store, run: RunRecord, record: CellRecord, text: bool) -> pd.DataFrame:
    spec, grader = record.spec, record.grader
    key = {"cell": record.id, "dataset": spec["dataset_sha256"], "text": text}
    key |= {"grader": grader[0], "version": grader[1]}
    key |= {"between": BETWEEN_VOTES if spec.get("votes") else ""}
    facts = pd.DataFrame(store.db.execute(_FACTS, key).fetchall(), columns=[*_FACT_COLUMNS])
    energy = measure_cell(run, record)
    return facts.assign(
        **{name: record.columns[name] for name in TOKEN_COLUMNS},
        cell=record.id,
        group=spec["group"],
        model=spec["model"]["name"],
        policy=spec["policy_name"],
        budget=spec["budget"],
        dataset=spec["dataset"],
        concurrency=spec["concurrency"],
        session=record.index("session"),
        outcome=np.array(OUTCOMES)[record.index("outcome")],
        grader=grader[0],
        grader_version=grader[1],
        answer_tokens=record.columns["output_tokens"] - record.columns["reasoning_tokens"],
        latency_s=record.columns["latency_s"],
        ttft_s=record.columns["ttft_s"],
        mean_batch_size=record.columns["batch_size"],
        joules=attributed(record, energy.window_joules),
        joules_provenance=energy.provenance,
        machine_seconds=attributed(record, energy.window_seconds),
        usd_imported=record.columns.get("usd", np.nan),
        request_rate=record.load.get("request_rate", np.nan),
        waited_s=_waited(record),
        ttfat_s=np.nan if spec.get("votes") else record.columns["ttfat_s"],
        tpot_s=np.nan if spec.get("votes") else record.columns["tpot_s"],
    )


def _waited(record: CellRecord) -> Floats | float:
    """For a place in an open loop with a cap, or for us."""
    columns = record.columns
    return columns["started_s"] - columns["arrived_s"] if "open_loop" in record.spec else np.nan
