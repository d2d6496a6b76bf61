"""Policies whose greedy texts and counts are to be the same on every engine."""

from collections.abc import Sequence

import pytest

from costbench.attempts import Attempt
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
OF_SERVERS = ("input_tokens", "output_tokens", "reasoning_tokens", "finish")
"""What a server tells of each call."""
COUNTED = (*OF_SERVERS, "written_tokens", "marker")


def on_every_engine(*more: object) -> pytest.MarkDecorator:
    """For a test with an argument `policy`: these, and those that only some engines have."""
    return pytest.mark.parametrize(
        "policy", [*POLICIES, *more], ids=lambda policy: f"{policy.kind}-{policy.token_limit()}"
    )


def assert_counted_alike(
    ours: Sequence[Attempt], theirs: Sequence[Attempt], counted: Sequence[str] = COUNTED
) -> None:
    """Of two engines, attempt by attempt and call by call; and nothing failed."""
    for one, other in zip(ours, theirs, strict=True):
        assert one.error is None
        assert other.error is None
        for call, like in zip(one.calls, other.calls, strict=True):
            assert call.injected_tokens == like.injected_tokens
            for name in counted:
                found = getattr(call.completion, name)
                assert found == getattr(like.completion, name), name
