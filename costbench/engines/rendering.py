"""From a request to token ids, and from sampled ids back to pieces of text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costbench.engines.model_files import resolve_model
from costbench.engines.random_weights import is_random
from costbench.engines.rows import Row
from costbench.errors import ContextFullError, EngineError
from costbench.types import Message, Model, Piece, Request, Thinking


@dataclass(frozen=True)
class Rendered:
    """A request as token ids."""

    prompt_ids: list[int]
    """The conversation by the chat template, then everything already written."""
    written_tokens: tuple[int, ...]
    stop_ids: tuple[tuple[int, ...], ...]
    thinking_closed: bool
    """The end of thinking is already written: whatever is sampled now is answer."""
    ignore_eos: bool = False

    def row(self, max_tokens: int, context: int, limit: str = "the model's context") -> Row:
        """Its row, with no more tokens than fit; raises ContextFullError where none does."""
        room = context - len(self.prompt_ids)
        if room < 1:
            raise ContextFullError(
                f"the prompt has {len(self.prompt_ids)} tokens, {limit} {context}"
            )
        return Row(self.prompt_ids, min(max_tokens, room), self.stop_ids, self.ignore_eos)


class Renderer:
    """Applies one tokenizer's chat template and one model's thinking markers.

    Written pieces are appended by their ids where these are known: text that is decoded and encoded again
    does not always give the same tokens.
    """

    def __init__(
        self, tokenizer: Any, thinking: Thinking | None, more_ends: int | list[int] | None = None
    ) -> None:
        """`more_ends` are ends of turn that the model's own generation settings name."""
        self._tokenizer = tokenizer
        self._open = thinking.open if thinking else ""
        self._close = thinking.close if thinking else ""
        self._close_ids = self._encode(self._close)
        self._prompts: dict[str, _Prompt] = {}
        self.end_ids = frozenset((*_ids(tokenizer.eos_token_id), *_ids(more_ends)))
        self.pad_id = int(
            tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.end_ids)
        )

    def render(self, request: Request) -> Rendered:
        """The request as ids; the conversation part is kept, since every sample has the same."""
        conversation, written = self._all_ids(request)
        text = "".join(piece.text for piece in request.written)
        return Rendered(
            prompt_ids=[*conversation, *(token for ids in written for token in ids)],
            written_tokens=tuple(map(len, written)),
            stop_ids=tuple(self._encode(marker) for marker in request.stop),
            thinking_closed=self._close in text,  # "" where there is none to close
            ignore_eos=request.ignore_eos,
        )

    def pieces(self, row: Row) -> tuple[Piece, Piece | None]:
        """The sampled text and, apart, the stop marker it ended with."""
        marker = row.stop_marker() if row.finish == "stop" else None
        ids = row.tokens[: -len(marker)] if marker else row.tokens
        return self._piece(ids), self._piece(list(marker)) if marker else None

    def split_at(self, ids: list[int], marker: str) -> tuple[Piece, Piece]:
        """The same for a marker that was found in the text, in whatever tokens it came."""
        size = next(
            (n for n in range(1, len(ids)) if marker in self._tokenizer.decode(ids[-n:])), len(ids)
        )
        text = self._tokenizer.decode(ids, skip_special_tokens=False)
        # Where its first token begins before the marker, the text in front has no ids of its own.
        apart = self._tokenizer.decode(ids[-size:]) == marker
        before, behind = tuple(ids[:-size]), tuple(ids[-size:])
        return (
            Piece(
                text=text[: text.rindex(marker)],
                origin="sampled",
                token_ids=before if apart else None,
                tokens=len(before),
            ),
            Piece(
                text=marker,
                origin="sampled",
                token_ids=behind if apart else None,
                tokens=len(behind),
            ),
        )

    def reasoning_tokens(self, row: Row, rendered: Rendered) -> int:
        """How many sampled tokens come before thinking has ended, the marker included."""
        if rendered.thinking_closed:
            return 0
        size = len(self._close_ids)
        for end in range(size, len(row.tokens) + 1):
            if tuple(row.tokens[end - size : end]) == self._close_ids:
                return end
        return len(row.tokens)

    def _all_ids(self, request: Request) -> tuple[list[int], list[list[int]]]:
        """Of the conversation, and of each piece already written.

        Text that follows the template directly is read together with it, as a server reads it: two line
        breaks that meet there are one token to some models.
        """
        prompt, written = self._conversation(request), request.written
        ids = [list(piece.token_ids or self._encode(piece.text)) for piece in written]
        if not written or written[0].token_ids is not None or prompt.text is None:
            return prompt.ids, ids
        whole = self._encode(prompt.text + unopened(prompt.text, written[0].text, self._open))
        return list(whole[: len(prompt.ids)]), [list(whole[len(prompt.ids) :]), *ids[1:]]

    def _conversation(self, request: Request) -> "_Prompt":
        if any(message.token_ids is not None for message in request.messages):
            return self._given(request.messages)
        key = "\0".join(f"{message.role}\0{message.content}" for message in request.messages)
        if key not in self._prompts:
            text = self._tokenizer.apply_chat_template(
                [message.turn for message in request.messages],
                add_generation_prompt=True,
                tokenize=False,
            )
            self._prompts[key] = _Prompt(text, list(self._encode(text)))
        return self._prompts[key]

    def _given(self, messages: tuple[Message, ...]) -> "_Prompt":
        ids = [token for message in messages for token in message.token_ids or ()]
        if max(ids) >= len(self._tokenizer):
            raise EngineError(
                f"a prompt has the token id {max(ids)}, and this model's tokens end at "
                f"{len(self._tokenizer) - 1}; say a smaller `vocabulary` in the dataset"
            )
        return _Prompt(None, ids)

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _piece(self, ids: list[int]) -> Piece:
        shown = ids[:-1] if ids and ids[-1] in self.end_ids else ids
        return Piece(
            text=self._tokenizer.decode(shown, skip_special_tokens=False),
            origin="sampled",
            token_ids=tuple(ids),
            tokens=len(ids),
        )


