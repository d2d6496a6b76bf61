"""What a report says to a decision and a demand in words and tables."""

from collections.abc import Callable, Sequence

from costbench.printable import clean
from costbench.report.caveats import explain
from costbench.report.columns import Column
from costbench.report.contract import (
    Bill,
    CellReport,
    Choice,
    Decided,
    DecisionFacts,
    DemandFacts,
    E,
    Report,
    Served,
    TierChoice,
)
from costbench.report.sections import Section, sections
from costbench.report.wording import NA, bounded, estimate, marked, number

Line = tuple[str, str]

ABOUT_DEMAND = (
    "Machines are those that the busiest hour keeps busy at the load each cell was measured at, reserved all "
    "month (730.5 h); none are for chance, failures or growth. A month's energy is of the same parts of the "
    "machine as the cell's joules, idle time included; > x: the power of idling is not known."
)
_NO_CHOICE = {
    "none_meets": "none meets it",
    "cannot_be_told": "cannot be told",
    "latency_too_high": "none is fast enough",
    "no_price_book": "no price book",
    "no_machine_price": "no price of its machine",
}
_MEETS = {True: "yes", False: "no", None: "cannot be told"}
_REASONS = {
    "accuracy_too_low": "its accuracy is too low",
    "accuracy_unsure": "its accuracy is not sure to be on one side",
    "latency_too_high": "its p95 latency is too high at this load",
    "latency_unknown": "its latency is not known",
    "misses_slo": "it misses the SLO at this load",
    "slo_unknown": "whether it keeps the SLO is not known",
    "none_meets": "no cell meets it",
    "cannot_be_told": "no cell surely meets it; of some it cannot be told",
    "none_correct": "no answer was correct",
    "not_measured": "not measured",
}


def wanted_words(facts: DecisionFacts) -> str:
    """As "accuracy at least 90 %, p95 latency at most 30 s, 0.5 USD per wrong answer"."""
    wanted = facts.wanted
    parts = []
    if wanted.accuracy_at_least is not None:
        parts.append(f"accuracy at least {100 * wanted.accuracy_at_least:g} %")
    if wanted.p95_latency_s is not None:
        parts.append(f"p95 latency at most {wanted.p95_latency_s:g} s")
    if wanted.usd_per_wrong_answer is not None:
        parts.append(f"{wanted.usd_per_wrong_answer:g} USD per wrong answer")
    return ", ".join(parts)


def decision_lines(report: Report) -> tuple[Line, ...]:
    """A place and its choice each."""
    if report.decision is None:
        return ()
    by_place = {(part.group, part.dataset): part for part in sections(report)}
    return tuple(
        (part.place, choice_words(part, each))
        for each in report.decision.choices
        if (part := by_place.get((each.group, each.dataset)))
    )


def decision_columns(report: Report, section: Section) -> tuple[Column, ...]:
    """Each cell, whether it meets the decision, and why not."""
    facts = report.decision
    found = {each.cell: each for each in facts.cells} if facts else {}
    cells = [cell for cell in section.cells if cell.cell in found]
    mine = [found[cell.cell] for cell in cells]
    cost = tuple(
        marked(estimate(each.usd_per_correct_with_wrong), cell.usd.provenance)
        for cell, each in zip(cells, mine, strict=True)
    )
    return _said(
        Column("cell", "", tuple(map(section.name, cells)), 0, is_text=True),
        Column("meets", "", tuple(_MEETS[each.meets] for each in mine), 0, is_text=True),
        Column("USD", "/ correct, wrong ones paid", cost, 1),
        Column("because", "", tuple(map(_because, mine)), 2, is_text=True),
    )


def demand_words(facts: DemandFacts) -> str:
    """As "1,000,000 answers a month, at the peak 3 x the mean, p95 latency at most 30 s"."""
    wanted = facts.wanted
    even = wanted.peak_to_mean == 1
    parts = [
        f"{number(wanted.answers_per_month)} answers a month",
        "evenly over the month" if even else f"at the peak {wanted.peak_to_mean:g} x the mean",
    ]
    if facts.p95_latency_s is not None:
        parts.append(f"p95 latency at most {facts.p95_latency_s:g} s")
    return ", ".join(parts)


def demand_columns(report: Report, section: Section) -> tuple[Column, ...]:
    """What each cell of a section would take, at the headline's price."""
    facts = report.demand
    found = {each.cell: each for each in facts.cells} if facts else {}
    cells = [cell for cell in section.cells if cell.cell in found]
    rows = [(cell, found[cell.cell]) for cell in cells]
    return _said(
        Column("cell", "", tuple(map(section.name, cells)), 0, is_text=True),
        *_figures(rows),
        Column("because", "", tuple(_reason(each.reason) for _, each in rows), 4, is_text=True),
    )


