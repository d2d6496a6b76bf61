"""The transformers engine on a GPU: the same answers both ways, many at once, and whose GPU it is.

Not run on a GPU yet: there was none.
"""

import asyncio
from collections.abc import Iterator

import pynvml
import pytest
import torch
from greedy_policies import on_every_engine
from loaded import GREEDY, MODEL, Loaded, loaded

from costbench.datasets.arithmetic import Arithmetic
from costbench.engines.transformers import TransformersEngine
from costbench.errors import EngineError
from costbench.interfaces import Policy
from costbench.policies.asking import ask
from costbench.types import Completion, Request, Sampling

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]

PROBLEMS = tuple(Arithmetic(problems=32, seed=11, levels=(1, 4)).load())


@pytest.fixture(scope="module")
def static() -> Iterator[Loaded]:
    with loaded(TransformersEngine(device="cuda", dtype="float32", batching="static")) as found:
        yield found


@pytest.fixture(scope="module")
def continuous() -> Iterator[Loaded]:
    with loaded(TransformersEngine(device="cuda", dtype="float32")) as found:
        yield found


@on_every_engine()
def test_both_ways_of_batching_say_the_same_in_float32(
    policy: Policy, continuous: Loaded, static: Loaded
) -> None:
    problems = PROBLEMS[:8]
    for one, other in zip(
        continuous.tries(policy, problems, GREEDY),
        static.tries(policy, problems, GREEDY),
        strict=True,
    ):
        assert one.error is None
        assert one.solution == other.solution


@pytest.mark.parametrize("sampling", [GREEDY, Sampling()], ids=["greedy", "drawn"])
def test_32_at_once_in_bfloat16(sampling: Sampling) -> None:
    async def run() -> list[Completion]:
        async with TransformersEngine(device="cuda", dtype="bfloat16").open(MODEL, 32) as engine:
            requests = [
                Request(messages=ask(problem), max_tokens=300, sampling=sampling, seed=number)
                for number, problem in enumerate(PROBLEMS)
            ]
            return list(await asyncio.gather(*map(engine.generate, requests)))

    done = asyncio.run(run())
    assert sum(each.finish == "end" for each in done) >= 24
    for each in done:
        assert each.batch_size is not None
        assert each.first_token_s is not None
        assert 4 <= each.batch_size <= 32
        assert each.submitted_s <= each.started_s <= each.first_token_s <= each.finished_s


def test_its_gpu_is_one_that_nvml_names(static: Loaded, continuous: Loaded) -> None:
    pynvml.nvmlInit()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        known = {pynvml.nvmlDeviceGetUUID(handle) for handle in handles}
    finally:
        pynvml.nvmlShutdown()
    assert len(static.opened.gpu_uuids) == 1
    assert set(static.opened.gpu_uuids) == set(continuous.opened.gpu_uuids) <= known


def test_running_out_of_memory_says_what_to_lower() -> None:
    """Beside a tensor that leaves next to nothing of the GPU."""

    async def run() -> None:
        async with TransformersEngine(device="cuda", dtype="float32").open(MODEL, 4) as engine:
            free, _ = torch.cuda.mem_get_info()
            hog = torch.empty(max(0, free - (64 << 20)), dtype=torch.uint8, device="cuda")
            engine._model.lm_head.register_forward_pre_hook(
                lambda *call: torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
            )
            try:
                await engine.generate(
                    Request(messages=ask(PROBLEMS[0]), max_tokens=8, sampling=Sampling(), seed=1)
                )
            finally:
                del hog

    with pytest.raises(EngineError, match="lower `max_batch_size`"):
        asyncio.run(run())
