"""Two runs in memory, to set against each other: what each cell took, on which machine, by which meter."""

from dataclasses import replace

import numpy as np

from costbench.metering.trace import trace_of
from costbench.policies.unconstrained import Unconstrained
from costbench.prices import MachinePrice, PriceBook
from costbench.records import Window
from costbench.report.across.build import compare_two
from costbench.report.across.rules import OneBook, one_book
from costbench.types import Device, MeterFacts
from tests.report.in_memory import MACHINE, record, run_of

PROBLEMS, PASSES = 10, 2
SHAPE = (PROBLEMS, PASSES)
RIGHT = np.indices(SHAPE).sum(axis=0) % 5 < 4  # 16 of 20
WATTS = 50.0
FREE = Unconstrained(max_tokens=64)
METER = MeterFacts(
    name="clock", provenance="measured", method="counter_interpolated", scope="test_bench",
    period_s=0.1, settle_s=0.1, headline=("machine",),
)  # fmt: skip
BOOK = PriceBook(
    date="2026-11-20",
    machines=(
        MachinePrice(
            match="cpu", per="machine", usd_per_hour=0.36, provider="test", source="a test",
            as_of="2026-11-20",
        ),
    ),
)  # fmt: skip
STORED = {"price_book": BOOK.model_dump(mode="json"), "price_file": "test.yaml"}


def cell(seconds=(30.0, 30.0), tokens=100, correct=RIGHT, policy=FREE, **options):
    """A cell whose passes lasted so long, one after the other."""
    found = record(policy, np.full(np.shape(correct), tokens), correct, **options)
    ends = np.cumsum(seconds)
    starts = ends - np.array(seconds)
    windows = tuple(
        Window(1, at, float(start), float(end))
        for at, (start, end) in enumerate(zip(starts, ends, strict=True))
    )
    return replace(found, windows=windows)


def changed(found, **spec):
    """The same cell with other words in its plan."""
    return replace(found, spec=found.spec | spec)


def part(found, problems):
    """The same cell, stopped after so many problems of each pass."""
    kept = found.columns["problem"] < problems
    return replace(found, columns={name: values[kept] for name, values in found.columns.items()})


def run(*cells, meter=METER, watts=WATTS, domain="machine", **meta):
    """A run of these cells, metered at a constant power."""
    moments = np.arange(-5.0, 400.0, 0.1)
    return replace(
        run_of(*cells, **STORED | meta),
        traces={1: trace_of({(domain, "joules"): (moments, watts * (moments + 5.0))})},
        meters={1: (meter,)} if meter else {},
    )


def gpu_run(uuid, found, watts=WATTS):
    """A run on one GPU, known by its UUID."""
    domain = f"gpu:{uuid}"
    device = Device(domain=domain, name="Test", update_period_s=0.1)
    meter = METER.model_copy(
        update={"scope": "gpu_device", "headline": (domain,), "devices": (device,)}
    )
    engine = {"gpu_uuids": {"1": [uuid]}, "latency_basis": "engine"}
    return run(found, meter=meter, watts=watts, domain=domain, **{f"engine:{found.id}": engine})


def machine(**changes):
    """The machine of a run, as it is stored."""
    return MACHINE.model_copy(update=changes).model_dump(mode="json")


def compared(baseline, candidate, *, book=None, margin=0.05):
    """One against the other, by the book that both have unless one is given."""
    prices = OneBook(book) if book else one_book((baseline.meta, candidate.meta))
    return compare_two(("one", baseline), ("other", candidate), prices, margin, None)


def metrics(baseline, candidate, **options):
    """Of the only pair."""
    (pair,) = compared(baseline, candidate, **options).pairs
    return pair.metrics
