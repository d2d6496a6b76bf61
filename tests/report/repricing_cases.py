"""Cells of every kind, prices to put on them, and what Python prints: for what re-prices in a page."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from machines import machine

from costbench.hardware import Gpu
from costbench.metering.trace import JOULES, trace_of
from costbench.policies.unconstrained import Unconstrained
from costbench.prices import PriceBook
from costbench.records import CORRECT, ERROR, TRUNCATED, UNGRADED, WRONG, Window
from costbench.report.build import Pricing, View, build_report
from costbench.report.contract import AssumptionFacts, CellReport, Report
from costbench.report.estimates import to_e
from costbench.report.repricing import repriced
from costbench.report.sliders import Slider, sliders
from costbench.report.wording import estimate
from costbench.types import Device, MeterFacts
from costbench.wanted import Wanted
from tests.report.in_memory import record, run_of, with_column

FIGURES = ("usd_per_attempt", "usd_per_correct", "gco2e_per_attempt", "gco2e_per_correct")
DATED = {"source": "a test", "as_of": "2026-11-20"}
CPU = {"match": "cpu", "per": "vcpu", "usd_per_hour": 0.0408, "provider": "a cloud", **DATED}
H200 = {"match": "H200", "per": "gpu", "usd_per_hour": 1.74, "provider": "a cloud", **DATED}
GRID = {"gco2e_per_kwh": 369.473, "place": "Testland", "year": 2025, "source": "a test"}
POWER = {"usd_per_kwh": 0.0895, "place": "here", "year": 2026, "source": "a test"}
PUE = {"value": 1.25, "place": "a hall", "source": "a test", "year": 2026}
OWNED = {
    "match": "H200", "gpus": 8, "usd_capital": 350000, "residual_share": 0.2, "life_years": 4,
    "maintenance_share_per_year": 0.05, "active_w": 7000, "idle_w": 2000, "utilization": 0.6, **DATED,
}  # fmt: skip
API = {
    "match": "base", "provider": "a host", "usd_per_million_input": 1.0,
    "usd_per_million_output": 10.0, **DATED,
}  # fmt: skip
BOOK = {"date": "2026-11-20", "machines": [CPU, H200], "grid": GRID}
ON_GPUS = machine(*(Gpu(name="NVIDIA H200", memory_gib=141.0),) * 2, cpu="Test", cores=16)
UUIDS = ("GPU-a", "GPU-b")
ROW = "g/base/unconstrained/sums/c2"


@dataclass(frozen=True)
class Case:
    """A cell and prices, as the page has them, and what is printed of it by the name of the figure."""

    name: str
    cell: dict[str, Any]
    assumptions: dict[str, Any]
    expected: dict[str, str]


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """So many for each cell of the examples, where its sliders begin and end among them."""
    drawn = random.Random(seed)
    for name, report in examples().items():
        shown = sliders(report).shown
        assert report.repricing is not None
        prices = [report.repricing, *(_put(report.repricing, shown, end) for end in (0, -1))]
        prices += [_random(report.repricing, shown, drawn) for _ in range(count - len(prices))]
        yield from (_case(name, row, at) for at in prices for row in report.cells)


def _case(name: str, row: CellReport, at: AssumptionFacts) -> Case:
    assert row.repricing is not None
    found = repriced(row.repricing, at)
    return Case(
        name=f"{name}: {row.cell}",
        cell=row.repricing.model_dump(mode="json"),
        assumptions=at.model_dump(mode="json"),
        expected={key: estimate(to_e(getattr(found, key))) for key in FIGURES},
    )


def _put(at: AssumptionFacts, shown: tuple[Slider, ...], stop: int) -> AssumptionFacts:
    """With every slider at one of its ends."""
    for each in shown:
        at = each.put(at, each.stops[stop])
    return at


def _random(
    at: AssumptionFacts, shown: tuple[Slider, ...], drawn: random.Random
) -> AssumptionFacts:
    """With some sliders somewhere, on a stop or between two."""
    for each in shown:
        if drawn.random() < 0.7:
            value = drawn.choice(each.stops)
            between = drawn.uniform(each.stops[0], each.stops[-1])
            at = each.put(at, drawn.choice((value, between)))
    return at


def examples() -> dict[str, Report]:
    """One report for each way in which figures of a cell can be known, or not."""
    return {
        "GPU, measured, rented": report_by(measured(METER, varied(), **_engine(UUIDS)), BOOK),
        "one of two GPUs, owned": report_by(
            measured(METER, varied(), **_engine(UUIDS[:1])),
            BOOK | {"machines": [], "owned": [OWNED], "electricity": POWER, "pue": PUE},
        ),
        "CPU, modelled": report_by(measured(MODELLED, varied()), BOOK | {"pue": PUE}),
        "remote, by tokens": report_by(run_of(varied(), **_remote()), BOOK | {"api": [API]}),
        "remote, without a price": report_by(run_of(varied(), **_remote()), BOOK),
        "imported costs": report_by(measured(MODELLED, paid(varied())), BOOK),
        "zero correct": report_by(measured(MODELLED, all_of(WRONG)), BOOK),
        "all correct, wrong ones priced": report_by(
            measured(MODELLED, all_of(CORRECT)), BOOK, usd_per_wrong_answer=0.01
        ),
        "some wrong, wrong ones priced": report_by(
            measured(MODELLED, varied()), BOOK, usd_per_wrong_answer=0.01
        ),
        "never graded": report_by(measured(MODELLED, all_of(UNGRADED)), BOOK),
        "a wrong answer that used nothing": report_by(
            measured(MODELLED, with_a_wrong_one_for_nothing()), BOOK
        ),
        "one problem": report_by(measured(MODELLED, cut_to(varied(), 1)), BOOK),
        "two problems": report_by(measured(MODELLED, cut_to(varied(), 2)), BOOK),
        "one pass": report_by(measured(MODELLED, one_pass(varied())), BOOK),
        "missing energy": report_by(run_of(varied()), BOOK),
        "no prices": report_by(measured(MODELLED, varied()), None),
        "free": report_by(
            measured(MODELLED, varied()),
            BOOK | {"machines": [CPU | {"usd_per_hour": 0, "free": True}]},
        ),
    }


METER = MeterFacts(
    name="nvml",
    provenance="measured",
    method="counter_interpolated",
    scope="gpu_device",
    period_s=0.1,
    settle_s=0.1,
    headline=tuple(f"gpu:{each}" for each in UUIDS),
    devices=tuple(
        Device(domain=f"gpu:{each}", name="NVIDIA H200", update_period_s=0.1) for each in UUIDS
    ),
)
MODELLED = MeterFacts(
    name="codecarbon",
    provenance="modelled",
    method="codecarbon_load_model",
    scope="machine_model",
    period_s=0.1,
    settle_s=0.1,
    headline=("cpu",),
)


def varied():
    """Twelve problems, four passes of other lengths: right, wrong, cut, refused, and not graded."""
    drawn = np.random.default_rng(7)
    tokens = drawn.integers(20, 400, size=(12, 4))
    outcome = drawn.choice([CORRECT, WRONG, TRUNCATED], p=[0.6, 0.3, 0.1], size=(12, 4))
    outcome[11] = ERROR  # this problem has used nothing
    tokens[11] = 0
    outcome[10, 0] = UNGRADED
    found = record(Unconstrained(max_tokens=512), tokens, outcome == CORRECT)
    found = with_column(found, "outcome", outcome)
    found = with_column(found, "input_tokens", tokens // 3)
    lasting = (30.0, 31.0, 29.5, 33.0)
    windows = tuple(
        Window(1, at, 100.0 * at, 100.0 * at + seconds) for at, seconds in enumerate(lasting)
    )
    return replace(found, windows=windows)


def with_a_wrong_one_for_nothing():
    """One more problem has used nothing, and is wrong: it counts where wrong answers cost something."""
    found = varied()
    outcome, tokens = (found.columns[name].copy() for name in ("outcome", "output_tokens"))
    outcome[found.columns["problem"] == 10], tokens[found.columns["problem"] == 10] = WRONG, 0
    return with_column(with_column(found, "outcome", outcome), "output_tokens", tokens)


def all_of(outcome):
    """The same, all attempts ended alike."""
    found = varied()
    return with_column(found, "outcome", np.full(found.attempts, outcome))


def cut_to(found, problems):
    """The first problems alone."""
    kept = found.columns["problem"] < problems
    columns = {name: column[kept] for name, column in found.columns.items()}
    levels = found.levels[:problems]
    return replace(found, columns=columns, problems=problems, levels=levels)


def one_pass(found):
    """The first pass alone."""
    kept = found.columns["sample"] == 0
    columns = {name: column[kept] for name, column in found.columns.items()}
    return replace(found, columns=columns, windows=found.windows[:1])


def paid(found):
    """With what a file says that each attempt cost."""
    return with_column(found, "usd", found.columns["output_tokens"] * 1.3e-5)


def measured(meter, cell, **meta):
    """A run of this cell beside a meter that saw 400 W on each domain, and a little more in each pass."""
    moments = np.arange(-1.0, 340.0, 0.05)
    joules = 400.0 * moments + 15.0 * np.sin(moments / 40) * moments
    trace = {(domain, JOULES): (moments, joules) for domain in meter.headline}
    return replace(run_of(cell, **meta), meters={1: (meter,)}, traces={1: trace_of(trace)})


def _engine(uuids):
    facts = {"gpu_uuids": {"1": list(uuids)}, "latency_basis": "step"}
    return {"machine": ON_GPUS.model_dump(mode="json"), f"engine:{ROW}": facts}


def _remote():
    facts = {"unmetered": {"1": "remote_server"}, "latency_basis": "client"}
    return {f"engine:{ROW}": facts}


def report_by(run, book, **decision):
    pricing = Pricing(None if book is None else PriceBook.model_validate(book), None)
    view = View(wanted=Wanted.model_validate({"decision": decision}))
    report = build_report(run, "by-hand", pricing, view)
    return Report.model_validate_json(json.dumps(report.model_dump(mode="json")))
