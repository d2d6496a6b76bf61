"""Rewards with one length for all problems: a limit of generation, or a target below it.

c: correct, 1 or 0; L: `output_tokens`. Each response is judged alone: all wrong, all of one length and a
single response are no special cases, and these take a whole batch as well as a group.
"""

import math
from collections.abc import Sequence

from trainers.rewards.groups import check_group, require, require_tokens, require_weight

THINKPRUNE_STAGES = (4000, 3000, 2000)
"""The limits of ThinkPrune's three trainings, each from the checkpoint of the one before, in tokens."""


def thinkprune(
    output_tokens: Sequence[int], correct: Sequence[bool], *, limit_tokens: int
) -> list[float]:
    """`c [L <= limit]`: 1 for a correct response within the limit, else 0.

    One limit per stage of training, see `THINKPRUNE_STAGES`; the system prompt states it too. A response that
    the limit cut off before its answer is wrong, whatever its length.

    Source: ThinkPrune; UCSB-NLP-Chang/ThinkPrune.

    >>> thinkprune([3000, 4000, 4001, 10], [True, True, True, False], limit_tokens=4000)
    [1.0, 1.0, 0.0, 0.0]
    """
    check_group(output_tokens, correct)
    require_tokens("limit_tokens", limit_tokens)
    return [
        float(right and tokens <= limit_tokens)
        for tokens, right in zip(output_tokens, correct, strict=True)
    ]


def laser(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    *,
    target_tokens: int = 8192,
    bonus: float = 0.5,
    wrong_reward: float = -0.5,
) -> list[float]:
    """`1 + bonus [L <= target]` for correct, `wrong_reward` for wrong, whatever its length.

    The defaults are what ran as LASER-8192; there a response in a wrong format got -1 instead. With
    `wrong_reward=0` it is `c (1 + bonus [L <= target])`.

    Source: LASER; hkust-nlp/Laser verl/utils/reward_score/length_penalty.py, `compute_length_reward_larse`.

    >>> laser([100, 9000, 100], [True, True, False])
    [1.5, 1.0, -0.5]
    """
    check_group(output_tokens, correct)
    require_tokens("target_tokens", target_tokens)
    require_weight("bonus", bonus)
    require(
        -math.inf < wrong_reward <= 0,
        f"wrong_reward must be finite and at most 0, found {wrong_reward}",
    )
    return [
        1 + bonus * (tokens <= target_tokens) if right else wrong_reward
        for tokens, right in zip(output_tokens, correct, strict=True)
    ]


def dapo_soft_overlong(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    *,
    limit_tokens: int = 20480,
    cache_tokens: int = 4096,
    wrong_reward: float = -1.0,
) -> list[float]:
    """1 for correct and `wrong_reward` for wrong, plus `soft_overlong_term`.

    DAPO rewards correctness with 1 and -1; the term comes on top for wrong and correct alike.

    Source: DAPO, arXiv 2503.14476; volcengine/verl verl/workers/reward_manager/dapo.py.

    >>> dapo_soft_overlong([16384, 18432, 20480], [True, True, False])
    [1.0, 0.5, -2.0]
    """
    check_group(output_tokens, correct)
    require(
        -math.inf < wrong_reward <= 0,
        f"wrong_reward must be finite and at most 0, found {wrong_reward}",
    )
    terms = soft_overlong_term(output_tokens, limit_tokens=limit_tokens, cache_tokens=cache_tokens)
    return [
        (1.0 if right else wrong_reward) + term for right, term in zip(correct, terms, strict=True)
    ]


def soft_overlong_term(
    output_tokens: Sequence[int], *, limit_tokens: int = 20480, cache_tokens: int = 4096
) -> list[float]:
    """`((limit - cache) - L) / cache`, at most 0 and at least -1: the length part alone.

    0 up to limit - cache, -1 from the limit on: the equation of the paper. verl's form goes on falling beyond
    the limit, where no response gets.

    Source: as `dapo_soft_overlong`.

    >>> soft_overlong_term([16384, 17408, 20480, 30000])
    [0.0, -0.25, -1.0, -1.0]
    """
    check_group(output_tokens, [False] * len(output_tokens))
    require_tokens("cache_tokens", cache_tokens)
    require(
        cache_tokens < limit_tokens < math.inf,
        f"limit_tokens must be above cache_tokens ({cache_tokens}), found {limit_tokens}",
    )
    free = limit_tokens - cache_tokens
    return [max(-1.0, min(0.0, (free - tokens) / cache_tokens)) for tokens in output_tokens]


def cosine(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    *,
    limit_tokens: int,
    correct_ends: tuple[float, float] = (2.0, 1.0),
    wrong_ends: tuple[float, float] = (-10.0, 0.0),
    over_limit: float = -10.0,
) -> list[float]:
    """`last + (first - last) (1 + cos(pi L / limit)) / 2`: from `first` at no token to `last` at the limit.

    (first, last) is `correct_ends` or `wrong_ends`: correct is better short, wrong is better long. From L =
    limit on it is `over_limit`, correct or not; the published code draws that line a small margin earlier.
    The penalty for repeated n-grams that was used beside it (n 40, -0.05) needs the text and is not in here.

    Source: Demystifying Long CoT, arXiv 2502.03373; eddycmu/demystify-long-cot openrlhf/openrlhf/reward/.

    >>> rewards = cosine([1, 500, 500, 1000], [True, True, False, True], limit_tokens=1000)
    >>> [round(reward, 4) for reward in rewards]
    [2.0, 1.5, -5.0, -10.0]
    """
    check_group(output_tokens, correct)
    require_tokens("limit_tokens", limit_tokens)
    require(
        all(math.isfinite(value) for value in (*correct_ends, *wrong_ends, over_limit)),
        f"the ends must be finite, found {correct_ends}, {wrong_ends} and {over_limit}",
    )

    def reward(tokens: int, right: bool) -> float:
        if tokens >= limit_tokens:
            return over_limit
        first, last = correct_ends if right else wrong_ends
        return last + (first - last) * (1 + math.cos(math.pi * tokens / limit_tokens)) / 2

    return [reward(*one) for one in zip(output_tokens, correct, strict=True)]
