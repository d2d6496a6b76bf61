"""Training problems as the rows that TRL iterates over."""

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from costbench.errors import SuiteError, TrainError
from costbench.interfaces import Dataset
from costbench.policies.asking import asked
from costbench.types import Problem
from trainers.naming import component
from trainers.tuning import Lengths

Row = dict[str, Any]
"""prompt (a conversation), problem_id, answer, and with lengths target_tokens and at_most."""


def load_problems(data: dict[str, Any]) -> list[Problem]:
    """All training problems; raises TrainError where there are none or where one has no answer."""
    dataset: Dataset = component("datasets", data, "data")
    try:
        problems = list(dataset.load())
    except SuiteError as error:
        raise TrainError(f"data: {error}") from error
    if not problems:
        raise TrainError("data: the dataset has no problems")
    without = [problem.id for problem in problems if not problem.answer]
    if without:
        raise TrainError(
            f"data: {len(without)} of {len(problems)} problems have no answer (first: {without[0]}); "
            "a reward needs one to judge responses by"
        )
    return problems


def data_sha256(problems: Sequence[Problem]) -> str:
    """A hash over all that training sees of the problems."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(f"{problem.id}\0{problem.prompt}\0{problem.answer}\0".encode())
    return digest.hexdigest()


def rows_of(problems: Sequence[Problem], lengths: Lengths | None, seed: int) -> list[Row]:
    """One row per problem; its length is drawn once and stays, as in L1's data."""
    return [_row(problem, lengths, seed) for problem in problems]


def _row(problem: Problem, lengths: Lengths | None, seed: int) -> Row:
    prompt, columns = problem.prompt, {}
    if lengths is not None:
        rng = random.Random(f"{seed}:{problem.id}")
        at_most, target = rng.random() < lengths.maximum, rng.randint(*lengths.tokens)
        prompt = asked(prompt, target, "maximum" if at_most else "exact")
        columns = {"target_tokens": target, "at_most": at_most}
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "problem_id": problem.id,
        "answer": problem.answer,
        **columns,
    }
