"""A loaded vLLM engine that answers requests, token ids in and token ids out."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from costbench.engines.rendering import Rendered, Renderer
from costbench.engines.rows import Row
from costbench.engines.vllm_steps import Steps
from costbench.engines.vllm_versions import (
    REFUSALS,
    EngineDeadError,
    EngineGenerateError,
    RequestOutputKind,
    SamplingParams,
    tokens_input,
)
from costbench.errors import EngineError, RequestError, first_line
from costbench.types import Completion, LatencyBasis, Piece, Request, Sampling


@dataclass
class _Heard:
    """What came back of one request."""

    last: Any = None
    """The last output: it ends the request."""
    tokens: list[int] = field(default_factory=list)
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    """Of a stream: how many tokens there were, and when the newest was sampled."""

    def take(self, output: Any) -> None:
        """One output: of a stream what is new, else all."""
        self.last = output
        self.tokens += output.outputs[0].token_ids
        self.arrivals.append((len(self.tokens), output.metrics.last_token_ts))

    def came_s(self, tokens: int) -> float | None:
        """When so many tokens were there; None where there never were."""
        return next((at_s for seen, at_s in self.arrivals if seen >= tokens), None)

    @property
    def gaps_s(self) -> tuple[float, ...]:
        """Between what came one after another."""
        times = [at_s for _, at_s in self.arrivals]
        return tuple(after - before for before, after in itertools.pairwise(times))


class VllmServing:
    """One model; requests are answered as they come."""

    latency_basis: LatencyBasis = "engine"

    def __init__(
        self, engine: Any, renderer: Renderer, why_dead: Callable[[], str], *, stream: bool
    ) -> None:
        self._engine = engine
        self._renderer = renderer
        self._why_dead = why_dead
        self._stream = stream
        self._numbers = itertools.count()
        self._context = int(engine.model_config.max_model_len)
        self._steps = next(
            each for each in engine.logger_manager.stat_loggers if isinstance(each, Steps)
        )
        self.thinks = True
        self.cannot_continue: str | None = None
        self.doubts: Sequence[str] = ()
        self.versions: dict[str, str] = {}
        self.gpu_uuids: Sequence[str] = ()

    async def generate(self, request: Request) -> Completion:
        """Answer one request; it is given up in the engine, too, when the caller is canceled."""
        rendered = self._renderer.render(request)
        row = rendered.row(request.max_tokens, self._context)
        submitted_s = time.monotonic()
        heard = await self._hear(row, self._parameters(request, row))
        row.tokens = heard.tokens
        return self._completion(request, rendered, row, heard, submitted_s)

    async def why_no_thinking_budget(self) -> str | None:
        """Wherever there is thinking, vLLM can end it."""
        return None if self.thinks else "engine vllm: a model that does not think has no budget"

    async def reset_prefix_cache(self) -> bool:
        """Forget all prompts; False while something is in flight."""
        try:
            return bool(await self._engine.reset_prefix_cache())
        except EngineDeadError:
            raise self._dead() from None

    async def _hear(self, row: Row, parameters: Any) -> _Heard:
        heard = _Heard()
        outputs = self._engine.generate(
            tokens_input(prompt_token_ids=row.prompt_ids), parameters, str(next(self._numbers))
        )
        try:
            async with aclosing(outputs):
                async for output in outputs:
                    heard.take(output)
        except asyncio.CancelledError:
            raise
        except EngineDeadError:
            raise self._dead() from None
        except REFUSALS as error:
            raise RequestError(f"engine vllm: {first_line(error)}") from error
        except EngineGenerateError as error:
            if self._engine.errored:
                raise self._dead() from None
            cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            raise RequestError(f"engine vllm: {first_line(cause)}") from error
        return heard

    def _dead(self) -> EngineError:
        return EngineError(f"engine vllm died: {self._why_dead()}; run again to resume")

    def _parameters(self, request: Request, row: Row) -> Any:
        sampling = request.sampling or Sampling()
        # A special token never fires as a string, and an id costs no text at every step.
        ids = {marker[0] for marker in row.stop_ids if len(marker) == 1}
        strings = [
            text
            for text, marker in zip(request.stop, row.stop_ids, strict=True)
            if len(marker) != 1
        ]
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=request.seed,
            max_tokens=row.max_tokens,
            stop_token_ids=sorted(ids if row.ignore_eos else ids | self._renderer.end_ids),
            ignore_eos=row.ignore_eos,
            stop=strings or None,
            include_stop_str_in_output=True,
            detokenize=bool(strings),
            skip_special_tokens=False,
            spaces_between_special_tokens=False,
            thinking_token_budget=request.thinking_token_budget,
            output_kind=RequestOutputKind.DELTA if self._stream else RequestOutputKind.FINAL_ONLY,
        )

    def _completion(
        self, request: Request, rendered: Rendered, row: Row, heard: _Heard, submitted_s: float
    ) -> Completion:
        sampled, marker = self._pieces(row, heard.last.outputs[0])
        assert row.finish is not None
        reasoning = self._renderer.reasoning_tokens(row, rendered)
        times = heard.last.metrics
        answers_at_once = reasoning == 0 or request.answering
        answering_s = times.first_token_ts if answers_at_once else None
        if self._stream and not answers_at_once:
            answering_s = heard.came_s(reasoning + 1)
        return Completion(
            sampled=sampled,
            marker=marker,
            finish=row.finish,
            input_tokens=len(row.prompt_ids),
            cached_tokens=heard.last.num_cached_tokens,
            reasoning_tokens=reasoning,
            written_tokens=rendered.written_tokens,
            submitted_s=submitted_s,
            started_s=times.scheduled_ts,
            first_token_s=times.first_token_ts,
            first_answer_token_s=answering_s,
            inter_token_s=heard.gaps_s if self._stream else None,
            finished_s=times.last_token_ts,
            batch_size=self._steps.mean_rows(times.scheduled_ts),
        )

    def _pieces(self, row: Row, output: Any) -> tuple[Piece, Piece | None]:
        """As the transformers engine tells them: by ids, an end of turn before a stop marker."""
        ended = row.tokens and row.tokens[-1] in self._renderer.end_ids
        if ended and not row.ignore_eos:
            row.finish = "end"
        elif row.stop_marker() is not None:
            row.finish = "stop"
        elif isinstance(output.stop_reason, str):
            row.finish = "stop"
            return self._renderer.split_at(row.tokens, output.stop_reason)
        elif output.finish_reason == "length":
            row.finish = "length"
        else:
            raise RequestError(f"engine vllm: the request ended by {output.finish_reason!r}")
        return self._renderer.pieces(row)
