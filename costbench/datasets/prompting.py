"""The user's turn, made from a question and, in a multiple choice, its options."""

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Annotated

from pydantic import AfterValidator

_PLACE = "{question}"
_PLACES = re.compile(r"\{(question|options|letters)\}")
_INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."

DEFAULT_TEMPLATE = f"{_PLACE}\n{_INSTRUCTION}"
"""As the DeepSeek-R1 model cards ask for it."""
CHOICE_TEMPLATE = (
    f"{_PLACE}\n\nOptions:\n{{options}}\n\n\n"
    "Let's think step by step and output the final answer (eg, {letters}) within \\boxed{}."
)
"""L1's for MMLU and GPQA to the line break (arXiv 2503.04697, scripts), with the letters that there are."""

PROMPTS = {
    "r1": DEFAULT_TEMPLATE,
    "arora": f"{_INSTRUCTION} Question: {_PLACE}",
    "l1": f"{_PLACE} Let's think step by step and output the final answer within \\boxed{{}}.",
    "plain": _PLACE,
    "choice": CHOICE_TEMPLATE,
    "choice_r1": (
        f"{_PLACE}\n\n{{options}}\n\n"
        "Please reason step by step, and put the letter of your final answer within \\boxed{}."
    ),
    "simple_evals": (
        "Answer the following multiple choice question. The last line of your response should be of the "
        "following format: 'Answer: $LETTER' (without quotes) where LETTER is one of {letters}. "
        f"Think step by step before answering.\n\n{_PLACE}\n\n{{options}}"
    ),
}
"""Templates by name: of the DeepSeek-R1 cards, Arora & Zanette (arXiv 2502.04463), L1 and simple-evals."""


def _template(text: str) -> str:
    found = PROMPTS.get(text, text)
    if _PLACE not in found:
        raise ValueError(f"a prompt needs {_PLACE} in it, or is one of: {', '.join(PROMPTS)}")
    return found


Template = Annotated[str, AfterValidator(_template)]
"""Text with {question}, and {options} and {letters} in a multiple choice; or the name of one of PROMPTS."""


def letters(number: int) -> str:
    """The first so many: "A, B, C"."""
    return ", ".join(ascii_uppercase[:number])


def options_text(options: Sequence[str]) -> str:
    """One a line, each with its letter."""
    return "\n".join(
        f"{letter}. {text}" for letter, text in zip(ascii_uppercase, options, strict=False)
    )


def shown(question: str, options: Sequence[str] = ()) -> str:
    """All that is asked: the question, and the options below it."""
    return f"{question}\n\nOptions:\n{options_text(options)}" if options else question


def options_shown(asked: str) -> tuple[str, ...]:
    """The options below a question, as `shown` puts them there; none where it did not."""
    _, shows, lines = asked.rpartition("\n\nOptions:\nA. ")
    found: list[str] = []
    for letter in ascii_uppercase[1:] if shows else ():
        option, more, rest = lines.partition(f"\n{letter}. ")
        if not more:
            break
        found.append(option)
        lines = rest
    return (*found, lines) if found else ()


def fill(template: str, question: str, options: Sequence[str] = ()) -> str:
    """The template with the question in it; braces of either stay as they are.

    Options stand where the template has {options}, else below the question.
    """
    apart = "{options}" in template
    places = {"question": question if apart else shown(question, options)}
    if options:
        places |= {"options": options_text(options), "letters": letters(len(options))}
    return _PLACES.sub(lambda found: places.get(found[1], found[0]), template)