def tier_columns(report: Report) -> tuple[Column, ...]:
    """Tiers x providers, each with its cheapest cell."""
    facts = report.demand
    if facts is None:
        return ()
    cells = {cell.cell: cell for cell in report.cells}
    served = {each.cell: each for each in facts.cells}
    rows = [(each, cells.get(each.cell or ""), served.get(each.cell or "")) for each in facts.tiers]
    bills = tuple(_tier_bill(each, own) for each, _, own in rows)
    machines = tuple(NA if own is None else _count(own.machines) for *_, own in rows)
    several = len({each.dataset for each in facts.tiers}) > 1
    datasets = tuple(clean(each.dataset) if several else "" for each in facts.tiers)
    names = _names(report)
    chosen = tuple(names.get(each.cell or "") or _unchosen(each) for each in facts.tiers)
    return _said(
        Column("tier", "", tuple(clean(each.tier or "none said") for each in facts.tiers), 0, True),
        Column("provider", "", tuple(map(_provider, facts.tiers)), 0, is_text=True),
        Column("dataset", "", datasets, 0, is_text=True),
        Column("cheapest cell", "", chosen, 0, is_text=True),
        Column("machines", "", machines, 1),
        Column("USD", "/ month", bills, 0),
        Column("kWh", "/ month", tuple(_kwh(*row[1:]) for row in rows), 2),
        Column("kgCO2e", "/ month", tuple(_carbon(*row[1:]) for row in rows), 3),
    )


def _said(*every: Column) -> tuple[Column, ...]:
    """Those that say something of any row."""
    return tuple(column for column in every if any(column.cells))


def _figures(rows: Sequence[tuple[CellReport, Served]]) -> tuple[Column, ...]:
    written: tuple[tuple[str, str, Callable[[CellReport, Served], str], int], ...] = (
        ("machines", "", lambda _, each: _count(each.machines), 0),
        ("GPUs", "", lambda _, each: _count(each.gpus) if each.gpus_per_machine else NA, 2),
        ("USD", "/ month", lambda _, each: _usd(each.bills[0]) if each.bills else NA, 0),
        ("kWh", "/ month", _kwh, 1),
        ("kgCO2e", "/ month", _carbon, 3),
    )
    return tuple(
        Column(name, unit, tuple(write(*row) for row in rows), rank)
        for name, unit, write, rank in written
    )


def _names(report: Report) -> dict[str, str]:
    """Of cells by id, with their groups where there are several."""
    parts = sections(report)
    several = len({part.group for part in parts}) > 1
    return {
        cell.cell: f"{clean(part.group)} · " * several + f"{clean(cell.model)} {part.policy(cell)}"
        for part in parts
        for cell in part.cells
    }


def _count(figure: E) -> str:
    """Of things that are whole."""
    if figure.value is None:
        return NA
    ends = "" if figure.low == figure.high else f" [{figure.low:,.0f}, {figure.high:,.0f}]"
    return f"{figure.value:,.0f}{ends}"


def _span(figure: E) -> str:
    """An interval that would be written as its value is left out."""
    alike = figure.value is not None and number(figure.low) == number(figure.high)
    return estimate(E(value=figure.value) if alike else figure)


def _usd(bill: Bill) -> str:
    return marked(_span(bill.usd_per_month), bill.provenance)


def _tier_bill(choice: TierChoice, served: Served | None) -> str:
    if served is None:
        return NA
    terms = choice.deployment, choice.provider, choice.terms
    mine = [b for b in served.bills if (b.deployment, b.provider, b.terms) == terms]
    return _usd(min(mine, key=lambda bill: bill.usd_per_month.value or 0)) if mine else NA


def _kwh(cell: CellReport | None, served: Served | None) -> str:
    if cell is None or served is None:
        return NA
    text = bounded(_span(served.kwh_per_month), cell.energy.bound)
    return marked(text, cell.energy.provenance)


def _carbon(cell: CellReport | None, served: Served | None) -> str:
    if cell is None or served is None:
        return NA
    text = bounded(_span(served.kgco2e_per_month), cell.energy.bound)
    return marked(text, cell.gco2e.provenance)


def _provider(choice: TierChoice) -> str:
    if choice.provider is None:
        return "none known"
    said = ", ".join(filter(None, (choice.deployment, choice.terms)))
    return clean(f"{choice.provider} ({said})")


def _unchosen(choice: TierChoice) -> str:
    return f"({_NO_CHOICE.get(choice.reason or '') or _reason(choice.reason)})"


def _because(decided: Decided) -> str:
    return "; ".join(map(_reason, decided.reasons))


def _reason(code: str | None) -> str:
    return "" if code is None else clean(_REASONS.get(code) or explain(code))


def choice_words(part: Section, choice: Choice) -> str:
    """The cell that was chosen and what else might have been, or why there is none."""
    names = {cell.cell: part.name(cell) for cell in part.cells}
    if choice.cell is None:
        prefix = (
            "no cheapest cell: " if choice.reason not in {"none_meets", "cannot_be_told"} else ""
        )
        return prefix + _reason(choice.reason)
    paid = ", wrong answers paid for" if choice.by == "usd_per_correct_with_wrong" else ""
    text = f"{names[choice.cell]} is the cheapest that surely meets it: {_money(choice.cost)}{paid}"
    if choice.as_cheap:
        text += f"; not surely dearer: {', '.join(names[cell] for cell in choice.as_cheap)}"
    if choice.cheaper_if_it_meets:
        open_ = ", ".join(names[cell] for cell in choice.cheaper_if_it_meets)
        text += f"; cheaper, but whether it meets it cannot be told: {open_}"
    return text


def _money(cost: E) -> str:
    return f"{estimate(cost)} USD per correct answer"
