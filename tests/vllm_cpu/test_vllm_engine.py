"""vLLM on this machine's CPU, beside the transformers engine with the same model."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from greedy_policies import assert_counted_alike, on_every_engine
from loaded import GREEDY, Loaded, loaded
from transformers import AutoTokenizer

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.transformers import TransformersEngine
from costbench.engines.vllm import VllmEngine
from costbench.errors import ContextFullError, EngineError
from costbench.interfaces import Policy
from costbench.policies.asking import ask
from costbench.policies.majority import Majority
from costbench.policies.thinking_token_budget import ThinkingTokenBudget
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Completion, Message, Model, Piece, Request, Sampling

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]

PROBLEMS = tuple(Arithmetic(problems=6, seed=11, levels=(1, 3)).load())
EMBEDDED = Path(__file__).parents[2] / "costbench" / "embedded" / "abacus-base"
FAST_TO_LOAD = {"dtype": "float32", "enforce_eager": True}
BLOCK = 32
"""Tokens: prompts are kept by whole blocks, and vLLM's own size on a CPU is longer than ours are."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Loaded]:
    settings = VllmEngine(enable_prefix_caching=True, extra={"block_size": BLOCK}, **FAST_TO_LOAD)
    with loaded(settings) as found:
        yield found


@pytest.fixture(scope="module")
def local() -> Iterator[Loaded]:
    with loaded(TransformersEngine(device="cpu")) as found:
        yield found


def asked(number: int = 0, **keys: object) -> Request:
    return Request(
        **{"messages": ask(PROBLEMS[number]), "max_tokens": 200, "sampling": GREEDY, "seed": 1}
        | keys
    )


def steps(engine: Any) -> list[int]:
    """Rows of each step so far."""
    return [after - before for before, after in pairwise(engine._steps._rows)]


async def begun(engine: Any, rows: int) -> int:
    """Wait for a step of so many rows; how many steps there were before."""
    before = len(steps(engine))
    async with asyncio.timeout(60):
        while rows not in steps(engine)[before:]:
            await asyncio.sleep(0.005)
    return before


@on_every_engine(Majority(votes=3, max_tokens=300))
def test_it_says_and_counts_what_the_transformers_engine_does(
    policy: Policy, engine: Loaded, local: Loaded
) -> None:
    ours = engine.tries(policy, PROBLEMS, GREEDY)
    theirs = local.tries(policy, PROBLEMS, GREEDY)
    assert_counted_alike(ours, theirs)
    assert [one.solution for one in ours] == [other.solution for other in theirs]  # texts and ids


def test_times_are_in_order_and_of_this_machines_monotonic_clock(engine: Loaded) -> None:
    before_s = time.monotonic()
    for done in engine.answer(*map(asked, range(4))):
        order = [
            before_s, done.submitted_s, done.started_s, done.first_token_s, done.finished_s,
            time.monotonic(),
        ]  # fmt: skip
        assert order == sorted(order)
        assert done.first_token_s < done.finished_s  # though nothing is heard before the end
        assert done.inter_token_s is None  # nobody listened


def test_how_many_were_answered_together_is_known(engine: Loaded) -> None:
    (alone,) = engine.answer(asked(max_tokens=20))
    assert alone.batch_size == 1

    async def run() -> Completion:
        long = [engine.opened.generate(asked(max_tokens=900, ignore_eos=True)) for _ in range(7)]
        others = [asyncio.create_task(each) for each in long]
        await begun(engine.opened, 7)
        done = await engine.opened.generate(asked(max_tokens=20, ignore_eos=True))
        assert not any(other.done() for other in others)
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return done

    # Told of a step a moment late, a request has steps among its own that were before it.
    assert 7 < engine.call(run()).batch_size <= 8


def test_a_seed_belongs_to_its_request(engine: Loaded) -> None:
    warm = Sampling(temperature=1.0, top_p=1.0)
    done = engine.answer(*(asked(5, seed=seed, sampling=warm) for seed in (*range(7), 0)))
    assert done[0].sampled == done[7].sampled
    assert len({each.sampled.text for each in done}) > 3


