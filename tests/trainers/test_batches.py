"""Batches: the same whoever writes them."""

import itertools
import multiprocessing
from contextlib import closing

import pytest

from trainers.batches import batches
from trainers.documents import tokenizer_for
from trainers.scratch import ArithmeticTraces

DATA = ArithmeticTraces(levels=(1, 2), styles={"plain": 0.5, "terse": 0.5})


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_for(DATA)


def test_other_processes_write_the_same_batches_in_the_same_order_and_end_with_the_training(
    tokenizer,
):
    same = {"seed": 3, "batch_size": 2, "first_step": 13}
    with closing(batches(DATA, tokenizer, **same, workers=2)) as written:
        ahead = list(itertools.islice(written, 24))  # of three pools
        assert multiprocessing.active_children()
    assert multiprocessing.active_children() == []
    here = itertools.islice(batches(DATA, tokenizer, **same), 24)
    for one, other in zip(ahead, here, strict=True):
        assert one.ids.equal(other.ids)
        assert one.weights.equal(other.weights)
