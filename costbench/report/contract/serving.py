"""What a user of a service notices: times to tokens, rates, and whether a promise was kept."""

from pydantic import Field

from costbench.report.contract.estimates import E, Facts, Spread


class ServingWindow(Facts):
    """Figures of all windows, or of their steady parts; attempts that failed are in no time and no rate."""

    attempts: int
    """Whose times these are: answered, and of a steady part those that came in it."""
    errors: int
    """That came with them and failed."""
    duration_s: float | None
    requests_per_second: float | None
    """Attempts answered in it."""
    output_tokens_per_second: float | None
    goodput_per_second: float | None
    """Attempts answered in it that kept all of the SLO."""
    ttft_s: Spread
    ttfat_s: Spread
    """To the first token of the answer, behind the thinking."""
    tpot_s: Spread
    inter_token_s: Spread
    latency_s: Spread


class AtSlo(Facts):
    """A cell held against the SLO: an attempt that failed has missed it."""

    share: E
    """Of attempts that kept all of it."""
    meets: bool | None
    """Whether they are as many as the SLO asks for; None: cannot be told."""
    usd_per_correct: E
    """All attempts, over the correct ones that kept the SLO."""
    joules_per_correct: E


class ServingFacts(Facts):
    """Beside each other: ramp and drain included, and the part in which the load was as intended."""

    whole: ServingWindow
    steady: ServingWindow | None = None
    reasons: dict[str, str] = Field(default_factory=dict)
    """Why a figure is null, by its name."""
    arrival_lag_s: Spread | None = None
    """In an open loop: how far we were behind the schedule; it counts in all times from arrival."""
    at_slo: AtSlo | None = None
    """None: nobody stated one."""
