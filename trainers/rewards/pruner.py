"""The weight of O1-Pruner: a response against what the reference model does on the same problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev

from trainers.rewards.groups import check_group, require, require_weight


@dataclass(frozen=True)
class Reference:
    """What the reference model does on one problem, over its samples."""

    mean_tokens: float
    """Of all samples, wrong ones too."""
    accuracy: float


@dataclass(frozen=True)
class O1PrunerState:
    """What is known of the reference model."""

    references: Mapping[str, Reference] = field(default_factory=dict)
    """By problem; no entry before its first group."""


def o1_pruner(
    problem_id: str,
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    state: O1PrunerState,
    *,
    accuracy_weight: float = 5.0,
    bounds: tuple[float, float] = (-2.0, 4.0),
) -> tuple[list[float], O1PrunerState]:
    """`mean_ref / L - 1 + accuracy_weight (c - accuracy_ref)`, clipped to [-2, 4].

    c: correct, 1 or 0; L: `output_tokens`.

    The reference of a problem is the first group that is seen of it, and is kept: as published, weights are
    for samples of the reference model itself (2 of its 12 per problem), so that group is the only one. All
    wrong, or all correct: the length alone counts. A single response: 0. A response of no tokens has no
    weight and is refused. The weights then become z-scores over all the data: `o1_pruner_standardize`.

    Source: O1-Pruner; StarDewXXX/O1-Pruner o1_scripts/construct_dataset.py. The
    paper's L_ref / L - 1 is the same.

    The mean is 200 and half are correct; 1 + 2.5 and -1/3 - 2.5, which is clipped:

    >>> rewards, state = o1_pruner("p", [100, 300], [True, False], O1PrunerState())
    >>> rewards, state.references["p"]
    ([3.5, -2.0], Reference(mean_tokens=200.0, accuracy=0.5))
    """
    check_group(output_tokens, correct)
    require(
        min(output_tokens) > 0, "output_tokens must be above 0 here: lengths are divided by them"
    )
    require_weight("accuracy_weight", accuracy_weight)
    lowest, highest = bounds
    require(lowest < highest, f"bounds must ascend, found {bounds}")
    reference = state.references.get(problem_id)
    if reference is None:
        reference = Reference(fmean(output_tokens), sum(correct) / len(correct))
        state = O1PrunerState({**state.references, problem_id: reference})
    weights = [
        reference.mean_tokens / tokens - 1 + accuracy_weight * (right - reference.accuracy)
        for tokens, right in zip(output_tokens, correct, strict=True)
    ]
    return [max(lowest, min(highest, weight)) for weight in weights], state


def o1_pruner_standardize(weights: Sequence[float]) -> list[float]:
    """`(weight - mean) / std` over the weights of all the data, std of the population (ddof 0).

    All alike, or a single one: zeros, where the published code divides by zero. Raises TrainError for none.

    >>> o1_pruner_standardize([3.0, 1.0])
    [1.0, -1.0]
    """
    require(len(weights) > 0, "there are no weights to standardize")
    mean, spread = fmean(weights), pstdev(weights)
    if spread == 0:
        return [0.0] * len(weights)
    return [(weight - mean) / spread for weight in weights]
