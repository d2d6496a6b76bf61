"""Continuous batching when it is closed, interrupted, cancelled, refused, or when it breaks."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import COMMAND, costbench
from engines.continuous import CONTINUOUS, DRAWN, asked, begun
from loaded import MODEL
from small_suite import write_small_suite
from test_end_to_end import wait_for_attempts
from transformers import AutoModelForCausalLM, BloomConfig, DeepseekV3Config

from costbench.engines import paged_sizes
from costbench.engines.continuous import ContinuousBatcher
from costbench.engines.paged import page_attention
from costbench.engines.random_weights import NoTokenizer
from costbench.engines.transformers import TransformersEngine
from costbench.errors import EngineError
from costbench.interfaces import OpenEngine
from costbench.types import Completion, Model

SOON_S = 30.0
"""Whatever takes longer hangs."""


def test_closing_in_mid_flight_ends_at_once_and_tells_those_who_wait() -> None:
    async def run() -> list[Any]:
        async with CONTINUOUS.open(MODEL, 2) as engine:
            requests = [asked(n, max_tokens=900, ignore_eos=True) for n in range(4)]
            requests.append(asked(sampling=DRAWN))  # waits for the others to end: another top_p
            waiting = [asyncio.create_task(engine.generate(each)) for each in requests]
            await asyncio.sleep(0.5)
            began_s = time.monotonic()
        assert time.monotonic() - began_s < SOON_S / 2  # to the rows' ends would take longer
        with pytest.raises(EngineError, match="closed"):
            await engine.generate(asked())
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), SOON_S)

    for outcome in asyncio.run(run()):
        assert isinstance(outcome, EngineError)
        assert "closed" in str(outcome)


def test_what_nobody_waits_for_leaves_the_batch() -> None:
    async def run() -> Completion:
        async with CONTINUOUS.open(MODEL, 8) as engine:
            leaving = [
                asyncio.create_task(engine.generate(asked(n, max_tokens=900, ignore_eos=True)))
                for n in range(7)
            ]
            await asyncio.sleep(0.3)
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
            await engine.generate(asked(max_tokens=1))
            alone = await engine.generate(asked(max_tokens=20, ignore_eos=True))
            other = asked(max_tokens=20, sampling=DRAWN)  # needs that nothing is in flight
            await asyncio.wait_for(engine.generate(other), SOON_S)
            return alone

    assert asyncio.run(run()).batch_size == 1


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (RuntimeError("device-side assert"), "device-side assert; `batching: static` may serve"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to"), "lower `max_batch_size`"),
    ],
)
def test_what_the_model_raises_reaches_all_who_wait_and_all_who_come(
    raised: Exception, said: str
) -> None:
    async def run() -> list[Any]:
        async with CONTINUOUS.open(MODEL, 2) as engine:
            await engine.generate(asked(max_tokens=1))  # its manager is made
            requests = [asked(n, max_tokens=900, ignore_eos=True) for n in range(5)]
            waiting = [asyncio.create_task(engine.generate(each)) for each in requests]
            await begun(engine, 2)
            fail_from_now_on(engine, raised)
            found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), SOON_S)
            with pytest.raises(EngineError, match="the engine failed"):
                await engine.generate(asked())
            return found

    for outcome in asyncio.run(run()):
        assert isinstance(outcome, EngineError)
        assert said in str(outcome)


def test_a_thread_that_is_gone_leaves_nobody_waiting() -> None:
    """Nothing is in flight when it dies, so nobody hears of it before the next request."""

    async def run() -> None:
        async with CONTINUOUS.open(MODEL, 2) as engine:
            await engine.generate(asked(max_tokens=2))
            thread = engine._paged
            thread.stop()
            with pytest.raises(EngineError, match="the thread that decodes has ended"):
                await asyncio.wait_for(engine.generate(asked()), SOON_S)

    asyncio.run(run())


def fail_from_now_on(engine: OpenEngine, error: Exception) -> None:
    def hook(*call: object) -> None:
        raise error

    engine._model.register_forward_pre_hook(hook)


def test_a_cache_that_cannot_be_made_is_told_when_the_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paged_sizes, "_CPU_CACHE_BYTES", 1 << 60)
    monkeypatch.setitem(paged_sizes._BLOCK, "cpu", 1 << 30)

    async def run() -> None:
        async with CONTINUOUS.open(MODEL, 8):
            pytest.fail("it opened")

    with pytest.raises(EngineError, match=r"continuous batching cannot begin: .*lower `max_batch"):
        asyncio.run(run())


def test_a_model_that_it_cannot_serve_is_refused_with_the_other_way() -> None:
    config = BloomConfig(hidden_size=32, n_layer=1, n_head=2, vocab_size=64)
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(EngineError, match=r"cannot be served by continuous.*`batching: static`"):
        page_attention(model, "auto")


def test_what_fails_at_the_first_step_is_told_when_the_model_is_loaded() -> None:
    latent = AutoModelForCausalLM.from_config(
        DeepseekV3Config(
            hidden_size=32, intermediate_size=32, moe_intermediate_size=16, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, n_routed_experts=4, num_experts_per_tok=2,
            n_group=1, topk_group=1, kv_lora_rank=8, q_lora_rank=8, qk_rope_head_dim=8,
            qk_nope_head_dim=8, v_head_dim=8, vocab_size=64, max_position_embeddings=128,
        )
    )  # fmt: skip
    tiny = Model(name="tiny", path="random:tiny")
    with pytest.raises(EngineError, match=r"cannot begin: .*`batching: static` may serve"):
        ContinuousBatcher(latent, NoTokenizer(tiny, 64), tiny, 2, "auto")


@pytest.fixture
def failing_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on there is a GPU for torch, as it is after an illegal access: it fails at everything."""

    def fail(*call: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def begin() -> None:
        for name in ("is_available", "is_initialized"):
            monkeypatch.setattr(torch.cuda, name, lambda: True)
        monkeypatch.setattr(torch.cuda, "empty_cache", fail)

    return begin


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the manager's
def test_a_gpu_that_has_failed_does_not_keep_those_who_wait_from_hearing_of_it(
    failing_gpu: Callable[[], None],
) -> None:
    async def run() -> list[Any]:
        async with CONTINUOUS.open(MODEL, 2) as engine:
            await engine.generate(asked(max_tokens=1))
            requests = [asked(n, max_tokens=900, ignore_eos=True) for n in range(4)]
            waiting = [asyncio.create_task(engine.generate(each)) for each in requests]
            await asyncio.sleep(0.2)
            failing_gpu()
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), SOON_S)

    for outcome in asyncio.run(run()):
        assert isinstance(outcome, EngineError)
        assert "closed" in str(outcome)


