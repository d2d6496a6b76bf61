"""The report as one row per cell, for a spreadsheet or a data frame."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from costbench.printable import clean, csv_safe
from costbench.report.contract import (
    ApiFacts,
    AtSlo,
    CellReport,
    E,
    Footprint,
    FrontierMetric,
    LengthControl,
    OnFrontier,
    Report,
    ServingFacts,
    ServingWindow,
    Spread,
    TariffFacts,
    WindowFacts,
    Windows,
)
from costbench.types import Frozen

Row = dict[str, Any]
_OF_RUN = ("suite", "run", "protocol", "window", "method_version")


def render_csv(report: Report) -> str:
    """Every scalar figure of every cell, an empty field where nothing is known."""
    import pandas as pd

    rows = [
        {name: _written(value) for name, value in _row(report, c).items()} for c in report.cells
    ]
    # As objects, so that a count beside an empty field stays a whole number.
    frame = pd.DataFrame(rows, dtype=object)
    return frame.to_csv(index=False, lineterminator="\n")


def _row(report: Report, cell: CellReport) -> Row:
    row: Row = {name: getattr(report, name) for name in _OF_RUN}
    for name, value in cell:
        row |= _SPECIAL[name](name, value) if name in _SPECIAL else _columns(name, value)
    return row


def _columns(name: str, value: Any) -> Row:
    if isinstance(value, E):
        bounds = {f"{name}_low": value.low, f"{name}_high": value.high}
        return {name: value.value, **bounds, f"{name}_reason": value.reason}
    if isinstance(value, Spread):
        return {f"{name}_{key}": figure for key, figure in value}
    if isinstance(value, tuple):
        return {name: ";".join(map(str, value))}
    if isinstance(value, Frozen):
        return _joined(*(_columns(f"{name}_{key}", inner) for key, inner in value))
    return {name: value}


def _load(name: str, load: Mapping[str, Any]) -> Row:
    others = {key: value for key, value in load.items() if key != "concurrency"}
    text = ";".join(f"{key}={value}" for key, value in others.items())
    return {f"{name}_concurrency": load.get("concurrency"), f"{name}_other": text}


def _source(name: str, facts: Frozen) -> Row:
    return {
        key: value
        for key, value in _columns(name, facts).items()
        if key != f"{name}_basis" and not isinstance(value, dict)
    }


def _windows(name: str, windows: Windows) -> Row:
    return _joined(
        _optional(f"{name}_whole", WindowFacts, windows.whole),
        _optional(f"{name}_steady", WindowFacts, windows.steady),
    )


def _length_control(name: str, control: LengthControl | None) -> Row:
    return _optional(name, LengthControl, control)


def _frontier(name: str, places: Mapping[FrontierMetric, OnFrontier]) -> Row:
    metrics: tuple[FrontierMetric, ...] = get_args(FrontierMetric)
    return _joined(*(_optional(f"{name}_{m}", OnFrontier, places.get(m)) for m in metrics))


def _nothing(name: str, value: object) -> Row:
    del name, value
    return {}


def _tariffs(name: str, found: Sequence[TariffFacts]) -> Row:
    """All of them in one field, for their number differs."""
    each = (f"{t.deployment} {t.provider}={t.usd_per_correct.value}" for t in found)
    return {f"{name}_usd_per_correct": ";".join(each)}


def _api(name: str, found: ApiFacts | None) -> Row:
    return {f"{name}_provider": found.provider if found else None} | _estimates(
        ApiFacts, found, f"{name}_"
    )


def _footprint(name: str, found: Footprint | None) -> Row:
    includes = ";".join(found.includes) if found else None
    return {f"{name}_includes": includes} | _estimates(Footprint, found, "")


def _serving(name: str, found: ServingFacts | None) -> Row:
    """Both parts, and what is held against the SLO; spreads without their basis, which latency_s has."""
    parts = {part: getattr(found, part, None) for part in ("whole", "steady")}
    at_slo = found.at_slo if found else None
    return _joined(
        *(_times(f"{name}_{part}", window) for part, window in parts.items()),
        {f"{name}_meets_slo": at_slo.meets if at_slo else None},
        _estimates(AtSlo, at_slo, f"{name}_at_slo_"),
    )


def _times(name: str, window: ServingWindow | None) -> Row:
    fields = ServingWindow.model_fields
    spreads = [key for key, field in fields.items() if field.annotation is Spread]
    row = {f"{name}_{key}": getattr(window, key, None) for key in fields if key not in spreads}
    return row | {
        f"{name}_{key}_{end}": getattr(getattr(window, key, None), end, None)
        for key in spreads
        for end in ("mean", "p50", "p95", "p99")
    }


def _estimates(kind: type[Frozen], found: Frozen | None, prefix: str) -> Row:
    """Those of a contract; empty fields where it is not there."""
    names = (name for name, field in kind.model_fields.items() if field.annotation is E)
    nothing = E(value=None)
    return _joined(*(_columns(prefix + n, getattr(found, n) if found else nothing) for n in names))


def _optional(name: str, kind: type[Frozen], value: Frozen | None) -> Row:
    """The same columns whether the facts are there or not."""
    return {f"{name}_{key}": getattr(value, key, None) for key in kind.model_fields}


def _joined(*parts: Row) -> Row:
    return {name: value for part in parts for name, value in part.items()}


def _written(value: object) -> object:
    return csv_safe(clean(value)) if isinstance(value, str) else value


_SPECIAL: dict[str, Callable[[str, Any], Row]] = {
    "load": _load,
    "energy": _source,
    "usd": _source,
    "gco2e": _source,
    "windows": _windows,
    "length_control": _length_control,
    "on_frontier": _frontier,
    "tariffs": _tariffs,
    "api": _api,
    "footprint": _footprint,
    "serving": _serving,
    "pass_at_k": _nothing,  # as many columns as there are samples: report.json has them
    "majority_at_k": _nothing,
    "repricing": _nothing,  # no figures, but what a page makes them with
    "by_level": _nothing,  # a table of its own, in report.md and report.json
}
