"""The report as a whole."""

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from costbench.analysis.attribution import Rule
from costbench.report.contract.cell import CellReport
from costbench.report.contract.comparing import (
    BudgetLine,
    Comparison,
    CostOfPass,
    LengthComparison,
    Payback,
    Saving,
)
from costbench.report.contract.costs import BookFacts, PhaseEnergy
from costbench.report.contract.estimates import METHOD_VERSION, SCHEMA_VERSION, Facts
from costbench.report.contract.repricing import AssumptionFacts
from costbench.report.contract.traces import PowerTrace
from costbench.report.contract.wanting import DecisionFacts, DemandFacts
from costbench.types import Device, Outcome, Provenance
from costbench.wanted import Slo


class SkippedGroup(Facts):
    """A group this machine could not run, or that failed."""

    group: str
    reason: str


class Fit(Facts):
    """What a token costs one model in each phase, fitted to its windows."""

    model: str
    base_w: float
    joules_per_token_read: float
    joules_per_token_written: float
    residual: float
    """Root mean square of what the fit misses, as a share of the mean window."""
    windows: int
    provenance: Provenance
    """Of the joules it was fitted to."""


class AttributionFacts(Facts):
    """How windows were divided among attempts, and whether that decides anything."""

    rule: Rule = "output_tokens"
    fits: tuple[Fit, ...] = ()
    ranking: Literal["same", "differs"] | None = None
    """Order of cells and verdicts by joules per correct under `rules`; None: nothing to rank."""
    rules: tuple[Rule, ...] = ()
    """Those that could be compared: phase_weighted needs a fit."""
    differs_in: tuple[str, ...] = ()
    """Cells with another place or verdict under another rule."""


class SecondOpinionFacts(Facts):
    """CodeCarbon's figure for the GPUs beside the counters', over the whole run."""

    meter: str
    joules: float
    counter_joules: float
    difference: float
    """Relative."""
    used: bool
    reason: str | None


class Sample(Facts):
    """One attempt with its texts, as they are: whoever shows them makes them safe."""

    cell: str
    problem: str
    outcome: Outcome
    question: str
    response: str
    """What was sampled and what was injected, one after the other."""
    reference: str | None
    extracted: str | None
    """The answer that the grader found."""
    error: str | None


_UNASKED = ("decision", "demand", "slo", "power_trace", "samples")
"""Keys that are left out where there is nothing to say."""


class Report(Facts):
    """One run, priced and summarized."""

    schema_version: int = SCHEMA_VERSION
    method_version: str = METHOD_VERSION
    suite: str
    run: str
    protocol: str
    protocol_settings: dict[str, Any] = Field(default_factory=dict)
    """Every duration as resolved."""
    machine: dict[str, Any]
    prices: dict[str, Any] | None
    window: Literal["whole", "steady"]
    complete: bool
    started_at: str
    costbench_version: str
    cells: tuple[CellReport, ...]
    comparisons: tuple[Comparison, ...]
    length_comparisons: tuple[LengthComparison, ...] = ()
    savings: tuple[Saving, ...] = ()
    budget_lines: tuple[BudgetLine, ...] = ()
    cost_of_pass: tuple[CostOfPass, ...] = ()
    """Where every cell has a price."""
    payback: tuple[Payback, ...] = ()
    """Of models that a training with a card has made."""
    skipped: tuple[SkippedGroup, ...]
    failed: tuple[SkippedGroup, ...]
    devices: tuple[Device, ...] = ()
    """The GPUs that were read, as they were found; nothing was set on them."""
    attribution: AttributionFacts = AttributionFacts()
    second_opinions: tuple[SecondOpinionFacts, ...] = ()
    """By session, where there were counters of GPUs."""
    notes: tuple[str, ...]
    """Sentences that hold for the whole report: what the models are, what a figure leaves out."""
    run_energy: tuple[PhaseEnergy, ...] = ()
    """Of all windows, by phase, the total last; nothing between windows is measured."""
    power_trace: PowerTrace | None = None
    """Power against time, with the windows; not there where no meter saw the work."""
    books: tuple[BookFacts, ...] = ()
    """Further price books, beside the headline's."""
    decision: DecisionFacts | None = None
    """Which cells meet what the suite or the reader wants; not there where nothing is wanted."""
    demand: DemandFacts | None = None
    """What so many answers a month would take; not there where nobody asked."""
    slo: Slo | None = None
    """What a service promises, in seconds; not there where nobody stated it."""
    samples: tuple[Sample, ...] = ()
    """Questions and answers, where somebody asked to see them."""
    repricing: AssumptionFacts | None = None
    """What headlines rest on, for other prices than these; reports of older versions have none."""

    @model_serializer(mode="wrap")
    def _asked_for(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = serialize(self)
        unasked = [key for key in _UNASKED if not said.get(key, True)]
        return {key: value for key, value in said.items() if key not in unasked}
