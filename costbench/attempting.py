"""One try of a policy at a problem: its calls, its outcome, and what went wrong."""

import hashlib
import time
from typing import NamedTuple

from costbench.attempts import Attempt, Call
from costbench.cell import Cell
from costbench.errors import ContextFullError, EngineError, RequestError, TransientError
from costbench.interfaces import OpenEngine
from costbench.types import Completion, Piece, Problem, Request, Retry, Solution
from costbench.unheeded import refuse_unheeded


class Turn(NamedTuple):
    """Which walk through a cell's problems an attempt belongs to."""

    pass_number: int
    round_number: int = 0
    """Above 0 where a pass was too short for its window and its problems come again."""


async def attempt(cell: Cell, problem: Problem, turn: Turn, engine: OpenEngine) -> Attempt:
    """Let the cell's policy solve the problem once; raises EngineError only where the engine is gone."""
    seed = attempt_seed(cell.sampling.seed, cell.id, problem.id, turn)
    calls = _Calls(cell, engine, seed)
    started_s, solution, failure, transient = time.monotonic(), None, None, False
    try:
        solution = await cell.policy.solve(problem, cell.model, calls.generate)
    except ContextFullError as error:
        # Cut by the context as others are by max_tokens; an error would leave the accuracy.
        solution = calls.cut_off
        failure = None if solution else str(error)
    except RequestError as error:
        failure, transient = str(error), isinstance(error, TransientError)
    except EngineError:
        raise
    except Exception as error:  # noqa: BLE001 - a policy that breaks on one problem is data, not a crash
        failure = f"policy {cell.policy_name}: {type(error).__name__}: {error}"
    return Attempt(
        cell=cell.id,
        problem=problem.id,
        pass_number=turn.pass_number,
        round_number=turn.round_number,
        seed=seed,
        started_s=started_s,
        finished_s=time.monotonic(),
        calls=calls.made,
        solution=solution,
        error=failure,
        transient=transient,
        retries=calls.retries,
    )


def attempt_seed(suite_seed: int, cell: str, problem: str, turn: Turn) -> int:
    """A seed of its own for every attempt, the same whenever the run is repeated."""
    key = f"{suite_seed}\0{cell}\0{problem}\0{turn.pass_number}"
    if turn.round_number:
        key += f"\0{turn.round_number}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")


class _Calls:
    """The calls of one attempt: fills in sampling and seed, counts injected text once."""

    def __init__(self, cell: Cell, engine: OpenEngine, seed: int) -> None:
        self._cell = cell
        self._engine = engine
        self._seed = seed
        self._sent: list[Piece] = []
        self._begun = 0
        self._made: dict[int, Call] = {}
        self._last_request: Request | None = None
        self.retries: list[Retry] = []

    @property
    def made(self) -> tuple[Call, ...]:
        """Those that were answered, in the order in which they were begun."""
        return tuple(call for _, call in sorted(self._made.items(), key=lambda item: item[0]))

    @property
    def cut_off(self) -> Solution | None:
        """What was written when the engine took no more; None when that was nothing."""
        if self._last_request is None or not self._last_request.written:
            return None
        return Solution(pieces=self._last_request.written, finished=False)

    async def generate(self, request: Request) -> Completion:
        number, self._begun = self._begun, self._begun + 1  # others may begin before this one ends
        self._last_request = request
        refuse_unheeded(self._cell.engine, request, self._cell.policy_name)
        done = await self._ask(
            request.model_copy(
                update={
                    "sampling": request.sampling or self._cell.sampling,
                    "seed": self._seed + number if request.seed is None else request.seed,
                }
            )
        )
        if request.answering:  # no engine can see that in the text
            told = {"reasoning_tokens": 0, "first_answer_token_s": done.first_token_s}
            done = done.model_copy(update=told)
        self._made[number] = Call(done, self._new_injected_tokens(request, done))
        return done

    async def _ask(self, request: Request) -> Completion:
        try:
            done = await self._engine.generate(request)
        except RequestError as error:
            self.retries += error.retries
            raise
        self.retries += done.retries
        return done

    def _new_injected_tokens(self, request: Request, done: Completion) -> int | None:
        if done.written_tokens is None:
            return None
        total = 0
        for piece, tokens in zip(request.written, done.written_tokens, strict=True):
            if piece.origin == "injected" and not any(piece is sent for sent in self._sent):
                self._sent.append(piece)
                total += tokens
        return total
