"""From recipe to token batches: prompt, thinking and answer of one problem per row, loss where it belongs."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
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
_BATCHES_PER_BUCKET_POOL = 16
_VOCABULARY_SAMPLE = 3_000


@dataclass(frozen=True)
class Document:
    """One user turn and the response to imitate."""

    prompt: str
    response: Trace


@dataclass(frozen=True)
class Batch:
    """Both (rows, longest row), padded on the right, which a causal model ignores."""

    ids: torch.Tensor
    weights: torch.Tensor
    """How much each token counts in the loss: 0 for prompt, planted mistakes and padding."""


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


def batches(
    data: ArithmeticTraces,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    batch_size: int,
    first_step: int = 0,
) -> Iterator[Batch]:
    """Endless batches of rows of similar length; `first_step` goes on where an interrupted training was.

    Batches come from pools that are sorted by length; each pool has its own random stream, so any step can
    be reached without drawing the ones before.
    """
    pool_number, skip = divmod(first_step, _BATCHES_PER_BUCKET_POOL)
    while True:
        rng = random.Random(f"{seed}:{pool_number}")
        rows = [
            encode(draw_document(data, rng), tokenizer, data.result_weight)
            for _ in range(batch_size * _BATCHES_PER_BUCKET_POOL)
        ]
        rows.sort(key=lambda row: len(row[0]))
        buckets = [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
        rng.shuffle(buckets)
        for bucket in buckets[skip:]:
            yield _pad(bucket, int(tokenizer.pad_token_id))
        pool_number, skip = pool_number + 1, 0


def encode(document: Document, tokenizer: PreTrainedTokenizerFast, result_weight: float) -> Row:
    """One row: no loss on the prompt or on unlearned pieces, more on the results of equations."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": document.prompt}], add_generation_prompt=True, tokenize=False
    )
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    text = document.response.text
    response = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    unlearned = document.response.unlearned_spans()
    results = [found.span() for found in _RESULT.finditer(text)]
    weights = [
        0.0 if _inside(span, unlearned) else result_weight if _inside(span, results) else 1.0
        for span in response["offset_mapping"]
    ]
    ids = [*prompt_ids, *response["input_ids"], tokenizer.eos_token_id]
    return ids, [0.0] * len(prompt_ids) + [*weights, 1.0]


def _inside(span: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    return any(span[0] < end and span[1] > start for start, end in spans)


def _pad(rows: list[Row], pad: int) -> Batch:
    width = max(len(ids) for ids, _ in rows)
    return Batch(
        ids=torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in rows]),
        weights=torch.tensor([weights + [0.0] * (width - len(weights)) for _, weights in rows]),
    )
