"""What a reader may move on a page that re-prices itself: from where to where, and what the book says."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from costbench.printable import clean
from costbench.report.contract import AssumptionFacts, CellReport, PaidBy, Report, Unit
from costbench.report.wording import number

_UNITS: dict[Unit, str] = {"gpu": "GPU-hour", "vcpu": "vCPU-hour", "machine": "machine-hour"}
_USUAL_USD: dict[Unit, float] = {"gpu": 2.0, "vcpu": 0.05, "machine": 1.0}
"""An hour where the book has no price: the middle of a range, nobody's figure."""
_WHOSE: dict[PaidBy, str] = {"with_gpus": "cells with GPUs", "without_gpus": "cells without GPUs"}
_FINE = ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")
_COARSE = ("1", "2", "5")
_NOWHERE = "no price book has one"
_MOST_USD = 100.0
"""A wrong answer, at least to there."""


@dataclass(frozen=True)
class Slider:
    """One assumption."""

    key: str
    """As in `repricing` of the report."""
    label: str
    unit: str
    headline: float | None
    """What the report's own figures are made with; None: nobody said."""
    start: float | None
    """Where it stands at first: the headline, but for wrong answers the decision's price."""
    stops: tuple[float, ...]
    """All it can stand on, from least to most; `start` is among them where it is known."""
    source: str
    """Of the headline, and what else the book has."""
    paid_by: PaidBy | None = None
    """Of an hourly price: that of these cells."""

    def put(self, at: AssumptionFacts, value: float) -> AssumptionFacts:
        """The assumptions with this one there."""
        found: Any = value
        if self.paid_by is not None:
            found = at.usd_per_unit_hour | {self.paid_by: value}
        return AssumptionFacts.model_validate(at.model_dump() | {self.key: found})


@dataclass(frozen=True)
class Sliders:
    """Those that move something, and what is said in place of the others: their label, and why."""

    shown: tuple[Slider, ...]
    left_out: tuple[tuple[str, str], ...]


def sliders(report: Report) -> Sliders:
    """Of a report; one of an older version has none."""
    at = report.repricing
    if at is None:
        return Sliders((), (("prices", "the report was made by a version that cannot re-price"),))
    every = [*_hours(report, at), _utilization(report), _electricity(report)]
    every += [_pue(report), _grid(report, at), _wrong(report, at)]
    reasons = _idle(report)
    return Sliders(
        tuple(each for each in every if each.key not in reasons),
        tuple((label, reasons[key]) for key, label in _LABELS.items() if key in reasons),
    )


_LABELS = {
    "usd_per_unit_hour": "price of an hour",
    "utilization": "utilization",
    "usd_per_kwh": "electricity",
    "pue": "PUE",
    "gco2e_per_kwh": "grid intensity",
    "usd_per_wrong_answer": "price of a wrong answer",
}


def _idle(report: Report) -> dict[str, str]:
    """What would move nothing, and why."""
    usages = [cell.repricing for cell in report.cells if cell.repricing]
    known = [{n for n, total in each.totals.items() if total is not None} for each in usages]

    def all_of_one(*names: str) -> bool:
        return any(found.issuperset(names) for found in known)

    idle: dict[str, str] = {}
    if not all_of_one("unit_hours"):
        reason = "no cell is paid by the hour, or its hours are not known"
        idle |= dict.fromkeys(("usd_per_unit_hour", "utilization"), reason)
    if not all_of_one("kwh"):
        reason = "energy is not known"
        idle |= dict.fromkeys(("usd_per_kwh", "pue", "gco2e_per_kwh"), reason)
    elif not all_of_one("kwh", "unit_hours"):
        idle["usd_per_kwh"] = "paid by tokens, or as a file says: electricity is in the price"
    if not (all_of_one("wrong", "unit_hours") or all_of_one("wrong", "fixed_usd")):
        idle["usd_per_wrong_answer"] = "no answer was graded, or what it cost is not known"
    return idle


def _hours(report: Report, at: AssumptionFacts) -> Iterable[Slider]:
    for paid_by, unit in at.units.items():
        usd = at.usd_per_unit_hour[paid_by]
        middle = usd or _USUAL_USD[unit]
        whose = f", {_WHOSE[paid_by]}" if len(at.units) > 1 else ""
        yield Slider(
            key="usd_per_unit_hour",
            label=f"{_LABELS['usd_per_unit_hour']}{whose}",
            unit=f"USD per {_UNITS[unit]}",
            headline=usd,
            start=usd,
            stops=_stops(_log(middle / 10, middle * 10, _FINE), usd),
            source=_price_source(_basis(report.cells, paid_by), usd),
            paid_by=paid_by,
        )


