"""The embedded model through transformers' own continuous batching, beside static batches of it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.continuous import CONTINUOUS, DRAWN, PROBLEMS, asked, begun, ids
from greedy_policies import assert_counted_alike, on_every_engine
from loaded import GREEDY, MODEL, Loaded, loaded
from transformers import AutoModelForCausalLM

from costbench.engines import paged, paged_sizes
from costbench.engines.transformers import TransformersEngine
from costbench.errors import ContextFullError
from costbench.interfaces import Policy
from costbench.policies.budget_forcing import BudgetForcing
from costbench.types import Completion, Message, Request, Sampling


@pytest.fixture(scope="module")
def static() -> Iterator[Loaded]:
    with loaded(TransformersEngine(device="cpu")) as found:
        yield found


@pytest.fixture(scope="module")
def continuous() -> Iterator[Loaded]:
    with loaded(CONTINUOUS) as found:
        yield found


@on_every_engine()
def test_it_says_and_counts_what_static_batches_do(
    policy: Policy, continuous: Loaded, static: Loaded
) -> None:
    ours = continuous.tries(policy, PROBLEMS, GREEDY)
    theirs = static.tries(policy, PROBLEMS, GREEDY)
    assert_counted_alike(ours, theirs)
    assert [one.solution for one in ours] == [other.solution for other in theirs]  # texts and ids


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
            first = asyncio.create_task(engine.generate(asked(max_tokens=900, ignore_eos=True)))
            await begun(engine, 1)
            second = await engine.generate(asked(1, max_tokens=20, ignore_eos=True))
            assert not first.done()
            return await first, second

    first, second = asyncio.run(run())
    assert first.first_token_s is not None
    assert first.first_token_s < second.started_s < second.finished_s < first.finished_s
    assert second.batch_size == 2
    assert first.batch_size == pytest.approx(1 + 20 / 900)


def test_no_more_rows_are_answered_together_than_the_suite_says() -> None:
    """Long rows before and behind those that are looked at, so that there always are enough."""
    settings = TransformersEngine(device="cpu", batching="continuous", max_batch_size=3)
    long = [asked(n, max_tokens=900, ignore_eos=True) for n in range(3)]
    short = [asked(n, max_tokens=30, ignore_eos=True) for n in range(9)]

    async def run(engine: Any) -> tuple[list[Completion], list[Completion]]:
        before = [asyncio.create_task(engine.generate(each)) for each in long]
        await begun(engine, 3)
        later = [asyncio.create_task(engine.generate(each)) for each in (*short, *long)]
        done = await asyncio.gather(*before), await asyncio.gather(*later[: len(short)])
        for task in later[len(short) :]:
            task.cancel()
        await asyncio.gather(*later, return_exceptions=True)
        return done

    with loaded(settings) as opened:
        before, done = opened.call(run(opened.opened))
    assert all(each.batch_size == 3 for each in done)
    first_end_s = min(each.finished_s for each in before)
    assert max(each.submitted_s for each in done) < first_end_s
    assert min(each.started_s for each in done) > first_end_s


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


def test_greedy_answers_join_rows_that_are_drawn(continuous: Loaded, static: Loaded) -> None:
    """Nothing waits for others to end, and no other manager is made."""
    drawn = asked(1, max_tokens=900, ignore_eos=True, sampling=Sampling())
    requests = [asked(number, max_tokens=40) for number in range(3)]

    async def run() -> list[Completion]:
        engine = continuous.opened
        await engine.generate(drawn.model_copy(update={"max_tokens": 1}))
        manager = engine._paged
        others = [asyncio.create_task(engine.generate(drawn)) for _ in range(3)]
        await begun(engine, 3)
        done = [await engine.generate(each) for each in requests]
        assert not any(other.done() for other in others)
        assert engine._paged is manager
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return done

    done = continuous.call(run())
    assert all(each.batch_size == 4 for each in done)
    assert ids(done) == ids(static.answer(*requests))


def test_an_attempt_that_draws_its_thinking_and_not_its_answer_keeps_its_manager(
    continuous: Loaded,
) -> None:
    continuous.answer(asked(max_tokens=1, sampling=DRAWN))
    manager = continuous.opened._paged
    forced = BudgetForcing(style="l1_eval", budget=24, waits=1)
    for done in continuous.tries(forced, PROBLEMS[:4], DRAWN):
        assert done.error is None
        assert len(done.calls) >= 2
    assert continuous.opened._paged is manager


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
    monkeypatch.setitem(paged_sizes._STEP_TOKENS, "cpu", 40)
    monkeypatch.setattr(paged_sizes, "_CPU_CACHE_BYTES", 9 * 32 * 4 * (2 * 4 * 128 + 40))
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


def test_on_a_cpu_batches_are_static_unless_asked_otherwise(
    static: Loaded, continuous: Loaded
) -> None:
    assert "attention" not in static.opened.versions
    assert continuous.opened.versions["attention"] == "paged|sdpa"
