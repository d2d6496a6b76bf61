"""What cells have used, for a page that re-prices them; and what the report's own figures rest on."""

from collections.abc import Iterable
from dataclasses import asdict

from pydantic import TypeAdapter

from costbench.analysis.repricing import Assumptions, Repriced, Usage, reprice
from costbench.analysis.usage import Counts, usage_of
from costbench.prices import PriceBook
from costbench.report.cell_tables import PricedCell
from costbench.report.contract import AssumptionFacts, PaidBy, Unit, UsageFacts
from costbench.report.figures import CellFigures
from costbench.units import JOULES_PER_KWH, SECONDS_PER_HOUR


def usage_facts(figures: CellFigures) -> UsageFacts:
    """Of one cell: paid hours, or what it cost whatever an hour costs; energy; wrong answers."""
    priced = figures.priced
    paid_by = _paid_by(priced)
    used = {"kwh": figures.joules / JOULES_PER_KWH}
    if paid_by is None:
        used["fixed_usd"] = figures.usd
    else:
        used["unit_hours"] = figures.machine_seconds / SECONDS_PER_HOUR * _units(priced)
    counts = Counts(figures.attempts, figures.graded, figures.correct, figures.wrong)
    usage = usage_of(used, counts, figures.instrument)
    return UsageFacts(paid_by=paid_by, **asdict(usage))


def headline_assumptions(cells: Iterable[PricedCell], book: PriceBook | None) -> AssumptionFacts:
    """What USD and gCO2e of the report are made with."""
    by = {paid_by: priced for priced in cells if (paid_by := _paid_by(priced))}
    grid = book.grid if book else None
    return AssumptionFacts(
        units={paid_by: _unit(priced) for paid_by, priced in by.items()},
        usd_per_unit_hour={
            paid_by: priced.tariff.basis["usd_per_hour"] if priced.tariff else None
            for paid_by, priced in by.items()
        },
        gco2e_per_kwh=grid.gco2e_per_kwh if grid else None,
    )


def repriced(usage: UsageFacts, at: AssumptionFacts) -> Repriced:
    """A cell of a stored report at other prices, as the page does it."""
    given = at.model_dump(exclude={"units", "usd_per_unit_hour"})
    hour = at.usd_per_unit_hour.get(usage.paid_by) if usage.paid_by else None
    read = TypeAdapter(Usage).validate_python(usage.model_dump(exclude={"paid_by"}))
    return reprice(read, Assumptions(usd_per_unit_hour=hour, **given))


def _paid_by(priced: PricedCell) -> PaidBy | None:
    """Cells of a run have the same price for an hour of a unit if all or none of them have GPUs."""
    by_file = "usd" in priced.record.columns
    if by_file or priced.tokens is not None or priced.machine is None:
        return None
    return "with_gpus" if priced.gpus else "without_gpus"


def _unit(priced: PricedCell) -> Unit:
    if priced.tariff is None:
        return "gpu" if priced.gpus else "machine"
    unit: Unit = priced.tariff.basis["per"]
    return unit


def _units(priced: PricedCell) -> int:
    """That are paid for at once."""
    cores = priced.machine.cores if priced.machine else None
    return {"gpu": priced.gpus, "vcpu": cores or 0, "machine": 1}[_unit(priced)]
