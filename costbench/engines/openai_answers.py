"""From what a server said to a completion: one text, its tokens, and whose counts they are."""

from dataclasses import dataclass
from typing import Any

from costbench.engines.openai_hearing import Heard
from costbench.engines.openai_prompts import Prompts
from costbench.types import Completion, Counted, Finish, Model, Piece, Request, Retry


@dataclass(frozen=True)
class Sent:
    """One request on its way."""

    request: Request
    prompt: str | None
    """As the server reads it, where that is known here."""
    submitted_s: float
    told: bool = True
    """Whether the answer shows which stop marker ended it; else it may have been taken off."""
    begun: str | None = None
    """What of the thinking the chat template has written behind the marker; None: not even that."""


class Answers:
    """Completions of one model."""

    def __init__(self, model: Model, prompts: Prompts | None) -> None:
        self._model = model
        self._prompts = prompts

    def completion(
        self, sent: Sent, heard: Heard, began_s: float, retries: tuple[Retry, ...]
    ) -> Completion:
        """What was answered; `began_s` is when the try that was answered was submitted."""
        text, marker = self._texts(sent, heard)
        finish = _finish(heard, marker)
        whole = text + (marker or "")
        counts = _Counts(heard.usage)
        output = counts.get("completion_tokens")
        if output is None and self._prompts is not None:
            # The end of the turn is a token, too, and servers count it.
            output = counts.estimated("output_tokens", self._count(whole) + (finish == "end"))
        read = counts.get("prompt_tokens")
        if read is None and sent.prompt is not None and self._prompts is not None:
            read = counts.estimated("input_tokens", self._prompts.count_prompt(sent.prompt))
        thought = self._reasoning(sent, heard, whole, counts, output)
        of_marker = 0 if marker is None else self._count(marker)
        return Completion(
            sampled=Piece(
                text=text,
                origin="sampled",
                tokens=None if output is None else max(0, output - of_marker),
            ),
            marker=None
            if marker is None
            else Piece(text=marker, origin="sampled", tokens=of_marker),
            finish=finish,
            input_tokens=read,
            cached_tokens=counts.get("cached_tokens", "prompt_tokens_details"),
            reasoning_tokens=thought,
            written_tokens=self._written(sent.request),
            submitted_s=sent.submitted_s,
            started_s=began_s,
            first_token_s=heard.first_token_s,
            first_answer_token_s=heard.first_answer_token_s,
            inter_token_s=tuple(heard.gaps_s) if heard.first_token_s is not None else None,
            finished_s=heard.finished_s or began_s,
            estimated=tuple(counts.own),
            retries=retries,
        )

    def closing(self, request: Request) -> str:
        """The marker that is still to come before the answer; "" where what is sampled is answer."""
        close = self._model.thinking.close
        closed = any(close in piece.text for piece in request.written)
        return close if self._model.thinks and not closed else ""

    def lost(self, sent: Sent, heard: Heard) -> dict[str, int | None]:
        """Tokens of an answer that broke off; without a tokenizer a chunk of it counts as one."""
        if not heard.anything:
            return {}
        text = self._joined(sent, heard)
        if self._prompts is None:
            return {"output_tokens": heard.chunks}
        read = None if sent.prompt is None else self._prompts.count_prompt(sent.prompt)
        output = self._count(text)
        thought = self._reasoning(sent, heard, text, _Counts({}), output)
        return {"input_tokens": read, "output_tokens": output, "reasoning_tokens": thought}

    def _texts(self, sent: Sent, heard: Heard) -> tuple[str, str | None]:
        """The text and the stop marker behind it."""
        text = self._joined(sent, heard)
        if heard.marker is not None:
            return text, heard.marker
        for stop in sent.request.stop:
            if text.endswith(stop):
                return text.removesuffix(stop), stop
        if heard.stop_reason in sent.request.stop:
            return text, str(heard.stop_reason)
        # Of a marker that was taken off and an end of turn, the end is the rarer one.
        taken_off = heard.finish == "stop" and not sent.told
        return text, next(iter(sent.request.stop), None) if taken_off else None

    def _joined(self, sent: Sent, heard: Heard) -> str:
        """Thinking that was told apart stands between the model's own markers again."""
        if not heard.thinking:
            return heard.answer
        marks = self._model.thinking
        opened = f"{marks.open}{heard.thinking}"
        if sent.begun is not None:
            opened = heard.thinking.removeprefix(sent.begun)
        return f"{opened}{marks.close}{heard.answer}" if heard.answer else opened

    def _reasoning(
        self, sent: Sent, heard: Heard, text: str, counts: "_Counts", output: int | None
    ) -> int | None:
        marks = self._model.thinking
        told = counts.get("reasoning_tokens", "completion_tokens_details")
        if told is not None and (told or not heard.thinking):
            return told
        if not self.closing(sent.request):
            return 0
        if marks.close not in text or text.endswith(marks.close):
            seen = heard.thinking or self._prompts is not None or marks.open in text
            return output if seen else None
        if self._prompts is None or output is None:
            return None
        thought = text[: text.index(marks.close) + len(marks.close)]
        return counts.estimated("reasoning_tokens", min(output, self._count(thought)))

    def _written(self, request: Request) -> tuple[int, ...] | None:
        if not request.written:
            return ()
        if self._prompts is None:
            return None
        return self._prompts.written_tokens(request, self._model.thinking.open)

    def _count(self, text: str) -> int:
        return 1 if self._prompts is None else self._prompts.count(text)


class _Counts:
    """A server's usage; what it does not tell is None, never 0."""

    def __init__(self, usage: dict[str, Any]) -> None:
        self._usage = usage
        self.own: list[Counted] = []

    def get(self, name: str, within: str | None = None) -> int | None:
        """A count that the server told."""
        found: Any = self._usage if within is None else self._usage.get(within)
        count = found.get(name) if isinstance(found, dict) else None
        return count if type(count) is int and count >= 0 else None

    def estimated(self, name: Counted, count: int) -> int:
        """A count of ours, noted as such."""
        self.own.append(name)
        return count


def _finish(heard: Heard, marker: str | None) -> Finish:
    if marker is not None:
        return "stop"
    return "length" if heard.finish == "length" else "end"
