"""One `costbench export`: a row per attempt, as CSV, JSON Lines or Parquet."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from costbench.errors import PluginError, StoreError
from costbench.frames import Run
from costbench.grading import Grading, parse_grader
from costbench.printable import clean, csv_safe
from costbench.run_folder import write_text
from costbench.store import Store

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["csv", "jsonl", "parquet"]


def export_run(run: Run, form: Format, out: Path | None, *, text: bool) -> int:
    """Grade what lacks a grade, then write to `out`, or to stdout when None; how many rows that were.

    Parquet is not text and needs `out`. Raises StoreError where it cannot be written, PluginError where
    Parquet needs a package.
    """
    with Store.open(run.folder) as store, Grading(store) as grading:
        grading.grade_all(parse_grader(run.grader) if run.grader else None)
    table = run.attempts(text=text)
    if out is None:
        sys.stdout.write(_text(table, form))
    elif form == "parquet":
        _write_parquet(table, out)
    else:
        write_text(out, _text(table, form))
    return len(table)


def _write_parquet(table: "pd.DataFrame", out: Path) -> None:
    fresh = out.with_name(out.name + ".new")
    try:
        table.to_parquet(fresh, index=False)
        fresh.replace(out)
    except OSError as error:
        raise StoreError(f"{out}: cannot be written: {error.strerror or error}") from error
    except ImportError as error:
        raise PluginError("parquet needs the package pyarrow: pip install pyarrow") from error
    finally:
        fresh.unlink(missing_ok=True)


def _text(table: "pd.DataFrame", form: Format) -> str:
    if form == "jsonl":  # ASCII only: what a terminal must not see is escaped
        return str(table.to_json(orient="records", lines=True, double_precision=15))
    safe = table.apply(lambda column: column.map(_safe, na_action="ignore"))
    return str(safe.to_csv(index=False, lineterminator="\n"))


def _safe(value: object) -> object:
    """Escape codes act in a terminal and formulas in a spreadsheet; JSON Lines has texts as they are."""
    return csv_safe(clean(value, keep="\n\t")) if isinstance(value, str) else value
