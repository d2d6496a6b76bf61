"""What a report shows of costs: tariffs and APIs, the run's energy and carbon, other price books."""

from collections.abc import Callable, Iterator, Sequence

from costbench.printable import clean
from costbench.report.caveats import explain
from costbench.report.columns import Column
from costbench.report.contract import (
    ApiFacts,
    CellReport,
    E,
    Footprint,
    PhaseEnergy,
    Report,
    TariffFacts,
)
from costbench.report.run_energy import TOTAL
from costbench.report.sections import Section
from costbench.report.wording import GCO2E, NA, USD, Scale, estimate, fitting, number

Line = tuple[str, str]
Columns = tuple[Column, ...]

TARIFFS = (
    "Machine time at every price that fits, as if every reserved second did useful work, and allocated, "
    "where what stands still is paid for by what works. An API's rows are the same attempts as tokens at its "
    "price, assumed: input and cached tokens as stored, sampled tokens as output; what the harness injected "
    "was sent, so it is input of the calls after it. Pays from: attempts per month at which the machine, "
    "reserved all month, costs what the API does. Rows are the cells without a budget, and of a model that "
    "has none those with its largest; all others are in the JSON."
)
RUN_ENERGY = (
    "All windows of the run. What lies between them (loading, grading, cooling down) was not measured and is "
    "in no figure. Carbon is location-based."
)
FOOTPRINT = (
    "The building's energy is PUE x (what was metered + the host's watts where only GPUs were metered and "
    "the book names them). Market-based figures stand beside location-based ones and are in no sum. SCI "
    "(ISO/IEC 21031) is location-based and has what is embodied in it, and nothing of a training."
)
_PHASES = {
    "whole": "passes",
    "warmup": "warm-up",
    "idle_context": "idle, model loaded",
    "idle_bare": "idle, nothing loaded",
    TOTAL: "total",
}
_FOOTPRINT: tuple[tuple[str, str], ...] = (
    ("gco2e_facility", "building"),
    ("gco2e_facility_market_based", "building, market-based"),
    ("gco2e_market_based", "metered, market-based"),
    ("gco2e_embodied", "embodied"),
)


def tariff_columns(section: Section) -> Columns:
    """A row per cell and way of paying; nothing where the book has one price and no more."""
    if not any(_says_more(cell) for cell in section.cells):
        return ()
    rows = [(cell, paid) for cell in section.freest for paid in _ways(cell)]
    if not rows:
        return ()
    usd = fitting([paid.usd_per_correct.value for _, paid in rows], USD)
    return (
        _text("costs by tariff", [section.name(cell) for cell, _ in rows]),
        _text("paid", [paid.deployment for _, paid in rows]),
        _text("to", [clean(paid.provider or NA) for _, paid in rows]),
        _figures(
            usd.per("attempt", "attempts"),
            [_bounded(paid.usd_per_attempt, usd) for _, paid in rows],
        ),
        _figures(usd.per("correct"), [_bounded(paid.usd_per_correct, usd) for _, paid in rows]),
        _figures("allocated", [_allocated(paid, usd) for _, paid in rows]),
        _figures("pays from, attempts / month", [_pays_from(paid) for _, paid in rows]),
    )


def tariff_lines(report: Report) -> tuple[Line, ...]:
    """Where emissions of each way of paying stand by the GHG Protocol, and why an API has no price."""
    ways = [paid for cell in report.cells if _says_more(cell) for paid in _ways(cell)]
    ghg = {paid.deployment: paid.ghg for paid in ways}
    lines = [
        (f"GHG Protocol, {name}", f"electricity: {found.operational}; making: {found.embodied}")
        for name, found in ghg.items()
    ]
    reasons = dict.fromkeys(
        paid.usd_per_attempt.reason
        for paid in ways
        if paid.deployment == "api" and paid.usd_per_attempt.value is None
    )
    return (*lines, *(("API", explain(reason)) for reason in reasons if reason))


def run_columns(report: Report) -> Columns:
    """A row per phase; nothing where no energy is known."""
    rows = report.run_energy
    if not any(row.kwh is not None for row in rows):
        return ()
    written: tuple[tuple[str, Callable[[PhaseEnergy], float | None]], ...] = (
        ("s", lambda row: row.duration_s),
        ("kWh", lambda row: row.kwh),
        ("kWh, building", lambda row: row.kwh_facility),
        ("kgCO2e", lambda row: row.kgco2e),
        ("kgCO2e, building", lambda row: row.kgco2e_facility),
    )
    return (
        _text("windows of the run", [_PHASES[row.phase] for row in rows]),
        _text("how", [row.provenance for row in rows]),
        _figures("windows", [str(row.windows) for row in rows]),
        *(_figures(name, [number(value(row)) for row in rows]) for name, value in written),
    )


def footprint_columns(section: Section) -> Columns:
    """A row per cell; nothing where the book says no more of the climate than its grid."""
    rows = [(cell, cell.footprint) for cell in section.freest if cell.footprint is not None]
    known = [found for _, found in rows if _any_known(found)]
    if not known:
        return ()
    values = [getattr(f, f"{name}_per_correct").value for f in known for name, _ in _FOOTPRINT]
    scale = fitting(values, GCO2E)
    unit = scale.per("correct")
    columns = [
        _figures(
            f"{title}, {unit}",
            [estimate(getattr(found, f"{name}_per_correct"), scale.factor) for _, found in rows],
        )
        for name, title in _FOOTPRINT
    ]
    sci = [estimate(found.sci_gco2e_per_correct, scale.factor) for _, found in rows]
    per_token = fitting([f.sci_gco2e_per_output_token.value for f in known], GCO2E)
    return (
        _text("carbon and water", [section.name(cell) for cell, _ in rows]),
        *columns,
        _figures(f"SCI, {unit}", sci),
        _figures(
            f"SCI, {per_token.per('token', 'tokens')}",
            [estimate(f.sci_gco2e_per_output_token, per_token.factor) for _, f in rows],
        ),
        _figures("mL water / correct", [estimate(f.water_l_per_correct, 1e3) for _, f in rows]),
    )


