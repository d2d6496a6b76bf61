"""Tokens per second of the embedded model by the transformers engine's two ways of batching.

    python benchmarks/batching_modes.py [--rows 8] [--problems 48] [--rounds 5] [--device cpu]

Each measurement runs in a process of its own, the two in turn. Both are greedy and write the same tokens.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time


def measure(batching: str, options: argparse.Namespace) -> float:
    """Tokens per second of the second of two passes with `rows` in flight."""
    from costbench.datasets.arithmetic import Arithmetic
    from costbench.engines.transformers import TransformersEngine
    from costbench.policies.unconstrained import Unconstrained
    from costbench.types import Completion, Model, Problem, Request, Sampling, Solution

    problems = list(Arithmetic(problems=options.problems, seed=1).load())
    model, policy = Model(name="abacus-base", path="embedded:abacus-base"), Unconstrained()
    settings = TransformersEngine.model_validate({"batching": batching, "device": options.device})

    async def run() -> float:
        async with settings.open(model, options.rows) as engine:
            free = asyncio.Semaphore(options.rows)

            async def generate(request: Request) -> Completion:
                greedy = {"sampling": Sampling(temperature=0.0), "seed": 1}
                return await engine.generate(request.model_copy(update=greedy))

            async def one(problem: Problem) -> Solution:
                async with free:
                    return await policy.solve(problem, model, generate)

            async def batch() -> float:
                began = time.monotonic()
                found = await asyncio.gather(*map(one, problems))
                tokens = sum(piece.tokens or 0 for solution in found for piece in solution.pieces)
                return tokens / (time.monotonic() - began)

            await batch()
            return await batch()

    return asyncio.run(run())


def main() -> None:
    """Print tokens per second of each way, and their ratio with its smallest and largest round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--problems", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--one", metavar="BATCHING", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.one, options))
        return
    found: dict[str, list[float]] = {"static": [], "continuous": []}
    for _ in range(options.rounds):
        for batching, rates in found.items():
            done = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--one", batching],
                stdout=subprocess.PIPE,  # stderr goes through: it says why one fails
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(f"batching_modes: {batching} ended with {done.returncode}")
            rates.append(float(done.stdout))
    ratios = [one / other for one, other in zip(found["continuous"], found["static"], strict=True)]
    for batching, rates in found.items():
        print(f"{batching:12} {statistics.median(rates):8.0f} tokens/s")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