def _utilization(report: Report) -> Slider:
    entries = [_basis(report.cells, paid_by) for paid_by in _WHOSE]
    shares = [each["utilization"] for each in entries if each and each.get("utilization")]
    entry = _entry(report, "utilization")
    share = shares[0] if shares else entry.get("share")
    owned = "; an owned machine draws less when idle, which is not in this figure" if shares else ""
    also = _also(share, "", entry if not shares else {})
    return Slider(
        key="utilization",
        label=_LABELS["utilization"],
        unit="share of the paid hours that is useful",
        headline=1.0,
        start=1.0,
        stops=_stops(_linear(0.05, 1.0, 0.05), 1.0, share),
        source=f"figures of this report are as if every paid hour were useful{also}{owned}",
    )


def _electricity(report: Report) -> Slider:
    entry = _entry(report, "electricity")
    own = entry.get("usd_per_kwh")
    return Slider(
        key="usd_per_kwh",
        label=_LABELS["usd_per_kwh"],
        unit="USD per kWh on top of the price of an hour",
        headline=0.0,
        start=0.0,
        stops=_stops(_linear(0.0, 1.0, 0.01), 0.0, own),
        source="it is in the price of an hour; what is set here is paid on top, for metered energy"
        f"{_also(own, ' USD per kWh', entry)}",
    )


def _pue(report: Report) -> Slider:
    entry = _entry(report, "pue")
    own = entry.get("value")
    return Slider(
        key="pue",
        label=_LABELS["pue"],
        unit="kWh of the building per metered kWh",
        headline=1.0,
        start=1.0,
        stops=_stops(_linear(1.0, 2.0, 0.01), 1.0, own),
        source=f"figures of this report are of metered energy{_also(own, '', entry)}",
    )


def _grid(report: Report, at: AssumptionFacts) -> Slider:
    own = at.gco2e_per_kwh
    entry = _entry(report, "grid")
    return Slider(
        key="gco2e_per_kwh",
        label=_LABELS["gco2e_per_kwh"],
        unit="gCO2e per kWh",
        headline=own,
        start=own,
        stops=_stops(_linear(0.0, 1000.0, 10.0), own),
        source=_NOWHERE if own is None else _said(entry),
    )


def _wrong(report: Report, at: AssumptionFacts) -> Slider:
    wanted = report.decision.wanted.usd_per_wrong_answer if report.decision else None
    spent = [cell.usd_per_attempt.value for cell in report.cells if cell.usd_per_attempt.value]
    least = 10.0 ** math.floor(math.log10(median(spent))) if spent else 1e-6
    decided = f"the decision has {number(wanted)} USD" if wanted else "the decision has none"
    return Slider(
        key="usd_per_wrong_answer",
        label=_LABELS["usd_per_wrong_answer"],
        unit="USD per wrong answer that is believed",
        headline=at.usd_per_wrong_answer,
        start=at.usd_per_wrong_answer if wanted is None else wanted,
        stops=_stops((0.0, *_log(least, max(_MOST_USD, least), _COARSE)), wanted),
        source=f"figures of this report have none; {decided}",
    )


def _basis(cells: Iterable[CellReport], paid_by: PaidBy) -> dict[str, Any] | None:
    """The entry of the book that these cells are paid by."""
    there = (cell for cell in cells if cell.repricing and cell.repricing.paid_by == paid_by)
    return next((cell.usd.basis for cell in there if cell.usd.basis), None)


def _entry(report: Report, name: str) -> dict[str, Any]:
    """Of the book, as stored; empty where it says nothing."""
    return (report.prices or {}).get(name) or {}


def _price_source(basis: dict[str, Any] | None, usd: float | None) -> str:
    if basis is None or usd is None:
        return _NOWHERE
    power = basis.get("electricity")
    paid = "electricity is in it"
    if power:
        watts, pue = number(basis["active_w"]), number(basis["pue"]["value"])
        per_kwh = number(power["usd_per_kwh"])
        paid = f"electricity is in it: {watts} W a machine, PUE {pue}, {per_kwh} USD per kWh"
    return f"{_said(basis)}; {paid}"


def _also(figure: float | None, unit: str, entry: dict[str, Any]) -> str:
    """What the book has beside."""
    if figure is None:
        return f"; {_NOWHERE}"
    said = f" ({_said(entry)})" if entry else ""
    return f"; the book has {number(figure)}{unit}{said}"


def _said(entry: dict[str, Any]) -> str:
    """Whose figure it is, from where, and of when."""
    keys = ("provider", "place", "profile", "year", "source", "as_of")
    return clean(", ".join(str(entry[key]) for key in keys if entry.get(key)))


def _stops(found: Iterable[float], *more: float | None) -> tuple[float, ...]:
    return tuple(sorted({*found, *(each for each in more if each is not None)}))


def _linear(least: float, most: float, step: float) -> tuple[float, ...]:
    count = round((most - least) / step)
    return tuple(round(least + step * at, 9) for at in range(count + 1))


def _log(least: float, most: float, multiples: tuple[str, ...]) -> tuple[float, ...]:
    """Round figures from least to most."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    every = (float(f"{multiple}e{decade}") for decade in decades for multiple in multiples)
    return tuple(each for each in every if least <= each <= most)