def test_prompts_that_do_not_fit_into_one_step_are_read_one_after_another(engine: Loaded) -> None:
    """Where vLLM reads a prompt in parts, a request with a seed ends its engine on a CPU."""
    words = [(Message(role="user", content=f"{at} " * 480),) for at in range(8)]
    warm = Sampling(temperature=1.0, top_p=1.0)
    done = engine.answer(*(asked(messages=each, max_tokens=2, sampling=warm) for each in words))
    assert sum(each.input_tokens for each in done) > 2048
    assert all(each.output_tokens == 2 for each in done)


def test_a_marker_of_several_tokens_is_found_in_the_text(engine: Loaded) -> None:
    (whole,) = engine.answer(asked())
    marker = whole.sampled.text[7:14]
    (done,) = engine.answer(asked(stop=(marker, "never said")))
    assert len(whole.sampled.token_ids) > done.output_tokens > done.marker.tokens > 1
    assert (done.finish, done.marker.text) == ("stop", marker)
    assert whole.sampled.text.startswith(done.sampled.text + marker)
    assert marker not in done.sampled.text
    ids = [token for piece in done.pieces for token in piece.token_ids or ()]
    assert not ids or tuple(ids) == whole.sampled.token_ids[: done.output_tokens]


def test_an_answer_gets_what_is_left_of_the_context(engine: Loaded, local: Loaded) -> None:
    words = (Message(role="user", content="7 " * 480),)
    (done,), (same,) = (
        each.answer(asked(messages=words, max_tokens=800)) for each in (engine, local)
    )
    assert done.input_tokens + done.output_tokens <= 1024
    assert (done.sampled, done.finish) == (same.sampled, same.finish)


def test_a_prompt_that_fills_the_context_says_so(engine: Loaded) -> None:
    words = (Message(role="user", content="7 " * 1100),)
    with pytest.raises(ContextFullError, match="the model's context 1024"):
        engine.answer(asked(messages=words))


def test_those_who_give_up_leave_nothing_in_the_engine(engine: Loaded) -> None:
    """Many, for with each of them steps are longer: no pause of ours lasts as long as 900 of them."""
    endless = asked(max_tokens=900, stop=("never said",), ignore_eos=True)

    async def run() -> None:
        opened = engine.opened
        asking = [asyncio.create_task(opened.generate(endless)) for _ in range(8)]
        before = await begun(opened, 8)
        assert not await opened.reset_prefix_cache()  # something is in flight
        for each in asking:
            each.cancel()
        for each in asking:
            with pytest.raises(asyncio.CancelledError):
                await each
        async with asyncio.timeout(60):
            while not await opened.reset_prefix_cache():
                await asyncio.sleep(0.02)
        assert len(steps(opened)) - before < 900

    engine.call(run())


