"""Results of `vllm bench serve --save-result --save-detailed`: one JSON file, a list per fact."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from costbench.errors import ImportFileError
from costbench.imported import ImportedSample
from costbench.imports.reading import head_of, json_file, sample
from costbench.types import Component

_LISTS = ("input_lens", "output_lens", "ttfts", "itls")
_FURTHER = ("latencies", "start_times", "generated_texts", "errors")
"""Of some versions, or of some requests."""
_APPENDED = "written by --append-result? Give each line a file of its own"
_TASK = "vllm-bench"


class VllmBench(Component):
    """Times and tokens of every request, and its text; no questions, no verdicts."""

    kind: Literal["vllm-bench"] = "vllm-bench"

    @property
    def wall_clock(self) -> bool:
        """Its times are of a clock of the process (perf_counter)."""
        return False

    def recognizes(self, path: Path) -> bool:
        """By the keys that every version writes."""
        head = head_of(path)
        return all(f'"{key}"' in head for key in ("model_id", "request_throughput", "num_prompts"))

    def read(self, path: Path) -> Iterator[ImportedSample]:
        """A sample per request, in the order of the lists; problems are called by their place in it."""
        found = json_file(path, _APPENDED)
        lists = _lists(found, path)
        load = found.get("max_concurrency")
        for at in range(len(lists["input_lens"])):
            one = {name: values[at] for name, values in lists.items()}
            place = f"{path}: request {at}"
            yield sample(
                place,
                problem=f"request-{at:06d}",
                model=found.get("model_id"),
                task=_TASK,
                concurrency=load,
                **_facts(one, place),
            )


def _lists(found: Mapping[str, Any], path: Path) -> dict[str, list[Any]]:
    missing = [name for name in _LISTS if not isinstance(found.get(name), list)]
    if missing:
        raise ImportFileError(
            f"{path}: has no {', '.join(missing)} of single requests; run `vllm bench serve` with "
            "--save-result --save-detailed"
        )
    names = [*_LISTS, *(n for n in _FURTHER if found.get(n))]
    lists = {name: found[name] for name in names}
    for name, values in lists.items():
        if not isinstance(values, list):
            raise ImportFileError(f"{path}: its {name} are no list")
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ImportFileError(f"{path}: its lists are of different lengths: {told}")
    return lists


def _facts(one: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Of a failed request there are zeros, which are no figures."""
    if one.get("errors"):
        return {"error": str(one["errors"])}
    gaps, latency_s = one["itls"], one.get("latencies")
    try:
        latency_s = one["ttfts"] + sum(gaps) if latency_s is None else latency_s
    except TypeError as error:
        raise ImportFileError(f"{place}: ttfts and itls are not numbers") from error
    return {
        "input_tokens": one["input_lens"],
        "output_tokens": one["output_lens"],
        "ttft_s": one["ttfts"],
        "inter_token_s": gaps,
        "latency_s": latency_s,
        "started_s": one.get("start_times"),
        "response": one.get("generated_texts"),
    }
