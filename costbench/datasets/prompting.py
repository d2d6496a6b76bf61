"""The user's turn, made from a question."""

from typing import Annotated

from pydantic import AfterValidator

_PLACE = "{question}"
_INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


def _asks(template: str) -> str:
    if _PLACE not in template:
        raise ValueError(f"a prompt needs {_PLACE} in it")
    return template


Template = Annotated[str, AfterValidator(_asks)]
"""Text in which {question} stands for the question; no other placeholders."""

DEFAULT_TEMPLATE = f"{_PLACE}\n{_INSTRUCTION}"
"""As the DeepSeek-R1 model cards ask for it."""


def fill(template: str, question: str) -> str:
    """The template with the question in it; braces of either stay as they are."""
    return template.replace(_PLACE, question)
