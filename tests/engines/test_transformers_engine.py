"""The engine goes by the suite's sampling and the model's ends of turn, and by no other setting."""

import asyncio
import json
import shutil
import weakref
from pathlib import Path
from typing import Any, Literal

import pytest
from transformers import AutoTokenizer

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines import batching
from costbench.engines.transformers import TransformersEngine
from costbench.policies.asking import ask
from costbench.types import Completion, Model, Request, Sampling

EMBEDDED = Path(__file__).parents[2] / "costbench" / "embedded" / "abacus-base"
GREEDY = Sampling(temperature=0.0)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A model folder that a test may change."""
    folder = tmp_path / "copy"
    shutil.copytree(EMBEDDED, folder)
    return folder


def change_settings(folder: Path, **settings: object) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def answer(folder: Path) -> Completion:
    (problem,) = Arithmetic(problems=1, seed=3, levels=(3, 3)).load()

    async def run() -> Completion:
        model = Model(name="m", path=str(folder))
        async with TransformersEngine().open(model, 1) as engine:
            request = Request(messages=ask(problem), max_tokens=300, sampling=GREEDY, seed=1)
            return await engine.generate(request)

    return asyncio.run(run())


def test_settings_that_come_with_a_model_do_not_change_how_it_is_sampled(copy: Path) -> None:
    plain = answer(copy)
    change_settings(copy, repetition_penalty=1.8, min_p=0.5, no_repeat_ngram_size=2)
    assert answer(copy).sampled == plain.sampled


def test_every_end_of_turn_that_a_model_names_ends_a_response(copy: Path) -> None:
    plain = answer(copy)
    assert plain.finish == "end"
    tokenizer = AutoTokenizer.from_pretrained(copy)
    (close,) = tokenizer("</think>", add_special_tokens=False)["input_ids"]
    change_settings(copy, eos_token_id=[tokenizer.eos_token_id, close])
    cut = answer(copy)
    assert cut.finish == "end"
    assert cut.sampled.token_ids[-1] == close
    assert cut.sampled.token_ids == plain.sampled.token_ids[: len(cut.sampled.token_ids)]


def test_a_batch_waits_for_the_requests_that_are_on_their_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Follow-up calls come one by one; a batch of the first few would starve the rest."""
    monkeypatch.setattr(batching, "_GATHER_S", 30.0)  # so that it begins because it is full
    problems = list(Arithmetic(problems=10, seed=3, levels=(1, 1)).load())

    async def run() -> list[Completion]:
        model = Model(name="m", path=str(EMBEDDED))
        async with TransformersEngine(device="cpu").open(model, 10) as engine:

            async def one(number: int) -> Completion:
                await asyncio.sleep(0.006 * number)
                request = Request(
                    messages=ask(problems[number]), max_tokens=4, sampling=GREEDY, seed=1
                )
                return await engine.generate(request)

            return list(await asyncio.gather(*map(one, range(10))))

    done = asyncio.run(run())
    assert len({each.started_s for each in done}) == 1
    assert max(each.finished_s for each in done) - min(each.submitted_s for each in done) < 30


def test_each_step_is_timed_and_the_answer_begins_behind_the_marker() -> None:
    done = answer(EMBEDDED)
    assert done.output_tokens is not None
    assert done.reasoning_tokens is not None
    assert done.inter_token_s is not None
    assert done.first_token_s is not None
    assert 0 < done.reasoning_tokens < done.output_tokens
    assert len(done.inter_token_s) == done.output_tokens - 1
    assert min(done.inter_token_s) > 0
    thought = sum(done.inter_token_s[: done.reasoning_tokens])
    assert done.first_answer_token_s is not None
    assert done.first_answer_token_s - done.first_token_s == pytest.approx(thought)
    assert done.finished_s - done.first_token_s == pytest.approx(sum(done.inter_token_s))


@pytest.mark.parametrize("batching", ["static", "continuous"])
def test_a_closed_engine_keeps_no_weights(batching: Literal["static", "continuous"]) -> None:
    """While somebody still holds the engine: the next model may need the memory."""

    async def run() -> tuple[object, weakref.ref[Any]]:
        model = Model(name="m", path=str(EMBEDDED))
        async with TransformersEngine(device="cpu", batching=batching).open(model, 2) as engine:
            (problem,) = Arithmetic(problems=1, seed=3).load()
            request = Request(messages=ask(problem), max_tokens=4, sampling=GREEDY, seed=1)
            assert (await engine.generate(request)).output_tokens == 4
            weights = weakref.ref(vars(engine)["_model"])
            assert weights() is not None
        return engine, weights

    engine, weights = asyncio.run(run())
    assert engine is not None
    assert weights() is None
