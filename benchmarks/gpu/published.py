"""Joules per output token of a report, beside what others have published for models of about that size.

    python -m benchmarks.gpu.published reports/RUN/report.json

Their figures are of other engines, prompts and cards, and of GPU energy only, as ours; the notes say how they
differ. A model of energy (EcoLogits) is evaluated at the same load, and says that it is one.
"""

import argparse
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_JOULES_PER_WH = 3600.0
_ALIKE = 1.5
"""Sizes within this factor are alike."""


@dataclass(frozen=True)
class Published:
    """Somebody else's figure."""

    model: str
    billions: float
    gpu: str
    at_once: int | None
    """None: whatever was best."""
    joules_per_token: tuple[float, float]
    """From least to most; twice the same where there is one."""
    notes: str
    source: str


_GPQA = "ML.ENERGY v3, public/data/tasks/gpqa.json"
_CHAT = "ML.ENERGY v3, public/data/tasks"
_ARGONNE = "argonne-lcf/LLM-Inference-Bench @4211f5d, Plots: derived from its power and throughput"
FIGURES: tuple[Published, ...] = (
    Published("Llama-3-8B", 8.0, "H100", 1, (2.9, 3.1), "one at a time", _ARGONNE),
    Published("Llama-3-8B", 8.0, "H100", 64, (0.12, 0.13), "batches", _ARGONNE),
    Published("Llama-3-8B", 8.0, "A100", 1, (3.3, 3.8), "one at a time", _ARGONNE),
    Published("Llama-3-8B", 8.0, "A100", 64, (0.15, 0.34), "batches", _ARGONNE),
    Published(
        "Qwen3-8B",
        8.2,
        "H100",
        96,
        (0.2211, 0.2211),
        "vLLM, some 8,000 tokens a response, so a long context",
        _GPQA,
    ),
    Published("Qwen3-8B", 8.2, "B200", 128, (0.1732, 0.1732), "vLLM, the same", _GPQA),
    Published("Qwen3-8B", 8.2, "H100", None, (0.0721, 0.0721), "vLLM, chat", _CHAT),
    Published("Llama-3.1-8B", 8.0, "H100", None, (0.0702, 0.0702), "vLLM, chat", _CHAT),
)


def ecologits_joules_per_token(billions: float, at_once: int) -> float:
    """EcoLogits' curve: 1.1665e-6 e^(-0.0112 B) P + 4.053e-5 Wh, P in billions of active parameters."""
    return _JOULES_PER_WH * (1.1665e-6 * math.exp(-0.0112 * at_once) * billions + 4.053e-5)


def size_of(model: str) -> float | None:
    """Billions of parameters, by a name such as r1-distill-qwen-7b-shape; None where it does not say."""
    found = re.search(r"(?:^|-)(\d+(?:\.\d+)?)b(?:-|$)", model, re.IGNORECASE)
    return float(found[1]) if found else None


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A Markdown table: ours, then others' for models as large, and the model of energy."""
    yield f"GPU energy per output token on {report['machine'].get('label', 'this machine')}.\n"
    yield "| model | at once | J / output token | tokens / s | notes |"
    yield "| --- | --: | --: | --: | --- |"
    sizes: dict[float, None] = {}
    for cell in report["cells"]:
        size = size_of(cell["model"])
        if size is None or "concurrency" not in cell["load"]:
            continue
        sizes[size] = None
        yield _ours(cell, size)
    for figure in FIGURES:
        if any(max(size, figure.billions) / min(size, figure.billions) <= _ALIKE for size in sizes):
            low, high = figure.joules_per_token
            span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            at_once = "best" if figure.at_once is None else figure.at_once
            told = f"{figure.notes}. {figure.source}"
            yield f"| {figure.model}, {figure.gpu} | {at_once} | {span} | | {told} |"


def _ours(cell: Mapping[str, Any], size: float) -> str:
    joules, at_once = cell["joules_per_output_token"], cell["load"]["concurrency"]
    value = "n/a" if joules["value"] is None else f"{joules['value']:.3g}"
    if joules["low"] is not None and joules["high"] is not None:
        value += f" [{joules['low']:.3g}, {joules['high']:.3g}]"
    rate = cell["tokens_per_second"]
    told = f"{cell['energy']['provenance']}, {cell['energy']['quality']}"
    modelled = f"EcoLogits' curve: {ecologits_joules_per_token(size, at_once):.2g}, modelled"
    name = f"**{cell['model']}**, {cell['group']}, {cell['dataset']}"
    speed = "n/a" if rate is None else f"{rate:,.0f}"
    return f"| {name} | {at_once} | {value} | {speed} | {told}. {modelled} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu.published", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("report", type=Path, help="a report.json")
    print("\n".join(lines(json.loads(parser.parse_args().report.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
