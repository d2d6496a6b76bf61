"""The report as data: `costbench report --format json`, schema version 1.

A promise to users: keys are added, never renamed or removed. A value that nobody measured is null, with the
reason beside it.
"""

from typing import Any, Literal

from pydantic import Field

from costbench.analysis.attribution import Rule
from costbench.analysis.compare import Verdict
from costbench.metering.window_energy import Bound
from costbench.types import Device, Frozen, LatencyBasis, Provenance, Quality, Role

SCHEMA_VERSION = 1
METHOD_VERSION = "3"
"""Changes whenever the same run would give other figures."""

FrontierMetric = Literal["usd", "joules", "output_tokens"]


class E(Frozen):
    """An estimate: a value, its interval, and why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    reason: str | None = None


_NO_IDLE = E(value=None, reason="no_idle")
_NOT_MEASURED = E(value=None, reason="not_measured")


class Spread(Frozen):
    """A distribution over attempts, in seconds."""

    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    basis: LatencyBasis


class IdleFacts(Frozen):
    """Watts without work: before a model is loaded, and with it loaded, before and after its cells."""

    bare_w: float | None
    context_before_w: float | None
    context_after_w: float | None


class EnergyFacts(Frozen):
    """Where the joules come from."""

    provenance: Provenance
    method: str | None
    scope: str | None
    by_domain: dict[str, float | None]
    """In the windows that count: in steady parts less than attempts' joules, which cover whole passes."""
    quality: Quality
    reasons: tuple[str, ...]
    bound: Bound = "exact"
    """"upper": others' energy is in it; "partial": more was used, the joules of attempts are not known."""
    at_least_joules: float | None = None
    """What was counted before a GPU was lost."""
    uncertainty_cell: float | None = None
    """Half of the 95 % interval that the instrument alone gives a cell, as a share of its joules."""
    uncertainty_ratio: float | None = None
    """The same for the ratio of two cells on one device."""
    idle: IdleFacts | None = None
    neighbors: dict[str, float | None] = Field(default_factory=dict)
    """Joules of this machine's other GPUs meanwhile."""
    attribution_range: tuple[float, float] | None = None
    """An attempt's joules under the other rules over those under this one, 5th to 95th percentile."""


class MoneyFacts(Frozen):
    """Where USD or gCO2e come from."""

    provenance: Provenance
    method: str | None
    basis: dict[str, Any] | None = None
    """The entry of the price book that was used: figure, source, date."""
    reasons: tuple[str, ...]


class WindowFacts(Frozen):
    """Energy and time of all windows of a kind."""

    joules: float | None
    duration_s: float
    output_tokens: float | None = None
    """Written inside."""


class Windows(Frozen):
    """The whole of every pass, ramp-up and drain included; the steady part where the protocol has one."""

    whole: WindowFacts
    steady: WindowFacts | None = None


class LengthControl(Frozen):
    """How well a stated length was kept, over all attempts that the engine did not refuse."""

    target: int
    mean_absolute_error_tokens: float | None
    mean_absolute_error_relative: float | None
    """Over the target."""
    violation_rate: float | None
    """Share of attempts that are longer than the target."""
    counts: Literal["response", "thinking"] = "response"
    """Which of the sampled tokens the target is about."""


class OnFrontier(Frozen):
    """Whether no other cell of the group and dataset is as accurate and as cheap, and how surely."""

    now: bool | None
    probability: float | None


class LevelAccuracy(Frozen):
    """One difficulty level of the dataset; intervals resample the problems of the level."""

    level: int
    attempts: int
    accuracy: float | None
    output_tokens: float | None
    problems: int | None = None
    """Of which there are attempts."""
    accuracy_estimate: E = _NOT_MEASURED
    """`accuracy` with its interval."""
    tokens_per_attempt: E = _NOT_MEASURED
    """Sampled and injected."""


