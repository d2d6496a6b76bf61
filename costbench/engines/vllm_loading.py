"""Loading a model into vLLM, and ending its processes again."""

import asyncio
import dataclasses
import difflib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from costbench.engines.model_files import resolve_model
from costbench.engines.random_weights import DOUBT, NoTokenizer, is_random
from costbench.engines.rendering import Renderer, renderer_for
from costbench.engines.vllm_log import Log, settled_process
from costbench.engines.vllm_reasons import reason
from costbench.errors import EngineError, first_line
from costbench.interfaces import OpenEngine
from costbench.types import Model

_OLDEST, _NEWEST = "0.22", "0.31"


@asynccontextmanager
async def serving(
    model: Model, arguments: dict[str, Any], *, stream: bool
) -> AsyncIterator[OpenEngine]:
    """The model with these engine arguments; none of its processes is left afterwards."""
    path, log = resolve_model(model.path), Log()
    renderer = await asyncio.to_thread(_read_renderer, model, path)
    engine = await _started(lambda: _load(model, path, arguments, log))
    try:
        from costbench.engines import vllm_versions as names
        from costbench.engines.vllm_answers import VllmServing

        opened = VllmServing(engine, renderer, lambda: reason(log), stream=stream)
        opened.versions = {"torch": names.torch_version, "vllm": names.__version__}
        opened.gpu_uuids = names.gpu_uuids(engine.vllm_config)
        opened.thinks = model.thinks and not is_random(model)
        opened.doubts = (DOUBT,) if is_random(model) else ()
        yield opened
    finally:
        await _ended(engine)


def _import() -> Any:
    try:
        from costbench.engines import vllm_versions
    except (ImportError, AttributeError) as error:
        raise EngineError(
            f"engine vllm: the installed vLLM cannot be used ({first_line(error)}); known are "
            f"{_OLDEST} to {_NEWEST}: pip install 'costbench[vllm]'"
        ) from error
    return vllm_versions


def _settings(
    names: Any, model: Model, path: Path | str, arguments: dict[str, Any]
) -> dict[str, Any]:
    known = {found.name for found in dataclasses.fields(names.AsyncEngineArgs)}
    for key in arguments:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            raise EngineError(
                f"engine vllm: `extra.{key}`: vLLM {names.__version__} has no such engine argument"
                + (f"; did you mean `{close[0]}`?" if close else "")
            )
    settings = arguments | {
        "model": str(path),
        "seed": 0,
        "generation_config": "vllm",  # a model's own settings would fill the gaps of ours unseen
        "trust_remote_code": False,
        "disable_log_stats": True,  # ours are told all the same
    }
    if names.ON_A_CPU:
        # A prompt read in parts takes back a draw of its request's seed; on a CPU that ends the engine
        # ("CPU Generator does not use offset"). Seen with 0.31, and the same source in 0.22.
        settings.setdefault("enable_chunked_prefill", False)
    if is_random(model):
        settings |= {"load_format": "dummy", "skip_tokenizer_init": True}
        return settings
    if isinstance(path, str) and model.revision is not None:
        settings |= {"revision": model.revision, "tokenizer_revision": model.revision}
    if model.thinks:
        settings["reasoning_config"] = names.ReasoningConfig(
            reasoning_start_str=model.thinking.open, reasoning_end_str=model.thinking.close
        )
    return settings


def _read_renderer(model: Model, path: Path | str) -> Renderer:
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    where: dict[str, Any] = {"revision": None if isinstance(path, Path) else model.revision}
    try:
        if is_random(model):
            shape: Any = AutoConfig.from_pretrained(str(path))
            return renderer_for(NoTokenizer(model, shape.vocab_size), model, None)
        tokenizer: Any = AutoTokenizer.from_pretrained(str(path), **where)
        try:
            ends: Any = GenerationConfig.from_pretrained(str(path), **where).eos_token_id
        except OSError:  # it has no such file
            config: Any = AutoConfig.from_pretrained(str(path), **where)
            ends = getattr(config, "eos_token_id", None)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise EngineError(
            f"model {model.name} ({model.path}) cannot be loaded: {first_line(error)}"
        ) from error
    if tokenizer.chat_template is None:
        raise EngineError(f"model {model.name} ({model.path}) has no chat template")
    return renderer_for(tokenizer, model, ends)


def _load(model: Model, path: Path | str, arguments: dict[str, Any], log: Log) -> Any:
    with settled_process():
        names = _import()
        settings = _settings(names, model, path, arguments)
        from costbench.engines.vllm_steps import Steps

        try:
            configured = names.AsyncEngineArgs(**settings)
            return names.AsyncLLM.from_engine_args(configured, stat_loggers=[Steps])
        except Exception as error:  # whatever vLLM raises, it says what was wrong
            raise EngineError(
                f"engine vllm: model {model.name} ({model.path}) cannot be loaded: "
                f"{reason(log, error)}"
            ) from error


async def _started(start: Any) -> Any:
    """Load in a thread, so that the run can be interrupted; what was loaded by then is ended."""
    loading = asyncio.create_task(asyncio.to_thread(start))
    try:
        return await asyncio.shield(loading)
    except asyncio.CancelledError:
        with suppress(EngineError):
            await _ended(await loading)
        raise


async def _ended(engine: Any) -> None:
    await asyncio.shield(asyncio.to_thread(engine.shutdown))
    # Its __del__ would do it again, even while the interpreter ends.
    engine.shutdown = lambda timeout=None: None
