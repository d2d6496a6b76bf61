"""Records of AIPerf (profile_export.jsonl), and of GenAI-Perf (profile_export.json)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from costbench.errors import ImportFileError
from costbench.imported import ImportedSample
from costbench.imports.reading import first_object, head_of, json_file, json_lines, sample
from costbench.types import Component

_NS = 1e9
_SECONDS = {"ms": 1e-3, "sec": 1.0, "s": 1.0, "us": 1e-6, "ns": 1e-9}
_TASK = "aiperf"


class AiPerf(Component):
    """Times and tokens of every request; no texts, no verdicts. Requests of warm-up are left out."""

    kind: Literal["aiperf"] = "aiperf"

    @property
    def wall_clock(self) -> bool:
        """Nanoseconds since 1970."""
        return True

    def recognizes(self, path: Path) -> bool:
        """By the two parts of a record, by GenAI-Perf's experiments, or by a summary's unit and average."""
        record = first_object(path)
        if isinstance(record.get("metadata"), dict) and isinstance(record.get("metrics"), dict):
            return "request_start_ns" in record["metadata"]
        head = head_of(path)
        return '"experiments"' in head or ('"request_latency"' in head and '"avg"' in head)

    def read(self, path: Path) -> Iterator[ImportedSample]:
        """Requests of one input, one after another, are the samples of one problem."""
        records = _genai_perf(path) if path.suffix == ".json" else _aiperf(path)
        seen: Counter[tuple[Any, ...]] = Counter()
        for place, facts in records:
            input_of_load = facts.get("concurrency"), facts["problem"]
            yield sample(place, task=_TASK, pass_number=seen[input_of_load], **facts)
            seen[input_of_load] += 1


def _aiperf(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    beside = _summary(path)
    for place, record in json_lines(path):
        about, metrics = record.get("metadata"), record.get("metrics")
        if not isinstance(about, dict) or not isinstance(metrics, dict):
            raise ImportFileError(
                f"{place}: has no metadata and metrics; is it AIPerf's profile_export.jsonl?"
            )
        if about.get("benchmark_phase") == "warmup":
            continue
        name, turn = about.get("conversation_id"), about.get("turn_index") or 0
        if name is None:
            name = about.get("session_num")
        facts = {
            "problem": f"{name}:{turn}" if turn else str(name),
            "model": beside.model,
            "concurrency": beside.load(about.get("phase_name")),
            "unfinished": beside.unfinished,
        }
        yield place, facts | _facts(record.get("error"), about, metrics, place)


def _facts(
    error: object, about: Mapping[str, Any], metrics: Mapping[str, Any], place: str
) -> dict[str, Any]:
    if error or about.get("was_cancelled"):
        told = error.get("message") if isinstance(error, dict) else error
        return {"error": str(told or "cancelled")}
    start, end = about.get("request_start_ns"), about.get("request_end_ns")
    return {
        "started_s": _scaled(start, 1 / _NS, place),
        "finished_s": _scaled(end, 1 / _NS, place),
        "latency_s": _seconds(metrics, "request_latency", place),
        "ttft_s": _seconds(metrics, "time_to_first_token", place),
        "ttfat_s": _seconds(metrics, "time_to_first_output_token", place),
        "inter_token_s": _gaps(metrics, place),
        "input_tokens": _value(metrics, "input_sequence_length"),
        "cached_tokens": _value(metrics, "usage_prompt_cache_read_tokens"),
        "output_tokens": _value(metrics, "output_sequence_length"),
        "reasoning_tokens": _value(metrics, "reasoning_token_count"),
    }


def _gaps(metrics: Mapping[str, Any], place: str) -> list[float | None] | None:
    """Between chunks, which AIPerf has of streams."""
    metric, name = metrics.get("inter_chunk_latency"), "inter_chunk_latency"
    gaps = _value(metrics, name)
    if not isinstance(gaps, list):
        return None
    unit = metric.get("unit", "ms") if isinstance(metric, dict) else "ms"
    return [_seconds({name: {"value": gap, "unit": unit}}, name, place) for gap in gaps]


def _value(metrics: Mapping[str, Any], name: str) -> Any:
    metric = metrics.get(name)
    return metric.get("value") if isinstance(metric, dict) else metric


def _seconds(metrics: Mapping[str, Any], name: str, place: str) -> float | None:
    metric = metrics.get(name)
    unit = str(metric.get("unit", "ms")) if isinstance(metric, dict) else "ms"
    if unit not in _SECONDS:
        raise ImportFileError(f"{place}: {name} is in {unit!r}; known are {', '.join(_SECONDS)}")
    return _scaled(_value(metrics, name), _SECONDS[unit], place)


def _scaled(value: object, factor: float, place: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ImportFileError(f"{place}: expected a number, found {value!r}"[:300])
    return value * factor


@dataclass(frozen=True)
class _Summary:
    """What stands beside the records; None where it does not say."""

    model: str | None = None
    concurrency: int | None = None
    by_phase: Mapping[str, int | None] = field(default_factory=dict)
    unfinished: bool = False

    def load(self, phase: object) -> int | None:
        """Requests in flight; since 0.11 each phase has its own."""
        return self.by_phase.get(str(phase), self.concurrency)


def _summary(records: Path) -> _Summary:
    """Of the file with these records; under --profile-export-prefix it has another name."""
    names = (f"{records.stem}_aiperf.json", f"{records.stem}.json")
    path = next((p for p in map(records.with_name, names) if p.is_file()), None)
    found = json_file(path) if path else {}
    given = found.get("input_config")
    items = _at(given, "models", "items")
    models = [_at(item, "name") for item in items] if isinstance(items, list) else None
    models = models or _at(given, "endpoint", "model_names")
    phases = _at(given, "phases")
    return _Summary(
        model=models[0] if isinstance(models, list) and len(models) == 1 else None,
        concurrency=_at(given, "loadgen", "concurrency"),
        by_phase={str(_at(phase, "name")): _at(phase, "concurrency") for phase in phases}
        if isinstance(phases, list)
        else {},
        unfinished=found.get("was_cancelled") is True or found.get("is_complete") is False,
    )


def _at(value: Any, *keys: str) -> Any:
    """What is at these keys, one within the other; None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _genai_perf(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Its tokens are not in the file: GenAI-Perf counts the texts again each time."""
    found = json_file(path)
    experiments = found.get("experiments")
    if not isinstance(experiments, list):
        raise ImportFileError(
            f"{path}: holds summaries only; name the profile_export.jsonl beside it"
        )
    number = 0
    for experiment in experiments:
        for request in experiment.get("requests", ()) if isinstance(experiment, dict) else ():
            place = f"{path}: request {number}"
            yield place, {"problem": f"request-{number:06d}"} | _of_request(request, place)
            number += 1


def _of_request(request: object, place: str) -> dict[str, Any]:
    try:
        start = request["timestamp"]  # type: ignore[index]
        stamps = list(request["response_timestamps"])  # type: ignore[index]
        if not stamps:
            return {"error": "no response"}
        facts = {
            "started_s": start / _NS,
            "finished_s": max(stamps) / _NS,
            "latency_s": (max(stamps) - start) / _NS,
            "ttft_s": (min(stamps) - start) / _NS,
            "inter_token_s": [(b - a) / _NS for a, b in pairwise(sorted(stamps))],
        }
    except (KeyError, TypeError) as error:
        raise ImportFileError(
            f"{place}: has no timestamp and response_timestamps; is it GenAI-Perf's profile_export.json?"
        ) from error
    return facts | {"model": _model_asked(request)}


def _model_asked(request: Any) -> str | None:
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        payload = request["request_inputs"]["payload"]
        named = (json.loads(payload) if isinstance(payload, str) else payload)["model"]
        return named if isinstance(named, str) else None
    return None
