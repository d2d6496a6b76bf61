"""LASER-D: a target length for each difficulty, estimated again and again from a monitor's responses.

Difficulty is the share of a problem's group that is correct: easy from 2/3, medium from 1/3, hard below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainers.rewards.groups import check_group, require, require_tokens, rows_by_problem
from trainers.rewards.limits import laser

Difficulty = Literal["easy", "medium", "hard"]

LASER_D_EVERY_STEPS = 20
LASER_D_MONITOR_PROBLEMS = 500


@dataclass(frozen=True)
class LaserDState:
    """The targets in force, in tokens; all alike before the first estimate."""

    easy_tokens: int
    medium_tokens: int
    hard_tokens: int

    def __post_init__(self) -> None:
        """Refuse what is not a length."""
        for tokens in (self.easy_tokens, self.medium_tokens, self.hard_tokens):
            require_tokens("a target of LASER-D", tokens)

    def target_tokens(self, difficulty: Difficulty) -> int:
        """The target for problems of that difficulty."""
        return {"easy": self.easy_tokens, "medium": self.medium_tokens, "hard": self.hard_tokens}[
            difficulty
        ]


def laser_d(
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    *,
    state: LaserDState,
    bonus: float = 0.5,
    wrong_reward: float = -0.5,
) -> list[float]:
    """`laser` with the target of the group's own difficulty.

    A group never changes the targets: `estimate_laser_d` gives the next state, every 20 steps as published,
    from responses to 500 problems kept aside. All wrong: hard, and all get `wrong_reward`. A single response
    is easy or hard.

    Source: LASER; hkust-nlp/Laser verl/utils/reward_score/length_penalty.py, `compute_length_reward_larse_d`.

    Two of three are correct, so the target is 1000; of three wrong ones it plays no part:

    >>> state = LaserDState(easy_tokens=1000, medium_tokens=2000, hard_tokens=8000)
    >>> laser_d([900, 1100, 50], [True, True, False], state=state)
    [1.5, 1.0, -0.5]
    >>> laser_d([1900, 10, 10, 10], [True, False, False, False], state=state)
    [1.5, -0.5, -0.5, -0.5]
    """
    check_group(output_tokens, correct)
    target = state.target_tokens(difficulty_of(correct))
    return laser(
        output_tokens, correct, target_tokens=target, bonus=bonus, wrong_reward=wrong_reward
    )


def difficulty_of(correct: Sequence[bool]) -> Difficulty:
    """Of the problem that these are the verdicts of; counted in whole responses, so thirds are exact.

    >>> difficulty_of([True, True, False]), difficulty_of([True, False, False]), difficulty_of([False])
    ('easy', 'medium', 'hard')
    """
    require(len(correct) > 0, "a group needs at least one response, found none")
    thirds = 3 * sum(correct)
    if thirds >= 2 * len(correct):
        return "easy"
    return "medium" if thirds >= len(correct) else "hard"


def estimate_laser_d(
    problem_ids: Sequence[str],
    output_tokens: Sequence[int],
    correct: Sequence[bool],
    *,
    candidate_tokens: Sequence[int],
    limit_tokens: int,
    group_size: int = 8,
) -> LaserDState:
    """For each difficulty, the smallest candidate at which one correct response can still be expected.

    Coverage is the share of all responses to problems of that difficulty, wrong ones too, that have at most
    that length; it has to reach 1/n, where n is the least number of correct responses in such a group:
    floor(2/3 group_size), floor(1/3 group_size), 1, none below 1 (of 8: 5, 2, 1, so 0.2, 0.5, 1). Where no
    candidate below `limit_tokens` reaches it, nor any response shows the difficulty: the limit of generation.
    Raises TrainError as `by_problem` does for broken groups.

    Source: as `laser_d`, `_choose_target_length`; there candidates ran from 2048 to 16384 in steps of 1024.

    Both problems are easy (n = 2 of 3): half of the 6 responses have to fit.

    >>> estimate_laser_d(
    ...     ["a"] * 3 + ["b"] * 3, [100, 200, 300, 400, 500, 600], [True, True, False] * 2,
    ...     candidate_tokens=[200, 300, 400], limit_tokens=1000, group_size=3)
    LaserDState(easy_tokens=300, medium_tokens=1000, hard_tokens=1000)
    """
    check_group(output_tokens, correct)
    require_tokens("limit_tokens", limit_tokens)
    require(len(candidate_tokens) > 0, "candidate_tokens must name at least one length")
    lengths: dict[Difficulty, list[int]] = {"easy": [], "medium": [], "hard": []}
    groups = rows_by_problem(problem_ids, output_tokens, correct, group_size=group_size)
    for rows in groups.values():
        found = lengths[difficulty_of([correct[row] for row in rows])]
        found.extend(output_tokens[row] for row in rows)
    expected: dict[Difficulty, int] = {
        "easy": max(1, 2 * group_size // 3),
        "medium": max(1, group_size // 3),
        "hard": 1,
    }

    def target(difficulty: Difficulty) -> int:
        seen = lengths[difficulty]
        fitting = [
            candidate
            for candidate in candidate_tokens
            if seen
            and sum(tokens <= candidate for tokens in seen) * expected[difficulty] >= len(seen)
        ]
        return min([*fitting, limit_tokens])

    return LaserDState(target("easy"), target("medium"), target("hard"))