def test_a_gpu_that_has_failed_does_not_replace_the_first_error(
    failing_gpu: Callable[[], None],
) -> None:
    async def run() -> None:
        async with TransformersEngine(device="cpu").open(MODEL, 2):
            failing_gpu()
            raise EngineError("the first one")

    with pytest.raises(EngineError, match="the first one"):
        asyncio.run(run())


def write_suite(folder: Path, **sizes: Any) -> None:
    suite = write_small_suite(folder, **sizes)
    text, plain = suite.read_text(), "engine: {kind: transformers, device: cpu}"
    assert plain in text
    suite.write_text(text.replace(plain, plain[:-1] + ", batching: continuous}"))


def test_a_run_that_is_interrupted_ends_soon_and_keeps_what_it_has(tmp_path: Path) -> None:
    write_suite(tmp_path, problems=16, samples=3, concurrency=4)
    with subprocess.Popen(
        [*COMMAND, "run", "small.yaml", "--no-grade"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for_attempts(tmp_path, 4)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "the engine was closed" not in said


def test_a_whole_run(tmp_path: Path) -> None:
    write_suite(tmp_path, problems=4, samples=2)
    done = costbench(tmp_path, "run", "small.yaml")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "ContinuousBatching" not in done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    with closing(sqlite3.connect(run / "run.db")) as database:
        errors, sizes = database.execute(
            "SELECT (SELECT COUNT(*) FROM attempts WHERE error IS NOT NULL),"
            " (SELECT MIN(batch_size) FROM calls)"
        ).fetchone()
    assert errors == 0
    assert sizes >= 1
    report = json.loads(costbench(tmp_path, "report", "--format", "json").stdout)
    assert [cell["attempts"] for cell in report["cells"]] == [8, 8, 8]
    assert {cell["latency_s"]["basis"] for cell in report["cells"]} == {"step"}