def footprint_lines(report: Report) -> tuple[Line, ...]:
    """What went into it, and what SCI lacks."""
    found = [c.footprint for c in report.cells if c.footprint and _any_known(c.footprint)]
    said: dict[Line, None] = {}
    for each in found:
        said |= {("building's energy", " + ".join(map(clean, each.includes))): None}
        said |= {
            (f"{name.replace('_', ' ')}, assumed", _entry(entry)): None
            for name, entry in each.assumed.items()
        }
        reason = each.sci_gco2e_per_correct.reason or ""
        if reason.startswith("sci_without_"):
            said |= {("SCI", explain(reason)): None}
    return tuple(said)


def book_columns(report: Report, section: Section) -> Columns:
    """USD and gCO2e per correct answer by each book, the headline's first."""
    if not report.books:
        return ()
    by_book: list[tuple[str, list[E], list[E]]] = [
        (
            "{file} of {date}".format(**report.prices) if report.prices else "no book",
            [cell.usd_per_correct for cell in section.freest],
            [cell.gco2e_per_correct for cell in section.freest],
        )
    ]
    for book in report.books:
        rows = {each.cell: each for each in book.cells}
        ordered = [rows[cell.cell] for cell in section.freest]
        by_book.append(
            (
                f"{book.file} of {book.date}",
                [each.usd_per_correct for each in ordered],
                [each.gco2e_per_correct for each in ordered],
            )
        )
    usd = fitting([e.value for _, each, _ in by_book for e in each], USD)
    grams = fitting([e.value for _, _, each in by_book for e in each], GCO2E)
    columns = [_text("by price book", [section.name(cell) for cell in section.freest])]
    for name, money, carbon in by_book:
        columns += [
            _figures(f"{clean(name)}: {usd.per('correct')}", [_scaled(e, usd) for e in money]),
            _figures(f"{clean(name)}: {grams.per('correct')}", [_scaled(e, grams) for e in carbon]),
        ]
    return tuple(columns)


def console_lines(report: Report) -> Iterator[Line]:
    """What a reader of the console should know is there."""
    total = next((row for row in report.run_energy if row.phase == TOTAL), None)
    if total is not None and total.kwh is not None:
        carbon = "" if total.kgco2e is None else f", {number(total.kgco2e)} kgCO2e"
        yield "run", f"{number(total.kwh)} kWh {total.provenance}{carbon} in all windows"
    ways = max((len(_ways(cell)) for cell in report.cells), default=0)
    if any(_says_more(cell) for cell in report.cells):
        yield "tariffs", f"{ways} prices fit: --format md"
    if report.books:
        yield "price books", f"{len(report.books)} more: --format md"


def _says_more(cell: CellReport) -> bool:
    """Than one price of the machine on the usage basis."""
    allocated = any(
        each.usd_per_correct_allocated.reason != "no_utilization" for each in cell.tariffs
    )
    return len(cell.tariffs) > 1 or cell.api is not None or allocated


def _ways(cell: CellReport) -> list[TariffFacts | ApiFacts]:
    return [*cell.tariffs, *([cell.api] if cell.api else [])]


def _any_known(found: Footprint) -> bool:
    """Anything that was not there before the book named more than a grid."""
    names = [f"{name}_per_correct" for name, _ in _FOOTPRINT] + ["water_l_per_correct"]
    figures = [getattr(found, name) for name in names]
    return any(each.value is not None or each.low is not None for each in figures)


def _allocated(paid: TariffFacts | ApiFacts, scale: Scale) -> str:
    return _scaled(paid.usd_per_correct_allocated, scale) if isinstance(paid, TariffFacts) else NA


def _pays_from(paid: TariffFacts | ApiFacts) -> str:
    found = paid.break_even if isinstance(paid, TariffFacts) else None
    if found is None or found.attempts_per_month.value is None:
        return NA
    text = number(found.attempts_per_month.value)
    most = number(found.capacity_per_month.value)
    return (
        text if found.within_capacity is not False else f"{text}, of which it has time for {most}"
    )


def _bounded(figure: E, scale: Scale) -> str:
    """Where only the most is known, as "< x"."""
    if figure.value is None and figure.low is None and figure.high is not None:
        return f"< {number(figure.high * scale.factor)}"
    return _scaled(figure, scale)


def _scaled(figure: E, scale: Scale) -> str:
    return estimate(figure, scale.factor)


def _entry(entry: dict[str, object]) -> str:
    figures = [f"{key.replace('_', ' ')} {value}" for key, value in entry.items()]
    return clean(", ".join(figures))


def _text(name: str, cells: Sequence[str]) -> Column:
    return Column(name, "", tuple(cells), 0, is_text=True)


def _figures(name: str, cells: Sequence[str]) -> Column:
    return Column(name, "", tuple(cells), 0)
