"""The embedded model through transformers' own continuous batching, beside static batches of it."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import costbench
from greedy_policies import on_every_engine
from small_suite import write_small_suite
from transformers import AutoModelForCausalLM, BloomConfig
from vllm_cpu.loaded import GREEDY, MODEL, Loaded, loaded

from costbench.attempts import Attempt
from costbench.datasets.arithmetic import Arithmetic
from costbench.engines import paged
from costbench.engines.paged import page_attention
from costbench.engines.transformers import TransformersEngine
from costbench.errors import ContextFullError, EngineError
from costbench.interfaces import OpenEngine, Policy
from costbench.policies.asking import ask
from costbench.types import Completion, Message, Request, Sampling

PROBLEMS = tuple(Arithmetic(problems=12, seed=11, levels=(1, 4)).load())
CONTINUOUS = TransformersEngine(device="cpu", batching="continuous")
DRAWN = Sampling(temperature=0.8, top_p=0.9, top_k=20)
SOON_S = 30.0
"""Whatever takes longer hangs."""


@pytest.fixture(scope="module")
def static() -> Iterator[Loaded]:
    with loaded(TransformersEngine(device="cpu")) as found:
        yield found


@pytest.fixture(scope="module")
def continuous() -> Iterator[Loaded]:
    with loaded(CONTINUOUS) as found:
        yield found


def asked(number: int = 0, **keys: object) -> Request:
    return Request(
        **{"messages": ask(PROBLEMS[number]), "max_tokens": 200, "sampling": GREEDY, "seed": 1}
        | keys
    )


def ids(done: list[Completion]) -> list[object]:
    return [(each.sampled.token_ids, each.marker, each.finish) for each in done]


def counts(done: Attempt, name: str) -> list[int]:
    return [getattr(call.completion, name) for call in done.calls]


@on_every_engine()
def test_it_says_and_counts_what_static_batches_do(
    policy: Policy, continuous: Loaded, static: Loaded
) -> None:
    for one, other in zip(
        continuous.tries(policy, PROBLEMS, GREEDY),
        static.tries(policy, PROBLEMS, GREEDY),
        strict=True,
    ):
        assert one.error is None
        assert one.solution == other.solution  # texts, token ids and their counts
        for name in (
            "input_tokens", "output_tokens", "reasoning_tokens", "finish", "written_tokens", "marker",
        ):  # fmt: skip
            assert counts(one, name) == counts(other, name), name


def test_rows_of_all_lengths_end_at_their_own_step(continuous: Loaded, static: Loaded) -> None:
    requests = [
        asked(number % len(PROBLEMS), max_tokens=1 + 7 * number, ignore_eos=bool(number % 3))
        for number in range(20)
    ]
    done = continuous.answer(*requests)
    assert ids(done) == ids(static.answer(*requests))
    assert {each.finish for each in done} == {"end", "length"}
    for request, each in zip(requests, done, strict=True):
        assert not request.ignore_eos or each.output_tokens == request.max_tokens


def test_a_marker_of_several_tokens_ends_a_row_with_its_last_one(
    continuous: Loaded, static: Loaded
) -> None:
    (whole,) = static.answer(asked())
    marker = of_three_tokens(whole, static)
    requests = [asked(stop=(marker,)), asked(1), asked(2, stop=("</think>",))]
    done = continuous.answer(*requests)
    assert ids(done) == ids(static.answer(*requests))
    assert [each.finish for each in done] == ["stop", "end", "stop"]
    assert done[0].marker is not None
    assert (done[0].marker.text, done[0].marker.tokens) == (marker, 3)


def of_three_tokens(done: Completion, engine: Loaded) -> str:
    """A stretch of a response that is spelled in the same tokens when it stands alone."""
    renderer, tokens = engine.opened._renderer, done.sampled.token_ids
    assert tokens is not None
    for at in range(20, len(tokens) - 3):
        text = renderer._tokenizer.decode(tokens[at : at + 3])
        if renderer._encode(text) == tokens[at : at + 3]:
            return str(text)
    pytest.fail("no three tokens in a row are spelled alike")


def test_times_are_in_order_and_of_the_monotonic_clock(continuous: Loaded) -> None:
    before_s = time.monotonic()
    for done in continuous.answer(*(asked(number, max_tokens=600) for number in range(8))):
        assert done.first_token_s is not None
        assert done.first_answer_token_s is not None
        assert done.inter_token_s is not None
        assert done.output_tokens is not None
        order = [
            before_s, done.submitted_s, done.started_s, done.first_token_s, done.first_answer_token_s,
            done.finished_s, time.monotonic(),
        ]  # fmt: skip
        assert order == sorted(order)
        assert len(done.inter_token_s) == done.output_tokens - 1
        assert min(done.inter_token_s) > 0
        assert done.finished_s - done.first_token_s == pytest.approx(sum(done.inter_token_s))


def test_a_request_joins_the_ones_that_are_being_answered() -> None:
    async def run() -> tuple[Completion, Completion]:
        async with CONTINUOUS.open(MODEL, 4) as engine:
            await engine.generate(asked(max_tokens=1))
            first = asyncio.create_task(engine.generate(asked(max_tokens=300, ignore_eos=True)))
            await asyncio.sleep(0.3)
            second = await engine.generate(asked(1, max_tokens=20, ignore_eos=True))
            assert not first.done()
            return await first, second

    first, second = asyncio.run(run())
    assert first.first_token_s is not None
    assert first.first_token_s < second.started_s < second.finished_s < first.finished_s
    assert second.batch_size == 2
    assert first.batch_size == pytest.approx(1 + 20 / 300)


def test_no_more_rows_are_answered_together_than_the_suite_says() -> None:
    engine = TransformersEngine(device="cpu", batching="continuous", max_batch_size=3)
    requests = [asked(n, max_tokens=30, ignore_eos=True) for n in range(9)]
    with loaded(engine) as opened:
        done = opened.answer(*requests)
    assert all(each.batch_size == 3 for each in done)
    for one, next_one in pairwise(sorted({each.started_s for each in done})):
        assert next_one > one
    starts = sorted(each.started_s for each in done)
    assert starts[3] > min(each.finished_s for each in done)


def test_consecutive_cells_may_draw_otherwise(continuous: Loaded, static: Loaded) -> None:
    """Greedy ones among them are those of before: nothing of a sampling stays."""
    greedy = [asked(number, max_tokens=40) for number in range(4)]
    drawn = [asked(number, max_tokens=40, sampling=DRAWN) for number in range(4)]
    mixed = continuous.answer(*(each for pair in zip(greedy, drawn, strict=True) for each in pair))
    assert ids(mixed[::2]) == ids(static.answer(*greedy))
    assert ids(mixed[1::2]) != ids(mixed[::2])
    for narrow in (Sampling(temperature=1.5, top_k=1), Sampling(temperature=1.5, top_p=1e-6)):
        done = continuous.answer(*(asked(n, max_tokens=40, sampling=narrow) for n in range(4)))
        assert ids(done) == ids(mixed[::2])


def test_alone_a_request_is_drawn_by_its_seed(continuous: Loaded) -> None:
    def drawn(seed: int) -> object:
        return ids(continuous.answer(asked(sampling=Sampling(temperature=1.5), seed=seed)))

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)


def test_temperature_is_that_of_the_suite(continuous: Loaded) -> None:
    """First tokens of the same prompt, against the model's own probabilities."""
    prompt = asked(5, max_tokens=1)
    first = continuous.opened._renderer.render(prompt).prompt_ids
    model = AutoModelForCausalLM.from_pretrained(
        Path(paged.__file__).parents[1] / "embedded" / "abacus-base", dtype=torch.float32
    )
    (greedy,) = continuous.answer(asked(5, max_tokens=12))
    assert greedy.sampled.token_ids is not None
    written = greedy.sampled.token_ids
    with torch.inference_mode():
        logits = model(torch.tensor([[*first, *written]])).logits[0, len(first) - 1 : -1]
    # The place where the model is least sure, so that there is something to be seen.
    place = int(torch.softmax(logits / 2.0, -1).max(-1).values.argmin())
    expected = torch.softmax(logits[place] / 2.0, -1)
    ask_there = asked(
        5,
        max_tokens=1,
        sampling=Sampling(temperature=2.0, top_p=1.0),
        messages=(Message(role="user", content="", token_ids=(*first, *written[:place])),),
    )
    times = 600
    found = [each.sampled.token_ids for each in continuous.answer(*[ask_there] * times)]
    top = int(expected.argmax())
    share, p = found.count((top,)) / times, float(expected[top])
    assert abs(share - p) < 4 * (p * (1 - p) / times) ** 0.5


