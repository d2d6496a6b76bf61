"""What costbench itself costs: one command, one table.

    python benchmarks/harness.py [--rounds 5] [--only overhead]

Variants are interleaved, each in a process of its own; figures are medians, with the smallest and the largest
round. The answers are those of the embedded model, the large run folders are made up (large_run.py).
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROBLEMS, BATCH = 256, 64
FREE, CUT = 320, 48
"""Tokens a response may have: all it needs; so few that all rows of a batch end together."""
SMALL, LARGE = 1_000, 100_000
SUITE = """
name: overhead
sampling: {{temperature: 0.6, top_p: 0.95, top_k: 0, samples_per_problem: 1, seed: 0}}
groups:
  - name: g
    engine: {{kind: transformers, max_batch_size: {batch}}}
    datasets: [{{kind: arithmetic, problems: {problems}, seed: 3}}]
    models: [{{name: abacus-base, path: "embedded:abacus-base", role: baseline}}]
    policies: [{{kind: unconstrained, max_tokens: {most}}}]
    load: {{concurrency: {batch}}}
"""


class Silent:
    """Watches a run and says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def through_costbench(most: int) -> float:
    """Tokens per second of a run, with its store, sampler and CodeCarbon, over the windows it pays for."""
    from costbench.hardware import probe_machine
    from costbench.measuring import RunOptions, measure
    from costbench.plan import make_plan
    from costbench.store import Store
    from costbench.suite import load_suite

    with tempfile.TemporaryDirectory() as place:
        suite = Path(place) / "overhead.yaml"
        suite.write_text(SUITE.format(problems=PROBLEMS, batch=BATCH, most=most))
        plan = make_plan(load_suite(suite), probe_machine())
        watcher: Any = Silent()
        folder, _ = measure(plan, RunOptions(Path(place), grade=False), watcher)
        with Store.open(folder) as store:
            (tokens,) = store.db.execute("SELECT SUM(output_tokens) FROM calls").fetchone()
            (seconds,) = store.db.execute(
                "SELECT SUM(end_s - start_s) FROM windows WHERE phase = 'whole'"
            ).fetchone()
    return float(tokens / seconds)


def through_generate(most: int) -> float:
    """Tokens per second of `model.generate` on the same prompts in batches of the same size."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from costbench.allocator import keep_freed_memory
    from costbench.datasets.arithmetic import Arithmetic
    from costbench.engines.model_files import resolve_model

    keep_freed_memory()  # what costbench does for its own engine: the harness is compared, not malloc
    path = str(resolve_model("embedded:abacus-base"))
    tokenizer: Any = AutoTokenizer.from_pretrained(path, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
    model.eval()
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": problem.prompt}],
            add_generation_prompt=True,
            tokenize=False,
        )
        for problem in Arithmetic(problems=PROBLEMS, seed=3).load()
    ]
    settings = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 0}

    def batch(some: Sequence[str], limit: int) -> int:
        inputs = tokenizer(list(some), return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=limit, **settings)
        sampled = out[:, inputs["input_ids"].shape[1] :]
        return int((sampled != tokenizer.pad_token_id).sum())

    batch(prompts[:BATCH], 16)
    began = time.monotonic()
    tokens = sum(batch(prompts[at : at + BATCH], most) for at in range(0, len(prompts), BATCH))
    return tokens / (time.monotonic() - began)


def grading(kind: str) -> float:
    """Answers per second, half of them right, of forms that need a parser."""
    from costbench.plugins import build_component
    from costbench.types import Answered

    forms = (
        ("\\frac{{{0}}}{{{1}}}", "{0}/{1}"),
        ("{0}\\sqrt{{{1}}}", "{0} \\cdot \\sqrt{{{1}}}"),
        ("({0}, {1})", "({0},{1})"),
    )
    answered = [
        Answered(
            reference=reference.format(at, at + 1),
            answer=f"So it is \\boxed{{{written.format(at + at % 2, at + 1)}}}.",
        )
        for at in range(2, 1_002)
        for written, reference in forms
    ]
    with build_component("graders", kind).open() as grade:
        grade(answered[:6])
        began = time.monotonic()
        grade(answered)
        return len(answered) / (time.monotonic() - began)


def peak_mib() -> float:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def writing(attempts: int) -> dict[str, float]:
    """Memory of storing so many attempts, and what committing one takes."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from benchmarks.large_run import Size, write

    with tempfile.TemporaryDirectory() as place:
        seconds = write(Path(place) / "run", Size(attempts), grade=False)
    return {"mib": peak_mib(), "us": 1e6 * seconds / attempts}


