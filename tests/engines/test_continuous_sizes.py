"""What continuous batching asks of a GPU, where it can be told without one, and what a small cache does."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from engines.continuous import CONTINUOUS, asked
from loaded import loaded
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GptOssConfig

from costbench.engines import paged_sizes
from costbench.engines.continuous import ContinuousBatcher
from costbench.engines.paged import Asked, takes
from costbench.engines.paged_drawing import drawn_at
from costbench.engines.paged_sizes import on_cuda
from costbench.engines.random_weights import NoTokenizer
from costbench.engines.transformers import choose_attention
from costbench.errors import ContextFullError
from costbench.types import Completion, Message, Model, Request

TINY = Model(name="tiny", path="random:tiny")


@pytest.fixture
def cudnn_as_it_was() -> Iterator[None]:
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(True)
    yield
    torch.backends.cuda.enable_cudnn_sdp(before)


@pytest.mark.usefixtures("cudnn_as_it_was")
def test_the_attention_of_cudnn_is_not_used_on_a_gpu() -> None:
    choose_attention("cpu")
    assert torch.backends.cuda.cudnn_sdp_enabled()
    choose_attention("cuda")
    assert not torch.backends.cuda.cudnn_sdp_enabled()


@pytest.mark.parametrize("attention", ["paged|sdpa", "paged|eager"])
@pytest.mark.parametrize("rows", [1, 64, 3000])
def test_a_mask_has_no_more_elements_than_32_bits_count(attention: str, rows: int) -> None:
    most = on_cuda(attention, rows, 1 << 40)
    mask = most.step_tokens * (most.blocks * most.block + most.step_tokens)
    assert mask <= 1 << 32
    assert mask + most.step_tokens * most.block > 1 << 32  # one more block would be too many
    assert most.settings.safety_margin is None  # rows may find no room
    fits = on_cuda(attention, rows, most.blocks)
    assert (fits.blocks, fits.settings.safety_margin) == (most.blocks, 0.0)


def test_flash_attention_has_no_mask_and_records_no_reading_of_prompts() -> None:
    flash = on_cuda("paged|flash_attention_2", 64, 40_000)
    assert (flash.blocks, flash.step_tokens) == (40_000, 8192)
    assert flash.settings.use_cuda_graph == (False, True)
    assert on_cuda("paged|sdpa", 64, 100).settings.use_cuda_graph is None


def test_attention_with_a_mask_leaves_memory_for_itself() -> None:
    sdpa, eager = on_cuda("paged|sdpa", 64, 8000), on_cuda("paged|eager", 64, 8000)
    assert sdpa.settings.max_memory_percent == 0.6
    assert eager.settings.max_memory_percent == 0.3
    assert (sdpa.step_tokens, eager.step_tokens) == (2048, 256)


def test_a_step_reads_half_the_cache_at_most_but_a_token_of_each_row() -> None:
    assert on_cuda("paged|sdpa", 4, 6).settings.max_batch_tokens == 6 * 256 // 2
    assert on_cuda("paged|sdpa", 900, 6).settings.max_batch_tokens == 900


def test_flash_attention_is_taken_where_a_model_takes_the_one_that_is_installed() -> None:
    sinks = AutoModelForCausalLM.from_config(
        GptOssConfig(
            hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=16, vocab_size=64, num_local_experts=2,
        )
    )  # fmt: skip
    assert not takes(sinks, "flash_attention_2")
    assert not takes(sinks, "flash_attention_3")
    assert takes(gemma(), "flash_attention_2")


def gemma() -> Any:
    """With layers of two kinds: each row has blocks of cache in three groups."""
    return AutoModelForCausalLM.from_config(
        Gemma3TextConfig(
            hidden_size=32, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
            num_key_value_heads=1, head_dim=16, vocab_size=64, sliding_window=4096,
            max_position_embeddings=2048,
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        )
    )  # fmt: skip


def small(monkeypatch: pytest.MonkeyPatch, blocks: int, per_token: int) -> None:
    """A cache of so many blocks on a CPU, in steps of 40 tokens."""
    monkeypatch.setitem(paged_sizes._STEP_TOKENS, "cpu", 40)
    monkeypatch.setattr(paged_sizes, "_CPU_CACHE_BYTES", blocks * 32 * 4 * (per_token + 40))


def test_a_row_that_is_longer_than_the_cache_ends_itself_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small(monkeypatch, 9, 2 * 4 * 128)
    with loaded(CONTINUOUS) as opened:
        longest = opened.opened._paged.context
        assert longest == 8 * 32
        prompt = tuple(range(3, 103)) * 3

        def long(tokens: int) -> Request:
            message = Message(role="user", content="", token_ids=prompt[:tokens])
            return asked(messages=(message,), max_tokens=900, ignore_eos=True)

        with pytest.raises(ContextFullError, match="the cache of continuous batching has 256"):
            opened.answer(long(longest))
        short, cut, used_up = opened.answer(asked(max_tokens=50), long(200), long(longest - 1))
    assert short.output_tokens == 50
    assert (cut.finish, cut.output_tokens) == ("length", 56)
    assert (used_up.finish, used_up.output_tokens) == ("length", 1)


@pytest.mark.parametrize("blocks", [9, 10, 11, 12])
def test_layers_of_several_kinds_share_the_blocks(
    monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    small(monkeypatch, blocks, 2 * 1 * 16)

    async def run() -> Completion:
        with ContinuousBatcher(gemma(), NoTokenizer(TINY, 64), TINY, 2, "sdpa") as engine:
            message = Message(role="user", content="", token_ids=(3,) * 20)
            return await engine.generate(
                asked(messages=(message,), max_tokens=900, ignore_eos=True)
            )

    done = asyncio.run(run())
    assert (done.finish, done.output_tokens) == ("length", (blocks // 3 - 1) * 32 - 20)


def test_a_row_that_has_to_leave_the_cache_keeps_its_start_and_its_temperature() -> None:
    before = Asked("1", [3, 4, 5], max_new_tokens=9, logit_processor_kwargs=drawn_at(0.7))
    before.status = before.status.PREFILLING
    started_s = before.started_s
    time.sleep(0.05)
    again = before.create_equivalent_initial_request()
    once_more = again.create_equivalent_initial_request()
    for later in (again, once_more):
        later.status = later.status.PREFILLING
        assert later.started_s == pytest.approx(started_s, abs=0.01)
        assert later.logit_processor_kwargs == drawn_at(0.7)
