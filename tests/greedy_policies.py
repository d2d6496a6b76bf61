"""Policies whose greedy texts and counts are to be the same on every engine."""

import pytest

from costbench.policies.budget_forcing import BudgetForcing
from costbench.policies.no_thinking import NoThinking
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained

POLICIES = (
    Unconstrained(max_tokens=320),
    Truncation(budget=24),
    BudgetForcing(budget=24, answer_tokens=16),
    BudgetForcing(budget=200, waits=1, answer_tokens=32),
    BudgetForcing(budget=60, style="l1_eval"),
    NoThinking(max_tokens=60),
)


def on_every_engine(*more: object) -> pytest.MarkDecorator:
    """For a test with an argument `policy`: these, and those that only some engines have."""
    return pytest.mark.parametrize(
        "policy", [*POLICIES, *more], ids=lambda policy: f"{policy.kind}-{policy.token_limit()}"
    )
