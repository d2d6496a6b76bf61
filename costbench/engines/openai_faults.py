"""What can go wrong with a request to a server, sorted by what to do next; keys never get into a message."""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from costbench.errors import EngineError, RequestError
from costbench.types import Frozen

_OVERLOADED = frozenset({408, 409, 425, 429})
_FROM_SERVER_ERRORS = 500
_UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_OVERFLOW = re.compile(
    r"context[ _](length|window|size)|max_model_len|maximum model length|too many tokens",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:maximum )?(?:context|model) (?:length|window)[^0-9]{0,24}([\d,]+)", re.IGNORECASE
)
_SENT = re.compile(
    r"([\d,]+) (?:in the (?:messages|prompt)|input tokens|prompt tokens)|prompt contains[^0-9]*([\d,]+)",
    re.IGNORECASE,
)
_SHOWN = 300


class Retries(Frozen):
    """How often a request that failed is sent again: waits double, each up to half longer or shorter."""

    at_most: Annotated[int, Field(ge=0, le=100)] = 5
    first_wait_s: Annotated[float, Field(gt=0)] = 0.5
    longest_wait_s: Annotated[float, Field(gt=0)] = 60.0
    """A server that asks for more patience (Retry-After) is asked again after this."""

    def wait_s(self, failed: int, asked_s: float | None) -> float:
        """Seconds to wait after so many failures in a row; `asked_s` is what the server asks for."""
        backoff_s = self.first_wait_s * 2.0 ** min(failed - 1, 30)
        if asked_s is not None:
            backoff_s = max(asked_s, self.first_wait_s)
        return float(min(backoff_s, self.longest_wait_s) * random.uniform(0.75, 1.25))


class Passing(Exception):  # noqa: N818 - it may well go over
    """A failure after which the same request is worth another try."""

    def __init__(self, reason: str, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.wait_s = wait_s
        """What the server asks for."""


class Unreachable(Passing):
    """Nobody listens there."""


class RefusedError(RequestError):
    """The server will not have this request; `status` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Room:
    """What a server says of its context when a request does not fit into it; None where it does not."""

    context: int | None
    sent: int | None


class OverflowingError(RequestError):
    """The prompt, or the prompt with the answer it asks for, is longer than the model's context."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.room = Room(_number(_LIMIT, message), _number(_SENT, message))


@dataclass(frozen=True)
class Secrets:
    """Values that no message may show."""

    values: frozenset[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> "Secrets":
        """Those that are there."""
        return cls(frozenset(value for value in values if value))

    def hide(self, text: str) -> str:
        """The text on one line, shortened, with stars for secrets."""
        for secret in sorted(self.values, key=len, reverse=True):
            text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def refusal(status: int, body: object, headers: Mapping[str, str], secrets: Secrets) -> Exception:
    """What an HTTP error means, from its body as JSON or text."""
    said, code = _said(body)
    said = secrets.hide(said)
    message = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if code in _UNPAID:
        return EngineError(f"{message}; the account is out of credit: top it up and run again")
    if status in {401, 403}:  # some quote a part of the key
        return EngineError(f"HTTP {status}: it refuses the key")
    if status in _OVERLOADED or status >= _FROM_SERVER_ERRORS:
        return Passing(f"http_{status}", message, _retry_after(headers))
    if _OVERFLOW.search(f"{said} {code}"):
        return OverflowingError(message)
    return RefusedError(message, status)


def told_in_stream(error: object) -> Exception:
    """The same for an error that comes in the middle of an answer whose status was 200."""
    said, code = _said({"error": error})
    message = f"error in the stream: {said}"
    if _OVERFLOW.search(f"{said} {code}"):
        return OverflowingError(message)
    return Passing("stream_error", message)


def _said(body: object) -> tuple[str, str]:
    """The sentence in an error's body, and its code; servers differ in where they put them."""
    found: Any = body
    for key in ("error", "detail", "message"):
        if isinstance(found, dict) and key in found:
            code = found.get("code") if key == "message" else None
            found = found[key]
            if code is not None:
                return str(found), str(code)
    return ("" if found is None else str(found)), ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; the form with a date is rare and not read."""
    for name, per_s in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / per_s)
        except (KeyError, ValueError):
            continue
    return None


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    digits = next((group for group in found.groups() if group), None) if found else None
    return int(digits.replace(",", "")) if digits else None
