"""One request to a server and one answer, or a fault that says what to do next."""

import asyncio
import importlib.metadata
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from costbench.engines.openai_faults import Passing, Secrets, Unreachable, refusal
from costbench.engines.openai_hearing import Heard

if TYPE_CHECKING:
    import aiohttp

Route = Literal["chat", "completions"]
Body = dict[str, Any]
_WAYS: dict[Route, str] = {"chat": "chat/completions", "completions": "completions"}
_KEPT_S = 4.0
"""Of an unused connection: uvicorn, under most servers, closes it after 5 s, perhaps as a request comes."""
_OK, _MOVED = range(200, 300), range(300, 400)


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
    """Open connections to one server; nothing is sent twice, for retries are told."""

    def __init__(
        self, session: "aiohttp.ClientSession", address: Address, *, stream: bool, timeout_s: float
    ) -> None:
        self._session = session
        self._timeout_s = timeout_s
        self.stream = stream
        self.address = address

    async def ask(self, route: Route, body: Body, heard: Heard) -> None:
        """Send it once and hear the answer out.

        Raises Passing, EngineError or RequestError; what has come until then is in `heard`.
        """
        url = f"{self.address.base_url}/{_WAYS[route]}"
        async with self._answer(url, body | {"stream": self.stream}) as response:
            if response.status not in _OK:
                raise await self._refusal(response)
            if self.stream:
                await _hear(response, heard)
            else:
                heard.take(await response.text(errors="replace"))
        heard.end()

    async def post(self, way: str) -> tuple[int, str]:
        """Something beside OpenAI's interface, at the server's root: HTTP's status and what it says.

        Raises Passing where there is no answer.
        """
        url = f"{self.address.base_url.removesuffix('/v1')}/{way}"
        async with self._answer(url, None) as response:
            return response.status, await response.text(errors="replace")

    @asynccontextmanager
    async def _answer(self, url: str, body: Body | None) -> "AsyncIterator[aiohttp.ClientResponse]":
        """Raises what a library's error means."""
        import aiohttp

        try:
            async with (
                asyncio.timeout(self._timeout_s),
                # Followed, a redirection would take keys to another server.
                self._session.post(url, json=body, allow_redirects=False) as response,
            ):
                yield response
        except TimeoutError:
            raise Passing("timeout", f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # Not chained: the library's traceback may show headers.
            told = self.address.secrets.hide(f"{type(error).__name__}: {error}".rstrip(": "))
            if isinstance(error, aiohttp.ClientConnectorError):
                raise Unreachable("unreachable", told) from None
            raise Passing("dropped", told) from None

    async def _refusal(self, response: "aiohttp.ClientResponse") -> Exception:
        text = await response.text(errors="replace")
        if response.status in _MOVED:
            text = f"moved to {response.headers.get('location', 'somewhere')}; say so in `base_url`"
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text
        return refusal(response.status, body, response.headers, self.address.secrets)


async def _hear(response: "aiohttp.ClientResponse", heard: Heard) -> None:
    rest = b""
    async for data in response.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            heard.line(line.decode(errors="replace"))
            if heard.marker is not None:
                return  # the server sees that nobody listens any more
    heard.line(rest.decode(errors="replace"))


def _proxy(address: Address) -> str | None:
    """The environment's; aiohttp, left to find it, would send what a .netrc has for the server, too."""
    parts = urlsplit(address.base_url)
    if not address.remote or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if found and found.startswith("http") else None


@asynccontextmanager
async def connect(
    address: Address, connections: int, *, stream: bool, timeout_s: float
) -> AsyncIterator[Wire]:
    """For so many requests at once; a proxy is not asked the way to this machine."""
    import aiohttp
    from multidict import CIMultiDict

    headers = CIMultiDict(
        {
            "Authorization": f"Bearer {address.key}",
            "Accept-Encoding": "identity",  # compressed, chunks would wait for each other
            "User-Agent": f"costbench/{importlib.metadata.version('costbench')}",
        }
    )
    headers.update(address.headers)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEPT_S),
        headers=headers,
        timeout=aiohttp.ClientTimeout(),
        proxy=_proxy(address),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Wire(session, address, stream=stream, timeout_s=timeout_s)
