"""One `costbench compare`: from two run folders to what is said of one against the other, and to stdout."""

import sys
from dataclasses import dataclass
from pathlib import Path

from costbench.errors import CompareError
from costbench.metered import is_metered
from costbench.prices import load_prices
from costbench.report.across.build import compare_two
from costbench.report.across.contract import RunComparison
from costbench.report.across.rules import OneBook, one_book
from costbench.report.energy import WindowKind
from costbench.reporting import PIPE_WIDTH, read_graded


@dataclass(frozen=True)
class CompareOptions:
    """What the command line says about a comparison."""

    prices: Path | None = None
    grader: str | None = None
    margin: float | None = None
    """None: that of the baseline's suite."""
    window: WindowKind | None = None


def compare_runs(baseline: Path, candidate: Path, options: CompareOptions) -> RunComparison:
    """Grade what lacks a grade in either run, then compare.

    Raises CompareError where nothing may be compared, SuiteError, StoreError, GradeError.
    """
    folders = baseline.resolve(), candidate.resolve()
    if folders[0] == folders[1]:
        raise CompareError(f"{baseline} and {candidate} are one run; name two")
    for folder in (baseline, candidate):
        if is_metered(folder):
            raise CompareError(
                f"{folder}: is of `costbench meter`, which has no cells; compare runs of suites"
            )
    runs = read_graded(baseline, options.grader), read_graded(candidate, options.grader)
    if options.prices:
        prices = OneBook(load_prices(options.prices), options.prices.name)
    else:
        prices = one_book((runs[0].meta, runs[1].meta))
    margin = options.margin
    if margin is None:
        margin = runs[0].meta["suite"]["decision"]["equivalence_margin"]
    named = (folders[0].name, runs[0]), (folders[1].name, runs[1])
    return compare_two(*named, prices, margin, options.window)


def print_comparison(found: RunComparison, form: str) -> None:
    """One of the forms, to stdout."""
    if form == "json":
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    elif form == "md":
        from costbench.report.across.markdown import render_runs

        sys.stdout.write(render_runs(found))
    else:
        from rich.console import Console

        from costbench.report.across.table import print_runs

        print_runs(found, Console(width=None if sys.stdout.isatty() else PIPE_WIDTH))
