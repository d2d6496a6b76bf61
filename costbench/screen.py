"""What a person sees while costbench plans and runs; nothing moves when it is not a terminal."""

import math
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from costbench.cell import Cell
from costbench.doctor import Finding, can_run, diagnose, examine
from costbench.hardware import probe_machine
from costbench.interfaces import Served
from costbench.plan import Plan
from costbench.prices import PriceBook, api_price, headline, load_prices
from costbench.printable import clean

_INDENT = " " * 17
"""To below the names."""
_STYLES = {"works": "", "untried": "dim", "absent": "yellow", "broken": "red"}


def print_plan(plan: Plan, *, err: bool) -> None:
    """Per group: cells, attempts, tokens at most and what they may take; then what is skipped, and why."""
    console = Console(stderr=err)
    console.print(_groups(plan))
    for line in (*_protocol_lines(plan), *_terms(plan)):
        console.print(line, soft_wrap=True, highlight=False)
    for skipped in plan.skipped:
        console.print(f"skipped {_safe(skipped.group)}: {_safe(skipped.reason)}", soft_wrap=True)


def _groups(plan: Plan) -> Table:
    table = Table(title=f"{plan.suite.name} on {_safe(plan.machine.label)}", title_justify="left")
    table.add_column("group", overflow="fold")
    for column in ("cells", "attempts", "tokens at most", "minutes", "USD", "download GB"):
        table.add_column(column, justify="right")
    elsewhere = {skipped.group: skipped.cells for skipped in plan.skipped if skipped.cells}
    for group in plan.suite.groups:
        cells = plan.cells_of(group.name)
        if cells:
            table.add_row(*_estimate(plan, cells))
        elif group.name in elsewhere:
            table.add_row(*_elsewhere(plan, elsewhere[group.name]), style="dim")
    return table


def _terms(plan: Plan) -> list[str]:
    """What servers that others run have seen said of them."""
    return [
        f"{_safe(group.name)}: {_safe(term)}"
        for group in plan.suite.groups
        if isinstance(group.engine, Served)
        for term in group.engine.terms()
    ]


def _protocol_lines(plan: Plan) -> list[str]:
    """What the protocol adds, where it is more than a demonstration."""
    protocol, cells = plan.suite.protocol, plan.cells
    if protocol.kind == "quick" or not cells:
        return []
    passes = sum(cell.sampling.samples_per_problem for cell in cells)
    models = len({(cell.group, cell.model.name) for cell in cells})
    around_s = protocol.warmup_s + protocol.window_s + protocol.cooldown_s
    least_s = passes * around_s + protocol.idle_bare_s + 2 * models * protocol.idle_context_s
    lines = [
        f"protocol {protocol.kind}: {passes} passes in windows of {protocol.window_s:g} s or more, with "
        f"warm-up and cooldown: {math.ceil(least_s / 60)} min at least"
    ]
    fewest = min(cell.sampling.samples_per_problem for cell in cells)
    if fewest < protocol.passes:
        lines.append(
            f"protocol {protocol.kind} asks for {protocol.passes} passes, samples_per_problem gives "
            f"{fewest}: such cells are marked"
        )
    return lines


def _elsewhere(plan: Plan, cells: tuple[Cell, ...]) -> list[str]:
    """What a skipped group would take where it can run; what a machine costs depends on where."""
    name, *figures, usd, download = _estimate(plan, cells)
    return [f"({name})", *figures, usd if _is_remote(cells[0]) else "n/a", download]


def _estimate(plan: Plan, cells: tuple[Cell, ...]) -> list[str]:
    group = next(group for group in plan.suite.groups if group.name == cells[0].group)
    tokens = sum(cell.token_limit for cell in cells)
    speed = group.expect.tokens_per_second
    seconds = tokens / speed if speed else None
    download = group.expect.download_gb
    return [
        group.name,
        str(len(cells)),
        f"{sum(cell.attempts for cell in cells):,}",
        f"{tokens:,}",
        "n/a" if seconds is None else f"<= {math.ceil(seconds / 60)}",
        _usd(plan, cells, seconds),
        "n/a" if download is None else f"{download:g}",
    ]