def test_prompts_are_read_in_parts_and_rows_wait_for_room(
    monkeypatch: pytest.MonkeyPatch, static: Loaded
) -> None:
    """With cache for about three of eight rows, those that find none are read again later."""
    monkeypatch.setitem(paged._STEP_TOKENS, "cpu", 40)
    monkeypatch.setattr(paged, "_CPU_CACHE_BYTES", 9 * 32 * 4 * (2 * 4 * 128 + 40))
    requests = [asked(n, max_tokens=180, ignore_eos=True) for n in range(8)]
    with loaded(CONTINUOUS) as opened:
        done = opened.answer(*requests)
    assert ids(done) == ids(static.answer(*requests))
    for each in done:
        assert each.first_token_s is not None
        assert each.submitted_s <= each.started_s <= each.first_token_s
        assert each.batch_size is not None
        assert 1 <= each.batch_size < 8


def test_a_full_context_is_told_and_a_nearly_full_one_used_up(
    continuous: Loaded, static: Loaded
) -> None:
    def long(tokens: int) -> Request:
        message = Message(role="user", content="", token_ids=tuple(range(3, 103)) * 11)
        cut = message.model_copy(update={"token_ids": message.token_ids[:tokens]})
        return asked(messages=(cut,), ignore_eos=True)

    with pytest.raises(ContextFullError, match="1024 tokens, the model's context 1024"):
        continuous.answer(long(1024))
    done = continuous.answer(long(1004), asked())
    assert ids(done) == ids(static.answer(long(1004), asked()))
    assert (done[0].finish, done[0].output_tokens) == ("length", 20)


