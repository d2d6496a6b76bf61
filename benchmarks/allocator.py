"""Seconds per decoding step of the embedded model with and without keeping freed memory.

python benchmarks/allocator.py [--rows 64] [--rounds 3]
"""

import argparse
import statistics
import subprocess
import sys
import time
from typing import Any


def measure(rows: int, keep: bool) -> float:
    """Mean milliseconds of 200 steps with a growing key-value cache."""
    import torch
    from transformers import AutoModelForCausalLM, DynamicCache

    from costbench.allocator import keep_freed_memory
    from costbench.engines.model_files import resolve_model

    if keep:
        keep_freed_memory()
    model: Any = AutoModelForCausalLM.from_pretrained(resolve_model("embedded:abacus-base"))
    model.float().eval()
    cache, token = DynamicCache(), torch.zeros((rows, 1), dtype=torch.long)
    with torch.inference_mode():
        model(input_ids=torch.zeros((rows, 60), dtype=torch.long), past_key_values=cache)
        began = time.monotonic()
        for _ in range(200):
            model(input_ids=token, past_key_values=cache)
        return (time.monotonic() - began) / 200 * 1e3


def main() -> None:
    """Print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=("keep", "return"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.rows, options.one == "keep"))
        return
    found: dict[str, list[float]] = {"return": [], "keep": []}
    for _ in range(options.rounds):
        for variant, times in found.items():
            command = [sys.executable, __file__, "--rows", str(options.rows), "--one", variant]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times.append(float(done.stdout))
    slow, fast = (statistics.median(times) for times in found.values())
    print(f"returned {slow:.1f} ms a step, kept {fast:.1f} ms a step: x{slow / fast:.1f}")


if __name__ == "__main__":
    main()
