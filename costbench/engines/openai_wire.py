"""One request to a server and one answer, or a fault that says what to do next."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from costbench.engines.openai_faults import Passing, Secrets, Unreachable, refusal
from costbench.engines.openai_hearing import Heard

Route = Literal["chat", "completions"]
Body = dict[str, Any]


@dataclass(frozen=True)
class Address:
    """Where the server is, and what it is told with every request."""

    base_url: str
    remote: bool
    key: str
    headers: dict[str, str]
    secrets: Secrets


class Pace:
    """No more requests a second than so many; None: as many as there are."""

    def __init__(self, per_second: float | None) -> None:
        self._every_s = 1 / per_second if per_second else 0.0
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait for it."""
        if not self._every_s:
            return
        now_s = time.monotonic()
        mine_s = max(now_s, self._next_s)
        self._next_s = mine_s + self._every_s
        await asyncio.sleep(mine_s - now_s)


class Wire:
    """An open client of the `openai` library; its own retries are off, for ours are told."""

    def __init__(self, client: Any, address: Address, *, stream: bool, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self.stream = stream
        self.address = address

    async def ask(self, route: Route, body: Body, heard: Heard) -> None:
        """Send it once and hear the answer out.

        Raises Passing, EngineError or RequestError; what has come until then is in `heard`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ask(route, body, heard)
        except (Passing, asyncio.CancelledError):
            raise
        except Exception as error:
            fault = self._fault(error)
            if fault is None:
                raise
            raise fault from None  # a library's traceback may show headers
        heard.end()

    async def _ask(self, route: Route, body: Body, heard: Heard) -> None:
        known = {key: body[key] for key in ("model", "messages", "prompt") if key in body}
        rest = {key: value for key, value in body.items() if key not in known}
        way = self._client.chat.completions if route == "chat" else self._client.completions
        create = way.with_streaming_response.create
        async with create(**known, stream=self.stream, extra_body=rest) as response:
            if not self.stream:
                heard.take(await response.text())
                return
            async for line in response.iter_lines():
                heard.line(line)
                if heard.marker is not None:
                    return  # the server sees that nobody listens any more

    async def post(self, way: str) -> tuple[int, str]:
        """Something beside OpenAI's interface, at the server's root: HTTP's status and what it says.

        Raises Passing where there is no answer.
        """
        import httpx2
        import openai

        root = self.address.base_url.removesuffix("/v1")
        try:
            answer = await self._client.post(f"{root}/{way}", cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            return error.status_code, ""
        except openai.APIConnectionError as error:
            raise self._fault(error) or error from None
        return answer.status_code, answer.text

    def _fault(self, error: Exception) -> Exception | None:
        """What a library's error means; None for what is no fault of the server's."""
        import aiohttp
        import httpx2
        import openai

        if isinstance(error, openai.APIStatusError):
            headers, secrets = error.response.headers, self.address.secrets
            return refusal(error.status_code, _body_of(error), headers, secrets)
        known = (httpx2.HTTPError, aiohttp.ClientError, openai.OpenAIError, OSError)
        if not isinstance(error, known):
            return None
        causes = tuple(_causes(error))
        root = next((each for each in causes if isinstance(each, aiohttp.ClientError)), error)
        said = self.address.secrets.hide(f"{type(root).__name__}: {root}".rstrip(": "))
        if any(isinstance(each, aiohttp.ClientConnectorError) for each in causes):
            return Unreachable("unreachable", said)
        if any(isinstance(each, TimeoutError) for each in causes):
            return Passing("timeout", f"no answer within {self._timeout_s:g} s")
        return Passing("dropped", said)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The libraries wrap each other's errors, and lose what kind they were."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _body_of(error: Any) -> object:
    """The client unwraps `error` where there is one; else the text may tell."""
    return error.body if error.body is not None else error.message


@asynccontextmanager
async def connect(
    address: Address, connections: int, *, stream: bool, timeout_s: float
) -> AsyncIterator[Wire]:
    """A client for so many requests at once; a proxy is not asked the way to this machine."""
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient, Omit

    # The library would send what it finds in the environment; the suite names what is sent.
    unsaid = dict.fromkeys(("OpenAI-Organization", "OpenAI-Project"), Omit())
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            DefaultAioHttpClient(
                limits=limits, timeout=httpx2.Timeout(timeout_s), trust_env=address.remote
            )
        )
        client = AsyncOpenAI(
            api_key=address.key,
            base_url=address.base_url,
            default_headers=unsaid | address.headers,
            max_retries=0,
            timeout=timeout_s,
            http_client=http,
        )
        yield Wire(client, address, stream=stream, timeout_s=timeout_s)