def test_what_is_kept_of_prompts_is_told_and_can_be_forgotten(engine: Loaded) -> None:
    assert engine.call(engine.opened.reset_prefix_cache())
    (first,) = engine.answer(asked())
    (second,) = engine.answer(asked())
    assert first.input_tokens > BLOCK
    assert (first.cached_tokens, second.cached_tokens) == (0, first.input_tokens // BLOCK * BLOCK)
    assert engine.call(engine.opened.reset_prefix_cache())
    (third,) = engine.answer(asked())
    assert third.cached_tokens == 0
    assert first.sampled == second.sampled == third.sampled


def test_the_engine_itself_ends_thinking_at_a_budget(engine: Loaded) -> None:
    assert engine.call(engine.opened.why_no_thinking_budget()) is None
    free = engine.tries(Unconstrained(max_tokens=320), PROBLEMS, GREEDY)
    for budget in (12, 40):
        done = engine.tries(ThinkingTokenBudget(budget=budget, answer_tokens=64), PROBLEMS, GREEDY)
        for one, longer in zip(done, free, strict=True):
            (call,) = one.calls
            (unlimited,) = longer.calls
            assert unlimited.completion.reasoning_tokens > 41  # so that there is something to end
            assert budget - 2 <= call.completion.reasoning_tokens <= budget + 1
            thought, answer = one.solution.text.split("</think>")
            assert longer.solution.text.startswith(thought)
            assert "boxed" in answer
            assert one.solution.finished


def test_a_first_token_of_an_answer_is_known_where_no_thinking_comes_before(
    engine: Loaded,
) -> None:
    written = (Piece(text="</think>\n\nThe answer is \\boxed{", origin="injected"),)
    done, thinking = engine.answer(asked(written=written), asked())
    assert done.first_answer_token_s == done.first_token_s
    assert thinking.first_answer_token_s is None  # it was not streamed


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A copy of the model with settings that would change what it says, and one more end of turn."""
    folder = tmp_path_factory.mktemp("odd") / "model"
    shutil.copytree(EMBEDDED, folder)
    (brace,) = AutoTokenizer.from_pretrained(folder)("}", add_special_tokens=False)["input_ids"]
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text())
    ends = {"eos_token_id": [settings["eos_token_id"], brace]}
    path.write_text(json.dumps(settings | ends | {"repetition_penalty": 1.8, "min_p": 0.5}))
    return Model(name="odd", path=str(folder))


def assert_times_of_a_stream(done: Completion) -> None:
    """Tokens that had to wait for us come in one arrival with the next, the first ones perhaps, too."""
    gaps = done.inter_token_s
    assert all(gap_s > 0 for gap_s in gaps)
    merged = done.output_tokens - 1 - len(gaps)
    assert merged >= 0
    late_s = done.finished_s - done.first_token_s - sum(gaps)
    assert late_s > -1e-6 if merged else late_s == pytest.approx(0, abs=1e-6)
    # The answer's first token came with the arrival of its number, or of one less for each that was merged.
    thought_s = done.first_answer_token_s - done.first_token_s
    numbers = range(max(0, done.reasoning_tokens - merged), done.reasoning_tokens + 1)
    came_s = [late_s + sum(gaps[:number]) for number in numbers]
    assert any(thought_s == pytest.approx(each_s, abs=1e-6) for each_s in came_s)


def test_a_stream_gives_the_time_between_tokens_and_a_models_own_settings_change_nothing(
    odd: Model, local: Loaded
) -> None:
    requests = [asked(number) for number in range(4)]
    plain = local.answer(*requests)
    settings = VllmEngine(stream=True, max_model_len=512, **FAST_TO_LOAD)
    with loaded(settings, odd) as engine:
        # Also one by one: however long a pause is, it is not in all of them.
        streamed = engine.answer(*requests) + [engine.answer(each)[0] for each in requests]
        assert any(len(done.inter_token_s) > 1 for done in streamed)
        for done, whole in zip(streamed, plain * 2, strict=True):
            ids = done.sampled.token_ids
            assert ids == whole.sampled.token_ids[: len(ids)]
            assert len(ids) < len(whole.sampled.token_ids)  # it ended at the brace
            assert done.finish == "end"
            assert_times_of_a_stream(done)
        kept = engine.opened
        with pytest.raises(ContextFullError, match="512"):
            engine.answer(asked(messages=(Message(role="user", content="7 " * 600),)))
    with pytest.raises(EngineError, match="died"):
        asyncio.run(kept.generate(asked()))


def test_too_little_memory_says_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    settings = VllmEngine(extra={"kv_cache_memory_bytes": 4096}, **FAST_TO_LOAD)
    with pytest.raises(EngineError) as raised, loaded(settings):
        pass
    said = str(raised.value)
    assert "abacus-base (embedded:abacus-base) cannot be loaded: " in said
    assert "lower `max_model_len`" in said
    assert "VLLM_CPU_KVCACHE_SPACE" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (VllmEngine(max_model_len=4096), "max_model_len"),
        (VllmEngine(extra={"max_num_seq": 3}), "did you mean `max_num_seqs`?"),
        (VllmEngine(quantization="shrunk"), "shrunk"),
    ],
    ids=["longer-than-the-model", "unknown-argument", "unknown-quantization"],
)
def test_settings_that_vllm_does_not_take_are_told(engine: VllmEngine, said: str) -> None:
    with pytest.raises(EngineError) as raised, loaded(engine):
        pass
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_models_that_are_not_there_are_told_before_anything_is_loaded() -> None:
    began_s = time.monotonic()
    with (
        pytest.raises(EngineError, match="no such folder"),
        loaded(VllmEngine(), Model(name="m", path="some/where/else")),
    ):
        pass
    assert time.monotonic() - began_s < 5
