"""Where problems have no reference answers: what is told of time and energy in place of costs per correct."""

from collections.abc import Sequence
from dataclasses import replace

from costbench.printable import clean
from costbench.report import wording
from costbench.report.columns import Column, columns, says_something, sourced, spread
from costbench.report.contract import CellReport, E, Report
from costbench.report.sections import Section, load_words
from costbench.report.sentences import Footnotes
from costbench.report.serving_tables import load_order
from costbench.report.wording import center, estimate, number
from costbench.types import Provenance

_MODELS_TOLD = 2


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
    """What more load does to a token's energy, for each of the first models."""
    said = ["No reference answers: accuracy is not applicable"]
    for model in section.models[:_MODELS_TOLD]:
        known = [c for c in section.cells if c.model == model and c.joules_per_output_token.value]
        if known:
            said.append(_by_load(clean(model), sorted(known, key=load_order)))
    return tuple(said)


def _by_load(model: str, cells: Sequence[CellReport]) -> str:
    ends = (cells[0], cells[-1]) if len(cells) > 1 else (cells[0],)
    scale = wording.fitting((c.joules_per_output_token.value for c in ends), wording.JOULES)
    figures = (
        f"{estimate(cell.joules_per_output_token, scale.factor)} {scale.unit} {_at(cell)}"
        for cell in ends
    )
    source = cells[0].energy.provenance
    return f"{model}: an output token takes {', '.join(figures)} ({source})"


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
    return replace(sourced(scale.per("output token"), texts, _meters(cells)), figure="joules")


def _usd(cells: Sequence[CellReport]) -> Column:
    scale = wording.fitting((c.usd_per_output_token.value for c in cells), wording.USD)
    texts = [center(cell.usd_per_output_token, scale.factor) for cell in cells]
    found = sourced(scale.per("token", "output tokens"), texts, [c.usd.provenance for c in cells])
    return replace(found, dispensable=1, figure="usd")
