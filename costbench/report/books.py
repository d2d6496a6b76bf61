"""Headline figures of all cells by other price books, beside the first."""

from collections.abc import Sequence

from costbench.hardware import Machine
from costbench.prices import PriceBook, headline
from costbench.report.cell_tables import PricedCell, remote_cell
from costbench.report.cells import money_reason
from costbench.report.contract import BookCell, BookFacts, E
from costbench.report.estimates import scaled, to_e
from costbench.report.figures import CellFigures


def by_book(
    groups: Sequence[Sequence[CellFigures]], machine: Machine, file: str, book: PriceBook
) -> BookFacts:
    """Machine time and joules, as they are, at this book's prices."""
    return BookFacts(
        file=file,
        date=book.date.isoformat(),
        prices=book.model_dump(mode="json"),
        cells=tuple(_cell(each, machine, book) for figures in groups for each in figures),
    )


def _cell(figures: CellFigures, machine: Machine, book: PriceBook) -> BookCell:
    ours, record = figures.priced, figures.record
    priced = (
        remote_cell(record, book)
        if ours.machine is None
        else PricedCell(record, headline(book, machine, ours.gpus), book, ours.gpus, machine)
    )
    return BookCell(
        cell=figures.record.id,
        usd_per_correct=_usd(figures, priced),
        gco2e_per_correct=_carbon(figures, priced),
    )


def _usd(figures: CellFigures, priced: PricedCell) -> E:
    if priced.tokens is not None:
        return to_e(figures.per_correct(figures.table(priced.tokens.usd)), money_reason(priced))
    if priced.tariff is None:
        return E(value=None, reason=money_reason(priced))
    found = figures.headline("machine_seconds_per_correct")
    return to_e(scaled(found, priced.tariff.usd_per_s))


def _carbon(figures: CellFigures, priced: PricedCell) -> E:
    per_joule = priced.gco2e_per_joule
    if per_joule is None:
        return E(value=None, reason="no_grid_intensity")
    found = scaled(figures.headline("joules_per_correct"), per_joule)
    return to_e(found, figures.unknown_energy_reason)
