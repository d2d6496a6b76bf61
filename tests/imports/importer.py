"""Files of other tools, imported into a folder of the test, and what a report says of them.

In tests/imports/files, what has a version in its name was written by that version, asking a loopback server
with scripted answers (paths and some metrics were taken out). The other files have the keys and the shape of
older versions; their words and figures are made up so that they can be checked by hand.
"""

import json
from pathlib import Path

from costbench.frames import Run
from costbench.import_cells import Naming
from costbench.importing import ImportOptions, import_files
from costbench.reporting import ReportOptions, make_report

FILES = Path(__file__).parent / "files"
LM_EVAL = FILES / "samples_gsm8k_tiny_2026-11-21T19-27-04.253097.jsonl"
VLLM = FILES / "vllm_bench.json"
VLLM_REAL = FILES / "vllm_bench_real.json"
"""As vLLM 0.31 wrote it, of a server that paces its chunks (benchmarks/serving_client.py)."""
AIPERF = FILES / "profile_export.jsonl"
VLLM_NOW = FILES / "vllm_bench-0.31.json"
AIPERF_NOW = FILES / "aiperf-0.13.jsonl"
TABLE = FILES / "table.csv"
COLUMNS = {"correct": "ok", "response": "text", "input_tokens": "in", "output_tokens": "out"}
TENTH = 1760436000.0
"""2025-10-14 10:00 UTC."""


def imported(out, *paths, naming=None, **options):
    """The run folder."""
    naming = Naming("", **(naming or {}))
    return import_files(paths, ImportOptions(out=out, naming=naming, **options)).folder


def table(folder, *rows, name="rows.jsonl"):
    """A JSON Lines table of these rows."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def attempts(folder, **options):
    return Run(folder, **options).attempts(text=True)


def report(folder, *, slo=(), **options):
    changes = tuple(f"slo.{promise}" for promise in slo)
    return make_report(folder, ReportOptions(changes=changes, **options))


def timed(problem, start_s, seconds, **more):
    """A row with times, counted from TENTH."""
    row = {"id": problem, "model": "m", "gold": "4", "response": "4", "correct": True}
    row |= {"started": TENTH + start_s, "latency_s": seconds, "output_tokens": 10}
    return row | more
