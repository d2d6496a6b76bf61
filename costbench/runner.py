"""Carrying out a plan: models loaded one by one, passes in turn, N attempts in flight, everything stored."""

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from costbench.errors import ContextFullError, EngineError, RequestError
from costbench.interfaces import OpenEngine
from costbench.metering.sampler import Reading, Sampler
from costbench.metering.select import meters_for
from costbench.plan import Cell, Plan
from costbench.policies.asking import ask
from costbench.store import Attempt, Call, Store
from costbench.suite import Limits
from costbench.types import Completion, Piece, Problem, Request, Solution

_COMMIT_EVERY_S = 1.0
_WARM_UP_TOKENS = 16


class Watcher(Protocol):
    """Whoever shows the progress of a run."""

    def loading(self, cell: Cell) -> None:
        """A model is being loaded."""

    def attempted(self, cell: Cell, attempts: int, output_tokens: int) -> None:
        """So many more attempts are stored."""

    def finished(self, cell: Cell, accuracy: float | None) -> None:
        """A cell has all its passes; None: not graded."""

    def failed(self, group: str, reason: str) -> None:
        """A group cannot go on; the others do."""


@dataclass
class Budget:
    """What a run may still use in this session."""

    limits: Limits
    usd_per_s: float | None
    began_s: float = field(default_factory=time.monotonic)
    output_tokens: int = 0

    def reached(self) -> str | None:
        """The limit that is reached, in words; None while there is room."""
        spent_s = time.monotonic() - self.began_s
        limits = self.limits
        if limits.wall_s and spent_s >= limits.wall_s:
            return f"limits.wall_s: {limits.wall_s:g} s"
        if limits.tokens and self.output_tokens >= limits.tokens:
            return f"limits.tokens: {limits.tokens}"
        if limits.usd and self.usd_per_s and spent_s * self.usd_per_s >= limits.usd:
            return f"limits.usd: {limits.usd:g}"
        return None


@dataclass(frozen=True)
class RunResult:
    """How a session of a run ended."""

    complete: bool
    stopped_by: str | None
    failed: tuple[tuple[str, str], ...]
    """Groups that could not go on, with the reason."""


@dataclass(frozen=True)
class Aides:
    """Who helps a run along."""

    watcher: Watcher
    grade: Callable[[Cell], float | None]
    """Grades a finished cell and gives its accuracy; called between windows, when no engine is at work."""


async def run_plan(plan: Plan, store: Store, budget: Budget, aides: Aides) -> RunResult:
    """Measure what the store does not have yet.

    Whatever ends it early (Ctrl-C, a limit, a dead engine), attempts that are done are committed first.
    """
    failed = []
    choice = plan.suite.meters
    meters = meters_for(choice, gpu=bool(plan.machine.gpus))
    with Sampler(meters, required=choice != "auto") as sampler:
        store.add_meters(sampler.facts)
        session = _Session(store, sampler, budget, aides)
        try:
            for cells in _by_model(plan):
                try:
                    await session.run_model(cells)
                except EngineError as error:
                    failed.append((cells[0].group, str(error)))
                    store.add_event("failed", str(error), cells[0].group)
                    aides.watcher.failed(cells[0].group, str(error))
        finally:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(sampler.settle_s)
            session.commit()
    return RunResult(session.nothing_left(plan.cells), session.stopped_by, tuple(failed))


def _by_model(plan: Plan) -> Iterator[list[Cell]]:
    """Cells that share a loaded model."""
    for _, cells in groupby(plan.cells, key=lambda cell: (cell.group, cell.model.name)):
        yield list(cells)


