"""One `costbench report`: from a run folder and prices to the report, and to stdout."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costbench.analysis.attribution import Rule
from costbench.errors import SuiteError
from costbench.grading import Grading, grader_of, parse_grader
from costbench.parts import with_gaps
from costbench.prices import PriceBook, load_prices, with_changes
from costbench.records import RunRecord, read_records
from costbench.report.build import Pricing, View, build_report, wanted_by
from costbench.report.contract import Report
from costbench.report.energy import WindowKind
from costbench.report.sampled import read_samples
from costbench.store import Store
from costbench.wanted import WANTED_KEYS, is_wanted, set_wanted

PIPE_WIDTH = 120


@dataclass(frozen=True)
class ReportOptions:
    """What the command line says about a report."""

    prices: Path | None = None
    changes: tuple[str, ...] = ()
    baseline: str | None = None
    grader: str | None = None
    window: WindowKind | None = None
    rule: Rule = "output_tokens"
    more_prices: tuple[Path, ...] = ()
    """Books for a table beside; changes are to the first book only."""
    samples: int = 0
    """So many problems of each cell are shown with their texts."""


def make_report(folder: Path, options: ReportOptions) -> Report:
    """Grade what lacks a grade, then summarize and price."""
    run = read_graded(folder, options.grader)
    known = [record.id for record in run.cells]
    if options.baseline is not None and options.baseline not in known:
        raise SuiteError(
            f"--baseline {options.baseline}: no such cell; there are:\n  " + "\n  ".join(known)
        )
    changes = _pairs(options.changes)
    wishes = {key: value for key, value in changes.items() if is_wanted(key)}
    wanted = set_wanted(wanted_by(run), wishes)
    others = {key: value for key, value in changes.items() if key not in wishes}
    pricing = _pricing(options, others, run.meta)
    view = View(options.baseline, options.window, options.rule, wanted)
    found = build_report(run, folder.resolve().name, pricing, view)
    if not options.samples:
        return found
    with Store.open(folder) as store:
        return found.model_copy(update={"samples": read_samples(store, run, options.samples)})


def read_graded(folder: Path, grader_name: str | None) -> RunRecord:
    """A run with a grade for every attempt, by this grader or each cell's own."""
    grader = parse_grader(grader_name) if grader_name else None
    with Store.open(folder) as store:
        with Grading(store) as grading:
            grading.grade_all(grader)
        graders = {cell: grader or grader_of(spec) for cell, spec in store.specs().items()}
        versions = {cell: (each.kind, each.version) for cell, each in graders.items()}
        return with_gaps(store, read_records(store, versions, graders))


def print_report(report: Report, form: str) -> None:
    """One of the forms, to stdout."""
    if form == "json":
        sys.stdout.write(report.model_dump_json(indent=2) + "\n")
    elif form == "csv":
        from costbench.report.csv import render_csv

        sys.stdout.write(render_csv(report))
    elif form == "md":
        from costbench.report.markdown import render_markdown

        sys.stdout.write(render_markdown(report, None))
    else:
        from rich.console import Console

        from costbench.report.table import print_table

        # A pipe has no width of its own; 80 columns would drop half of the table.
        print_table(report, Console(width=None if sys.stdout.isatty() else PIPE_WIDTH))


def _pricing(options: ReportOptions, changes: dict[str, str], meta: dict[str, Any]) -> Pricing:
    """The book that is named, else the one the run was started with."""
    book: PriceBook | None = None
    name = options.prices.name if options.prices else meta["price_file"]
    if options.prices:
        book = load_prices(options.prices)
    elif meta.get("price_book"):
        book = PriceBook.model_validate(meta["price_book"])
    if changes:
        if book is None:
            raise SuiteError(
                f"--set {next(iter(changes))}: changes a price book, and this run has none; name one "
                f"with --prices (without one there are {', '.join(WANTED_KEYS)})"
            )
        book = with_changes(book, changes, WANTED_KEYS)
    more = tuple((path.name, load_prices(path)) for path in options.more_prices)
    return Pricing(book, name, more)


def _pairs(changes: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise SuiteError(f"--set {change}: expected KEY=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs
