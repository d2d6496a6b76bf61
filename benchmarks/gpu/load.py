"""Work for the GPU, in a process of its own, so that the one that measures never opens a CUDA context.

Driven by lines of JSON over a pipe: what to work on, how long, how often. It answers with the times on the
monotonic clock between which it really worked, and how much it did.

    {"do": "work", "kind": "matmul", "on_s": 0.05, "off_s": 0.05, "times": 100}
    {"do": "pairs", "count": 8, "seconds": 2.5}      the sampler on and off, in random order

`--burner module:Class` names another one: a class like TorchLoad, constructed with the device.
"""

import argparse
import importlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Literal, Protocol

Kind = Literal["matmul", "stream", "launch"]
Span = tuple[float, float]
"""From when to when, on the monotonic clock."""

OURS = "benchmarks.gpu.torch_load:TorchLoad"
_LEAD_S = 0.15
_AWAKE_S = 0.0005
_RAMP_SHARE = 0.25
"""Of a measured time goes before it, unmeasured."""


class Load(Protocol):
    """What works. Whoever replaces it (`--burner`) keeps to this."""

    facts: dict[str, Any]

    def prepare(self, kind: Kind, spans: Sequence[Span]) -> None:
        """Told before the first of these begins."""

    def run(self, kind: Kind, span: Span) -> tuple[float, float, int]:
        """Work until the span ends: when it really began and ended, and how many chunks were done."""

    def close(self) -> None:
        """No more work."""

    @staticmethod
    def listing() -> dict[str, Any]:
        """List the GPUs as costbench does before it loads a model."""


def find(name: str) -> Any:
    """The class that a name such as "module:Class" stands for."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def work(load: Load, kind: Kind, on_s: float, off_s: float, times: int) -> dict[str, Any]:
    """So often on and off, by a clock that does not drift: late once is not late ever after."""
    first_s = time.monotonic() + _LEAD_S
    starts = [first_s + at * (on_s + off_s) for at in range(times)]
    spans = [(start_s, start_s + on_s) for start_s in starts]
    load.prepare(kind, spans)
    done = []
    for span in spans:
        _sleep_until(span[0])
        done.append(load.run(kind, span))
    return {"spans": [each[:2] for each in done], "chunks": [each[2] for each in done]}


def pairs(load: Load, count: int, seconds: float) -> dict[str, Any]:
    """Chunks per second beside the sampler and without it: work that Python must launch feels it most."""
    dice = random.Random(0)
    found: dict[bool, list[float]] = {True: [], False: []}
    _rate(load, seconds, sampled=False)
    for _ in range(count):
        for sampled in dice.sample((True, False), 2):
            found[sampled].append(_rate(load, seconds, sampled=sampled))
    return {"with": found[True], "without": found[False]}


def _rate(load: Load, seconds: float, *, sampled: bool) -> float:
    from costbench.metering.nvml import NvmlMeter
    from costbench.metering.sampler import Sampler

    with Sampler([NvmlMeter()], required=True) if sampled else nullcontext():
        now_s = time.monotonic()
        start_s = now_s + _RAMP_SHARE * seconds
        span = (start_s, start_s + seconds)
        load.prepare("launch", [(now_s, span[1])])
        load.run(
            "launch", (now_s, start_s)
        )  # to open the sampler the GPU idled a second: clocks rise here
        began_s, ended_s, chunks = load.run("launch", span)
    return chunks / (ended_s - began_s)


def _sleep_until(t_s: float) -> None:
    left_s = t_s - time.monotonic()
    if left_s > _AWAKE_S:
        time.sleep(left_s - _AWAKE_S)
    while time.monotonic() < t_s:
        pass


def _answer(load: Load, asked: dict[str, Any]) -> dict[str, Any]:
    do = asked.pop("do")
    try:
        return work(load, **asked) if do == "work" else pairs(load, **asked)
    except Exception as error:  # noqa: BLE001 - told to whoever asked, who goes on with something else
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


def main() -> None:
    """Answer until the pipe is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--burner", default=OURS)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:UUID or cpu")
    parser.add_argument("--listing", action="store_true", help="only list the GPUs, and wait")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who measures
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what libraries print is no answer

        def say(found: dict[str, Any]) -> None:
            answers.write(json.dumps(found) + "\n")
            answers.flush()

        try:
            kind = find(options.burner)
            if options.listing:
                say(kind.listing())
                sys.stdin.read()
                return
            load: Load = kind(options.device)
        except Exception as error:  # noqa: BLE001 - one sentence instead of a traceback
            say({"error": f"{type(error).__name__}: {error}".splitlines()[0]})
            return
        say(load.facts)
        for line in sys.stdin:
            say(_answer(load, json.loads(line)))
        load.close()


if __name__ == "__main__":
    main()
