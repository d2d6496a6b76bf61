"""One row of the report, and all that is said of it."""

from typing import Any, Literal

from pydantic import Field

from costbench.metering.window_energy import Bound
from costbench.report.contract.costs import ApiFacts, Footprint, TariffFacts
from costbench.report.contract.estimates import E, Facts, FrontierMetric, Spread
from costbench.report.contract.repricing import UsageFacts
from costbench.report.contract.serving import ServingFacts
from costbench.types import NO_REFERENCE, Provenance, Quality, Role

_NO_IDLE = E(value=None, reason="no_idle")
_NOT_MEASURED = E(value=None, reason="not_measured")


class IdleFacts(Facts):
    """Watts without work: before a model is loaded, and with it loaded, before and after its cells."""

    bare_w: float | None
    context_before_w: float | None
    context_after_w: float | None


class EnergyFacts(Facts):
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


class MoneyFacts(Facts):
    """Where USD or gCO2e come from."""

    provenance: Provenance
    method: str | None
    basis: dict[str, Any] | None = None
    """The entry of the price book that was used: figure, source, date."""
    reasons: tuple[str, ...]


class WindowFacts(Facts):
    """Energy and time of all windows of a kind."""

    joules: float | None
    duration_s: float | None
    """None: there is no window, since imported files have no times."""
    output_tokens: float | None = None
    """Written inside."""


class Windows(Facts):
    """The whole of every pass, ramp-up and drain included; the steady part where the protocol has one."""

    whole: WindowFacts
    steady: WindowFacts | None = None


class LengthControl(Facts):
    """How well a stated length was kept, over all attempts that the engine did not refuse."""

    target: int
    mean_absolute_error_tokens: float | None
    mean_absolute_error_relative: float | None
    """Over the target."""
    violation_rate: float | None
    """Share of attempts that are longer than the target."""
    counts: Literal["response", "thinking"] = "response"
    """Which of the sampled tokens the target is about."""


class OnFrontier(Facts):
    """Whether no other cell of the group and dataset is as accurate and as cheap, and how surely."""

    now: bool | None
    probability: float | None


class LevelAccuracy(Facts):
    """One difficulty level of the dataset; intervals are over the problems of the level."""

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


class CellReport(Facts):
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
    cache_hit_rate: float | None = None
    """Of all tokens sent, the share that a prefix cache had; None: the engine does not tell."""
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
    kwh_per_attempt: E = _NOT_MEASURED
    """Metered."""
    machine_seconds_per_attempt: E = _NOT_MEASURED
    tariffs: tuple[TariffFacts, ...] = ()
    """Every way of paying for the machine that the book has, the headline first."""
    api: ApiFacts | None = None
    """The same attempts as tokens at an API's price; None: the book has none for the model."""
    footprint: Footprint | None = None
    ock_score: E = _NOT_MEASURED
    """Accuracy in percent less a penalty for tokens (OckBench); what the engine refused is wrong, and tokens
    are those of all calls, prompts included: `input_tokens` and `output_tokens`."""
    pass_at_k: dict[int, E] = Field(default_factory=dict)
    """Of any of k samples; empty where one sample per problem was planned."""
    majority_at_k: dict[int, E] = Field(default_factory=dict)
    """Of the most frequent answer of k samples."""
    serving: ServingFacts | None = None
    """What users would notice at this load; reports of older versions have none."""
    repricing: UsageFacts | None = None
    """For other prices than the report's; reports of older versions have none."""
    usd_per_output_token: E = _NOT_MEASURED

    @property
    def gradable(self) -> bool:
        """False: its problems have no reference answers, so that accuracy is not applicable."""
        return self.accuracy.reason != NO_REFERENCE
