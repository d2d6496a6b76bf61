"""Any server that speaks OpenAI's HTTP interface: times are those of our side of the socket.

Plain requests are chats. What is already written is continued by plain completions, with the chat template
rendered here; whether the server can do that is asked once, when a run begins.
"""

import asyncio
import importlib.metadata
import ipaddress
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from costbench.engines.model_files import resolve_model
from costbench.engines.openai_faults import Retries, Secrets
from costbench.errors import EngineError, NotInstalledError
from costbench.interfaces import OpenEngine
from costbench.types import Component, Model

_OURS = frozenset(
    {
        "model",
        "messages",
        "prompt",
        "stream",
        "stop",
        "seed",
        "max_tokens",
        "temperature",
        "top_p",
        "n",
        "top_k",
        "stream_options",
    }
)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,79}")
_NO_KEY = "none"
_AT_THE_START = 2
"""Failures that are patiently retried while a run begins: a server may be loading."""


class OpenaiEngine(Component):
    """A server by its address; keys and secret headers only by the names of environment variables."""

    kind: Literal["openai"] = "openai"
    base_url: str
    """Up to and with "/v1"."""
    api_key_env: str | None = None
    """The environment variable that holds the key; None: the server needs none."""
    headers_env: dict[str, str] = Field(default_factory=dict)
    """More headers, each by the environment variable that holds its value."""
    continuation: Literal["auto", "never"] = "auto"
    tokenizer: Annotated[str, Field(min_length=1)] | None = None
    """A folder, hub id or "embedded:NAME"; the model's path where there is none."""
    stream: bool = True
    top_k: Literal["auto", "never"] = "auto"
    """Whether to send it: to servers that take it, or to none."""
    reset_prefix_cache: Literal["auto", "never"] = "auto"
    """Whether to ask the server to forget prompts before every pass of a cell."""
    request_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    retries: Retries = Retries()
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """More fields of every request, as the server takes them."""

    @field_validator("base_url", mode="after")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            secret = parts.username or parts.password or parts.query or parts.fragment
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none
            secret, good = None, False
        if secret:
            raise ValueError(
                "holds more than an address; a key comes from the environment variable that "
                "`api_key_env` names"
            )
        if not good:
            raise ValueError("expected an address such as http://127.0.0.1:8000/v1")
        return url.rstrip("/")

    @field_validator("api_key_env", mode="after")
    @classmethod
    def _is_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            raise ValueError(_NO_VARIABLE)  # not what it is: it may be a key
        return name

    @field_validator("headers_env", mode="after")
    @classmethod
    def _are_variables(cls, headers: dict[str, str]) -> dict[str, str]:
        if not all(_VARIABLE.fullmatch(name) for name in headers.values()):
            raise ValueError(_NO_VARIABLE)
        return headers

    @field_validator("extra_body", mode="after")
    @classmethod
    def _is_extra(cls, body: dict[str, Any]) -> dict[str, Any]:
        ours = sorted(_OURS & set(body))
        if ours:
            raise ValueError(f"`{ours[0]}` is said elsewhere in the suite")
        return body

    @property
    def remote(self) -> bool:
        """Whether the address is not one of this machine's own."""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return False
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return True

    def terms(self) -> Sequence[str]:
        """Where the server is, and which environment variables have to be there."""
        names = [self.api_key_env, *self.headers_env.values()]
        variables = [
            f"{name} ({'set' if os.environ.get(name) else 'not set'})" for name in names if name
        ]
        return (
            f"server {self.base_url}, {'key from ' + ', '.join(variables) if variables else 'no key'}",
        )

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator[OpenEngine]:
        """Ask the server a few small questions; raises EngineError that says what is missing."""
        _require_library()
        from costbench.engines.openai_cache import PrefixCache
        from costbench.engines.openai_probe import examine
        from costbench.engines.openai_prompts import read_prompts
        from costbench.engines.openai_requests import Form, Takes
        from costbench.engines.openai_server import Server
        from costbench.engines.openai_wire import Address, Pace, connect

        key, headers = self._from_environment()
        address = Address(
            self.base_url,
            self.remote,
            key,
            headers,
            Secrets.of([key if key != _NO_KEY else "", *headers.values()]),
        )
        settings = self.extra_body.get("chat_template_kwargs") or {}
        wanted = self.continuation == "auto"
        prompts = await asyncio.to_thread(read_prompts, model, self.tokenizer, settings, hub=wanted)
        form = Form(
            model.served_name or _served_name(model),
            self.stream,
            self.extra_body,
            Takes(top_k=self.top_k == "auto"),
        )
        async with connect(
            address, concurrency, stream=self.stream, timeout_s=self.request_timeout_s
        ) as wire:
            few = self.retries.model_copy(
                update={"at_most": min(self.retries.at_most, _AT_THE_START)}
            )
            server = Server(wire, form, Pace(self.requests_per_second), few, model)
            server.versions = {"aiohttp": importlib.metadata.version("aiohttp")}
            server.cache = PrefixCache(wire, wanted=self.reset_prefix_cache == "auto")
            await examine(server, model, prompts, wanted=wanted)
            server.retries = self.retries
            yield server

    def _from_environment(self) -> tuple[str, dict[str, str]]:
        key = _read(self.api_key_env, "api_key_env") if self.api_key_env else _NO_KEY
        return key, {
            header: _read(name, f"headers_env.{header}")
            for header, name in self.headers_env.items()
        }


_NO_VARIABLE = (
    "expected the name of an environment variable, such as OPENAI_API_KEY; a key itself never "
    "stands in a suite"
)


def _read(name: str, key: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise EngineError(
            f"engine openai: `{key}: {name}`: the environment variable {name} is not set; export it and "
            "run again"
        )
    if not value.isascii() or not value.isprintable():
        raise EngineError(
            f"engine openai: `{key}: {name}`: the environment variable {name} holds what no HTTP header "
            "can; export it anew"
        )
    return value


def _served_name(model: Model) -> str:
    """Its path as a server is given it on its command line."""
    embedded = model.path.startswith("embedded:")
    return str(resolve_model(model.path)) if embedded else model.path


def _require_library() -> None:
    try:
        importlib.metadata.version("aiohttp")
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalledError(
            f"engine openai: the package {error.name} is not installed; pip install 'costbench[openai]'"
        ) from None