class _Session:
    """One process's work on a run."""

    def __init__(self, store: Store, sampler: Sampler, budget: Budget, aides: Aides) -> None:
        self._store = store
        self._sampler = sampler
        self._budget = budget
        self._aides = aides
        self._watcher = aides.watcher
        self._done: list[Attempt] = []
        self._readings: list[Reading] = []
        self.stopped_by: str | None = None

    async def run_model(self, cells: list[Cell]) -> None:
        """All passes of all cells of one model; raises EngineError when it cannot be served."""
        passes = [(number, cell) for number, cell in self._order(cells) if self._todo(cell, number)]
        if not passes or self.stopped_by:
            return
        self._watcher.loading(cells[0])
        concurrency = max(cell.concurrency for cell in cells)
        async with cells[0].engine.open(cells[0].model, concurrency) as engine:
            self._note_engine(cells, engine)
            await self._warm_up(cells[0], engine, concurrency)
            for number, cell in passes:
                await self._run_pass(cell, number, engine)
                if self.stopped_by:
                    return

    def nothing_left(self, cells: Sequence[Cell]) -> bool:
        """Whether every attempt of these cells is stored."""
        return not any(self._todo(cell, number) for number, cell in self._order(list(cells)))

    def _order(self, cells: list[Cell]) -> list[tuple[int, Cell]]:
        """Pass by pass, the cells of each in a random order from the suite's seed."""
        passes = max(cell.sampling.samples_per_problem for cell in cells)
        order = []
        for number in range(passes):
            shuffled = [cell for cell in cells if number < cell.sampling.samples_per_problem]
            random.Random(f"{cells[0].sampling.seed}:{number}").shuffle(shuffled)
            order += [(number, cell) for cell in shuffled]
        return order

    def _todo(self, cell: Cell, number: int) -> list[Problem]:
        done = self._store.done(cell.id, number)
        return [problem for problem in cell.problems if problem.id not in done]

    def _note_engine(self, cells: list[Cell], engine: OpenEngine) -> None:
        with self._store.transaction():
            for cell in cells:
                self._store.set_meta(
                    f"engine:{cell.id}",
                    {
                        "latency_basis": engine.latency_basis,
                        "gpu_uuids": list(engine.gpu_uuids),
                        "versions": dict(engine.versions),
                    },
                )

    async def _warm_up(self, cell: Cell, engine: OpenEngine, concurrency: int) -> None:
        """One short batch as wide as those to come; what it says is not kept."""
        requests = [
            Request(
                messages=ask(cell.problems[at % len(cell.problems)]),
                max_tokens=_WARM_UP_TOKENS,
                sampling=cell.sampling,
                seed=at,
            )
            for at in range(concurrency)
        ]

        async def try_one(request: Request) -> None:
            with suppress(RequestError):  # its own attempt will tell
                await engine.generate(request)

        with self._store.window(None, None, "warmup"):
            await asyncio.gather(*(try_one(request) for request in requests))

    async def _run_pass(self, cell: Cell, number: int, engine: OpenEngine) -> None:
        todo = iter(self._todo(cell, number))

        async def work() -> None:
            for problem in todo:
                if self._limit_reached():
                    return
                attempt = await self._attempt(cell, problem, number, engine)
                self._done.append(attempt)  # looked up only now: a commit replaces the list

        with self._store.window(cell.id, number, "whole"):
            committing = asyncio.create_task(self._commit_now_and_then(cell))
            workers = [asyncio.create_task(work()) for _ in range(cell.concurrency)]
            try:
                await _all_done(workers, beside=committing)
            finally:
                for task in (committing, *workers):
                    task.cancel()
                await asyncio.gather(committing, *workers, return_exceptions=True)
                self.commit(cell)
        if not self.stopped_by and number == cell.sampling.samples_per_problem - 1:
            self._watcher.finished(cell, self._aides.grade(cell))

    def _limit_reached(self) -> bool:
        self.stopped_by = self.stopped_by or self._budget.reached()
        return self.stopped_by is not None

    async def _commit_now_and_then(self, cell: Cell) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY_S)
            self.commit(cell)

    def commit(self, cell: Cell | None = None) -> None:
        """Store what is done, and the trace up to now; what cannot be stored is kept for the next try."""
        done, count = self._done, len(self._done)
        readings, faults = self._sampler.drain()
        self._readings += readings
        self._store.add_faults(faults)
        if done or self._readings:
            self._store.add_attempts(done, self._readings)
        self._done, self._readings = done[count:], []
        tokens = sum(call.completion.output_tokens or 0 for a in done for call in a.calls)
        self._budget.output_tokens += tokens
        if cell is not None and done:
            self._watcher.attempted(cell, len(done), tokens)

    async def _attempt(
        self, cell: Cell, problem: Problem, number: int, engine: OpenEngine
    ) -> Attempt:
        seed = attempt_seed(cell.sampling.seed, cell.id, problem.id, number)
        calls = _Calls(cell, engine, seed)
        started_s, solution, problem_found = time.monotonic(), None, None
        try:
            solution = await cell.policy.solve(problem, cell.model, calls.generate)
        except ContextFullError as error:
            # Cut by the context as others are by max_tokens; an error would leave the accuracy.
            solution = calls.cut_off
            problem_found = None if solution else str(error)
        except RequestError as error:
            problem_found = str(error)
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - a policy that breaks on one problem is data, not a crash
            problem_found = f"policy {cell.policy_name}: {type(error).__name__}: {error}"
        return Attempt(
            cell=cell.id,
            problem=problem.id,
            pass_number=number,
            seed=seed,
            started_s=started_s,
            finished_s=time.monotonic(),
            calls=tuple(calls.made),
            solution=solution,
            error=problem_found,
        )


async def _all_done(workers: Sequence[asyncio.Task[None]], beside: asyncio.Task[None]) -> None:
    """Raises the first error of any of them; `beside` never ends but by one, such as a full disk."""
    waiting = {beside, *workers}
    while waiting != {beside}:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


class _Calls:
    """The calls of one attempt: fills in sampling and seed, counts injected text once."""

    def __init__(self, cell: Cell, engine: OpenEngine, seed: int) -> None:
        self._cell = cell
        self._engine = engine
        self._seed = seed
        self._sent: list[Piece] = []
        self.made: list[Call] = []
        self._last_request: Request | None = None

    @property
    def cut_off(self) -> Solution | None:
        """What was written when the engine took no more; None when that was nothing."""
        if self._last_request is None or not self._last_request.written:
            return None
        return Solution(pieces=self._last_request.written, finished=False)

    async def generate(self, request: Request) -> Completion:
        self._last_request = request
        done = await self._engine.generate(
            request.model_copy(
                update={
                    "sampling": request.sampling or self._cell.sampling,
                    "seed": self._seed + len(self.made) if request.seed is None else request.seed,
                }
            )
        )
        self.made.append(Call(done, self._new_injected_tokens(request, done)))
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


def attempt_seed(suite_seed: int, cell: str, problem: str, pass_number: int) -> int:
    """A seed of its own for every attempt, the same whenever the run is repeated."""
    key = f"{suite_seed}\0{cell}\0{problem}\0{pass_number}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:7], "big")
