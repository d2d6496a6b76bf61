"""The loss of a step: what it is, in which precision, and what it refuses."""

import pytest
import torch

from costbench.errors import TrainError
from trainers.batches import Batch, batches
from trainers.computing import Computer
from trainers.documents import tokenizer_for
from trainers.scratch import ArithmeticTraces, Compute, Shape
from trainers.supervised import build_model

DATA = ArithmeticTraces(levels=(1, 3), styles={"verbose": 0.5, "plain": 0.5}, result_weight=4)
SHAPE = Shape(hidden_size=64, intermediate_size=64, layers=1, heads=2, context=512)


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_for(DATA)


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    return build_model(SHAPE, tokenizer)


@pytest.fixture(scope="module")
def batch(tokenizer):
    return next(batches(DATA, tokenizer, seed=0, batch_size=4))


def computed(model, batch, **compute):
    """A loss and the gradients it gives."""
    model.zero_grad()
    loss = Computer(model, Compute(device="cpu", **compute)).loss(batch)
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters()}


def spelled_out(model, batch):
    """The same row by row and token by token, each row alone and without its padding."""
    total = weight = 0.0
    for ids, weights in zip(batch.ids, batch.weights, strict=True):
        end = int(weights.nonzero().max()) + 1
        logits = model(input_ids=ids[None, :end]).logits[0]
        for at in range(1, end):
            chance = torch.softmax(logits[at - 1], dim=-1)[ids[at]]
            total -= weights[at] * chance.log()
            weight += weights[at]
    return total / weight


def test_the_loss_is_the_weighted_mean_over_the_tokens_that_count(model, batch):
    expected = spelled_out(model, batch)
    loss, gradients = computed(model, batch)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    model.zero_grad()
    expected.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rows", [None, 1, 3, 4, 100])
def test_some_rows_at_once_give_the_loss_and_gradients_of_all(model, batch, rows):
    weights = batch.weights.clone()
    weights[0] = 0  # a row in which nothing counts
    uneven = Batch(ids=batch.ids, weights=weights)
    expected, gradients = computed(model, uneven)
    model.zero_grad()
    computer = Computer(model, Compute(device="cpu", rows_at_once=rows))
    largest = []
    computer._states = lambda **given: (
        largest.append(len(given["input_ids"])),
        model.model(**given),
    )[1]
    assert computer.descend(uneven).item() == pytest.approx(expected, rel=1e-5)
    assert max(largest) == min(rows or 4, 4)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-3, atol=1e-5)


def test_bfloat16_is_of_the_products_only_and_gives_nearly_the_same(model, batch):
    exact, gradients = computed(model, batch)
    rounded, others = computed(model, batch, dtype="bfloat16")
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=1e-2)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for name, gradient in gradients.items():
        assert others[name].dtype == torch.float32
        alike = torch.cosine_similarity(gradient.flatten(), others[name].flatten(), dim=0)
        assert alike > 0.99, name


def test_a_batch_wider_than_the_context_is_refused_with_what_to_change(model, batch):
    wide = Batch(ids=batch.ids[:, :1].repeat(1, 513), weights=torch.ones(4, 513))
    with pytest.raises(TrainError) as refused:
        computed(model, wide)
    assert str(refused.value) == (
        "a trace of 513 tokens is more than model.context, 512: make it larger, or data.levels lower"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_and_auto_does_without(model):
    with pytest.raises(TrainError, match=r"compute\.device is cuda, but torch sees no GPU"):
        Computer(model, Compute(device="cuda"))
    assert Computer(model, Compute(device="auto")).gpus == ()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, of its own parts
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_compiled_model_gives_the_same_at_every_width(model, tokenizer, dtype):
    torch._dynamo.reset()
    made = batches(DATA, tokenizer, seed=1, batch_size=4)
    some = [next(made) for _ in range(4)]
    assert len({one.ids.shape[1] for one in some}) > 1
    compiled = Computer(model, Compute(device="cpu", dtype=dtype, compile=True))
    for one in some:
        expected, _ = computed(model, one, dtype=dtype)
        assert compiled.loss(one).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gpu_gives_nearly_the_same(model, batch, dtype):
    expected, _ = computed(model, batch)
    on_gpu = Computer(model, Compute(device="cuda", dtype=dtype))
    assert on_gpu.gpus
    assert on_gpu.loss(batch).item() == pytest.approx(expected, rel=1e-2)
