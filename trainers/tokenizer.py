"""A fast tokenizer for a very small reasoner: every byte, every digit, and the words its recipe uses."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from trainers.traces import THINK_CLOSE

THINK_OPEN = "<think>"
_PAD, _TURN_OPEN, _TURN_CLOSE = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

# Digits stand alone (arithmetic by place value); a word carries the space before it.
_SPLIT = r" ?\\boxed\{| ?\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]|\s"

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n<think>\\n' -}}
{%- endif -%}
"""


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """All 256 bytes plus each whole word of `texts`, so that any other text can be encoded too.

    The think markers are single tokens but not special ones, as in Qwen3: servers strip special tokens.
    """
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text) if len(word) > 1}
    vocabulary = sorted(pre_tokenizers.ByteLevel.alphabet()) + sorted(words)
    tokenizer = Tokenizer(
        models.BPE(
            vocab={word: index for index, word in enumerate(vocabulary)},
            merges=[],
            ignore_merges=True,  # a word of the vocabulary is one token, anything else its bytes
        )
    )
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([_PAD, _TURN_OPEN, _TURN_CLOSE])
    tokenizer.add_tokens(
        [AddedToken(word, normalized=False, special=False) for word in (THINK_OPEN, THINK_CLOSE)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_TURN_CLOSE,
        pad_token=_PAD,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write tokenizer.json, its configuration and the chat template."""
    tokenizer.save_pretrained(str(folder))
