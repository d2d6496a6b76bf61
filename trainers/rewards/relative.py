"""Rewards that measure a response against the others of its group. c: correct, 1 or 0; L: `output_tokens`."""

import math
from collections.abc import Sequence
from statistics import fmean, pstdev

from trainers.rewards.groups import check_group, require, require_weight

_STD_EPSILON = 1e-7


def arora_sigmoid(
    output_tokens: Sequence[int], correct: Sequence[bool], *, alpha: float = 0.1
) -> list[float]:
    """`c (1 - alpha sigmoid(z))`; `z = (L - mean) / (std + 1e-7)` over the correct responses of the group.

    The std is that of the population (ddof 0), in tokens as the mean; z is not clipped. Wrong: 0; correct: in
    (1 - alpha, 1), so that any correct response beats any wrong one. All wrong: zeros. One correct response,
    or correct ones all of one length: z = 0, so 1 - alpha/2. A response without its end-of-sequence token
    counts as wrong there and stays out of the statistics: give it as wrong. alpha is in [0, 1): 0.05, 0.1
    (the script's default), 0.2 and 0.4 ran; 0 is the control without a penalty.

    Where all of a group are correct, dividing by the group's std cancels alpha altogether: train with a
    leave-one-out or mean baseline and without scaling by the group's std.

    Source: Arora & Zanette, arXiv 2502.04463; Zanette-Labs/efficient-reasoning reward_server/math_server.py.

    z = -1.2247, 0, 1.2247 of three; the wrong one counts for nothing:

    >>> rewards = arora_sigmoid([100, 200, 300, 900], [True, True, True, False], alpha=0.2)
    >>> [round(reward, 4) for reward in rewards]
    [0.9546, 0.9, 0.8454, 0.0]
    """
    check_group(output_tokens, correct)
    require(
        0 <= alpha < 1, f"alpha must be in [0, 1), found {alpha}: at 1, right can be worth nothing"
    )
    lengths = _of_correct(output_tokens, correct)
    if not lengths:
        return [0.0] * len(output_tokens)
    mean, spread = fmean(lengths), pstdev(lengths) + _STD_EPSILON
    return [
        1 - alpha * _sigmoid((tokens - mean) / spread) if right else 0.0
        for tokens, right in zip(output_tokens, correct, strict=True)
    ]


def _of_correct(output_tokens: Sequence[int], correct: Sequence[bool]) -> list[int]:
    return [tokens for tokens, right in zip(output_tokens, correct, strict=True) if right]


def _sigmoid(z: float) -> float:
    """Without overflow on either side."""
    decay = math.exp(-abs(z))
    return 1 / (1 + decay) if z >= 0 else decay / (1 + decay)


def kimi_k1_5(
    output_tokens: Sequence[int], correct: Sequence[bool], *, weight: float
) -> list[float]:
    """`c + weight x`; x: `kimi_length_term`.

    Kimi trains with weight 0 at first and with a constant after that, which is not published: there is no
    default. With a weight of 1, correct gives 0.5 to 1.5 and wrong -0.5 to 0.

    Source: Kimi k1.5, arXiv 2501.12599, section 2.3.3.

    >>> kimi_k1_5([100, 200, 300], [True, False, False], weight=0.5)
    [1.25, 0.0, -0.25]
    """
    require_weight("weight", weight)
    terms = kimi_length_term(output_tokens, correct)
    return [right + weight * term for right, term in zip(correct, terms, strict=True)]


def kimi_length_term(output_tokens: Sequence[int], correct: Sequence[bool]) -> list[float]:
    """`x = 0.5 - (L - min) / (max - min)` for correct, `min(0, x)` for wrong: the length part alone.

    min and max are over all responses of the group, wrong ones too. All of one length, or a single response:
    zeros. All wrong: the shorter half gets 0, the longer half less.

    Source: as `kimi_k1_5`.

    >>> kimi_length_term([100, 200, 300], [True, False, False])
    [0.5, 0.0, -0.5]
    """
    check_group(output_tokens, correct)
    shortest, longest = min(output_tokens), max(output_tokens)
    if shortest == longest:
        return [0.0] * len(output_tokens)
    terms = [0.5 - (tokens - shortest) / (longest - shortest) for tokens in output_tokens]
    return [term if right else min(0.0, term) for term, right in zip(terms, correct, strict=True)]


def shorter_better(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    *,
    alpha: float = 2.0,
    beta: float = 0.001,
) -> list[float]:
    """`alpha c - beta |L - S|`; S: length of the shortest correct response.

    Where none is correct, S is the mean length of all. beta is per token. All wrong: the nearer to the
    group's mean length, the better. All of one length, or a single response: alpha c. A wrong response of S
    tokens (0) beats a correct one that is longer by more than alpha / beta, 2000 tokens.

    Source: ShorterBetter; JingyangYi/ShorterBetter verl/verl/workers/reward_manager/naive.py.

    >>> shorter_better([100, 600, 300], [True, True, False])
    [2.0, 1.5, -0.2]
    """
    check_group(output_tokens, correct)
    require_weight("alpha", alpha)
    require_weight("beta", beta)
    lengths = _of_correct(output_tokens, correct)
    best = min(lengths) if lengths else fmean(output_tokens)
    return [
        alpha * right - beta * abs(tokens - best)
        for tokens, right in zip(output_tokens, correct, strict=True)
    ]


def alp(
    output_tokens: Sequence[int], correct: Sequence[bool], *, beta: float = 1e-7
) -> list[float]:
    """`c - beta L max(p, 1/K)`; p: share of the K responses of the group that are correct.

    beta is per token: tokens cost K times as much where all are correct as where one or none is. A single
    response: c - beta L. With the default, 10 000 tokens cost at most 0.001: nothing much until a trainer
    divides by the group's std.

    Source: ALP, arXiv 2506.05256 (as a third party reports it; not checked against the paper).

    Half are correct, so a token costs half a thousandth:

    >>> alp([100, 200], [True, False], beta=0.001)
    [0.95, -0.1]
    """
    check_group(output_tokens, correct)
    require_weight("beta", beta)
    rate = max(sum(correct), 1) / len(correct)
    return [
        right - beta * tokens * rate for tokens, right in zip(output_tokens, correct, strict=True)
    ]