def test_closing_in_mid_flight_ends_at_once_and_tells_those_who_wait() -> None:
    async def run() -> list[Any]:
        async with CONTINUOUS.open(MODEL, 2) as engine:
            requests = [asked(n, max_tokens=900, ignore_eos=True) for n in range(4)]
            requests.append(asked(sampling=DRAWN))  # waits for the others to end
            waiting = [asyncio.create_task(engine.generate(each)) for each in requests]
            await asyncio.sleep(0.5)
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 2
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
            waiting = [
                asyncio.create_task(engine.generate(asked(n, ignore_eos=True))) for n in range(5)
            ]
            await asyncio.sleep(0.2)
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
    monkeypatch.setattr(paged, "_CPU_CACHE_BYTES", 1 << 60)
    monkeypatch.setitem(paged._BLOCK, "cpu", 1 << 30)

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


def test_on_a_cpu_batches_are_static_unless_asked_otherwise(
    static: Loaded, continuous: Loaded
) -> None:
    assert "attention" not in static.opened.versions
    assert continuous.opened.versions["attention"] == "paged|sdpa"


def test_a_whole_run(tmp_path: Path) -> None:
    suite = write_small_suite(tmp_path, problems=4, samples=2)
    text = suite.read_text()
    plain = "engine: {kind: transformers, device: cpu}"
    assert plain in text
    suite.write_text(text.replace(plain, plain[:-1] + ", batching: continuous}"))
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
