"""From a run's records and a price book to the report: all of it can be done again with other prices."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from costbench.analysis.attribution import Rule
from costbench.analysis.stats import Resampling
from costbench.hardware import Machine
from costbench.prices import PriceBook, headline
from costbench.records import CellRecord, RunRecord
from costbench.report.books import by_book
from costbench.report.budget_lines import budget_lines
from costbench.report.budgets import length_comparisons
from costbench.report.cell_tables import PricedCell, remote_cell
from costbench.report.cells import cell_report
from costbench.report.comparisons import compare_cells
from costbench.report.contract import CellReport, Report, SkippedGroup
from costbench.report.cost_of_pass import costs_of_pass
from costbench.report.cuts import REMOTE, gpu_uuids, unmetered
from costbench.report.decision import decide
from costbench.report.demand import serve
from costbench.report.energy import WindowKind, protocol_of
from costbench.report.figures import CellFigures
from costbench.report.frontier import place_on_frontier
from costbench.report.levels import by_level
from costbench.report.measured import MeasuredRun, measure_run
from costbench.report.opinions import second_opinions
from costbench.report.payback import pay_back
from costbench.report.repricing import headline_assumptions
from costbench.report.rules import attribution_facts
from costbench.report.run_energy import run_energy
from costbench.report.savings import savings
from costbench.report.scores import scores
from costbench.report.traces import power_trace
from costbench.types import Device
from costbench.wanted import Wanted

BOOTSTRAP_SEED = 20250131
"""The same run gives the same intervals, digit by digit."""


@dataclass(frozen=True)
class Pricing:
    """A price book and where it came from; both None when a report is asked for without."""

    book: PriceBook | None
    file: str | None
    others: tuple[tuple[str, PriceBook], ...] = ()
    """Further books by file, for a table beside."""


@dataclass(frozen=True)
class View:
    """How a reader wants a run summarized."""

    baseline: str | None = None
    """The cell to compare with; None: role baseline x unconstrained."""
    window: WindowKind | None = None
    """None: the steady parts where every cell has one, else whole windows."""
    rule: Rule = "output_tokens"
    wanted: Wanted | None = None
    """None: the decision and the demand of the suite."""


def wanted_by(run: RunRecord) -> Wanted:
    """What the suite says of decision, demand and SLO; runs of older versions have only the first."""
    suite = run.meta["suite"]
    said = {name: suite.get(name) for name in ("demand", "slo")}
    return Wanted.model_validate({"decision": suite["decision"], **said})


def build_report(run: RunRecord, name: str, pricing: Pricing, view: View = View()) -> Report:
    """Summarize, price, compare; pure but for the seed, which is fixed. Raises SuiteError."""
    machine = Machine.model_validate(run.meta["machine"])
    wanted = wanted_by(run) if view.wanted is None else view.wanted
    margin = wanted.decision.equivalence_margin
    protocol = protocol_of(run)
    measured = measure_run(run, view.window, view.rule)
    cells: list[CellReport] = []
    comparisons = []
    groups = []
    for members in _comparable(run):
        figures = _figures(run, members, measured, (machine, pricing.book))
        groups.append(figures)
        places = place_on_frontier(figures)
        rows = zip(figures, places, by_level(figures), scores(figures), strict=True)
        cells += [cell_report(*row, wanted.slo) for row in rows]
        comparisons += compare_cells(figures, view.baseline, margin)
    order = {record.id: at for at, record in enumerate(run.cells)}
    return Report(
        suite=run.meta["suite"]["name"],
        run=name,
        protocol=protocol.kind,
        protocol_settings=protocol.model_dump(mode="json", exclude={"kind"}),
        machine=machine.model_dump(mode="json") | {"label": machine.label},
        prices=_prices(pricing),
        window=measured.window,
        complete=bool(run.meta.get("complete")),
        started_at=run.meta["started_at"],
        costbench_version=run.meta["costbench_version"],
        cells=tuple(sorted(cells, key=lambda cell: order[cell.cell])),
        comparisons=tuple(comparisons),
        payback=tuple(
            each
            for figures in groups
            for each in pay_back(figures, view.baseline, (machine, pricing.book))
        ),
        savings=tuple(each for figures in groups for each in savings(figures, view.baseline)),
        budget_lines=tuple(each for figures in groups for each in budget_lines(figures)),
        cost_of_pass=tuple(each for figures in groups for each in costs_of_pass(figures)),
        length_comparisons=tuple(c for figures in groups for c in length_comparisons(figures)),
        skipped=tuple(SkippedGroup(**skipped) for skipped in run.meta["skipped"]),
        failed=tuple(SkippedGroup(group=group, reason=reason) for group, reason in run.failed),
        devices=_devices(run),
        attribution=attribution_facts(measured, groups, margin),
        second_opinions=tuple(second_opinions(run)),
        notes=_notes(run),
        decision=decide(groups, wanted.decision),
        demand=serve(groups, wanted, machine),
        slo=wanted.slo,
        run_energy=run_energy(run, measured, pricing.book),
        power_trace=power_trace(run, measured),
        books=tuple(by_book(groups, machine, *other) for other in pricing.others),
        repricing=headline_assumptions(
            [each.priced for figures in groups for each in figures], pricing.book
        ),
    )


def _comparable(run: RunRecord) -> list[list[CellRecord]]:
    """Cells that may be compared: one group, one dataset, and the same problems of it."""
    found: dict[tuple[str, ...], list[CellRecord]] = defaultdict(list)
    for record in run.cells:
        place = (record.spec[key] for key in ("group", "dataset", "dataset_sha256"))
        found[tuple(place)].append(record)
    return list(found.values())


def _figures(
    run: RunRecord,
    members: list[CellRecord],
    measured: MeasuredRun,
    costs: tuple[Machine, PriceBook | None],
) -> list[CellFigures]:
    """Figures of cells on the same problems, from the same resampled problems."""
    resampling = Resampling.draw(members[0].problems, BOOTSTRAP_SEED)
    found = [
        CellFigures(run, price_cell(run, record, costs), measured.cells[record.id], resampling)
        for record in members
    ]
    resampling.prepare(table for cell in found for table in cell.resampled)
    return found


def price_cell(
    run: RunRecord, record: CellRecord, costs: tuple[Machine, PriceBook | None]
) -> PricedCell:
    """A cell with the price of the GPUs that it used, or of the machine; of a remote one, of its tokens."""
    machine, book = costs
    if REMOTE in unmetered(run, record).values():
        return remote_cell(record, book)
    gpus = max(map(len, gpu_uuids(run, record).values()), default=0)
    return PricedCell(record, headline(book, machine, gpus), book, gpus, machine)


def _prices(pricing: Pricing) -> dict[str, Any] | None:
    if pricing.book is None:
        return None
    return pricing.book.model_dump(mode="json") | {"file": pricing.file}


def _devices(run: RunRecord) -> tuple[Device, ...]:
    """Each GPU once, as the last session found it."""
    every = [device for facts in run.meters.values() for each in facts for device in each.devices]
    return tuple({device.domain: device for device in every}.values())


def _notes(run: RunRecord) -> tuple[str, ...]:
    notes = []
    embedded = sorted(
        {
            record.spec["model"]["name"]
            for record in run.cells
            if record.spec["model"]["path"].startswith("embedded:")
        }
    )
    if embedded:
        what = "a small demonstration model that ships with costbench; its"
        if len(embedded) > 1:
            what = "small demonstration models that ship with costbench; their"
        notes.append(
            f"{', '.join(embedded)}: {what} figures show how the harness works and are no evidence "
            "about large models."
        )
    if run.imported:
        files = ", ".join(run.meta["imported"]["files"])
        notes.append(
            f"Imported from files of {run.meta['imported']['format']} ({files}): costbench has measured "
            "nothing of it; what a file does not have is n/a."
        )
    faults = dict.fromkeys(fault.message for fault in run.faults)
    notes += [f"A meter could not be used: {fault}" for fault in faults]
    return tuple(notes)
