"""Rewards that remember something of each problem over a training; the memory goes in and comes out.

Each takes (problem_id, output_tokens, correct, state) of one group and gives its rewards and the state after
it; the state that went in stays as it was. Over a batch: `by_problem_with_state`.
c: correct, 1 or 0; L: `output_tokens`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from trainers.rewards.groups import check_group, require, require_tokens, require_weight

_HAPO_LOWEST_CORRECT = -0.7
_HAPO_TOLERANCE = 0.1
_DAST_LOWEST = 0.1

HapoShape = Literal["cosine", "linear"]


@dataclass(frozen=True)
class HapoState:
    """What HAPO remembers."""

    shortest_tokens: Mapping[str, int] = field(default_factory=dict)
    """By problem: length of its shortest correct response so far; no entry before the first."""


def hapo(
    problem_id: str,
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    state: HapoState,
    *,
    weight: float = 1.0,
    shape: HapoShape = "cosine",
) -> tuple[list[float], HapoState]:
    """`c + weight g`; g: `hapo_length_term`, with h as the state holds it for the problem.

    The next state has the shorter of h and the shortest correct response of this group. The group is
    measured against what came before it, not against itself. Nothing correct yet: rewards are c. All wrong:
    h stays. With a weight of at most 1 any correct response beats any wrong one: 0.3 and more against 0 and
    less. The published code can add a penalty for repeated n-grams, which was off by default.

    Source: HAPO, arXiv 2505.11225; its public code, `compute_len_reward` and `combined_reward_func`.

    >>> rewards, state = hapo("p", [200, 100], [True, False], HapoState())
    >>> rewards, dict(state.shortest_tokens)
    ([1.0, 0.0], {'p': 200})
    >>> rewards, state = hapo("p", [100, 400, 400], [True, True, False], state)
    >>> [round(reward, 4) for reward in rewards], dict(state.shortest_tokens)
    ([1.7071, 0.3, -1.0], {'p': 100})
    """
    require_weight("weight", weight)
    shortest = state.shortest_tokens.get(problem_id)
    terms = hapo_length_term(output_tokens, correct, shortest, shape=shape)
    rewards = [right + weight * term for right, term in zip(correct, terms, strict=True)]
    found = [tokens for tokens, right in zip(output_tokens, correct, strict=True) if right]
    if shortest is not None:
        found.append(shortest)
    if found and min(found) != shortest:
        state = HapoState({**state.shortest_tokens, problem_id: min(found)})
    return rewards, state


def hapo_length_term(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    shortest_tokens: int | None,
    *,
    shape: HapoShape = "cosine",
) -> list[float]:
    """`g = cos(pi/2 min(L/h, 2))`; correct: `max(g, -0.7)`, wrong: `min(g, 0)`; zeros where h is None.

    h is `shortest_tokens`, the shortest correct response so far. Linear form: correct ones get 1 - L/h below
    h; correct and wrong get 0 up to 1.1 h and (1.1 h - L) / h beyond, not below -0.7 and -1.

    Source: as `hapo`.

    >>> terms = hapo_length_term([100, 200, 400, 100, 400], [True, True, True, False, False], 200)
    >>> [round(term, 4) for term in terms]
    [0.7071, 0.0, -0.7, 0.0, -1.0]
    >>> terms = hapo_length_term([100, 210, 240, 240], [True, True, True, False], 200, shape="linear")
    >>> [round(term, 4) for term in terms]
    [0.5, 0.0, -0.1, -0.1]
    """
    check_group(output_tokens, correct)
    if shortest_tokens is None:
        return [0.0] * len(output_tokens)
    require_tokens("shortest_tokens", shortest_tokens)
    curves = {"cosine": _cosine_term, "linear": _linear_term}
    require(shape in curves, f"shape must be cosine or linear, found {shape!r}")
    terms = [curves[shape](tokens / shortest_tokens) for tokens in output_tokens]
    return [
        max(term, _HAPO_LOWEST_CORRECT) if right else min(term, 0.0)
        for term, right in zip(terms, correct, strict=True)
    ]


def _cosine_term(ratio: float) -> float:
    return math.cos(math.pi / 2 * min(ratio, 2.0))


def _linear_term(ratio: float) -> float:
    if ratio < 1:
        return 1 - ratio
    return max(-1.0, min(0.0, 1 + _HAPO_TOLERANCE - ratio))


@dataclass(frozen=True)
class DastState:
    """What DAST knows of problems."""

    budget_tokens: Mapping[str, float] = field(default_factory=dict)
    """By problem: the length that its difficulty is worth; no entry before its first group."""


def dast(
    problem_id: str,
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    state: DastState,
    *,
    limit_tokens: int,
) -> tuple[list[float], DastState]:
    """`x = (L - B) / B`; correct: `max(0.5 - 0.5 x, 0.1)`, wrong: `min(0.9 x - 0.1, -0.1)`.

    B is the problem's `dast_budget_tokens`, estimated from the first group that is seen of it and kept.
    As published, this ranks one set of 20 samples per problem for preference pairs, so the first group is the
    only one. `limit_tokens` is the limit of generation, which the state's budgets have to share. Correct gets
    0.1 to 1, wrong -1 to -0.1: correct is better short, wrong is better long (up to B, no further). All
    wrong: B is the limit. A single correct response: B is its length, its reward 0.5.

    Source: DAST, arXiv 2503.04472 (as a third party reports it; not checked against the paper).

    Half are correct: B = 0.5 * 300 + 0.5 * 1000 = 650.

    >>> rewards, state = dast("p", [300, 325], [True, False], DastState(), limit_tokens=1000)
    >>> [round(reward, 4) for reward in rewards], dict(state.budget_tokens)
    ([0.7692, -0.55], {'p': 650.0})
    """
    check_group(output_tokens, correct)
    budget = state.budget_tokens.get(problem_id)
    if budget is None:
        budget = dast_budget_tokens(output_tokens, correct, limit_tokens=limit_tokens)
        state = DastState({**state.budget_tokens, problem_id: budget})
    excesses = [(tokens - budget) / budget for tokens in output_tokens]
    rewards = [
        max(0.5 - 0.5 * excess, _DAST_LOWEST) if right else min(0.9 * excess - 0.1, -_DAST_LOWEST)
        for excess, right in zip(excesses, correct, strict=True)
    ]
    return rewards, state


def dast_budget_tokens(
    output_tokens: Sequence[int], correct: Sequence[bool], *, limit_tokens: int
) -> float:
    """`p mean + (1 - p) limit`; p: share of the group that is correct, mean: tokens of its correct responses.

    The harder the problem, the nearer to the limit. Nothing correct: the limit. Source: as `dast`.

    >>> dast_budget_tokens([100, 300, 900, 900], [True, True, False, False], limit_tokens=1000)
    600.0
    """
    check_group(output_tokens, correct)
    require_tokens("limit_tokens", limit_tokens)
    lengths = [tokens for tokens, right in zip(output_tokens, correct, strict=True) if right]
    if not lengths:
        return float(limit_tokens)
    rate = len(lengths) / len(correct)
    return rate * fmean(lengths) + (1 - rate) * limit_tokens
