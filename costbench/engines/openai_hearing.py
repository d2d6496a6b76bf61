"""One answer of a server, put together from what comes over the wire."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from costbench.engines.openai_faults import Passing, told_in_stream

_THINKING = ("reasoning_content", "reasoning")
"""Servers call it one or the other."""
_ANSWER = ("content", "text", "refusal")
_BROKEN_OFF = frozenset({"abort", "error"})


@dataclass
class Heard:
    """What has come so far. `stop` are markers to listen for, where the server does not."""

    stop: tuple[str, ...] = ()
    streamed: bool = True
    echo: str = ""
    """What of the thinking the chat template has written: some servers tell it before they have thought."""
    close: str = ""
    """The end of thinking to listen for in the text; "": all of it is answer."""
    finish: str | None = None
    stop_reason: object = None
    usage: dict[str, Any] = field(default_factory=dict)
    chunks: int = 0
    """Those with text in them."""
    first_token_s: float | None = None
    first_answer_token_s: float | None = None
    gaps_s: list[float] = field(default_factory=list)
    """Between chunks with text in them."""
    finished_s: float | None = None
    marker: str | None = None
    """The one of `stop` that came; the answer ends before it."""
    _thinking: list[str] = field(
        default_factory=list
    )  # joined once: adding to a long text copies it
    _answer: list[str] = field(default_factory=list)
    _tail: str = ""
    _last_s: float = 0.0
    _before_answer: str = ""

    @property
    def thinking(self) -> str:
        """What came as thinking, apart from the answer."""
        return "".join(self._thinking)

    @property
    def answer(self) -> str:
        """The rest; all of it, from a server that does not tell thinking apart."""
        return "".join(self._answer)

    @property
    def anything(self) -> bool:
        """Whether any text has come."""
        return self.chunks > 0

    def line(self, line: str) -> None:
        """One line of a stream; raises Passing for what is no JSON, or tells of an error."""
        if line.startswith("data:"):
            payload = line[5:].strip()
            if payload and payload != "[DONE]":
                self.take(payload)

    def take(self, payload: str) -> None:
        """A chunk of an answer, or all of it, as JSON; raises what the server tells."""
        found = _read(payload)
        if found.get("error"):
            raise told_in_stream(found["error"])
        usage = found.get("usage")
        if isinstance(usage, dict):
            self.usage = usage
        for choice in found.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._choice(choice)

    def end(self) -> None:
        """Nothing more comes; raises Passing where the answer has no end."""
        if self.finish in _BROKEN_OFF or (self.finish is None and self.marker is None):
            raise Passing("dropped", "the answer ended without an end")
        self.finished_s = self.finished_s or time.monotonic()

    def _choice(self, choice: dict[str, Any]) -> None:
        said = choice.get("delta") or choice.get("message") or choice
        thinking, answer = _first(said, _THINKING), _first(said, _ANSWER)
        echoed = thinking == self.echo and not self._thinking
        if answer or (thinking and not echoed):
            self.chunks += 1
            if self.streamed:
                self._stamp(answer)
        if thinking:
            self._thinking.append(thinking)
        if answer:
            self._hear(answer)
        if choice.get("finish_reason"):
            self.finish = str(choice["finish_reason"])
            self.stop_reason = choice.get("stop_reason")
            self.finished_s = time.monotonic()

    def _stamp(self, answer: str) -> None:
        now_s = time.monotonic()
        if self.first_token_s is None:
            self.first_token_s = now_s
        else:
            self.gaps_s.append(now_s - self._last_s)
        self._last_s = now_s
        if answer and self.first_answer_token_s is None and self._is_answer(answer):
            self.first_answer_token_s = now_s

    def _is_answer(self, text: str) -> bool:
        """Whether text stands behind the thinking, or this is where it begins to."""
        if not self.close or self._thinking:
            return True  # thinking that was told apart is over when the rest comes
        text = self._before_answer + text
        _, close, behind = text.partition(self.close)
        self._before_answer = text if close else text[-len(self.close) :]
        return bool(behind)

    def _hear(self, text: str) -> None:
        self._answer.append(text)
        if not self.stop:
            return
        tail = self._tail + text
        self._tail = tail[-max(map(len, self.stop)) :]
        found = [(at, stop) for stop in self.stop if (at := tail.find(stop)) >= 0]
        if found:
            at, self.marker = min(found)
            whole = self.answer
            self._answer = [whole[: len(whole) - len(tail) + at]]
            if self.marker == self.close:  # what stood behind it is not taken
                self.first_answer_token_s = None
            self.finished_s = time.monotonic()


def _first(said: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if isinstance(text := said.get(name), str) and text), "")


def _read(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
        if isinstance(found, dict):
            choices = found.get("choices")
            if choices is None or all(isinstance(choice, dict) for choice in choices):
                return found
    except (ValueError, TypeError, RecursionError):
        pass
    raise Passing("garbage", f"not an answer in JSON: {payload[:80]!r}")
