"""What TRL calls for rewards: responses judged by the harness's own graders, groups by problem id."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from costbench.grading import answer_part
from costbench.types import Answered, Grade
from trainers.naming import Reward
from trainers.rewards import by_problem, by_problem_with_state, lcpo_exact

Grade_all = Callable[[Sequence[Answered]], list[Grade]]


@dataclass(frozen=True)
class Sample:
    """One response, for showing."""

    prompt: str
    response: str
    correct: bool | None
    tokens: int
    reward: float | None


@dataclass(frozen=True)
class Judge:
    """Decides on responses: finished by the model, then graded as in a run."""

    grade: Grade_all
    decode: Callable[[Sequence[int]], str]
    ends: frozenset[int]
    """Ids that end a response."""
    close: str
    """The marker behind which the answer stands."""

    def verdicts(
        self, completion_ids: Sequence[Sequence[int]], answers: Sequence[str]
    ) -> list[bool | None]:
        """Right or wrong, None where the grader could not decide; unfinished is wrong."""
        answered = [
            Answered(reference=answer, answer=answer_part(self.text(ids), self.close))
            for ids, answer in zip(completion_ids, answers, strict=True)
        ]
        return [
            grade.correct if self.finished(ids) else False
            for ids, grade in zip(completion_ids, self.grade(answered), strict=True)
        ]

    def finished(self, ids: Sequence[int]) -> bool:
        """Whether the model itself ended the response."""
        return bool(ids) and ids[-1] in self.ends

    def text(self, ids: Sequence[int]) -> str:
        """All of a response but its end; special tokens stay, for a marker may be one."""
        body = ids[:-1] if self.finished(ids) else ids
        return self.decode(body)


class Rewarding:
    """A reward function as TRL takes it; keeps what has to be shown and stored between steps."""

    def __init__(self, reward: Reward, judge: Judge, group_size: int, exact_alpha: float) -> None:
        """`exact_alpha`: of the prompts that ask for an exact length where the others name a maximum."""
        self.__name__ = reward.name
        self.sample: Sample | None = None
        self._reward = reward
        self._judge = judge
        self._group_size = group_size
        self._exact_alpha = exact_alpha
        self._state = reward.first_state() if reward.first_state else None

    def __call__(
        self,
        *,
        prompts: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        problem_id: Sequence[str],
        answer: Sequence[str],
        log_metric: Callable[[str, float], None],
        **columns: Any,
    ) -> list[float | None]:
        """A reward per response; None throughout a group in which a verdict is missing.

        TrainError where a group is not here as a whole.
        """
        lengths = [len(ids) for ids in completion_ids]
        verdicts = self._judge.verdicts(completion_ids, answer)
        unknown = {one for one, right in zip(problem_id, verdicts, strict=True) if right is None}
        known = [row for row, one in enumerate(problem_id) if one not in unknown]
        rewards: list[float | None] = [None] * len(lengths)
        if known:
            table = {"problem_id": problem_id, "tokens": lengths, "correct": verdicts, **columns}
            found = self._rewards({key: _at(table.get(key), known) for key in _COLUMNS})
            for row, one in zip(known, found, strict=True):
                rewards[row] = one
        _log(log_metric, lengths, verdicts, [self._judge.finished(ids) for ids in completion_ids])
        if "target_tokens" in columns:
            _log_lengths(log_metric, lengths, columns["target_tokens"], columns["at_most"])
        self.sample = Sample(
            prompt=prompts[0][-1]["content"],
            response=self._judge.text(completion_ids[0]),
            correct=verdicts[0],
            tokens=lengths[0],
            reward=rewards[0],
        )
        return rewards

    def _rewards(self, table: dict[str, Any]) -> list[float]:
        problems, group_size = table["problem_id"], self._group_size
        columns = [table["tokens"], table["correct"]]
        if self._state is not None:
            rewards, self._state = by_problem_with_state(
                self._reward.function, self._state, problems, *columns, group_size=group_size
            )
            return rewards
        if not self._reward.takes_targets:
            return by_problem(self._reward.function, problems, *columns, group_size=group_size)
        columns += [table["target_tokens"], table["at_most"]]
        return by_problem(self._by_instruction, problems, *columns, group_size=group_size)

    def _by_instruction(
        self, tokens: list[int], correct: list[bool], targets: list[int], at_most: list[bool]
    ) -> list[float]:
        """A maximum gets the recipe's reward; an exact length gets LCPO-exact, as L1-Max was trained."""
        exact: Callable[..., list[float]] = partial(lcpo_exact, alpha=self._exact_alpha)
        own_exact = self._reward.name == "lcpo_exact"
        function = self._reward.function if at_most[0] or own_exact else exact
        return function(tokens, correct, targets)

    def state_json(self) -> str:
        """What the reward remembers, for a checkpoint."""
        return json.dumps(None if self._state is None else dataclasses.asdict(self._state))

    def restore(self, text: str) -> None:
        """Go on from `state_json`."""
        found = json.loads(text)
        if found is not None and self._state is not None:
            self._state = type(self._state)(**found)


_COLUMNS = ("problem_id", "tokens", "correct", "target_tokens", "at_most")


def _at(column: Sequence[Any] | None, rows: Sequence[int]) -> list[Any]:
    return [] if column is None else [column[row] for row in rows]


def _log(
    log_metric: Callable[[str, float], None],
    lengths: Sequence[int],
    verdicts: Sequence[bool | None],
    finished: Sequence[bool],
) -> None:
    graded = [right for right in verdicts if right is not None]
    right_lengths = [tokens for tokens, right in zip(lengths, verdicts, strict=True) if right]
    log_metric("output_tokens", fmean(lengths))
    log_metric("truncated", 1 - fmean(finished))
    log_metric("ungraded", 1 - len(graded) / len(verdicts))
    if graded:
        log_metric("accuracy", fmean(graded))
    if right_lengths:
        log_metric("correct_tokens", fmean(right_lengths))


def _log_lengths(
    log_metric: Callable[[str, float], None],
    lengths: Sequence[int],
    targets: Sequence[int],
    at_most: Sequence[bool],
) -> None:
    """How far responses are from what was asked: relative error of exact ones, violations of maxima."""
    rows = list(zip(lengths, targets, at_most, strict=True))
    errors = [abs(tokens - target) / target for tokens, target, most in rows if not most]
    over = [tokens > target for tokens, target, most in rows if most]
    if errors:
        log_metric("length_error", fmean(errors))
    if over:
        log_metric("over_maximum", fmean(over))
