"""A server that answers requests: each is sent until it is answered, refused, or has failed too often."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from costbench.engines.openai_answers import Answers, Sent
from costbench.engines.openai_cache import PrefixCache
from costbench.engines.openai_faults import (
    OverflowingError,
    Passing,
    RefusedError,
    Retries,
    Unreachable,
)
from costbench.engines.openai_hearing import Heard
from costbench.engines.openai_prompts import Prompts
from costbench.engines.openai_requests import Form
from costbench.engines.openai_wire import Pace, Wire
from costbench.errors import ContextFullError, EngineError, RequestError, TransientError
from costbench.types import Completion, LatencyBasis, Message, Model, Request, Retry

QUESTION = (Message(role="user", content="Say 1."),)
"""What a server is asked to see what it takes."""
_GIVES_UP_AFTER = 20
"""Requests in a row that all failed: then it is the server, and not the requests."""


@dataclass
class Continuing:
    """Whether what is already written can be continued, and how."""

    prompts: Prompts | None
    cannot: str | None = None
    """Why not."""
    listens: bool = False
    """The server takes no stop markers that can be told from an end: we listen for them."""


class Server:
    """One model of one server."""

    latency_basis: LatencyBasis = "client"
    gpu_uuids: Sequence[str] = ()

    def __init__(self, wire: Wire, form: Form, pace: Pace, retries: Retries, model: Model) -> None:
        self._wire = wire
        self.form = form
        self._pace = pace
        self.retries = retries
        self._model = model
        self._failed_in_a_row = 0
        self._context: int | None = None
        self.continuing = Continuing(None)
        self.doubts: tuple[str, ...] = ()
        self.versions: dict[str, str] = {}
        self.cache = PrefixCache(wire, wanted=False)

    @property
    def place(self) -> str:
        """For messages."""
        return f"engine openai at {self._wire.address.base_url}"

    @property
    def cannot_continue(self) -> str | None:
        """Why what is already written cannot be continued; None where it can."""
        if self.continuing.cannot is None:
            return None
        return (
            f"{self.place}: what is already written cannot be continued: {self.continuing.cannot}"
        )

    @property
    def _answers(self) -> Answers:
        return Answers(self._model, self.continuing.prompts)

    async def reset_prefix_cache(self) -> bool:
        """Empty the server's prefix cache; False where it has no way for that."""
        return await self.cache.reset()

    async def generate(self, request: Request) -> Completion:
        """Send it as often as it takes.

        Raises EngineError where the server is gone, TransientError after the last try, RequestError.
        """
        raw = bool(request.written) or (bool(request.stop) and self.cannot_continue is None)
        if request.written and self.cannot_continue is not None:
            raise RequestError(self.cannot_continue)
        prompts, prompt, begun = self.continuing.prompts, None, None
        if prompts is not None:
            marker = self._model.thinking.open
            prompt = prompts.written(request, marker)
            begun = prompts.thinking_begun(request, marker)
        sent = Sent(
            request,
            prompt,
            time.monotonic(),
            told=raw and (self.continuing.listens or self.form.takes.shows_marker),
            begun=begun,
        )
        try:
            done = await self._until_answered(sent, raw=raw)
        except ContextFullError:
            raise
        except RequestError as error:
            self._note_failure(error)
            raise
        self._failed_in_a_row = 0
        return done

    async def why_no_thinking_budget(self) -> str | None:
        """Why the server does not end thinking by itself; whether it can is asked by two requests.

        Many servers ignore fields that they do not know; one that heeds it refuses what is no number.
        """
        asked = Request(messages=QUESTION, max_tokens=1, seed=0, thinking_token_budget=1)
        try:
            await self.generate(asked)
        except RequestError as error:
            return f"{self.place}: `thinking_token_budget` is refused: {error}"
        form = self.form
        self.form = replace(form, extra=form.extra | {"thinking_token_budget": "much"})
        try:
            await self.generate(asked)
        except RefusedError:
            return None
        except RequestError as error:
            return f"{self.place}: whether it heeds `thinking_token_budget` cannot be told: {error}"
        finally:
            self.form = form
        return (
            f"{self.place} ignores `thinking_token_budget`; use the policy `budget_forcing`, or a server "
            "of vLLM"
        )

    def _note_failure(self, error: RequestError) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _GIVES_UP_AFTER:
            raise EngineError(
                f"{self.place}: {_GIVES_UP_AFTER} requests in a row failed, the last with: {error}; "
                "look at the server, then run again to resume"
            ) from error

    async def _until_answered(self, sent: Sent, *, raw: bool) -> Completion:
        failed: list[Retry] = []
        max_tokens = self._room(sent)
        while True:
            await self._pace.turn()
            if not failed:  # what our own rate limit took is not the server's
                sent = replace(sent, submitted_s=time.monotonic())
            listens = raw and self.continuing.listens
            heard = Heard(
                sent.request.stop if listens else (),
                self._wire.stream,
                sent.begun or "",
                "" if sent.request.answering else self._answers.closing(sent.request),
            )
            began_s = time.monotonic() if failed else sent.submitted_s
            try:
                route, body = self.form.body(sent.request, sent.prompt if raw else None, max_tokens)
                await self._wire.ask(route, body, heard)
                return self._answers.completion(sent, heard, began_s, tuple(failed))
            except OverflowingError as error:
                max_tokens = self._less(sent, error, max_tokens)
            except Passing as fault:
                failed.append(self._failure(sent, heard, fault, began_s))
                if len(failed) > self.retries.at_most:
                    raise self._given_up(fault, failed) from None
                await asyncio.sleep(self.retries.wait_s(len(failed), fault.wait_s))
            except RequestError as error:
                error.retries = failed
                raise
            except EngineError as error:
                raise EngineError(f"{self.place}: {error}") from None

    def _failure(self, sent: Sent, heard: Heard, fault: Passing, began_s: float) -> Retry:
        return Retry(
            reason=fault.reason,
            message=self._wire.address.secrets.hide(str(fault)),
            submitted_s=began_s,
            failed_s=time.monotonic(),
            first_token_s=heard.first_token_s,
            **self._answers.lost(sent, heard),
        )

    def _given_up(self, fault: Passing, failed: list[Retry]) -> Exception:
        told = f"{self.place}: {failed[-1].message}"
        if isinstance(fault, Unreachable):
            return EngineError(f"{told}; start the server and run again to resume")
        times = f"failed {len(failed)} times" if len(failed) > 1 else "failed"
        error = TransientError(f"{told}; the request {times}")
        error.retries = failed
        return error

    def _room(self, sent: Sent) -> int:
        """What the answer may have of a context that the server told of."""
        wanted, prompts = sent.request.max_tokens, self.continuing.prompts
        if self._context is None or sent.prompt is None or prompts is None:
            return wanted
        room = self._context - prompts.count_prompt(sent.prompt)
        if room < 1:
            raise ContextFullError(f"{self.place}: the prompt fills the context of {self._context}")
        return min(wanted, room)

    def _less(self, sent: Sent, error: OverflowingError, asked: int) -> int:
        """So many tokens as there is room for; raises ContextFullError where there is none."""
        self._context = error.room.context or self._context
        read = error.room.sent
        if read is None and sent.prompt is not None and self.continuing.prompts is not None:
            read = self.continuing.prompts.count_prompt(sent.prompt)
        if self._context is None or read is None or not 0 < self._context - read < asked:
            raise ContextFullError(
                f"{self.place}: {self._wire.address.secrets.hide(str(error))}"
            ) from None
        return self._context - read
