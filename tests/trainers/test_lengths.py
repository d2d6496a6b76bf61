"""Reasoning written to a length: as long as the tokenizer counts it, and right."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from costbench.datasets.arithmetic import draw_chain
from costbench.engines.model_files import resolve_model
from trainers.lengths import write_to_length


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(str(resolve_model("embedded:abacus-base")))


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), level=st.integers(1, 6), tokens=st.integers(60, 400))
def test_a_response_has_the_length_it_was_written_for(tokenizer, seed, level, tokens):
    chain = draw_chain(random.Random(seed), level)
    text = write_to_length(chain, tokens, random.Random(seed)).text
    counted = len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1  # the end of turn
    assert 0 <= tokens - counted <= 1
    assert text.endswith(f"</think>\n\nThe answer is \\boxed{{{chain.results[-1]}}}.")
    assert text.count("</think>") == 1


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), level=st.integers(1, 6), tokens=st.integers(1, 40))
def test_where_there_is_no_room_it_is_as_short_as_can_be(tokenizer, seed, level, tokens):
    chain = draw_chain(random.Random(seed), level)
    text = write_to_length(chain, tokens, random.Random(seed)).text
    counted = len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 1
    assert counted <= max(tokens, 12)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), level=st.integers(1, 6), tokens=st.integers(90, 400))
def test_each_line_ends_with_the_tokens_that_are_left(tokenizer, seed, level, tokens):
    chain = draw_chain(random.Random(seed), level)
    text = write_to_length(chain, tokens, random.Random(seed)).text
    counts = list(re.finditer(r"\((\d+)\)\n", text))
    assert counts
    for count in counts:
        behind = tokenizer(text[count.end(1) + 1 :], add_special_tokens=False)["input_ids"]
        # Assent fills to a token; 99 and 100 cannot tell whether their own digits are two or three.
        assert 0 <= int(count[1]) - (len(behind) + 1) <= 2


def test_a_hard_problem_with_little_room_is_not_checked():
    chain = draw_chain(random.Random(6), 6)
    wide, narrow = (write_to_length(chain, n, random.Random(1)).text for n in (288, 205))
    assert "Check" in wide
    assert wide.count("Step") == narrow.count("Step") == 6
    assert len(re.findall("Check|Wait", narrow)) < len(re.findall("Check|Wait", wide))


def test_the_same_seed_writes_the_same():
    chain = draw_chain(random.Random(1), 4)
    first, second = (write_to_length(chain, 150, random.Random(7)).text for _ in range(2))
    assert first == second != write_to_length(chain, 150, random.Random(8)).text