def reporting(attempts: int) -> dict[str, float]:
    """Memory and seconds of `costbench report`, imports included."""
    with tempfile.TemporaryDirectory() as place:
        script = Path(__file__).with_name("large_run.py")
        command = [sys.executable, str(script), f"{place}/run", "--attempts", str(attempts)]
        subprocess.run(command, check=True, capture_output=True)
        began = time.monotonic()
        report = [
            sys.executable,
            "-m",
            "costbench",
            "report",
            f"{place}/run",
            "--out",
            f"{place}/out",
        ]
        subprocess.run(report, check=True, capture_output=True)
        seconds = time.monotonic() - began
    return {"s": seconds, "mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}


def cpu_s(command: Sequence[str]) -> float:
    """CPU seconds of a program, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def starting() -> dict[str, float]:
    """CPU seconds of `--help`, and of importing click alone."""
    return {
        "help": cpu_s([sys.executable, "-m", "costbench", "--help"]),
        "click": cpu_s([sys.executable, "-c", "import click"]),
    }


PARTS: dict[str, Callable[[], object]] = {
    "costbench-free": lambda: through_costbench(FREE),
    "generate-free": lambda: through_generate(FREE),
    "costbench-cut": lambda: through_costbench(CUT),
    "generate-cut": lambda: through_generate(CUT),
    "start": starting,
    "write-small": lambda: writing(SMALL),
    "write-large": lambda: writing(LARGE),
    "report-small": lambda: reporting(SMALL),
    "report-large": lambda: reporting(LARGE),
    "grade-math": lambda: grading("math"),
    "grade-exact": lambda: grading("exact"),
}
ROWS: dict[str, tuple[str, ...]] = {
    "overhead": ("costbench-free", "generate-free", "costbench-cut", "generate-cut"),
    "start-up": ("start",),
    "storing": ("write-small", "write-large"),
    "reporting": ("report-small", "report-large"),
    "grading": ("grade-math", "grade-exact"),
}


def measured(parts: Sequence[str], rounds: int) -> dict[str, list[Any]]:
    """All rounds of these parts, in turn, each in its own process."""
    found: dict[str, list[Any]] = {part: [] for part in parts}
    for _ in range(rounds):
        for part, values in found.items():
            command = [sys.executable, __file__, "--part", part]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            values.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Median, smallest and largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{form.format(middle)} [{form.format(low)}, {form.format(high)}]"


def overhead(found: dict[str, list[Any]], kind: str) -> list[tuple[str, str]]:
    """Both speeds and their ratio, for responses of any length or of one."""
    ours, bare = found[f"costbench-{kind}"], found[f"generate-{kind}"]
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    lengths = {"free": f"up to {FREE} tokens", "cut": f"cut at {CUT} tokens"}[kind]
    return [
        (f"tokens/s of a run, {lengths}", spread(ours, "{:,.0f}")),
        (f"tokens/s of model.generate, {lengths}", spread(bare, "{:,.0f}")),
        (f"run / generate, {lengths}", spread(ratios)),
    ]


def table(row: str, found: dict[str, list[Any]]) -> list[tuple[str, str]]:
    """What a row's figures say."""
    if row == "overhead":
        return [line for kind in ("free", "cut") for line in overhead(found, kind)]
    if row == "start-up":
        ratios = [one["help"] / one["click"] for one in found["start"]]
        return [
            ("CPU s of --help", spread([one["help"] for one in found["start"]], "{:.3f}")),
            ("--help / import click", spread(ratios)),
        ]
    lines = []
    for part, values in found.items():
        if row == "grading":
            lines.append((f"answers/s, {part}", spread(values, "{:,.0f}")))
            continue
        unit, form = ("us", "{:.0f}") if row == "storing" else ("s", "{:.1f}")
        size = SMALL if part.endswith("small") else LARGE
        name = {"us": "us to commit one of", "s": "s to report"}[unit]
        lines.append((f"{name} {size:,}", spread([one[unit] for one in values], form)))
        lines.append((f"MiB with {size:,}", spread([one["mib"] for one in values], "{:.0f}")))
    return lines


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(ROWS), action="append")
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part]()))
        return
    print("| | what | median [smallest, largest] |\n|---|---|---|")
    for row in options.only or ROWS:
        for name, value in table(row, measured(ROWS[row], options.rounds)):
            print(f"| {row} | {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
