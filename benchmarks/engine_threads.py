"""Tokens per second of the embedded model by threads, OpenMP wait policy and other load.

    python benchmarks/engine_threads.py [--rows 128] [--rounds 3]

Each variant runs in a process of its own (the policy is read when torch is loaded), variants in turn.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import statistics
import subprocess
import sys
import time


def measure(rows: int, threads: int) -> float:
    """Tokens per second of the second of two batches."""
    import torch

    from costbench.datasets.arithmetic import Arithmetic
    from costbench.engines.transformers import TransformersEngine
    from costbench.policies.truncation import Truncation
    from costbench.types import Completion, Model, Request, Sampling

    torch.set_num_threads(threads)
    problems = list(Arithmetic(problems=rows, seed=1).load())
    model, policy = Model(name="abacus-base", path="embedded:abacus-base"), Truncation(budget=100)

    async def run() -> float:
        async with TransformersEngine().open(model, rows) as engine:

            async def generate(request: Request) -> Completion:
                return await engine.generate(
                    request.model_copy(update={"sampling": Sampling(), "seed": 1})
                )

            async def batch() -> float:
                began = time.monotonic()
                found = await asyncio.gather(*(policy.solve(p, model, generate) for p in problems))
                tokens = sum(piece.tokens or 0 for solution in found for piece in solution.pieces)
                return tokens / (time.monotonic() - began)

            await batch()
            return await batch()

    return asyncio.run(run())


def spin(seconds: float) -> None:
    """Keep one core busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def main() -> None:
    """Print a line per variant: median tokens per second and the ratio to the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.rows, options.one))
        return
    variants = list(itertools.product((1, 2), ("ACTIVE", "PASSIVE"), (False, True)))
    found: dict[tuple[int, str, bool], list[float]] = {variant: [] for variant in variants}
    for _ in range(options.rounds):
        for threads, policy, busy in variants:
            load = multiprocessing.Process(target=spin, args=(120,), daemon=True)
            if busy:
                load.start()
            done = subprocess.run(
                [sys.executable, __file__, "--rows", str(options.rows), "--one", str(threads)],
                env={**os.environ, "OMP_WAIT_POLICY": policy},
                capture_output=True,
                text=True,
                check=True,
            )
            if busy:
                load.kill()
            found[threads, policy, busy].append(float(done.stdout))
    first = statistics.median(found[variants[0]])
    for (threads, policy, busy), rates in found.items():
        rate = statistics.median(rates)
        beside = "beside other work" if busy else "alone"
        print(f"{threads} threads, {policy:7}, {beside:17} {rate:7,.0f} tok/s  x{rate / first:.2f}")


if __name__ == "__main__":
    main()
