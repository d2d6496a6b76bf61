"""Why an engine of vLLM failed, in one sentence that says what to lower where it was memory."""

import re

from costbench.engines.vllm_log import Log
from costbench.errors import first_line

_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception)): (.+)$", re.MULTILINE)
_SAYS_NOTHING = re.compile(
    r"Engine core initialization failed|See root cause above|stack trace|WorkerProc init"
)
_PLAIN = {"RuntimeError", "ValueError", "EngineDeadError", "VLLMValidationError"}
_ON_A_CPU = "on a CPU that is the environment variable VLLM_CPU_KVCACHE_SPACE, in GiB"
_ADVICE = (
    (
        re.compile(r"KV cache|cache blocks", re.IGNORECASE),
        "lower `max_model_len`, or give the cache more room: raise `gpu_memory_utilization` "
        f"({_ON_A_CPU})",
    ),
    (
        re.compile(r"on startup is less than desired", re.IGNORECASE),
        "lower `gpu_memory_utilization`, or end what else uses that memory",
    ),
    (
        re.compile(
            r"out of memory|OutOfMemory|(?:can't|cannot) allocate|MemoryError", re.IGNORECASE
        ),
        "lower `gpu_memory_utilization`, `max_num_seqs` or `max_model_len` (the cache's share: "
        f"{_ON_A_CPU})",
    ),
)


def reason(log: Log, error: Exception | None = None) -> str:
    """What went wrong first, as the engine's own process logged it; else what this one was told."""
    said = _root_cause(log.text()) or (_message(error) if error is not None else None)
    if said is None or _SAYS_NOTHING.search(said):
        kept = log.kept()
        return "for no reason that it tells" + (f"; its log is {kept}" if kept else "")
    said = said.rstrip(". ")
    advice = next((what for words, what in _ADVICE if words.search(said)), None)
    return f"{said}; {advice}" if advice else said


def _root_cause(logged: str) -> str | None:
    for kind, message in _RAISED.findall(logged):
        if not _SAYS_NOTHING.search(message):
            return str(message) if kind in _PLAIN else f"{kind}: {message}"
    return None


def _message(error: Exception) -> str:
    """Of pydantic's errors, which begin with their number, the first itself."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return first_line(error)
