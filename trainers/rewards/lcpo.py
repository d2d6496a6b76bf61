"""Rewards of L1: each response has a length that its prompt asked for.

c: correct, 1 or 0; L: `output_tokens`, of the whole response, thinking and answer. A response is judged
alone: group statistics play no part, so these take a whole batch as well as a group. Where a batch mixes
prompts that ask for an exact length with prompts that ask for a maximum, as L1-Max was trained, each kind
gets its own function.
"""

from collections.abc import Sequence

from trainers.rewards.groups import check_group, require, require_tokens, require_weight

LCPO_EXACT_ALPHA_PAPER = 0.0003
LCPO_EXACT_ALPHA_CODE = 1 / 3000
"""What ran; the paper rounds it."""


def lcpo_exact(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    target_tokens: Sequence[int],
    *,
    alpha: float = LCPO_EXACT_ALPHA_CODE,
) -> list[float]:
    """`c - alpha |target - L|`.

    alpha is per token: the code that produced the results has 1/3000, the paper 0.0003. Wrong responses are
    held to their length as well. Nothing is clipped: with 1/3000 a correct response that misses by more than
    3000 tokens falls below a wrong one that hits.

    Source: L1, arXiv 2503.04697; cmu-l3/l1 deepscaler/rewards/math_reward.py at 294b0b1.

    >>> rewards = lcpo_exact([500, 1000, 1500, 1000], [True, True, True, False], [1000] * 4)
    >>> [round(reward, 4) for reward in rewards]
    [0.8333, 1.0, 0.8333, 0.0]
    """
    _check(output_tokens, correct, target_tokens)
    require_weight("alpha", alpha)
    return [
        right - alpha * abs(target - tokens)
        for tokens, right, target in zip(output_tokens, correct, target_tokens, strict=True)
    ]


def _check(
    output_tokens: Sequence[int], correct: Sequence[bool], target_tokens: Sequence[int]
) -> None:
    check_group(output_tokens, correct)
    require(
        len(target_tokens) == len(output_tokens),
        f"{len(output_tokens)} responses, but {len(target_tokens)} target_tokens: one per response",
    )
    for target in target_tokens:
        require_tokens("target_tokens", target)


def lcpo_max(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    target_tokens: Sequence[int],
    *,
    window_tokens: float = 500,
) -> list[float]:
    """`c (clip((target - L) / window, -1, 1) + 1) / 2`: the code that produced the published results.

    A correct response gets 1 from 500 tokens under its target, 0.5 at it, 0 from 500 over, with a slope of
    1/1000 between; a wrong one 0 whatever its length. It is `lcpo_max_paper` with alpha = 1 / (2 window) and
    delta = 0.5. The repository's later versions have other slopes (alpha/2, with defaults of 0.002 and 0.01),
    and with those the results were not reproduced (cmu-l3/l1 issue 22).

    Source: L1, arXiv 2503.04697; cmu-l3/l1 deepscaler/rewards/math_reward.py at 294b0b1.

    >>> lcpo_max([500, 1000, 1500, 500], [True, True, True, False], [1000] * 4)
    [1.0, 0.5, 0.0, 0.0]
    """
    _check(output_tokens, correct, target_tokens)
    require_tokens("window_tokens", window_tokens)
    return [
        right * (max(-1.0, min(1.0, (target - tokens) / window_tokens)) + 1) / 2
        for tokens, right, target in zip(output_tokens, correct, target_tokens, strict=True)
    ]


def lcpo_max_paper(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    target_tokens: Sequence[int],
    *,
    alpha: float = LCPO_EXACT_ALPHA_PAPER,
    delta: float = 0.5,
) -> list[float]:
    """`c clip(alpha (target - L) + delta, 0, 1)`: the equation as printed.

    alpha is per token. The paper gives one alpha, 0.0003, and none for this equation apart; the code that ran
    has 1/1000 (`lcpo_max`). delta, in [0, 1], is what a correct response gets at its target.

    Source: L1, arXiv 2503.04697.

    >>> lcpo_max_paper([500, 1000, 1500, 3000], [True] * 4, [1000] * 4)
    [0.65, 0.5, 0.35, 0.0]
    """
    _check(output_tokens, correct, target_tokens)
    require_weight("alpha", alpha)
    require(0 <= delta <= 1, f"delta must be in [0, 1], found {delta}")
    return [
        right * max(0.0, min(1.0, alpha * (target - tokens) + delta))
        for tokens, right, target in zip(output_tokens, correct, target_tokens, strict=True)
    ]
