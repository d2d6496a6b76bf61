"""The engine for servers on `transformers serve`, beside the same model in this process."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai")
pytest.importorskip("aiohttp")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from greedy_policies import on_every_engine

from costbench.attempting import Turn, attempt
from costbench.attempts import Attempt
from costbench.cell import Cell
from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.openai import OpenaiEngine
from costbench.engines.transformers import TransformersEngine
from costbench.errors import EngineError
from costbench.graders.exact import ExactGrader
from costbench.interfaces import Engine, Limited, Policy
from costbench.types import Model, Sampling

EMBEDDED = Path(__file__).parents[2] / "costbench" / "embedded" / "abacus-base"
MODEL = Model(name="abacus-base", path="embedded:abacus-base")
PROBLEMS = tuple(Arithmetic(problems=4, seed=11, levels=(1, 2)).load())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server in a process of its own, which begins when the first test needs it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ("--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32")
    server = subprocess.Popen(
        [sys.executable, "-m", "transformers.cli.transformers", "serve", str(EMBEDDED), *place],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(1800):
            assert server.poll() is None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:  # nobody listens yet, or does not answer yet
                time.sleep(0.1)
        else:
            pytest.fail("the server does not answer")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def tries(engine: Engine, policy: Policy) -> list[Attempt]:
    """Greedily, so that both must say the same."""
    cell = Cell(
        id="g/m/p/d/c4", group="g", engine=engine, model=MODEL, policy_name="p", policy=policy,
        dataset_name="d", problems=PROBLEMS, grader=ExactGrader(), sampling=Sampling(temperature=0),
        concurrency=4,
    )  # fmt: skip

    async def run() -> list[Attempt]:
        async with engine.open(MODEL, 4) as opened:
            if isinstance(opened, Limited):
                assert opened.cannot_continue is None
            work = [attempt(cell, problem, Turn(0), opened) for problem in PROBLEMS]
            return list(await asyncio.gather(*work))

    return asyncio.run(run())


def counts(done: Attempt, name: str) -> int:
    return sum(getattr(call.completion, name) for call in done.calls)


@on_every_engine()
def test_a_server_and_this_process_say_the_same_and_count_the_same(
    policy: Policy, address: str
) -> None:
    served = tries(OpenaiEngine(base_url=address), policy)
    local = tries(TransformersEngine(device="cpu"), policy)
    for one, other in zip(served, local, strict=True):
        assert one.error is None
        assert one.solution.text == other.solution.text
        assert one.solution.finished == other.solution.finished
        for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
            assert counts(one, name) == counts(other, name), name
        injected = [[call.injected_tokens for call in each.calls] for each in (one, other)]
        assert injected[0] == injected[1]
        assert all(call.completion.first_token_s is not None for call in one.calls)


def test_a_model_that_the_server_does_not_have_is_told_when_the_run_begins(address: str) -> None:
    wrong = Model(name="m", path="some/where-else")

    async def run() -> None:
        engine = OpenaiEngine(base_url=address, tokenizer="embedded:abacus-base")
        async with engine.open(wrong, 1):
            pass

    with pytest.raises(EngineError, match="'some/where-else'"):
        asyncio.run(run())
