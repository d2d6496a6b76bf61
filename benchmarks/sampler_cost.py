"""What reading the meters costs: the sampler's share of a core, and whether the work beside it slows down.

    python benchmarks/sampler_cost.py [--pairs 40] [--seconds 30]

Two GPUs of the stand-in library (tests/metering/fake_nvml.c; real driver calls cost more), read 50 times a
second. The work is the embedded model on the CPU, in batches: pairs of the same work with and without the
sampler, in random order; the ratio of each pair, their median and a bootstrap interval of it.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
BATCH, TOKENS, BATCHES = 64, 96, 2
GPUS = 2


def own_cost(seconds: float) -> float:
    """CPU time of the sampling thread, as a share of one core."""
    from costbench.metering.nvml import NvmlMeter
    from costbench.metering.sampler import Sampler

    sampler = Sampler([NvmlMeter()])
    with sampler:
        began_s = time.monotonic()
        time.sleep(seconds)
        lasted_s = time.monotonic() - began_s
    readings, _ = sampler.drain()
    counters = sum(reading.quantity == "joules" for reading in readings) / GPUS
    print(f"readings of each counter: {counters / lasted_s:.1f} per second")
    return (sampler.thread_s or float("nan")) / lasted_s


def ratios(pairs: int) -> list[float]:
    """Time without the sampler over time with it, pair by pair: below 1 where it slows the work down."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from costbench.engines.model_files import resolve_model
    from costbench.metering.nvml import NvmlMeter
    from costbench.metering.sampler import Sampler

    path = str(resolve_model("embedded:abacus-base"))
    tokenizer = AutoTokenizer.from_pretrained(path)
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
    prompt = tokenizer("Start with 1. Add 1.", return_tensors="pt").input_ids.repeat(BATCH, 1)

    def work() -> float:
        began_s = time.perf_counter()
        for _ in range(BATCHES):
            model.generate(
                prompt,
                do_sample=False,
                min_new_tokens=TOKENS,
                max_new_tokens=TOKENS,
                pad_token_id=0,
            )
        return time.perf_counter() - began_s

    def timed(*, sampled: bool) -> float:
        with Sampler([NvmlMeter()]) if sampled else nullcontext():
            return work()

    torch.manual_seed(0)
    timed(sampled=True)
    dice, found = random.Random(0), []
    for _ in range(pairs):
        took = {sampled: timed(sampled=sampled) for sampled in dice.sample((True, False), 2)}
        found.append(took[False] / took[True])
    return found


def main() -> None:
    """Print both figures; starts itself again where the stand-in library is found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    if "FAKE_NVML_GPUS" not in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            _start_again(Path(folder))
        return
    print(f"sampler: {100 * own_cost(options.seconds):.2f} % of a core for {GPUS} GPUs")
    found = np.array(ratios(options.pairs))
    drawn = np.median(np.random.default_rng(0).choice(found, (10_000, found.size)), axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    print(
        f"throughput with / without: {np.median(found):.4f} [{low:.4f}, {high:.4f}], {found.size} pairs"
    )


def _start_again(folder: Path) -> None:
    """With the library compiled into a folder that the loader looks into."""
    name = "libnvidia-ml.so.1"
    source = ROOT / "tests" / "metering" / "fake_nvml.c"
    flags = ["-shared", "-fPIC", f"-Wl,-soname,{name}"]
    subprocess.run(["gcc", *flags, "-o", str(folder / name), str(source), "-lm"], check=True)
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(folder),
        "FAKE_NVML_GPUS": str(GPUS),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    raise SystemExit(
        subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode
    )


if __name__ == "__main__":
    main()
