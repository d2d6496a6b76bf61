"""What a server is sent, as far as it takes it: learned from small requests when a run begins."""

from dataclasses import dataclass, replace
from typing import Any

from costbench.engines.openai_wire import Body, Route
from costbench.errors import EngineError
from costbench.types import Request, Sampling

_SEEDS = 2**31
"""Some servers read a seed as 32 bits."""


@dataclass(frozen=True)
class Takes:
    """Fields that a server accepts."""

    limit: str = "max_tokens"
    """What it calls the most tokens of an answer."""
    top_k: bool = True
    seed: bool = True
    ones: bool = True
    """A temperature and a top_p of 1 are said; some models take neither, and sample so anyway."""
    usage: bool = True
    """`stream_options`: counts come at the end of a stream without being asked for, or not at all."""
    shows_marker: bool = True
    """`include_stop_str_in_output`: what ended an answer can be told from the answer."""
    stop: bool = True

    def without(self, said: str) -> "Takes | None":
        """The same without the field that a refusal names; None where it names none of these."""
        if self.limit == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, limit="max_completion_tokens")
        fields = {
            "top_k": "top_k",
            "stream_options": "usage",
            "include_stop_str_in_output": "shows_marker",
            "seed": "seed",
            "temperature": "ones",
            "top_p": "ones",
        }
        for name, field in fields.items():
            if name in said and getattr(self, field):
                without: dict[str, Any] = {field: False}
                return replace(self, **without)
        return None


@dataclass(frozen=True)
class Form:
    """How requests to one model of one server look."""

    served_name: str
    stream: bool
    extra: dict[str, Any]
    takes: Takes = Takes()

    def body(self, request: Request, prompt: str | None, max_tokens: int) -> tuple[Route, Body]:
        """As a chat, or with `prompt` as a plain completion of it; raises EngineError for what is no text."""
        if request.ignore_eos or any(m.token_ids is not None for m in request.messages):
            raise EngineError(
                "engine openai: prompts of token ids and fixed lengths are not sent to servers; use "
                "the engine `vllm` or `transformers`"
            )
        body: Body = {"model": self.served_name, self.takes.limit: max_tokens} | self._drawn(
            request
        )
        if self.stream and self.takes.usage:
            body["stream_options"] = {"include_usage": True}
        if request.stop and self.takes.stop:
            body["stop"] = list(request.stop)
            if self.takes.shows_marker and prompt is not None:
                body["include_stop_str_in_output"] = True
        if prompt is None:
            body["messages"] = [message.turn for message in request.messages]
            return "chat", body | self.extra
        body["prompt"] = prompt
        return "completions", body | self._of_completions

    def _drawn(self, request: Request) -> Body:
        """How tokens are drawn."""
        sampling = request.sampling or Sampling()
        said: Body = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if not self.takes.ones:
            said = {name: value for name, value in said.items() if value != 1}
        if self.takes.top_k:
            said["top_k"] = sampling.top_k
        if self.takes.seed and request.seed is not None:
            said["seed"] = request.seed % _SEEDS
        if request.thinking_token_budget is not None:
            said["thinking_token_budget"] = request.thinking_token_budget
        return said

    @property
    def _of_completions(self) -> dict[str, Any]:
        """What belongs to a chat's template is in the prompt already."""
        return {k: v for k, v in self.extra.items() if k not in {"chat_template_kwargs"}}
