"""What a verdict rests on, a term and a sentence each: machine, problems, protocol, dates, prices, doubts."""

from collections.abc import Iterator, Sequence
from typing import Any

from costbench.printable import clean
from costbench.report import sentences
from costbench.report.caveats import explain
from costbench.report.contract import CellReport, Report, SkippedGroup
from costbench.report.verdict_choice import is_remote
from costbench.report.wording import number, short

Line = tuple[str, str]

_DOUBTS = (
    *("incomplete", "few_problems", "one_problem", "few_correct", "one_pass", "many_ungraded"),
    *(
        "many_unclosed",
        "many_unfinished",
        "graded_unclosed",
        "imported_uneven",
        "estimated_tokens",
        "warm_cache",
    ),
    *("protocol_changed", "few_passes"),
)
"""Those that touch what a headline says."""

_WEIGHTS = {
    "quick": explain("protocol_quick").removeprefix("protocol "),
    "standard": "standard: to decide by, on this machine and these problems",
    "publication": "publication: the most thorough there is, for claims that others read",
    "imported": explain("imported"),
}
_MOST_NAMES, _LONGEST_NAME = 4, 40


def basis_lines(report: Report, told: Sequence[CellReport]) -> tuple[Line, ...]:
    """Of a report whose headline tells these cells."""
    doubts = [explain(c) for c in _DOUBTS if any(c in cell.caveats for cell in told)]
    return (
        ("measured on", _measured_on(report)),
        *(("problems", text) for text in [_problems(report)] if text),
        ("protocol", _protocol(report)),
        ("dates", _dates(report)),
        ("prices", sentences.prices(report)),
        *(("doubt", each) for each in doubts),
        *_left_out(report),
    )


def _measured_on(report: Report) -> str:
    text = sentences.machine(report) + (", virtual" if report.machine.get("virtual") else "")
    gpus = sorted({cell.gpus for cell in report.cells if cell.gpus})
    if gpus:
        most = f"{gpus[0]} to {gpus[-1]}" if len(gpus) > 1 else f"{gpus[0]}"
        text += f"; a cell had {most} GPU{'s' if gpus[-1] > 1 else ''}"
    remote = sum(map(is_remote, report.cells))
    if remote:
        text = f"a server on another machine ({remote} of {len(report.cells)} cells); asked from: {text}"
    return text


def _problems(report: Report) -> str:
    """Each dataset once, with all sizes that its cells have."""
    found: dict[str, dict[str, None]] = {}
    for cell in report.cells:
        size = f"{cell.problems} problems x {cell.samples} samples"
        found.setdefault(clean(cell.dataset), {})[size] = None
    shown = [f"{short(name, _LONGEST_NAME)}: {' and '.join(each)}" for name, each in found.items()]
    return "; ".join(_first(shown))


def _protocol(report: Report) -> str:
    text = _WEIGHTS.get(report.protocol, clean(report.protocol))
    settings: dict[str, Any] = report.protocol_settings
    if report.protocol in {"standard", "publication"} and {"window_s", "passes"} <= set(settings):
        asked = (
            f"windows of {number(settings['window_s'])} s, {settings['passes']} passes asked for"
        )
        text += f" ({asked}, {report.window} windows count)"
    return text


def _dates(report: Report) -> str:
    day = report.started_at[:10]
    text = f"run {report.run} of {day}"
    if report.prices:
        text += f", prices of {report.prices.get('date')}"
    text += f", costbench {report.costbench_version} (method {report.method_version})"
    unfinished = "; the run is not complete: figures cover what is there"
    return clean(text) + ("" if report.complete else unfinished)


def _left_out(report: Report) -> Iterator[Line]:
    """Groups that nothing is said of; why stands in the report."""
    for kind, groups in (("skipped", report.skipped), ("failed", report.failed)):
        if groups:
            yield kind, f"{'; '.join(_first(list(map(_group, groups))))}: in no figure"


def _group(each: SkippedGroup) -> str:
    return short(clean(each.group), _LONGEST_NAME)


def _first(names: Sequence[str]) -> tuple[str, ...]:
    more = len(names) - _MOST_NAMES
    return (*names[:_MOST_NAMES], *([f"{more} more"] if more > 0 else []))