def renderer_for(tokenizer: Any, model: Model, ends: int | list[int] | None) -> Renderer:
    """A loaded model's; one of random weights has no words, so no thinking and no end of turn either."""
    if is_random(model):
        return Renderer(tokenizer, None)
    return Renderer(tokenizer, model.thinking if model.thinks else None, ends)


@dataclass(frozen=True)
class _Prompt:
    text: str | None
    """None: it came as ids, and nobody knows how it reads."""
    ids: list[int]


def thinking_begun(conversation: str, marker: str) -> str | None:
    """What of the thinking the chat template itself writes behind the marker, so that the model does not.

    None where it leaves the marker to the model.
    """
    before, found, begun = conversation.rpartition(marker)
    return begun if found and before and not begun.strip() else None


def unopened(conversation: str, written: str, marker: str) -> str:
    """What is written behind a conversation, less an opening marker that its template ends with already."""
    begun = thinking_begun(conversation, marker) if marker else None
    if begun is None or not written.startswith(marker):
        return written
    return written.removeprefix(marker).removeprefix(begun)


def rendered_here(model: Model, messages: tuple[Message, ...]) -> str | None:
    """The conversation as text in the model's template; None where there is no tokenizer on this machine.

    Raises EngineError for a path that is no model.
    """
    from transformers import AutoTokenizer

    path = resolve_model(model.path)
    revision = None if isinstance(path, Path) else model.revision
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            str(path), revision=revision, local_files_only=True
        )
        text = tokenizer.apply_chat_template(
            [message.turn for message in messages],
            add_generation_prompt=True,
            tokenize=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError):
        return None  # not here, or without a template: the engine will say
    return str(text)


def _ids(value: int | list[int] | None) -> list[int]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
