"""From recipe to rows of tokens: prompt, thinking and answer of one problem, loss where it belongs."""

import random
import re
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from costbench.datasets.arithmetic import draw_chain
from costbench.policies.asking import BudgetMode, asked
from trainers.lengths import write_to_length
from trainers.scratch import ArithmeticTraces
from trainers.tokenizer import build_tokenizer
from trainers.traces import Trace, write_trace

Row = tuple[list[int], list[float]]
"""Token ids, and the weight of each in the loss."""

_RESULT = re.compile(r"(?<== )-?\d+")
_VOCABULARY_SAMPLE = 3_000


@dataclass(frozen=True)
class Document:
    """One user turn and the response to imitate."""

    prompt: str
    response: Trace


def draw_document(data: ArithmeticTraces, rng: random.Random) -> Document:
    """A random training problem (never a held-back one) with a written-out solution."""
    chain = draw_chain(rng, rng.randint(*data.levels))
    while chain.held_back:
        chain = draw_chain(rng, rng.randint(*data.levels))
    if rng.random() >= data.budget_prompts:
        return Document(chain.prompt, write_trace(chain, data.styles, rng))
    mode: BudgetMode = "maximum" if rng.random() < data.budget_maximum else "exact"
    budget = rng.randint(*data.budget_tokens)
    prompt = asked(chain.prompt, budget, mode)
    if data.budget_obeyed:
        return Document(prompt, write_to_length(chain, budget, rng))
    return Document(prompt, write_trace(chain, data.styles, rng))


def tokenizer_for(data: ArithmeticTraces) -> PreTrainedTokenizerFast:
    """A tokenizer with the words of this recipe, always the same."""
    rng = random.Random("vocabulary")
    documents = [draw_document(data, rng) for _ in range(_VOCABULARY_SAMPLE)]
    texts = [text for document in documents for text in (document.prompt, document.response.text)]
    return build_tokenizer(["user\n", "assistant\n", *texts])


def encode(document: Document, tokenizer: PreTrainedTokenizerFast, result_weight: float) -> Row:
    """One row: no loss on the prompt or on unlearned pieces, more on the results of equations."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": document.prompt}], add_generation_prompt=True, tokenize=False
    )
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    text = document.response.text
    response = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    kinds = _kinds(text, document.response.unlearned_spans())
    by_kind = (1.0, result_weight, 0.0)
    weights = [by_kind[max(kinds[start:end])] for start, end in response["offset_mapping"]]
    ids = [*prompt_ids, *response["input_ids"], tokenizer.eos_token_id]
    return ids, [0.0] * len(prompt_ids) + [*weights, 1.0]


def _kinds(text: str, unlearned: list[tuple[int, int]]) -> bytearray:
    """What each character is: a word, a result or unlearned; a token is the last of these among its own."""
    kinds = bytearray(len(text))
    for kind, spans in ((1, [one.span() for one in _RESULT.finditer(text)]), (2, unlearned)):
        for start, end in spans:
            kinds[start:end] = bytes([kind]) * (end - start)
    return kinds