def _usd(plan: Plan, cells: tuple[Cell, ...], seconds: float | None) -> str:
    """Of the machine's time, or of a remote server's tokens."""
    book = load_prices(plan.suite.prices) if plan.suite.prices else None
    if _is_remote(cells[0]):
        return _usd_of_tokens(cells, book)
    tariff = headline(book, plan.machine, gpus=1 if plan.machine.gpus else 0)
    return f"<= {tariff.usd_per_s * seconds:.2g}" if tariff and seconds else "n/a"


def _is_remote(cell: Cell) -> bool:
    return isinstance(cell.engine, Served) and cell.engine.remote


def _usd_of_tokens(cells: tuple[Cell, ...], book: PriceBook | None) -> str:
    """What is written at most; what is read, only the server's tokenizer knows."""
    usd = 0.0
    for cell in cells:
        price = api_price(book, cell.model.name)
        if price is None:
            return "n/a"
        nothing, most = np.zeros(1), np.array([float(cell.policy.token_limit())])
        usd += cell.attempts * float(price.usd(nothing, nothing, most)[0])
    return f"<= {usd:.2g} + input"


def show_doctor(form: str) -> bool:
    """All findings, as lines while they come or as JSON at the end; whether a run would work here."""
    machine = probe_machine()
    if form != "json":
        return can_run(print_findings(examine(machine)))
    found = diagnose(machine)
    sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    return found.can_run


def print_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Each as it comes, for some take seconds; gives them back."""
    console, shown = Console(), []
    for found in findings:
        line = f"{found.state:7} {found.family:8} {clean(found.name)}: {clean(found.detail)}"
        console.print(
            line, style=_STYLES[found.state], highlight=False, markup=False, soft_wrap=True
        )
        for detail in found.meter.details() if found.meter else ():
            console.print(
                f"{_INDENT}{clean(detail)}",
                style="dim",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        shown.append(found)
    return shown


class RunScreen:
    """Progress of a run on stderr, with rate, time left and the accuracy of finished cells."""

    def __init__(self, plan: Plan) -> None:
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._total = sum(cell.attempts for cell in plan.cells)
        self._cells, self._finished = len(plan.cells), 0
        self._tokens, self._began_s = 0, time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._task = self._progress.add_task("starting", total=self._total, rate="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()

    def announce(self, folder: Path, stored: int) -> None:
        """Where the run is stored, and what it already has."""
        again = f", resuming: {stored} of {self._total} attempts done" if stored else ""
        self._console.print(f"run folder {_safe(str(folder))}{again}", soft_wrap=True)
        self._progress.update(self._task, completed=stored)

    def left_alone(self, folder: Path, differs_in: Sequence[str]) -> None:
        """An unfinished run of this suite differs in these parts, so a new one is started."""
        parts = ", ".join(differs_in)
        self._console.print(
            f"a new run: {_safe(str(folder))} is not finished, but differs in: {parts}",
            soft_wrap=True,
        )

    def loading(self, cell: Cell) -> None:
        """A model is being loaded."""
        self._progress.update(self._task, description=f"loading {_safe(cell.model.name)}")

    def waiting(self, what: str) -> None:
        """Nothing is being answered: idle power, warm-up, cooling."""
        self._progress.update(self._task, description=_safe(what))

    def attempted(self, cell: Cell, attempts: int, output_tokens: int) -> None:
        """So many more attempts are stored."""
        self._tokens += output_tokens
        rate = self._tokens / max(1e-3, time.monotonic() - self._began_s)
        self._progress.update(
            self._task,
            advance=attempts,
            description=_safe(_label(cell)),
            rate=f"{rate:,.0f} tok/s",
        )

    def finished(self, cell: Cell, accuracy: float | None) -> None:
        """A cell has all its passes."""
        self._finished += 1
        shown = "not graded" if accuracy is None else f"accuracy {accuracy:.3f}"
        self._console.print(
            f"[{self._finished}/{self._cells}] {clean(cell.id)}: {shown}",
            highlight=False,
            markup=False,
        )

    def to_retry(self, attempts: int) -> None:
        """Attempts failed that may not the next time."""
        self._console.print(
            f"{attempts} attempts ended in errors that may be gone: run again to retry them"
        )

    def failed(self, group: str, reason: str) -> None:
        """A group cannot go on."""
        self._console.print(f"{_safe(group)} failed: {_safe(reason)}", soft_wrap=True)


def _label(cell: Cell) -> str:
    return cell.id.split("/", 1)[1].rsplit("/", 2)[0]


def _safe(text: str) -> str:
    """Neither markup nor control characters act."""
    return escape(clean(text))