class CellReport(Frozen):
    """One row of the report."""

    cell: str
    group: str
    model: str
    model_revision: str | None
    role: Role
    tier: str | None
    policy: str
    budget: int | None
    dataset: str
    dataset_sha256: str
    prompt_sha256: str
    load: dict[str, Any]
    gpus: int
    problems: int
    samples: int
    attempts: int
    correct: int
    wrong: int
    truncated: int
    ungraded: int
    errors: int
    grader: str
    grader_version: str
    accuracy: E
    output_tokens: E
    reasoning_tokens: E
    answer_tokens: E
    injected_tokens: E
    tokens_per_attempt: E = _NOT_MEASURED
    """Sampled and injected."""
    input_tokens: E
    cached_tokens: E
    latency_s: Spread
    ttft_s: Spread
    tokens_per_second: float | None
    mean_batch_size: float | None
    mean_power_w: float | None
    joules_per_output_token: E
    joules_per_attempt: E
    joules_per_correct: E
    net_context_joules_per_correct: E = _NO_IDLE
    """Beyond idling with the model loaded: the marginal work of a server that is up anyway."""
    net_bare_joules_per_correct: E = _NO_IDLE
    """Beyond an idle machine."""
    kwh_per_correct: E
    machine_seconds_per_correct: E
    usd_per_attempt: E
    usd_per_correct: E
    gco2e_per_attempt: E
    gco2e_per_correct: E
    energy: EnergyFacts
    usd: MoneyFacts
    gco2e: MoneyFacts
    windows: Windows
    length_control: LengthControl | None
    on_frontier: dict[FrontierMetric, OnFrontier]
    """By cost per attempt; "output_tokens" are here sampled and injected ones, the x of budget curves."""
    by_level: tuple[LevelAccuracy, ...]
    caveats: tuple[str, ...]
    """Codes; `caveats.explain` has the sentence for each."""


class Comparison(Frozen):
    """A candidate against a baseline, paired by problem."""

    baseline: str
    candidate: str
    metric: str
    ratio: E
    """Of accuracies: the part of the baseline's that is kept, which flatters where that is small."""
    difference: E
    """Only for accuracy: of shares."""
    margin: float | None
    verdict: Verdict
    """Sure for all candidates of the metric in the group and dataset at once."""
    p: float | None = None
    """Of no difference, two-sided, of this comparison alone."""
    p_adjusted: float | None = None
    """With all candidates of the metric in the group and dataset (Holm)."""


class LengthComparison(Frozen):
    """A budgeted cell against what a baseline's line of budgets gives at the same length."""

    group: str
    dataset: str
    candidate: str
    """Cell id."""
    reference: str
    """Line id: the model/policy of cell ids, without a budget; at the candidate's load."""
    reference_cell: str | None
    """The line's cell at the same nominal budget; None at measured tokens, between two of its cells."""
    at: Literal["nominal_budget", "measured_tokens"]
    budget: int
    """The candidate's; what it counts is up to each policy (`length_control.counts`; without one, votes)."""
    tokens: float | None
    """The candidate's sampled and injected tokens per attempt."""
    accuracy_candidate: float | None
    accuracy_reference: float | None
    difference: E
    """Candidate minus reference, paired by problem."""
    ratio: E


class Saving(Frozen):
    """A cell against a baseline's line of budgets, which ends at that baseline without a budget."""

    candidate: str
    """Cell id."""
    reference: str
    """Line id: the model/policy of cell ids, without a budget; at the candidate's load."""
    metric: FrontierMetric
    """Cost per attempt."""
    cost_ratio_at_equal_accuracy: E
    """The candidate's cost over the least that the line needs for its accuracy: below 1 is a saving."""
    accuracy_at_equal_cost: E
    """The candidate's accuracy less the line's at its cost."""


class TrainingCost(Frozen):
    """What a training took, as its card has it, and what its own machine's time costs."""

    recipe: str
    method: str
    duration_s: float
    joules: float | None
    provenance: Provenance
    """Of the joules."""
    scope: str | None
    usd: float | None
    usd_provenance: Provenance


class Payback(Frozen):
    """After how many correct answers the training of a candidate's model has paid back."""

    baseline: str
    candidate: str
    training: TrainingCost
    correct_answers: dict[Literal["joules", "usd"], E]
    """Training over what a correct answer saves; intervals are the saving's, the training counts as exact."""


class SkippedGroup(Frozen):
    """A group this machine could not run, or that failed."""

    group: str
    reason: str


class Fit(Frozen):
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


class AttributionFacts(Frozen):
    """How windows were divided among attempts, and whether that decides anything."""

    rule: Rule = "output_tokens"
    fits: tuple[Fit, ...] = ()
    ranking: Literal["same", "differs"] | None = None
    """Order of cells and verdicts by joules per correct under `rules`; None: nothing to rank."""
    rules: tuple[Rule, ...] = ()
    """Those that could be compared: phase_weighted needs a fit."""
    differs_in: tuple[str, ...] = ()
    """Cells with another place or verdict under another rule."""


class SecondOpinionFacts(Frozen):
    """CodeCarbon's figure for the GPUs beside the counters', over the whole run."""

    meter: str
    joules: float
    counter_joules: float
    difference: float
    """Relative."""
    used: bool
    reason: str | None


class Report(Frozen):
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
