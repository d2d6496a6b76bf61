"""What costbench costs on top of vLLM: the same requests through a run and through vLLM alone.

    VLLM_CPU_KVCACHE_SPACE=1 python benchmarks/vllm_overhead.py [--rounds 9] [--in-flight 64]

Two engines of vLLM with the same settings are loaded, one by costbench and one by itself, and take turns: in
each round both answer the same prompts with the same seeds and as many in flight, in changing order. A run
has its store, sampler and CodeCarbon; its time is that of the window it pays for. The other one is vLLM's
asynchronous engine without statistics, asked for final outputs. Ratios are of pairs; the smallest and the
largest round are told. CPU is that of this process, which holds both front ends: what vLLM's engine process
takes is not in it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from costbench.engines.vllm import VllmEngine
from costbench.hardware import probe_machine
from costbench.interfaces import OpenEngine
from costbench.measuring import RunOptions, _open_store
from costbench.plan import Plan, make_plan
from costbench.runner import Allowance, run_plan
from costbench.store import Store
from costbench.suite import Limits, load_suite
from costbench.types import Model, Request

MODEL = Model(name="abacus-base", path="embedded:abacus-base")
SETTINGS = {"dtype": "float32", "enforce_eager": True}
SUITE = """
name: overhead
sampling: {{temperature: 0.6, top_p: 0.95, top_k: 0, samples_per_problem: 1, seed: 0}}
groups:
  - name: g
    engine: transformers          # another takes its place: one that is loaded already
    datasets: [{{kind: arithmetic, problems: {problems}, seed: 3}}]
    models: [{{name: abacus-base, path: "embedded:abacus-base", role: baseline}}]
    policies: [{{kind: unconstrained, max_tokens: 320}}]
    load: {{concurrency: {in_flight}}}
