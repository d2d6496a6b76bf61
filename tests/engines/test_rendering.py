"""What is written behind a chat template, as text and as token ids."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from costbench.engines.rendering import Renderer, thinking_begun, unopened
from costbench.types import Message, Piece, Request, Thinking

BLOCK = "<think>\n\n</think>\n\n"
ASKED = (Message(role="user", content="2"),)


@pytest.mark.parametrize(
    ("conversation", "written"),
    [
        ("2 <think>\n", "\n</think>\n\n"),  # R1's template
        ("2 <think>", "\n\n</think>\n\n"),
        ("2 ", BLOCK),  # Qwen3's: the model opens its thinking itself
        ("Think in <think> </think>. 2 ", BLOCK),  # a system prompt that names the marker
    ],
)
def test_a_block_of_thinking_is_opened_once(conversation: str, written: str) -> None:
    assert unopened(conversation, BLOCK, "<think>") == written


def test_what_does_not_begin_with_the_marker_stays_as_it_is() -> None:
    assert unopened("2 <think>\n", "1 + 1", "<think>") == "1 + 1"
    assert unopened("2 <think>\n", BLOCK, "") == BLOCK


def test_a_template_that_leaves_the_marker_to_the_model_has_begun_nothing() -> None:
    assert thinking_begun("2 <think>\n", "<think>") == "\n"
    assert thinking_begun("2 ", "<think>") is None
    assert thinking_begun("<think>", "<think>") is None  # all of the text: that is no template


def template_with(end: str) -> str:
    return "{{ messages[0]['content'] + " + repr(end) + " }}"


def merging_tokenizer(folder: Path, template: str) -> Any:
    """Each character is a token, and so are the markers and two line breaks."""
    words = ["<think>", "</think>", "\n\n", "\n", *"2 +Aes", "<end>"]
    vocabulary = {word: at for at, word in enumerate(words)}
    model = {
        "type": "BPE", "vocab": vocabulary, "merges": [["\n", "\n"]], "unk_token": None, "dropout": None,
        "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
        "byte_fallback": False, "ignore_merges": False,
    }  # fmt: skip
    added = [
        {"id": vocabulary[word], "content": word, "special": False, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False}
        for word in ("<think>", "</think>", "<end>")
    ]  # fmt: skip
    content = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model,
    }  # fmt: skip
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content))
    return PreTrainedTokenizerFast(
        tokenizer_file=str(path), eos_token="<end>", chat_template=template
    )


@pytest.mark.parametrize("opened", ["<think>\n", ""])
def test_line_breaks_that_meet_at_the_template_are_read_as_the_model_knows_them(
    opened: str, tmp_path: Path
) -> None:
    tokenizer = merging_tokenizer(tmp_path, template_with(opened))
    renderer = Renderer(tokenizer, Thinking())
    request = Request(messages=ASKED, written=(Piece(text=BLOCK, origin="injected"),), max_tokens=4)
    found = renderer.render(request)
    assert [tokenizer.decode([token]) for token in found.prompt_ids] == [
        "2", "<think>", "\n\n", "</think>", "\n\n",
    ]  # fmt: skip
    assert found.written_tokens == ((2,) if opened else (4,))
    assert found.thinking_closed


def test_ids_that_are_known_are_not_read_again(tmp_path: Path) -> None:
    tokenizer = merging_tokenizer(tmp_path, template_with("\n"))
    line_break = tokenizer.convert_tokens_to_ids("\n")
    piece = Piece(text="\n", origin="sampled", token_ids=(line_break,))
    request = Request(messages=ASKED, written=(piece,), max_tokens=4)
    assert Renderer(tokenizer, Thinking()).render(request).prompt_ids[1:] == [line_break] * 2
