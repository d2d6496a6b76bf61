"""Files of one's own: written for a test, and what is told of a bad one."""

import json
from pathlib import Path

import pytest

from costbench.datasets.asking import Questions
from costbench.errors import SuiteError


def write_jsonl(path: Path, *lines: object) -> Path:
    """One line each; text as it is, anything else as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def told(questions: Questions) -> str:
    """The one sentence that is said of a set that cannot be loaded, without its place."""
    with pytest.raises(SuiteError) as caught:
        list(questions.load())
    place, sentence = questions.source, str(caught.value)
    assert sentence.startswith(f"{place}:")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{place}:").lstrip()
