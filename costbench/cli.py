"""The command line: a table of contents. Results go to stdout, progress and warnings to stderr."""

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costbench import cli_stored, options
from costbench.commanding import AfterDashes, Commands, folder_name

if TYPE_CHECKING:
    from costbench.plan import Plan


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="costbench")
def main() -> None:
    """Cost per correct answer of reasoning language models, measured on this machine.

    costbench run math, then costbench report --pareto.
    """
    # Threads that wait by spinning starve each other as soon as anything else runs (docs/log.md). It has
    # to be set before torch is loaded. A program that is measured keeps the environment it would have.
    if click.get_current_context().invoked_subcommand != "meter":
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (
        "stdout",
        "stderr",
    ):  # closed by whoever started us (`>&-`): Python has none then
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    for name in ("SIGTERM", "SIGHUP"):  # a scheduler's limit, a closed terminal: end as with Ctrl-C
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


@main.command()
@click.argument("suite")
@options.OUT
@options.LIMIT
@options.ONLY
@click.option("--new", is_flag=True, help="Start a new run even if one can be resumed.")
@click.option("--no-grade", is_flag=True, help="Measure only; `costbench report` grades later.")
def run(
    suite: str, out: Path, limit: int | None, only: tuple[str, ...], new: bool, no_grade: bool
) -> None:
    """Measure SUITE (a file, or the name of a bundled one); resumes an unfinished run automatically."""
    from costbench.measuring import RunOptions, measure
    from costbench.plan import require_cells
    from costbench.screen import RunScreen, print_plan

    plan = _plan(suite, limit, only)
    print_plan(plan, err=True)
    require_cells(plan)
    with RunScreen(plan) as screen:
        folder, result = measure(plan, RunOptions(out, new, not no_grade), screen)
    if not no_grade:
        _summary(folder)
    if result.stopped_by:
        click.echo(f"costbench: stopped at {result.stopped_by}; run again to resume", err=True)
    for group in plan.unavailable:
        click.echo(f"costbench: {group} was skipped for now; run again to try again", err=True)
    click.echo(f"costbench: {folder} (costbench report --pareto)", err=True)
    sys.exit(0 if result.complete else 1)


@main.command()
@click.argument("suite")
@options.LIMIT
@options.ONLY
@click.option("--show-prompt", is_flag=True, help="Show the first prompt of each dataset.")
def plan(suite: str, limit: int | None, only: tuple[str, ...], show_prompt: bool) -> None:
    """Show what SUITE would run here, what is skipped and why; measures nothing.

    Groups in brackets are skipped here; the row says what they would run elsewhere. Data is loaded only
    where its size is not known, and for a prompt.
    """
    from costbench.plan import require_cells
    from costbench.prompts_shown import print_prompts
    from costbench.screen import print_plan

    found = _plan(suite, limit, only, outlook=True)
    print_plan(found, err=False)
    if show_prompt:
        print_prompts(found)
    require_cells(found)


@main.command()
@options.form("table", "json")
def doctor(form: str) -> None:
    """Try every engine, meter and grader here, and say what does not work and how to mend it."""
    from costbench.screen import show_doctor

    sys.exit(0 if show_doctor(form) else 1)


@main.command(cls=AfterDashes, options_metavar="[OPTIONS] -- COMMAND [ARG]...")
@options.OUT
@click.option(
    "--name",
    callback=folder_name,
    default="meter",
    show_default=True,
    help="What the run folder's name begins with.",
)
@options.form("table", "json")
def meter(out: Path, name: str, form: str, command: tuple[str, ...]) -> None:
    """Run any program and measure its energy; its exit code is ours.

    The energy is that of all GPUs of this machine, or else of its processor and memory, while the program
    runs, whatever else uses them. The table goes to stderr; JSON goes to stdout, as one line behind what
    the program wrote there. The program's arguments are not stored.
    """
    from costbench.recording import measure_program

    sys.exit(measure_program(command, out, name, form))


@main.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Model folder [default: models/NAME].")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value for a key of the recipe: reward.alpha=0.1; may be repeated.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Two steps with the embedded model in place of what must be downloaded; writes nothing.",
)
@click.option("--prices", type=click.Path(path_type=Path), help="Price book for the card.")
def train(
    recipe: Path, out: Path | None, changes: tuple[str, ...], dry_run: bool, prices: Path | None
) -> None:
    """Make a variant from RECIPE: weights, tokenizer and a card.

    RECIPE is a file, or the name of a bundled one. The same command goes on from the last checkpoint. On
    several GPUs: accelerate launch -m costbench train RECIPE (docs/training.md).
    """
    from trainers.command import TrainOptions, train_recipe

    train_recipe(recipe, TrainOptions(out, changes, dry_run, prices))


def _plan(suite: str, limit: int | None, only: tuple[str, ...], *, outlook: bool = False) -> "Plan":
    from costbench.hardware import probe_machine
    from costbench.locations import find_suite
    from costbench.plan import make_plan
    from costbench.suite import load_suite

    found, machine = load_suite(find_suite(suite)), probe_machine()
    return make_plan(found, machine, limit=limit, only=only, outlook=outlook)


def _summary(folder: Path) -> None:
    from costbench.reporting import ReportOptions, make_report, print_report

    print_report(make_report(folder, ReportOptions()), "table")


for command in cli_stored.COMMANDS:
    main.add_command(command)
