"""What a report says of serving: times and rates by load, what a correct answer costs at it, the SLO."""

from collections.abc import Callable, Iterator, Sequence

from costbench.report import wording
from costbench.report.caveats import explain
from costbench.report.columns import Column
from costbench.report.contract import CellReport, E, Report, ServingWindow, Spread
from costbench.report.sections import Section, load_label, load_words, sections
from costbench.report.wording import NA, Scale, estimate, marked, number, percent
from costbench.types import Provenance
from costbench.wanted import Slo

Line = tuple[str, str]
_Row = tuple[CellReport, ServingWindow, str]

SERVING = (
    "Times are p50 / p95 / p99 over attempts, from their arrival: to the first token (TTFT), to the first "
    "token of the answer behind the thinking (TTFAT), per token after the first (TPOT), between what came "
    "one after another (ITL), to the end. Goodput is of attempts that kept all of the SLO. Steady: the part "
    "in which the load was as intended. Input tokens are those of all calls, a second prefill included; "
    "from cache is what a prefix cache had of them."
)
LOADS = (
    "Costs are of all attempts, over the correct ones; at the SLO, over the correct ones that kept it; where "
    "there are no reference answers, over the output tokens. The machine is paid while it waits, too."
)
PER_TOKEN = ("output token", "output tokens")
"""What costs are over where nothing can be right: one, and many."""
_TIMES: tuple[tuple[str, str], ...] = (
    ("TTFT", "ttft_s"),
    ("TTFAT", "ttfat_s"),
    ("TPOT", "tpot_s"),
    ("ITL", "inter_token_s"),
    ("latency", "latency_s"),
)
_PROMISES = {"ttft_s": "TTFT", "ttfat_s": "TTFAT", "tpot_s": "TPOT", "latency_s": "latency"}
_NAMED = 4
"""Cells; of more the table of loads tells."""
_WHOLE = "whole"
_MEETS = {True: "kept", False: "missed", None: NA}


def slo_words(slo: Slo) -> str:
    """As "TTFT at most 2 s, TPOT at most 0.05 s, by at least 95 % of attempts"."""
    parts = [f"{_PROMISES[name]} at most {limit:g} s" for name, limit in slo.limits.items()]
    return f"{', '.join(parts)}, by at least {100 * slo.share_at_least:g} % of attempts"


def slo_lines(report: Report) -> tuple[Line, ...]:
    """A place each, and which of its cells keep the SLO."""
    if report.slo is None:
        return ()
    return tuple((part.place, "; ".join(_verdicts(part))) for part in sections(report))


def _verdicts(part: Section) -> Iterator[str]:
    for meets, words in ((True, "kept by"), (False, "missed by"), (None, "cannot be told of")):
        names = [
            f"{part.name(cell)}{_share(cell)}"
            for cell in part.cells
            if (cell.serving and cell.serving.at_slo and cell.serving.at_slo.meets) is meets
        ]
        if names:
            yield f"{words} {_few(names, len(part.cells))}"


def _few(names: Sequence[str], of: int) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"all {of} cells" if len(names) == of else f"{len(names)} of {of} cells"


def _share(cell: CellReport) -> str:
    found = cell.serving.at_slo.share.value if cell.serving and cell.serving.at_slo else None
    return "" if found is None else f" ({100 * found:.1f} %)"


def is_about_serving(report: Report, section: Section) -> bool:
    """Whether anybody asked: an SLO, several loads, an open loop, or nothing but times."""
    loads = [cell.load for cell in section.cells]
    swept = any(load != loads[0] or "request_rate" in load for load in loads)
    graded = any(cell.correct + cell.wrong + cell.truncated for cell in section.cells)
    return report.slo is not None or swept or not graded


def serving_title(section: Section) -> str:
    """With the load, where all cells have the same."""
    loads = [cell.load for cell in section.cells]
    alike = all(load == loads[0] for load in loads) and loads[0] != {"concurrency": None}
    return f"{section.place} · {load_words(loads[0])}" if alike else section.place


def serving_columns(report: Report, section: Section) -> tuple[Column, ...]:
    """Two rows per cell, the whole of its windows and their steady parts; empty where nobody asked."""
    rows = [row for cell in section.cells for row in _rows(cell)]
    if not rows or not is_about_serving(report, section):
        return ()

    def column(name: str, unit: str, written: Callable[[ServingWindow], str]) -> Column:
        return Column(name, unit, tuple(written(row[1]) for row in rows), 1)

    return (
        Column("cell", "", tuple(section.name(row[0]) for row in rows), 0, is_text=True),
        Column("part", "", tuple(row[2] for row in rows), 0, is_text=True),
        column("attempts", "", lambda part: str(part.attempts)),
        column("errors", "", lambda part: str(part.errors) if part.errors else ""),
        column("requests", "/ s", lambda part: number(part.requests_per_second)),
        column("goodput", "/ s", lambda part: number(part.goodput_per_second)),
        column("output tokens", "/ s", lambda part: number(part.output_tokens_per_second)),
        *(_times(name, [getattr(row[1], key) for row in rows]) for name, key in _TIMES),
        Column("input tokens", "/ attempt", tuple(_read(*row) for row in rows), 1),
        Column("from cache", "%", tuple(_cached(*row) for row in rows), 1),
    )


def _read(cell: CellReport, _: ServingWindow, part: str) -> str:
    return number(cell.input_tokens.value) if part == _WHOLE else ""


def _cached(cell: CellReport, _: ServingWindow, part: str) -> str:
    if part != _WHOLE:
        return ""
    return NA if cell.cache_hit_rate is None else number(100 * cell.cache_hit_rate)


