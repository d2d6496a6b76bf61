"""Logs of Inspect (.eval or .json), read by its own library."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from costbench.errors import ImportFileError, PluginError, first_line
from costbench.imported import ImportedSample
from costbench.imports.reading import head_of, moment, right_or_wrong, sample
from costbench.types import Component

_LETTERS = {"C": True, "I": False, "N": False}
"""Correct, incorrect, no answer; P (partly) is neither."""
_CUTS = {"token", "context"}


class InspectLogs(Component):
    """A sample per epoch: text, tokens, scores, and times by the wall clock."""

    kind: Literal["inspect"] = "inspect"
    metric: str | None = None
    """Which scorer's verdict counts; the first one's when None."""

    @property
    def wall_clock(self) -> bool:
        """UTC."""
        return True

    def recognizes(self, path: Path) -> bool:
        """An archive with a header of its own, or JSON with its keys."""
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return bool({"header.json", "_journal/start.json"}.intersection(archive.namelist()))
        head = head_of(path)
        return all(f'"{key}"' in head for key in ("eval", "task", "run_id"))

    def read(self, path: Path) -> Iterator[ImportedSample]:
        """As the log has them."""
        log = _read(path)
        if not log.samples:
            raise ImportFileError(
                f"{path}: holds no samples; was it written with --no-log-samples?"
            )
        for one in log.samples:
            place = f"{path}: sample {one.id} of epoch {one.epoch}"
            yield sample(
                place,
                problem=str(one.id),
                pass_number=one.epoch - 1,
                model=log.eval.model,
                task=log.eval.task,
                unfinished=log.status != "success",
                **(_failed(one) or _facts(one, log.eval.model, self.metric, place)),
            )


def _read(path: Path) -> Any:
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise PluginError(
            "logs of Inspect need the package inspect-ai: pip install inspect-ai"
        ) from error
    if not path.is_file():
        raise ImportFileError(f"{path}: cannot be read: no such file")
    try:
        return read_eval_log(str(path))
    except Exception as error:
        raise ImportFileError(
            f"{path}: inspect-ai cannot read it as a log: {first_line(error)}"
        ) from error


def _failed(one: Any) -> dict[str, Any] | None:
    return {"error": first_line(one.error.message)} if one.error else None


def _facts(one: Any, model: str, metric: str | None, place: str) -> dict[str, Any]:
    name, score = _score(one, metric, place)
    correct = None if score is None else _verdict(score.value)
    started, ended = moment(one.started_at, place), moment(one.completed_at, place)
    return {
        "question": one.input if isinstance(one.input, str) else _last_user(one.input),
        "gold": one.target if isinstance(one.target, str) else " | ".join(one.target),
        "response": one.output.completion,
        "correct": correct,
        "reason": None if correct is not None else "score_neither_right_nor_wrong",
        "metric": name,
        "extracted": None if score is None else score.answer,
        "started_s": started,
        "finished_s": ended,
        # Of several calls it is the last one's only; the sample's own time has tools and scorers in it.
        "latency_s": one.output.time if _calls(one) == 1 else None,
        "cut": one.output.stop_reason == "max_tokens"
        or (one.limit is not None and one.limit.type in _CUTS),
        **_usage(one, model),
    }


def _usage(one: Any, model: str) -> dict[str, Any]:
    """Of all calls to the model; what its total has beside output was read, from a cache or not."""
    usage = (one.model_usage or {}).get(model) or one.output.usage
    if usage is None:
        return {}
    read = usage.total_tokens - usage.output_tokens
    return {
        "input_tokens": read if read >= usage.input_tokens else usage.input_tokens,
        "cached_tokens": usage.input_tokens_cache_read,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "usd": getattr(usage, "total_cost", None),
    }


def _calls(one: Any) -> int:
    return sum(message.role == "assistant" for message in one.messages)


def _last_user(messages: Any) -> str | None:
    return next((m.text for m in reversed(messages) if m.role == "user"), None)


def _score(one: Any, metric: str | None, place: str) -> tuple[str | None, Any]:
    scores: Mapping[str, Any] = one.scores or {}
    if metric is None:
        return next(iter(scores.items()), (None, None))
    if scores and metric not in scores:
        raise ImportFileError(
            f"{place}: has no scorer {metric!r}; there are: {', '.join(scores)} (--metric)"
        )
    return metric, scores.get(metric)


def _verdict(value: object) -> bool | None:
    return _LETTERS.get(value) if isinstance(value, str) else right_or_wrong(value)
