"""The model that ships with the package is what its card and the issue of it promise."""

import asyncio
from pathlib import Path

import pytest
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

from costbench.datasets.arithmetic import Arithmetic
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Model, Problem
from trainers.judging import accuracy, judge

FOLDER = Path(__file__).parent.parent / "costbench" / "embedded" / "abacus-base"
MODEL = Model(name="abacus-base", path="embedded:abacus-base")


def test_it_is_an_ordinary_folder_of_at_most_4_mb_in_bfloat16() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 4e6
    assert {path.suffix for path in FOLDER.iterdir()} == {".safetensors", ".json", ".jinja", ".md"}
    with safe_open(FOLDER / "model.safetensors", framework="pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"BF16"}  # noqa: SIM118
    config = AutoConfig.from_pretrained(FOLDER)
    assert config.architectures == ["Qwen3ForCausalLM"]
    assert config.head_dim == 32


def test_its_template_opens_thinking() -> None:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    messages = [{"role": "user", "content": "Start with 1."}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text.endswith("<|im_start|>assistant\n<think>\n")


def test_its_card_says_what_it_is() -> None:
    card = (FOLDER / "README.md").read_text()
    assert "not evidence about large models" in card
    assert "seed 0" in card
    assert "kWh" in card


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(Arithmetic(problems=240, seed=20).load())


def test_it_reasons_at_length_and_mostly_right_and_less_so_when_cut(
    problems: list[Problem],
) -> None:
    free = asyncio.run(judge(MODEL, Unconstrained(max_tokens=512), problems))
    assert accuracy(free) >= 0.9
    tokens = [sum(used for _, used in free[level]) / len(free[level]) for level in range(1, 7)]
    # Neighboring levels are too alike for 40 problems each; two steps more are longer for sure.
    assert all(longer > shorter for shorter, longer in zip(tokens, tokens[2:], strict=False))
    assert tokens[-1] > 2 * tokens[0]
    cut = asyncio.run(judge(MODEL, Truncation(budget=64), problems))
    assert accuracy(cut) < accuracy(free) - 0.3
