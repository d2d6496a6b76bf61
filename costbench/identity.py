"""Hashes of what a run measures: its problems, its prompts, its models."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from costbench.engines.model_files import files_sha256
from costbench.errors import EngineError, SuiteError
from costbench.types import Model, Problem


def dataset_sha256(problems: Sequence[Problem]) -> str:
    """A hash over what is asked and what is right, in order.

    Of each problem its id, question and reference answer, and, where it has them, the number of its options,
    the length of its response, and the token ids that are its prompt: these are all its content, while words
    put around a question (`prompt`) leave it the same.
    """
    return sha256([_asked(p) for p in problems])


def prompt_sha256(problems: Sequence[Problem]) -> str:
    """A hash over what the user's turns say, in order."""
    return sha256([p.prompt if p.prompt_ids is None else p.prompt_ids for p in problems])


def parts_of_model(place: str, model: Model, served: bool = False) -> list[str | None]:
    """Its files where they are here, else its id and revision; and its markers.

    What is `served` may have a name that only its server knows. Raises SuiteError where a folder is missing.
    """
    try:
        files = files_sha256(model.path)
    except EngineError as error:
        if not served or model.path.startswith("embedded:"):
            raise SuiteError(f"{place}: {error}") from error
        files = None
    where = [model.path, model.revision] if files is None else [files]
    markers = model.thinking.model_dump_json()
    return [
        *where,
        markers,
        *([] if model.thinks else ["does not think"]),
        *_given(model.served_name),
    ]


def sha256(content: Any) -> str:
    """Of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _asked(problem: Problem) -> list[object]:
    ids = None if problem.prompt_ids is None else sha256(problem.prompt_ids)
    return [
        *(problem.id, problem.question, problem.answer),
        *(*_given(problem.options), *_length(problem), *_given(ids)),
    ]


def _length(problem: Problem) -> list[str]:
    return [] if problem.output_tokens is None else [f"{problem.output_tokens} tokens"]


def _given(value: object) -> list[object]:
    """What an older plan did not know of leaves its hashes as they were."""
    return [] if value is None else [value]
