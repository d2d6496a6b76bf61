"""Rewards of reinforcement learning for short reasoning: pure functions on lists, one group at a time.

A group is all responses to one problem in one step: `output_tokens`, the length of each, and `correct`. A
response that was cut off or never ended is not correct. `target_tokens` is a length to aim at, `limit_tokens`
one where generation ends. Every reward is finite, of correctness and length together, and in the order of the
group; what cannot be meant (an empty group, an alpha out of range) raises TrainError. The defaults of
hyperparameters are the published ones; one without a default has none.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from trainers.rewards.difficulty import (
    LASER_D_EVERY_STEPS,
    LASER_D_MONITOR_PROBLEMS,
    LaserDState,
    estimate_laser_d,
    laser_d,
)
from trainers.rewards.groups import by_problem, by_problem_with_state
from trainers.rewards.history import (
    DastState,
    HapoState,
    dast,
    dast_budget_tokens,
    hapo,
    hapo_length_term,
)
from trainers.rewards.lcpo import (
    LCPO_EXACT_ALPHA_CODE,
    LCPO_EXACT_ALPHA_PAPER,
    lcpo_exact,
    lcpo_max,
    lcpo_max_paper,
)
from trainers.rewards.limits import (
    THINKPRUNE_STAGES,
    cosine,
    dapo_soft_overlong,
    laser,
    soft_overlong_term,
    thinkprune,
)
from trainers.rewards.pruner import O1PrunerState, Reference, o1_pruner, o1_pruner_standardize
from trainers.rewards.relative import (
    alp,
    arora_sigmoid,
    kimi_k1_5,
    kimi_length_term,
    shorter_better,
)

__all__ = [
    "LASER_D_EVERY_STEPS",
    "LASER_D_MONITOR_PROBLEMS",
    "LCPO_EXACT_ALPHA_CODE",
    "LCPO_EXACT_ALPHA_PAPER",
    "REWARDS",
    "STATEFUL_REWARDS",
    "THINKPRUNE_STAGES",
    "DastState",
    "HapoState",
    "LaserDState",
    "O1PrunerState",
    "Reference",
    "alp",
    "arora_sigmoid",
    "by_problem",
    "by_problem_with_state",
    "cosine",
    "dapo_soft_overlong",
    "dast",
    "dast_budget_tokens",
    "estimate_laser_d",
    "hapo",
    "hapo_length_term",
    "kimi_k1_5",
    "kimi_length_term",
    "laser",
    "laser_d",
    "lcpo_exact",
    "lcpo_max",
    "lcpo_max_paper",
    "o1_pruner",
    "o1_pruner_standardize",
    "shorter_better",
    "soft_overlong_term",
    "thinkprune",
]

REWARDS: Mapping[str, Callable[..., list[float]]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            *(arora_sigmoid, kimi_k1_5, shorter_better, alp),
            *(lcpo_exact, lcpo_max, lcpo_max_paper),
            *(thinkprune, laser, laser_d, dapo_soft_overlong, cosine),
        )
    }
)
"""By name: (output_tokens, correct, *, hyperparameters) -> rewards; LCPO takes target_tokens third."""

STATEFUL_REWARDS: Mapping[str, Callable[..., tuple[list[float], Any]]] = MappingProxyType(
    {one.__name__: one for one in (hapo, dast, o1_pruner)}
)
"""By name: (problem_id, output_tokens, correct, state, *, hyperparameters) -> rewards and the next state."""