def unknown_lines(report: Report) -> tuple[Line, ...]:
    """Why figures of serving are not known, by cell, each sentence once."""
    names: dict[str, list[str]] = {}
    for part in sections(report):
        for cell in part.cells if is_about_serving(report, part) else ():
            for code in dict.fromkeys(cell.serving.reasons.values() if cell.serving else ()):
                names.setdefault(code, []).append(part.name(cell))
    names.pop("no_slo", None)
    return tuple((_listed(report, found), explain(code)) for code, found in names.items())


def load_columns(report: Report, section: Section) -> tuple[Column, ...]:
    """A row per cell in the order of loads; empty where no model and policy has several."""
    cells = swept_cells(section)
    if not cells:
        return ()
    if not section.gradable:
        return _per_token(section, cells)
    usd = wording.fitting((c.usd_per_correct.value for c in cells), wording.USD)
    joules = wording.fitting((c.joules_per_correct.value for c in cells), wording.JOULES)
    per_usd, per_joule = usd.per("correct"), joules.per("correct")
    paid, metered = _sources(cells)
    at_slo = [cell.serving.at_slo if cell.serving else None for cell in cells]
    nothing = E(value=None)
    usd_at_slo = [x.usd_per_correct if x else nothing for x in at_slo]
    joules_at_slo = [x.joules_per_correct if x else nothing for x in at_slo]
    slo = (
        _costs(f"{per_usd} at the SLO", usd_at_slo, usd, paid),
        _costs(f"{per_joule} at the SLO", joules_at_slo, joules, metered),
        Column("within SLO", "%", tuple(percent(x.share) if x else NA for x in at_slo), 1),
        Column("SLO", "", tuple(_MEETS[x.meets if x else None] for x in at_slo), 1, is_text=True),
    )
    return (
        *_cells_and_speed(section, cells),
        Column("accuracy", "%", tuple(percent(cell.accuracy) for cell in cells), 1),
        _costs(per_usd, [cell.usd_per_correct for cell in cells], usd, paid),
        _costs(per_joule, [cell.joules_per_correct for cell in cells], joules, metered),
        *(slo if report.slo else ()),
    )


def _per_token(section: Section, cells: Sequence[CellReport]) -> tuple[Column, ...]:
    """Where nothing can be right."""
    money = [cell.usd_per_output_token for cell in cells]
    energy = [cell.joules_per_output_token for cell in cells]
    usd = wording.fitting((each.value for each in money), wording.USD)
    joules = wording.fitting((each.value for each in energy), wording.JOULES)
    paid, metered = _sources(cells)
    return (
        *_cells_and_speed(section, cells),
        _costs(usd.per(*PER_TOKEN), money, usd, paid),
        _costs(joules.per(*PER_TOKEN), energy, joules, metered),
    )


def _cells_and_speed(section: Section, cells: Sequence[CellReport]) -> tuple[Column, Column]:
    return (
        Column("cell", "", tuple(map(section.name, cells)), 0, is_text=True),
        Column("output tokens", "/ s", tuple(number(_tokens_per_s(c)) for c in cells), 1),
    )


def _sources(cells: Sequence[CellReport]) -> tuple[list[Provenance], list[Provenance]]:
    """Of money and of energy."""
    return [cell.usd.provenance for cell in cells], [cell.energy.provenance for cell in cells]


def swept_cells(section: Section) -> list[CellReport]:
    """Those of a model and policy that were measured at several loads, each at its loads in order."""
    several = (line for line in by_load(section) if len({load_label(c.load) for c in line}) > 1)
    return [cell for line in several for cell in line]


def by_load(section: Section) -> list[list[CellReport]]:
    """The cells of each model and policy, at their loads in order."""
    lines: dict[tuple[object, ...], list[CellReport]] = {}
    for cell in section.cells:
        lines.setdefault((cell.model, cell.policy, cell.budget), []).append(cell)
    return [sorted(line, key=_load_order) for line in lines.values()]


def _load_order(cell: CellReport) -> tuple[bool, float]:
    """Closed loops by how many are in flight, then open ones by their rate."""
    rate = cell.load.get("request_rate")
    return rate is not None, float(rate or cell.load.get("concurrency") or 0)


def _rows(cell: CellReport) -> Iterator[_Row]:
    if cell.serving is not None:
        yield cell, cell.serving.whole, _WHOLE
        if cell.serving.steady is not None:
            yield cell, cell.serving.steady, "steady"


def _times(name: str, spreads: Sequence[Spread]) -> Column:
    scale = wording.fitting((each.p50 for each in spreads), wording.SECONDS)
    return Column(name, scale.unit, tuple(_three(each, scale) for each in spreads), 1)


def _three(spread: Spread, scale: Scale) -> str:
    ends = (spread.p50, spread.p95, spread.p99)
    known = [number(end * scale.factor) for end in ends if end is not None]
    return " / ".join(known) or NA


def _costs(header: str, found: Sequence[E], scale: Scale, sources: Sequence[Provenance]) -> Column:
    pairs = zip(found, sources, strict=True)
    texts = (marked(estimate(each, scale.factor), source) for each, source in pairs)
    return Column(header, "", tuple(texts), 1)


def _tokens_per_s(cell: CellReport) -> float | None:
    return cell.serving.whole.output_tokens_per_second if cell.serving else None


def _listed(report: Report, names: Sequence[str]) -> str:
    every = sum(len(part.cells) for part in sections(report))
    return "all" if len(names) == every else ", ".join(names)
