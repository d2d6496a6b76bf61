"""Sample logs of the LM Evaluation Harness: samples_TASK_DATE.jsonl, with the results beside them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from costbench.errors import ImportFileError
from costbench.imported import ImportedSample
from costbench.imports.reading import (
    first_object,
    head_of,
    json_file,
    json_lines,
    right_or_wrong,
    sample,
)
from costbench.types import Component

_NAME = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+))?\.jsonl")
_MODEL = re.compile(r"(?:^|,)(?:pretrained|model)=([^,]+)")
_QUESTIONS = ("question", "problem", "Question", "prompt", "query")
_METRICS = ("exact_match", "acc", "acc_norm", "pass@1")
"""Of files that do not list theirs (before 0.4.5), in this order."""
_INVALID = "[invalid]"
"""What the harness writes where its filter found no answer."""


class LmEval(Component):
    """A response per document; no times, no tokens."""

    kind: Literal["lm-eval"] = "lm-eval"
    metric: str | None = None
    """As the harness calls it: "exact_match", or with a filter "exact_match,flexible-extract"."""

    @property
    def wall_clock(self) -> bool:
        """It has no times."""
        return True

    def recognizes(self, path: Path) -> bool:
        """By the keys of its first record; results without responses are told from others, too."""
        if {"doc_id", "resps"} <= first_object(path).keys():
            return True
        head = head_of(path)
        return '"results"' in head and '"n-shot"' in head

    def read(self, path: Path) -> Iterator[ImportedSample]:
        """Those of one filter, which several records of one document differ in."""
        beginning = head_of(path)
        if path.suffix == ".json" and '"resps"' not in beginning:
            raise ImportFileError(
                f"{path}: holds no responses; name the samples_*.jsonl beside it (--log_samples writes them)"
            )
        names = _NAME.fullmatch(path.name)
        model = _model_beside(path, names["date"] if names else None)
        wanted_metric, _, wanted_filter = (self.metric or "").partition(",")
        seen: list[str] = []
        taken = wanted_filter
        for place, record in json_lines(path):
            if "doc_id" not in record or "resps" not in record:
                raise ImportFileError(
                    f"{place}: has no doc_id and resps; is it a sample log of lm-eval?"
                )
            kind = str(record.get("filter", "none"))
            seen += [kind] if kind not in seen else []
            taken = taken or kind
            if kind == taken:
                metric = _metric(record, wanted_metric, place)
                named = f"{metric},{kind}" if metric else None
                facts = {"model": model, "task": names["task"] if names else None, "metric": named}
                yield from _samples(record, metric, place, facts)
        if seen and taken not in seen:
            raise ImportFileError(
                f"{path}: has no filter {taken!r}; there are: {', '.join(seen)} (--metric METRIC,FILTER)"
            )


def _samples(
    record: Mapping[str, Any], metric: str | None, place: str, facts: Mapping[str, Any]
) -> Iterator[ImportedSample]:
    """One for each repeat; the metric is about all of them together."""
    responses, found = _of_first_request(record["resps"]), record.get("filtered_resps")
    answers = _of_first_request(found if isinstance(found, list) else [])
    value = record.get(metric) if metric else None
    alone = len(responses) == 1
    for at, text in enumerate(responses):
        answer = answers[at] if len(answers) == len(responses) else None
        yield sample(
            place,
            problem=str(record["doc_id"]),
            pass_number=at,
            question=_question(record),
            gold=_text(record.get("target")),
            level=_level(record.get("doc")),
            response=text,
            correct=right_or_wrong(value) if alone else None,
            reason=_why_none(value, alone),
            extracted=None if answer == _INVALID else answer,
            **facts,
        )


def _of_first_request(requests: object) -> list[str | None]:
    """Texts; None for log-likelihoods, which are no responses. Filters may leave the inner list out."""
    if not isinstance(requests, list) or len(requests) != 1:
        return [None]
    inner = requests[0]
    each = inner if isinstance(inner, list) else [inner]
    return [one if isinstance(one, str) else None for one in each] or [None]


def _why_none(value: object, alone: bool) -> str | None:
    if not alone:
        return "metric_of_all_repeats"
    return None if right_or_wrong(value) is not None else "metric_neither_right_nor_wrong"


def _metric(record: Mapping[str, Any], wanted: str, place: str) -> str | None:
    listed = record.get("metrics")
    known = [m for m in listed if isinstance(m, str)] if isinstance(listed, list) else []
    known = known or [name for name in _METRICS if name in record]
    if wanted and wanted not in record:
        raise ImportFileError(f"{place}: has no metric {wanted!r}; there are: {', '.join(known)}")
    return wanted or next((name for name in known if name in record), None)


def _question(record: Mapping[str, Any]) -> str | None:
    """The document's own, else the whole prompt."""
    doc = record.get("doc")
    if isinstance(doc, dict):
        for name in _QUESTIONS:
            if isinstance(doc.get(name), str):
                return str(doc[name])
    arguments = record.get("arguments")
    first = arguments.get("gen_args_0", {}) if isinstance(arguments, dict) else {}
    return _text(first.get("arg_0") if isinstance(first, dict) else None)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _level(doc: object) -> int | None:
    """MATH has "Level 5"."""
    value = doc.get("level") if isinstance(doc, dict) else None
    if isinstance(value, str):
        value = value.removeprefix("Level ").strip()
        return int(value) if value.isdecimal() and value.isascii() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _model_beside(path: Path, date: str | None) -> str | None:
    """As results_DATE.json says; None where it is not there."""
    found = path.with_name(f"results_{date}.json")
    if date is None or not found.is_file():
        return None
    results = json_file(found)
    if isinstance(results.get("model_name"), str) and results["model_name"]:
        return str(results["model_name"])
    config = results.get("config")
    given = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(given, dict):  # as in 0.4.13
        named = given.get("pretrained") or given.get("model")
        return named if isinstance(named, str) else None
    found_in = _MODEL.search(given) if isinstance(given, str) else None
    return found_in[1] if found_in else None
