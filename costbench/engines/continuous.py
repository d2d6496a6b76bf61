"""Continuous batching: a request joins the batch at the next step, and leaves it at the step that ends it."""

import queue
import threading
import time
from typing import Any

import torch

from costbench.engines.loaded import CLOSED, LoadedModel, Pending, why
from costbench.engines.paged import Asked, Narrowed, Paged, page_attention
from costbench.engines.rows import Row
from costbench.errors import EngineError
from costbench.types import Model, Sampling

_LOOK_S = 0.5
"""How often the worker looks whether the manager's thread is still there."""


class ContinuousBatcher(LoadedModel):
    """Hands requests to a manager of transformers, and makes a new one for another top_p or top_k."""

    def __init__(
        self, model: Any, tokenizer: Any, described: Model, max_batch_size: int, attention: str
    ) -> None:
        """Also makes and tries the first manager: what cannot be is known when the model is loaded.

        Raises EngineError.
        """
        super().__init__(model, tokenizer, described, max_batch_size)
        self.versions["attention"] = page_attention(model, attention)
        self._flying: dict[str, Pending] = {}
        self._landed = threading.Condition()
        """Guards `_flying`; told when nothing flies any more."""
        self._step = Step()
        self._count = 0
        self._narrowed = _narrowed(Sampling())
        self._has_drawn = False
        self._paged = self._new_manager()

    def _new_manager(self) -> Paged:
        try:
            paged = Paged(self._model, self._narrowed, self._max_batch_size, self)
        except EngineError:
            raise
        except Exception as error:  # whatever transformers and torch raise
            raise EngineError(
                f"engine transformers: continuous batching cannot begin: {_with_remedy(error)}"
            ) from error
        if paged.context < self._context:
            self._context, self._limit = paged.context, "the cache of continuous batching has"
        return paged

    def _work(self) -> None:
        self._paged.start()
        while (pending := self._next()) is not None:
            try:
                self._take(pending)
            except Exception as error:  # noqa: BLE001 - whatever torch raises, the requests must hear of it
                self.on_failure(error)
                pending.fail(self._break(error))
        self._paged.stop()
        self._fail_all(CLOSED)

    def _next(self) -> Pending | None:
        while True:
            try:
                return self._waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                self._look()

    def _take(self, pending: Pending) -> None:
        sampling = pending.request.sampling or Sampling()
        if not self._serves(sampling):
            self._wait_for_landing()
            self._change(_narrowed(sampling))
        with self._landed:
            if self._broken or self._closing.is_set():
                pending.fail(self._broken or CLOSED)
                return
            if pending.future.cancelled():  # what is cancelled later finds it flying
                return
            if not self._flying:
                torch.manual_seed((pending.request.seed or 0) % (1 << 63))
            self._count += 1
            self._flying[str(self._count)] = pending
        self._has_drawn = self._has_drawn or sampling.temperature > 0
        self._paged.submit(str(self._count), pending.row, sampling.temperature)

    def _serves(self, sampling: Sampling) -> bool:
        """Greedy ones join any others: an attempt that draws may ask for its answer so, again and again.

        Where nothing has been drawn so far they get a manager that only knows the best token.
        """
        if sampling.temperature == 0 and self._has_drawn:
            return True
        return _narrowed(sampling) == self._narrowed

    def _wait_for_landing(self) -> None:
        with self._landed:
            while self._flying and not self._closing.is_set():
                self._landed.wait(_LOOK_S)
                self._look()

    def _change(self, narrowed: Narrowed | None) -> None:
        if self._broken or self._closing.is_set():
            return
        self._paged.stop()
        self._narrowed, self._step = narrowed, Step()
        self._paged = self._new_manager()
        self._paged.start()

    def _break(self, error: Exception) -> EngineError:
        """Says also what else may work, where it was not that memory ran out."""
        if not isinstance(error, EngineError):
            error = EngineError(f"the engine failed: {_with_remedy(error)}")
        return super()._break(error)

    def _look(self) -> None:
        """A manager whose thread is gone answers nobody: those who asked while it died, neither."""
        if self._flying and (death := self._paged.death):
            self.on_failure(death)

    def _let_go(self) -> None:
        del self._paged  # it has the model, too
        super()._let_go()

    def _give_up(self, pending: Pending) -> None:
        with self._landed:
            for request_id, flying in self._flying.items():
                if flying is pending:
                    self._land(request_id)
                    self._paged.cancel(request_id)
                    return

    def on_token(self, asked: Asked, token: int, step: int) -> bool:
        """Take it down; a row that nobody waits for any more ends at its next token."""
        pending = self._flying.get(asked.request_id)
        if pending is None:
            return True
        row = pending.row
        if not row.tokens:
            pending.started_s = asked.started_s
        return row.accept(token, self._step.joined(step, row), self._renderer.end_ids)

    def on_ended(self, request_ids: list[str]) -> None:
        """Hand these over."""
        self._step.close()
        for request_id in request_ids:
            with self._landed:
                pending = self._land(request_id)
            if pending is not None:
                pending.resolve(self._completion(pending, pending.row.token_s[-1]))

    def on_failure(self, error: Exception) -> None:
        """All who wait hear of it, and all who ask from now on."""
        self._fail_all(self._break(error))

    def _fail_all(self, error: EngineError) -> None:
        with self._landed:
            for request_id in list(self._flying):
                pending = self._land(request_id)
                if pending is not None:
                    pending.fail(error)

    def _land(self, request_id: str) -> Pending | None:
        pending = self._flying.pop(request_id, None)
        if not self._flying:
            self._landed.notify_all()
        return pending


class Step:
    """The step that is being told, token by token: which rows were in it, and when it ended."""

    def __init__(self) -> None:
        self._number = -1
        self._now_s = 0.0
        self._rows: list[Row] = []

    def joined(self, number: int, row: Row) -> float:
        """When the row's token was there, on time.monotonic's clock."""
        if number != self._number:
            self.close()
            self._number, self._now_s = number, time.monotonic()
        self._rows.append(row)
        return self._now_s

    def close(self) -> None:
        """All its rows are known."""
        for row in self._rows:
            row.rows_alongside += len(self._rows)
        self._rows.clear()


def _narrowed(sampling: Sampling) -> Narrowed | None:
    return Narrowed(sampling.top_p, sampling.top_k) if sampling.temperature else None


def _with_remedy(error: Exception) -> str:
    said = why(error)
    return said if "lower" in said else f"{said}; `batching: static` may serve this model"