"""


class Silent:
    """Watches a run and says nothing, but for what ends it."""

    def failed(self, group: str, reason: str) -> None:
        """There is nothing to compare then."""
        raise SystemExit(f"{group}: {reason}")

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class Recorded:
    """A loaded engine that remembers what it was asked and what this process had used by then."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self.requests: list[Request] = []
        self.cpu_s: list[tuple[float, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)

    async def generate(self, request: Request) -> Any:
        """Answer it."""
        self.requests.append(request)
        self.cpu_s.append((time.monotonic(), time.process_time()))
        done = await self._opened.generate(request)
        self.cpu_s.append((time.monotonic(), time.process_time()))
        return done


class Ready:
    """An engine whose model is loaded."""

    kind = "ready"

    def __init__(self, opened: Recorded) -> None:
        self._opened = opened

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Nothing to say."""
        return {"kind": self.kind, "mode": mode}

    @asynccontextmanager
    async def open(self, model: Model, concurrency: int) -> AsyncIterator[OpenEngine]:
        """Nothing to load."""
        del model, concurrency
        yield self._opened


async def through_costbench(suite: Path, engine: Recorded) -> tuple[float, float, list[Request]]:
    """Tokens per second of the run's window, CPU seconds within it, and what was asked."""
    plan = make_plan(load_suite(suite), probe_machine())
    for cell in plan.cells:
        object.__setattr__(cell, "engine", Ready(engine))
    engine.requests, engine.cpu_s = [], []
    watcher: Any = Silent()
    with tempfile.TemporaryDirectory() as place, stored(plan, Path(place)) as store:
        await run_plan(plan, store, Allowance(Limits(), None), watcher, lambda _: None)
        (tokens,) = store.db.execute("SELECT SUM(output_tokens) FROM calls").fetchone()
        ((start_s, end_s),) = store.db.execute(
            "SELECT start_s, end_s FROM windows WHERE phase = 'whole'"
        ).fetchall()
    used = [cpu_s for at_s, cpu_s in engine.cpu_s if start_s <= at_s <= end_s]
    asked = engine.requests[-len(plan.cells[0].problems) :]  # warm-up comes first
    return tokens / (end_s - start_s), used[-1] - used[0], asked


@contextmanager
def stored(plan: Plan, place: Path) -> Iterator[Store]:
    """A new run folder."""
    watcher: Any = Silent()
    with _open_store(plan, None, RunOptions(place, grade=False), watcher) as store:
        store.begin_session(plan.machine.model_dump(mode="json"))
        yield store


async def through_vllm(
    bare: Any, prompts: Sequence[list[int]], asked: Sequence[Request], in_flight: int
) -> tuple[float, float]:
    """Tokens per second of vLLM alone, and CPU seconds of this process."""
    from vllm import SamplingParams
    from vllm.inputs import tokens_input
    from vllm.sampling_params import RequestOutputKind

    todo, tokens = iter(zip(prompts, asked, strict=True)), 0

    async def work() -> None:
        nonlocal tokens
        for prompt, request in todo:
            assert request.sampling is not None
            settings = SamplingParams(
                temperature=request.sampling.temperature,
                top_p=request.sampling.top_p,
                top_k=request.sampling.top_k,
                seed=request.seed,
                max_tokens=request.max_tokens,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            name = str(time.monotonic_ns())
            async for out in bare.generate(tokens_input(prompt_token_ids=prompt), settings, name):
                tokens += len(out.outputs[0].token_ids)

    began_s, cpu_s = time.monotonic(), time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return tokens / (time.monotonic() - began_s), time.process_time() - cpu_s


async def compare(rounds: int, problems: int, in_flight: int) -> dict[str, Any]:
    """Both in turn."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    from costbench.engines.model_files import resolve_model

    with tempfile.TemporaryDirectory() as place:
        suite = Path(place) / "overhead.yaml"
        suite.write_text(SUITE.format(problems=problems, in_flight=in_flight))
        async with VllmEngine(**SETTINGS).open(MODEL, in_flight) as opened:
            bare: Any = AsyncLLM.from_engine_args(
                AsyncEngineArgs(
                    model=str(resolve_model(MODEL.path)),
                    max_num_seqs=in_flight,
                    disable_log_stats=True,
                    enable_chunked_prefill=False,  # with seeds it would die on a CPU, and so would ours
                    **SETTINGS,
                )
            )
            try:
                return await take_turns(suite, Recorded(opened), bare, rounds, in_flight)
            finally:
                bare.shutdown()
                bare.shutdown = lambda timeout=None: None  # its __del__ would do it again


async def take_turns(
    suite: Path, engine: Recorded, bare: Any, rounds: int, in_flight: int
) -> dict[str, Any]:
    """The first round warms up and is dropped."""
    ours, theirs = [], []
    _, _, asked = await through_costbench(suite, engine)
    prompts = [engine._renderer.render(request).prompt_ids for request in asked]
    for number in range(rounds + 1):
        for which in sorted((0, 1), reverse=bool(number % 2)):
            await engine.reset_prefix_cache()
            await bare.reset_prefix_cache()
            if which:
                ours.append((await through_costbench(suite, engine))[:2])
            else:
                theirs.append(await through_vllm(bare, prompts, asked, in_flight))
        print(f"{number}: {ours[-1][0]:.0f} / {theirs[-1][0]:.0f} tokens/s", file=sys.stderr)
    pairs = list(zip(ours, theirs, strict=True))[1:]
    ratios = sorted(mine[0] / other[0] for mine, other in pairs)
    cpu_ms = sorted(1000 * (mine[1] - other[1]) / len(asked) for mine, other in pairs)
    return {
        "attempts": len(asked),
        "in_flight": in_flight,
        "rounds": rounds,
        "tokens_per_s": statistics.median(mine[0] for mine, _ in pairs),
        "tokens_per_s_bare": statistics.median(other[0] for _, other in pairs),
        "ratio": spread(ratios),
        "cpu_ms_per_attempt_beyond_bare": spread(cpu_ms),
        "cpu_ms_per_attempt_bare": spread(sorted(1000 * o[1] / len(asked) for _, o in pairs)),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": values[0], "max": values[-1]}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--problems", type=int, default=256)
    parser.add_argument("--in-flight", type=int, default=64)
    asked = parser.parse_args()
    figures = asyncio.run(compare(asked.rounds, asked.problems, asked.in_flight))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
