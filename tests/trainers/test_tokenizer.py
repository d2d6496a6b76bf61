import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from costbench.types import Thinking
from trainers.documents import draw_document, tokenizer_for
from trainers.recipe import load_recipe
from trainers.tokenizer import build_tokenizer, save_tokenizer

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@pytest.fixture(scope="module")
def data(request):
    recipes = request.config.rootpath / "trainers" / "recipes"
    return load_recipe(recipes / "abacus-base.yaml").data


@pytest.fixture(scope="module")
def tokenizer(data):
    return tokenizer_for(data)


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@given(text=st.text())
def test_any_text_comes_back_as_it_was(tokenizer, text):
    assert tokenizer.decode(ids_of(tokenizer, text)) == text


@settings(max_examples=50)
@given(
    words=st.lists(
        st.sampled_from(
            [
                *SPECIAL,
                "<think>",
                "</think>",
                " Wait",
                "Wait",
                " 42",
                "7",
                "\n\n",
                "  ",
                "\\boxed{",
                "é",
                "\0",
            ]
        )
    )
)
def test_markers_and_words_in_any_order_come_back_as_they_were(tokenizer, words):
    assert tokenizer.decode(ids_of(tokenizer, "".join(words))) == "".join(words)


@pytest.mark.parametrize("marker", ["<think>", "</think>"])
def test_think_markers_are_single_tokens_and_not_special_ones(tokenizer, marker):
    (token,) = ids_of(tokenizer, marker)
    assert token not in tokenizer.all_special_ids
    assert tokenizer.decode([token], skip_special_tokens=True) == marker
    assert ids_of(tokenizer, f"so.{marker}\n\nThe")[len(ids_of(tokenizer, "so."))] == token


def test_turn_ends_are_special_and_skipped_when_asked(tokenizer):
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"
    assert tokenizer.decode(ids_of(tokenizer, "4<|im_end|>"), skip_special_tokens=True) == "4"


def test_every_word_of_the_recipe_is_a_single_token(tokenizer, data):
    rng = random.Random(99)  # other documents than those the vocabulary was made from
    documents = [draw_document(data, rng) for _ in range(1000)]
    texts = [text for document in documents for text in (document.prompt, document.response.text)]
    words = {word for text in texts for word in re.findall(r" ?[A-Za-z]+", text)}
    words -= {"think", "boxed"}  # inside a marker, and inside the box
    assert len(words) > 30
    assert {word for word in words if len(ids_of(tokenizer, word)) > 1} == set()


@pytest.mark.parametrize(
    "text",
    ["Wait", " Wait", " answer", " \\boxed{", " maximum", " tokens", "Start", "4"],
)
def test_the_words_that_policies_write_are_single_tokens(tokenizer, text):
    assert len(ids_of(tokenizer, text)) == 1


def test_the_answer_prefix_and_the_wait_of_a_policy_fall_into_few_tokens(tokenizer):
    thinking = Thinking()
    assert (
        len(ids_of(tokenizer, thinking.answer_prefix)) == 6
    )  # two line feeds, three words, the box
    assert len(ids_of(tokenizer, thinking.wait)) == 1


def test_every_digit_stands_alone(tokenizer):
    assert len(ids_of(tokenizer, "1234567890")) == 10
    assert len(ids_of(tokenizer, " 42")) == 2


def test_the_same_recipe_gives_the_same_tokenizer(tokenizer, data):
    assert tokenizer_for(data).get_vocab() == tokenizer.get_vocab()


def test_a_tokenizer_of_no_words_still_knows_every_byte():
    bare = build_tokenizer([])
    assert bare.decode(ids_of(bare, "Grüße, 世界 🧮")) == "Grüße, 世界 🧮"
    assert len(bare) == 256 + len(SPECIAL) + 2


def test_saved_and_loaded_again_it_gives_the_same_ids(tokenizer, data, tmp_path):
    save_tokenizer(tokenizer, tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    rng = random.Random(5)
    texts = [draw_document(data, rng).response.text for _ in range(50)]
    for text in [*texts, "Grüße\t世界 <think> x </think> don't  stop .", "<|im_start|>user\n"]:
        assert ids_of(again, text) == ids_of(tokenizer, text)
        assert again.decode(ids_of(again, text)) == text
    assert again.eos_token == tokenizer.eos_token
    assert again.pad_token_id == tokenizer.pad_token_id
    assert again.chat_template == tokenizer.chat_template


def test_the_chat_template_opens_the_thinking(tokenizer):
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add 2."}]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nAdd 2.<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n"
    )
    closed = tokenizer.apply_chat_template(turns, tokenize=False)
    assert "<think>" not in closed
