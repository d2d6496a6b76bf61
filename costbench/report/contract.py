"""The report as data: `costbench report --format json`, schema version 1.

A promise to users: keys are added, never renamed or removed. A value that nobody measured is null, with the
reason beside it.
"""

from typing import Any, Literal

from costbench.analysis.compare import Verdict
from costbench.types import Frozen, LatencyBasis, Provenance, Quality, Role

SCHEMA_VERSION = 1
METHOD_VERSION = "1"
"""Changes whenever the same run would give other figures."""

FrontierMetric = Literal["usd", "joules", "output_tokens"]


class E(Frozen):
    """An estimate: a value, its interval, and why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    reason: str | None = None


class Spread(Frozen):
    """A distribution over attempts, in seconds."""

    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    basis: LatencyBasis


class EnergyFacts(Frozen):
    """Where the joules come from."""

    provenance: Provenance
    method: str | None
    scope: str | None
    by_domain: dict[str, float | None]
    quality: Quality
    reasons: tuple[str, ...]


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


class Windows(Frozen):
    """The whole of every pass, ramp-up and drain included; the steady part where the protocol has one."""

    whole: WindowFacts
    steady: WindowFacts | None = None


class LengthControl(Frozen):
    """How well a stated length was kept."""

    target: int
    mean_absolute_error_tokens: float | None
    mean_absolute_error_relative: float | None
    violation_rate: float | None


class OnFrontier(Frozen):
    """Whether no other cell of the group and dataset is as accurate and as cheap, and how surely."""

    now: bool | None
    probability: float | None


class LevelAccuracy(Frozen):
    """One difficulty level of the dataset."""

    level: int
    attempts: int
    accuracy: float | None
    output_tokens: float | None


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
    difference: E
    """Only for accuracy: a difference of shares; a ratio would mislead there."""
    margin: float | None
    verdict: Verdict


class SkippedGroup(Frozen):
    """A group this machine could not run, or that failed."""

    group: str
    reason: str


class Report(Frozen):
    """One run, priced and summarized."""

    schema_version: int = SCHEMA_VERSION
    method_version: str = METHOD_VERSION
    suite: str
    run: str
    protocol: str
    machine: dict[str, Any]
    prices: dict[str, Any] | None
    window: Literal["whole", "steady"]
    complete: bool
    started_at: str
    costbench_version: str
    cells: tuple[CellReport, ...]
    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedGroup, ...]
    failed: tuple[SkippedGroup, ...]
    notes: tuple[str, ...]
    """Sentences that hold for the whole report: what the models are, what a figure leaves out."""
