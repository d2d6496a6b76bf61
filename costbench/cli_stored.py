"""Commands about runs that are stored: report, compare, grade, export, and import, which stores one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from costbench import options
from costbench.commanding import folder_name

if TYPE_CHECKING:
    from costbench.analysis.attribution import Rule
    from costbench.exporting import Format
    from costbench.gates.language import Gate
    from costbench.report.energy import WindowKind
    from costbench.report.plot_data import XAxis
    from costbench.types import Provenance


@click.command()
@options.RUN
@click.option(
    "--pareto",
    is_flag=True,
    help="Draw the frontier and what else there is, tokens by level, costs by load, power over time, "
    "budgets: pareto, levels, loads, trace, budgets, each .svg, .png and .pdf.",
)
@click.option(
    "--x",
    type=click.Choice(["tokens", "latency", "joules", "usd", "gco2e"]),
    help="Cost on the frontier's x axis, per attempt [default: usd where known].",
)
@options.form("table", "json", "csv", "md")
@options.RUNS
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the files [default: reports/RUN]."
)
@options.PRICE_BOOKS
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another price, decision or demand: machine.usd_per_hour=1.2",
)
@click.option(
    "--slo",
    multiple=True,
    metavar="KEY=SECONDS",
    help="What a service promises, in place of the suite's: ttft_s=2; may be repeated.",
)
@click.option("--baseline", metavar="CELL", help="Compare with this cell.")
@options.GRADER
@options.WINDOW
@click.option(
    "--attribution",
    "rule",
    type=click.Choice(["output_tokens", "phase_weighted", "equal"]),
    default="output_tokens",
    show_default=True,
    help="How a window's joules are divided among its attempts.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Show N questions of each cell with their answers, in report.html and report.json "
    "[default: no text of any].",
)
@options.fail_if("accuracy.low < 0.9 in */abacus-base/*")
def report(  # noqa: PLR0913 - an option each
    *,
    run_name: str | None,
    pareto: bool,
    x: "XAxis | None",
    form: str,
    runs: Path,
    out: Path | None,
    prices: tuple[Path, ...],
    changes: tuple[str, ...],
    slo: tuple[str, ...],
    baseline: str | None,
    grader: str | None,
    window: "WindowKind | None",
    rule: "Rule",
    samples: int,
    gates: "tuple[Gate, ...]",
) -> None:
    """Summarize a run (the last one if none is named): table on stdout, files in reports/RUN."""
    from costbench.gates.judge import require
    from costbench.gates.subjects import of_report
    from costbench.locations import find_run
    from costbench.metered import is_metered, print_metered, summarize
    from costbench.report.files import write_report
    from costbench.reporting import ReportOptions, make_report, print_report

    source = find_run(run_name, runs)
    if is_metered(source):
        if form not in {"table", "json"}:
            raise click.UsageError("of a `costbench meter` there is --format table or json")
        if gates:
            raise click.UsageError(
                "--fail-if is for runs of suites: `costbench meter` has no cells"
            )
        print_metered(summarize(source), form)
        return
    first, more = (prices[0] if prices else None), prices[1:]
    changes += tuple(f"slo.{promise}" for promise in slo)
    wanted = ReportOptions(first, changes, baseline, grader, window, rule, more, samples)
    found = make_report(source, wanted)
    folder = out or Path("reports") / found.run
    print_report(found, form)
    for path in write_report(found, folder, x=x, pareto=pareto):
        click.echo(f"wrote {path}", err=True)
    require(gates, of_report(found))


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@options.RUNS
@options.form("table", "json", "md")
@click.option("--prices", type=click.Path(path_type=Path), help="Price both runs by this book.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Costs within this share of each other are equal [default: the baseline's suite says].",
)
@options.GRADER
@options.WINDOW
@options.fail_if("ratio.latency_s.low > 1.05")
def compare(  # noqa: PLR0913 - an option each
    *,
    baseline: str,
    candidate: str,
    runs: Path,
    form: str,
    prices: Path | None,
    margin: float | None,
    grader: str | None,
    window: "WindowKind | None",
    gates: "tuple[Gate, ...]",
) -> None:
    """Compare run CANDIDATE with run BASELINE, paired by problem; they may be of two machines.

    Cells of one id are compared, else those of one model, policy, budget and dataset where there is one in
    each run. What may not be compared is said, with the reason.
    """
    from costbench.comparing import CompareOptions, compare_runs, print_comparison
    from costbench.gates.judge import require
    from costbench.gates.subjects import of_comparison
    from costbench.locations import find_run

    folders = find_run(baseline, runs), find_run(candidate, runs)
    found = compare_runs(*folders, CompareOptions(prices, grader, margin, window))
    print_comparison(found, form)
    require(gates, of_comparison(found))


@click.command()
@options.RUN
@options.RUNS
@click.option(
    "--grader",
    "graders",
    multiple=True,
    metavar="GRADER",
    help='By name, or with settings: "{kind: math, deadline_s: 20}"; may be repeated.',
)
@options.form(
    "table", "json", said="The table has the first changed answers of each cell, JSON has all."
)
def grade(run_name: str | None, runs: Path, graders: tuple[str, ...], form: str) -> None:
    """Grade a stored run again, with other graders or newer versions, and list the answers that changed.

    Earlier grades are kept.
    """
    from costbench.locations import find_run
    from costbench.regrading import MOST_CHANGES, grade_again, print_regraded

    most = None if form == "json" else MOST_CHANGES
    print_regraded(grade_again(find_run(run_name, runs), graders, most_changes=most), form)


@click.command()
@options.RUN
@options.RUNS
@options.form(
    "csv",
    "jsonl",
    "parquet",
    said="csv shows control characters as escapes; the others have texts as they are.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File [default: stdout]."
)
@options.GRADER
@click.option("--text", is_flag=True, help="With the questions and the responses.")
def export(
    run_name: str | None,
    runs: Path,
    form: "Format",
    out: Path | None,
    grader: str | None,
    text: bool,
) -> None:
    """Write one row per attempt: tokens, latency, share of joules and machine time, grade."""
    from costbench.exporting import export_run
    from costbench.frames import Run
    from costbench.locations import find_run

    if form == "parquet" and out is None:
        raise click.UsageError("--format parquet is not text: name a file with --out")
    rows = export_run(Run(find_run(run_name, runs), grader), form, out, text=text)
    if out:
        click.echo(f"wrote {out} ({rows:,} attempts)", err=True)


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    metavar="FORMAT",
    default="auto",
    show_default=True,
    help="lm-eval, inspect, vllm-bench, aiperf or table.",
)
@options.OUT
@click.option(
    "--name",
    callback=folder_name,
    help="What the run folder's name begins with [default: the format].",
)
@click.option("--model", metavar="NAME", help="Which model it was, whatever the files say.")
@click.option("--task", metavar="NAME", help="Which dataset it was.")
@click.option("--policy", metavar="NAME", help="How thinking was limited.")
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Attempts in flight.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FACT=NAME",
    callback=options.pairs,
    help="Which column of a table holds what: response=completion, latency_ms=elapsed; may be repeated. "
    "FACT: problem, sample, question, gold, response, correct, tokens, seconds, cost, or another of "
    "docs/import.md.",
)
@click.option("--metric", metavar="NAME", help="Which of the files' verdicts counts.")
@click.option(
    "--number-repeats", is_flag=True, help="A problem that comes again is a further sample of it."
)
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path),
    help="Count output tokens the files do not have.",
)
@click.option("--gpu", metavar="NAME", help="What it ran on, for prices: H200.")
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="How many.")
@click.option(
    "--energy",
    type=click.Path(path_type=Path),
    help="A trace beside it: CSV of time and watts or joules, or the run folder of a `costbench meter`.",
)
@click.option(
    "--energy-provenance",
    "provenance",
    type=click.Choice(["measured", "modelled", "assumed", "imported"]),
    help="How the joules of a CSV came about [default: imported].",
)
def import_(  # noqa: PLR0913 - an option each
    *,
    files: tuple[Path, ...],
    source: str,
    out: Path,
    name: str | None,
    model: str | None,
    task: str | None,
    policy: str | None,
    concurrency: int | None,
    columns: dict[str, str],
    metric: str | None,
    number_repeats: bool,
    tokenizer: Path | None,
    gpu: str | None,
    gpus: int,
    energy: Path | None,
    provenance: "Provenance | None",
) -> None:
    """Make a run folder of FILES that another tool wrote; report, grade, compare and export work on it.

    What the files do not have is not known, never 0 (docs/import.md).
    """
    from costbench.import_cells import Naming
    from costbench.importing import ImportOptions, import_files
    from costbench.report.caveats import explain

    settings = {key: value for key, value in (("columns", columns), ("metric", metric)) if value}
    naming = Naming("", model, task, policy, concurrency, number_repeats)
    wanted = ImportOptions(
        out=out,
        source=source,
        settings=settings,
        name=name,
        naming=naming,
        tokenizer=tokenizer,
        gpu=None if gpu is None else (gpu, gpus),
        energy=energy,
        energy_provenance=provenance,
    )
    done = import_files(files, wanted)
    if source == "auto":
        click.echo(f"costbench: taken for files of {done.format} (--from)", err=True)
    for code in done.caveats:
        click.echo(f"costbench: {explain(code)}", err=True)
    for cell in done.cells:
        click.echo(f"  {cell}", err=True)
    click.echo(f"costbench: {done.folder} ({done.attempts:,} attempts; costbench report)", err=True)


COMMANDS = (report, compare, grade, export, import_)
