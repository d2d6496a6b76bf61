"""Rows set against each other: baselines, lines of budgets, trainings."""

from typing import Any, Literal

from pydantic import Field

from costbench.analysis.compare import Verdict
from costbench.report.contract.estimates import E, Facts, FrontierMetric
from costbench.types import Provenance


class Comparison(Facts):
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


class LengthComparison(Facts):
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


class Saving(Facts):
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


class BudgetLine(Facts):
    """How well the budgets of one model and policy are kept, and what they are worth (s1, arXiv 2501.19393).

    Tokens of scaling are sampled and injected ones per attempt, where the paper counts those of thinking.
    """

    line: str
    """The model/policy of cell ids, without a budget."""
    group: str
    dataset: str
    concurrency: int | None
    load: dict[str, Any] = Field(default_factory=dict)
    """As the cells' load."""
    cells: tuple[str, ...]
    counts: Literal["response", "thinking", "votes"]
    """What the budgets count."""
    control: E
    """Share of budgets that the mean of what they count does not exceed."""
    scaling_per_doubling: E
    """Accuracy, as a share, gained per doubling of tokens: the mean slope over all pairs of budgets."""
    scaling_per_1000_tokens: E
    """The same, linear in tokens."""
    performance: E
    """The best accuracy, picked afterwards."""


class SetCostOfPass(Facts):
    """What a correct answer costs with a set of cells, each problem on the cheapest of them."""

    kind: Literal["model", "baselines", "all"]
    model: str | None = None
    cells: tuple[str, ...]
    usd: E
    """Mean over problems of cost over success rate; None where they never solved one."""
    usd_with_human: E
    """The same where a person answers what costs less so."""
    ratio_of_means: E
    """Mean cost over mean rate of the cheapest for each problem: USD, without a person."""
    unsolved: int | None
    """Problems that none of them ever solved."""


class Essentialness(Facts):
    """How much of the cost without a family of cells the family saves."""

    by: Literal["model", "tier"]
    family: str
    share: E


class CostOfPass(Facts):
    """Cost-of-Pass (Erol et al., arXiv 2504.13359) of one group and dataset; every cell is a model there."""

    group: str
    dataset: str
    problems: int
    human_usd_per_problem: float | None
    human_source: str | None
    sets: tuple[SetCostOfPass, ...]
    gain_of_variants: E
    """USD per problem that all cells save over the baselines' alone; with a person where one has a price."""
    essentialness: tuple[Essentialness, ...]
    unsolved: int | None
    """Problems that no cell ever solved."""


class TrainingCost(Facts):
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


class Payback(Facts):
    """After how many correct answers the training of a candidate's model has paid back."""

    baseline: str
    candidate: str
    training: TrainingCost
    correct_answers: dict[Literal["joules", "usd"], E]
    """Training over what a correct answer saves; intervals are the saving's, the training counts as exact."""
