"""Where problems have no reference answers: what is told of time and energy in place of costs per correct."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from costbench.printable import clean
from costbench.report import wording
from costbench.report.columns import Column, columns, says_something, sourced, spread
from costbench.report.contract import CellReport, E, Report
from costbench.report.sections import Section, load_words
from costbench.report.sentences import Footnotes
from costbench.report.serving_tables import PER_TOKEN, by_load
from costbench.report.wording import center, estimate, number
from costbench.types import Provenance

_TOLD = 2
_RANKABLE = ("ok", "degraded")


def result_columns(report: Report, section: Section, footnotes: Footnotes) -> tuple[Column, ...]:
    """The results of a group and dataset: per correct answer, or per token where nothing can be right."""
    if section.gradable:
        return columns(report, section, footnotes)
    cells = section.cells
    seconds = wording.fitting((c.latency_s.p50 for c in cells), wording.SECONDS)
    latency = tuple(spread(cell, seconds) for cell in cells)
    every = (
        Column("model", "", tuple(clean(c.model) for c in cells), 0, is_text=True),
        Column("policy", "@budget", tuple(map(section.policy, cells)), 0, is_text=True),
        _tokens("input", [cell.input_tokens for cell in cells]),
        _tokens("output", [cell.output_tokens for cell in cells]),
        Column("latency", f"p50 / p95 {seconds.unit}", latency, 3, figure="latency"),
        Column("output", "tokens / s", tuple(number(c.tokens_per_second) for c in cells), 0),
        _watts(cells),
        _joules(cells),
        _usd(cells),
        Column("notes", "", tuple(map(footnotes.of, cells)), 0, is_text=True),
    )
    return tuple(column for column in every if says_something(column, section))


def sentences_without_answers(section: Section) -> tuple[str, ...]:
    """What more load does to a token's energy, for each of the first models and policies."""
    return ("No reference answers: accuracy is not applicable", *map(_sentence, _lines(section)))


def told_without_answers(section: Section) -> tuple[CellReport, ...]:
    """The cells that these sentences are about."""
    return tuple(cell for line in _lines(section) for cell in line.ends or line.cells)


@dataclass(frozen=True)
class _Line:
    """The cells of a model and policy by load."""

    name: str
    cells: Sequence[CellReport]

    @property
    def ends(self) -> Sequence[CellReport]:
        """Of those whose joules may be compared the ones with the least and the most load."""
        known = [
            cell
            for cell in self.cells
            if cell.joules_per_output_token.value and cell.energy.quality in _RANKABLE
        ]
        return [known[0], known[-1]] if len(known) > 1 else known


def _lines(section: Section) -> list[_Line]:
    lines = by_load(section)[:_TOLD]
    several = len({(line[0].policy, line[0].budget) for line in by_load(section)}) > 1
    return [_Line(_name(line[0], with_policy=several), line) for line in lines]


def _name(cell: CellReport, *, with_policy: bool) -> str:
    budget = "" if cell.budget is None else f"@{cell.budget}"
    return clean(f"{cell.model} {cell.policy}{budget}" if with_policy else cell.model)


def _sentence(line: _Line) -> str:
    ends = line.ends
    if not ends:
        known = any(cell.joules_per_output_token.value for cell in line.cells)
        why = "is not reliably known" if known else "is not known"
        return f"{line.name}: the energy of an output token {why}"
    scale = wording.fitting((c.joules_per_output_token.value for c in ends), wording.JOULES)
    figures = (
        f"{estimate(cell.joules_per_output_token, scale.factor)} {scale.unit} {_at(cell)}"
        for cell in ends
    )
    sources = " and ".join(dict.fromkeys(cell.energy.provenance for cell in ends))
    return f"{line.name}: an output token takes {', '.join(figures)} ({sources})"


def _at(cell: CellReport) -> str:
    words = load_words(cell.load)
    return "one at a time" if cell.load.get("concurrency") == 1 else f"with {words}"


def _tokens(name: str, counts: Sequence[E]) -> Column:
    return Column(name, "tokens", tuple(map(center, counts)), 2, figure="tokens")


def _watts(cells: Sequence[CellReport]) -> Column:
    found = sourced("W", [number(cell.mean_power_w) for cell in cells], _meters(cells))
    return replace(found, unit="mean", dispensable=4, figure="joules")


def _meters(cells: Sequence[CellReport]) -> list[Provenance]:
    return [cell.energy.provenance for cell in cells]


def _joules(cells: Sequence[CellReport]) -> Column:
    scale = wording.fitting((c.joules_per_output_token.value for c in cells), wording.JOULES)
    texts = [
        wording.bounded(estimate(cell.joules_per_output_token, scale.factor), cell.energy.bound)
        for cell in cells
    ]
    return replace(sourced(scale.per(*PER_TOKEN), texts, _meters(cells)), figure="joules")


def _usd(cells: Sequence[CellReport]) -> Column:
    scale = wording.fitting((c.usd_per_output_token.value for c in cells), wording.USD)
    texts = [center(cell.usd_per_output_token, scale.factor) for cell in cells]
    found = sourced(scale.per(*PER_TOKEN), texts, [c.usd.provenance for c in cells])
    return replace(found, dispensable=1, figure="usd")
