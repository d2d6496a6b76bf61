"""The server's model read with its tokenizer here: its chat template as text, and counts of tokens."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from costbench.engines.model_files import resolve_model
from costbench.engines.rendering import thinking_begun, unopened
from costbench.errors import EngineError, first_line
from costbench.types import Message, Model, Request

_KEPT = 4096
"""Conversations: every sample of a problem has the same."""


class Prompts:
    """One tokenizer and its chat template."""

    def __init__(self, tokenizer: Any, template_settings: dict[str, Any]) -> None:
        self._tokenizer = tokenizer
        self._settings = template_settings
        self.conversation = lru_cache(_KEPT)(self._conversation)

    def written(self, request: Request, marker: str) -> str:
        """The conversation by the template, then everything already written; `marker` opens thinking."""
        conversation = self.conversation(request.messages)
        begun = "".join(piece.text for piece in request.written)
        return conversation + unopened(conversation, begun, marker)

    def written_tokens(self, request: Request, marker: str) -> tuple[int, ...]:
        """Of each piece already written; the first is read together with the template before it."""
        if not request.written:
            return ()
        conversation, first = self.conversation(request.messages), request.written[0].text
        begun = conversation + unopened(conversation, first, marker)
        rest = (self.count(piece.text) for piece in request.written[1:])
        return (len(self._ids(begun)) - len(self._ids(conversation)), *rest)

    def thinking_begun(self, request: Request, marker: str) -> str | None:
        """What of the thinking the template itself writes; None where it leaves the marker to the model."""
        return thinking_begun(self.conversation(request.messages), marker)

    def count(self, text: str) -> int:
        """Tokens of a text that stands somewhere within a response."""
        return len(self._ids(text))

    def count_prompt(self, text: str) -> int:
        """Tokens of a whole prompt, as a server reads it that begins every prompt by its tokenizer's rule."""
        return len(self._tokenizer(text)["input_ids"])

    def is_special(self, marker: str) -> bool:
        """Whether a marker is a token that servers leave out of their texts."""
        return marker not in self._tokenizer.decode(self._ids(marker), skip_special_tokens=True)

    def _conversation(self, messages: tuple[Message, ...]) -> str:
        text: str = self._tokenizer.apply_chat_template(
            [message.turn for message in messages],
            add_generation_prompt=True,
            tokenize=False,
            **self._settings,
        )
        # The server's tokenizer begins the prompt once more where that is its rule.
        begin = self._tokenizer.bos_token
        ids = self._tokenizer(text)["input_ids"]
        twice = begin is not None and ids[:2] == [self._tokenizer.bos_token_id] * 2
        return text.removeprefix(begin) if twice else text

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def read_prompts(
    model: Model, named: str | None, template_settings: dict[str, Any], *, hub: bool
) -> Prompts | str:
    """The tokenizer of the model, or why there is none here; raises EngineError where one is named.

    Without `hub` only a named one is looked for there.
    """
    try:
        if named is None and not hub and not isinstance(resolve_model(model.path), Path):
            return "its tokenizer is not here"
        return Prompts(_load(model, named), template_settings)
    except EngineError as error:
        if named is not None:
            raise EngineError(f"engine openai: `tokenizer: {named}`: {error}") from error
        return str(error)


def _load(model: Model, named: str | None) -> Any:
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    path = resolve_model(named or model.path)
    revision = None if isinstance(path, Path) or named else model.revision
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(path), revision=revision)
    except Exception as error:  # a stranger's file can raise anything
        raise EngineError(f"no tokenizer can be read there: {first_line(error)}") from error
    if tokenizer.chat_template is None:
        raise EngineError("the tokenizer there has no chat template")
    return tokenizer
