"""A server on loopback that speaks OpenAI's interface, well or badly, as a test's script says."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

PROBE = "Say 1."
"""What the engine asks while it opens."""


@dataclass
class Reply:
    """One answer: its words come as a chunk each."""

    words: tuple[str, ...] = ("1 ", "+ ", "1 ", "is ", "2")
    thinking: tuple[str, ...] = ()
    finish: str | None = "stop"
    usage: dict[str, Any] | None = field(
        default_factory=lambda: {"prompt_tokens": 7, "completion_tokens": 6}
    )
    status: int = 200
    error: object = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Close the socket after so many chunks."""
    first_s: float = 0.0
    """Before the first chunk."""
    second_s: float = 0.0
    """Before the second one."""
    heard: threading.Event | None = None
    """Set by whoever has read a chunk: `second_s` begins when the first one has been."""
    line: str | None = None
    """Instead of the second chunk."""
    bytes_at_a_time: int | None = None
    """Of the network's pieces; None: an event each."""
    thinking_field: str = "reasoning_content"
    extra: dict[str, Any] = field(default_factory=dict)
    """Beside the finish reason."""


Script = Callable[[int, str, dict[str, Any]], Reply]
"""From the number of the request (probes have none), its path and body to the reply."""


class FaultServer:
    """In a thread of its own, in `with`."""

    def __init__(self, script: Script | None = None, probe: Script | None = None) -> None:
        self._script = script or (lambda number, path, body: Reply())
        self._probe = probe or (lambda number, path, body: Reply(words=("1",)))
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.probes: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.told: list[float] = []
        """When each chunk of a stream was about to be written, on time.monotonic's clock."""
        self.cache_ways: dict[str, list[tuple[int, str]]] = {}
        """Answers by path of those that are there; the last one for ever."""
        self.resets: list[str] = []
        """Paths that were asked to empty a cache, and how many requests had come before: "/flush_cache 3"."""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *raised: object) -> None:
        self.die()

    def die(self) -> None:
        """As a killed process does: every socket is closed, and nobody listens any more."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)
            self._thread.join(10)

    def _stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._loop.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._handle, "127.0.0.1", self.port)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        path = first.split()[1].removeprefix("/v1")
        if path in {"/reset_prefix_cache", "/flush_cache"}:
            self.resets.append(f"{path} {len(self.requests)}")
            answers = self.cache_ways.get(path, [(404, "")])
            status, said = answers.pop(0) if len(answers) > 1 else answers[0]
            _head(writer, status, {}, said.encode())
            await writer.drain()
            return True
        probing = PROBE in json.dumps(body)
        heard = self.probes if probing else self.requests
        heard.append((path, headers, body))
        reply = (self._probe if probing else self._script)(len(heard) - 1, path, body)
        return await self._answer(reply, path, body, writer)

    async def _answer(
        self, reply: Reply, path: str, body: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        if reply.status != 200:
            _head(writer, reply.status, reply.headers, json.dumps(reply.error).encode())
            await writer.drain()
            return True
        await asyncio.sleep(reply.first_s)
        chunks = list(_chunks(reply, chat=path.startswith("/chat")))
        if not body.get("stream"):
            _head(writer, 200, {}, json.dumps(_whole(reply, path)).encode())
            await writer.drain()
            return True
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for at, chunk in enumerate(chunks):
            if at == reply.cut_after:
                return False
            await _pause(reply, at)
            self.told.append(time.monotonic())
            said = json.dumps(chunk, ensure_ascii=False)
            line = reply.line if at == 1 and reply.line else f"data: {said}"
            data = f"{line}\n\n".encode()
            size = reply.bytes_at_a_time or len(data)
            for piece in (data[begin : begin + size] for begin in range(0, len(data), size)):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0)
        data = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        await writer.drain()
        return True


async def _pause(reply: Reply, at: int) -> None:
    """Before the chunk of this number."""
    if reply.heard is not None and at == 0:
        reply.heard.clear()
    while reply.heard is not None and at == 1 and not reply.heard.is_set():
        await asyncio.sleep(0.001)
    await asyncio.sleep(reply.second_s if at == 1 else 0)


def _head(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes) -> None:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{more}\r\n".encode()
        + body
    )


def _chunks(reply: Reply, *, chat: bool) -> Any:
    for word in reply.thinking:
        yield {"choices": [{"index": 0, "delta": {reply.thinking_field: word}}]}
    for word in reply.words:
        yield {
            "choices": [{"index": 0, **({"delta": {"content": word}} if chat else {"text": word})}]
        }
    if reply.finish is not None:
        end: dict[str, Any] = {"index": 0, "finish_reason": reply.finish, **reply.extra}
        yield {"choices": [end | ({"delta": {}} if chat else {"text": ""})]}
    if reply.usage is not None:
        yield {"choices": [], "usage": reply.usage}


def _whole(reply: Reply, path: str) -> dict[str, Any]:
    text = "".join(reply.words)
    choice: dict[str, Any] = {"index": 0, "finish_reason": reply.finish, **reply.extra}
    if path.startswith("/chat"):
        choice["message"] = {"content": text, reply.thinking_field: "".join(reply.thinking) or None}
    else:
        choice["text"] = text
    return {"choices": [choice], "usage": reply.usage}
