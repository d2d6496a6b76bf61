"""Groups of responses to one problem: what a reward asks of one, and a reward applied over a whole batch."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TypeVar

from costbench.errors import TrainError

State = TypeVar("State")


def by_problem(
    reward: Callable[..., list[float]],
    problem_ids: Sequence[str],
    *columns: Sequence[object],
    group_size: int,
) -> list[float]:
    """One reward per response of a batch, in the batch's order; `reward` sees one problem at a time.

    `columns` are what `reward` takes by position, mostly `output_tokens` and `correct`, each as long as
    `problem_ids`; hyperparameters are bound before, with `functools.partial`. Responses to one problem need
    not stand together. Raises TrainError where a problem has not exactly `group_size` responses here: group
    statistics of a part of a group are wrong without a sign of it. The same problem drawn twice for one batch
    is refused too, since nothing tells its two groups apart.

    >>> from trainers.rewards import shorter_better
    >>> by_problem(shorter_better, ["a", "b", "a", "b"], [1, 9, 3, 4], [True] * 4, group_size=2)
    [2.0, 1.995, 1.998, 2.0]
    """
    rewards = [0.0] * len(problem_ids)
    for rows in rows_by_problem(problem_ids, *columns, group_size=group_size).values():
        found = reward(*([column[row] for row in rows] for column in columns))
        for row, one in zip(rows, found, strict=True):
            rewards[row] = one
    return rewards


def by_problem_with_state(
    reward: Callable[..., tuple[list[float], State]],
    state: State,
    problem_ids: Sequence[str],
    *columns: Sequence[object],
    group_size: int,
) -> tuple[list[float], State]:
    """As `by_problem`, for a reward that takes (problem_id, *columns, state) and gives a new state as well.

    Problems come in the order in which they first appear, each with the state that the one before left.
    """
    rewards = [0.0] * len(problem_ids)
    for problem, rows in rows_by_problem(problem_ids, *columns, group_size=group_size).items():
        found, state = reward(
            problem, *([column[row] for row in rows] for column in columns), state
        )
        for row, one in zip(rows, found, strict=True):
            rewards[row] = one
    return rewards, state


def rows_by_problem(
    problem_ids: Sequence[str], *columns: Sequence[object], group_size: int
) -> dict[str, list[int]]:
    """Where in the batch the responses to each problem stand; raises TrainError as `by_problem` says."""
    require(group_size >= 1, f"group_size must be at least 1, found {group_size}")
    require(len(problem_ids) > 0, "there is no response to reward: the batch is empty")
    for column in columns:
        require(
            len(column) == len(problem_ids),
            f"{len(problem_ids)} problem ids, but a column of {len(column)}: one row per response",
        )
    groups: dict[str, list[int]] = {}
    for row, problem in enumerate(problem_ids):
        groups.setdefault(problem, []).append(row)
    for problem, rows in groups.items():
        require(
            len(rows) == group_size,
            f"problem {problem!r} has {len(rows)} responses in this batch, a group is {group_size}: "
            "keep groups whole, and each problem once per batch",
        )
    return groups


def check_group(output_tokens: Sequence[int], correct: Sequence[bool]) -> None:
    """Raise TrainError unless these are the lengths and verdicts of at least one response, all known."""
    require(len(output_tokens) > 0, "a group needs at least one response, found none")
    require(
        len(output_tokens) == len(correct),
        f"{len(output_tokens)} lengths, but {len(correct)} verdicts: one of each per response",
    )
    for tokens, right in zip(output_tokens, correct, strict=True):
        require(
            isinstance(tokens, Integral) and tokens >= 0,
            f"output_tokens must be whole numbers from 0, found {tokens!r}",
        )
        require(
            right in (True, False),
            f"correct must be true or false, found {right!r}: leave out groups with ungraded responses",
        )
        require(tokens > 0 or not right, "a correct response has at least one token, found 0")


def require(holds: bool, message: str) -> None:
    """Raise TrainError with `message` unless it holds."""
    if not holds:
        raise TrainError(message)


def require_weight(name: str, value: float) -> None:
    """Raise TrainError unless the hyperparameter is a finite number from 0."""
    require(0 <= value < math.inf, f"{name} must be a finite number from 0, found {value}")


def require_tokens(name: str, value: float) -> None:
    """Raise TrainError unless the hyperparameter is a finite number of tokens above 0."""
    require(0 < value < math.inf, f"{name} must be a number of tokens above 0, found {value}")
