"""Rows set against each other: baselines, lines of budgets, trainings."""

from typing import Literal

from costbench.analysis.compare import Verdict
from costbench.report.contract.estimates import E, FrontierMetric
from costbench.types import Frozen, Provenance


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
