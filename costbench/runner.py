"""Carrying out a plan: models loaded one by one, passes in turn, N attempts in flight, everything stored."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Protocol

from costbench.arrivals import as_they_come, gaps_s
from costbench.attempting import Turn, attempt
from costbench.attempts import Arrival, Attempt
from costbench.cell import Cell
from costbench.errors import EngineError
from costbench.interfaces import OpenEngine
from costbench.metering.sampler import Fault, Reading, Sampler
from costbench.metering.select import is_local_rank_zero, meters_for
from costbench.metering.settling import LOOK_EVERY_S
from costbench.pacing import Pacing
from costbench.plan import Plan
from costbench.serving import forget_prompts, note_engine, note_questions_again, within_reach
from costbench.store import Store
from costbench.suite import Limits
from costbench.types import Problem

_COMMIT_EVERY_S = 1.0


class Observer(Protocol):
    """Whoever shows a run."""

    def announce(self, folder: Path, stored: int) -> None:
        """Where the run is stored, and how many attempts it already has."""

    def left_alone(self, folder: Path, differs_in: Sequence[str]) -> None:
        """An unfinished run of this suite is not resumed, because these parts of it differ."""

    def loading(self, cell: Cell) -> None:
        """A model is being loaded."""

    def waiting(self, what: str) -> None:
        """Nothing is being answered: idle power, warm-up, cooling."""

    def attempted(self, cell: Cell, attempts: int, output_tokens: int) -> None:
        """So many more of the planned attempts are stored."""

    def finished(self, cell: Cell, accuracy: float | None) -> None:
        """A cell has all its passes; None: not graded."""

    def failed(self, group: str, reason: str) -> None:
        """A group cannot go on; the others do."""

    def to_retry(self, attempts: int) -> None:
        """So many attempts ended in errors that may be gone when the run is resumed."""


Grade = Callable[[Cell], float | None]
"""Grades a finished cell and gives its accuracy; called between windows, when no engine is at work."""


@dataclass
class Allowance:
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


async def run_plan(
    plan: Plan, store: Store, allowance: Allowance, observer: Observer, grade: Grade
) -> RunResult:
    """Measure what the store does not have yet.

    Whatever ends it early (Ctrl-C, a limit, a dead engine), attempts that are done are committed first.
    """
    with _sampler(plan, store) as sampler:
        store.add_meters(sampler.facts)
        pacing = Pacing(store, sampler, plan.suite.protocol, observer.waiting)
        session = _Session(store, sampler, allowance, observer, grade, pacing)
        committing = asyncio.create_task(session.commit_now_and_then())
        try:
            if not session.nothing_left(plan.cells):
                await pacing.idle("idle_bare", None)
            for cells in _by_model(plan):
                try:
                    await session.run_model(cells, committing)
                except EngineError as error:
                    session.note_failed(cells[0].group, str(error))
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            end_s = time.monotonic()
            with suppress(asyncio.CancelledError):
                while not sampler.settled(end_s):
                    await asyncio.sleep(LOOK_EVERY_S)
            session.commit()
    to_retry = store.to_retry([cell.id for cell in plan.cells])
    if to_retry:
        observer.to_retry(to_retry)
    complete = session.nothing_left(plan.cells) and not to_retry and not plan.unavailable
    return RunResult(complete, session.stopped_by, tuple(session.failed))


def _sampler(plan: Plan, store: Store) -> Sampler:
    chosen = plan.suite.meters
    gpu = bool(plan.machine.gpus) or chosen.gpus != "engine" or chosen.server_pid is not None
    if not is_local_rank_zero():
        message = "of several processes on one machine only local rank 0 measures energy"
        store.add_event("meter", message, code="not_rank_zero")
    meters = meters_for(chosen.use, gpu=gpu, server_pid=chosen.server_pid)
    return Sampler(meters, required=chosen.use != "auto")


def _by_model(plan: Plan) -> Iterator[list[Cell]]:
    """Cells that share a loaded model."""
    for _, cells in groupby(plan.cells, key=lambda cell: (cell.group, cell.model.name)):
        yield list(cells)


class _Session:
    """One process's work on a run."""

    def __init__(
        self,
        store: Store,
        sampler: Sampler,
        allowance: Allowance,
        observer: Observer,
        grade: Grade,
        pacing: Pacing,
    ) -> None:
        self._pacing = pacing
        self._store = store
        self._sampler = sampler
        self._allowance = allowance
        self._observer = observer
        self._grade = grade
        self._done: list[Attempt] = []
        self._readings: list[Reading] = []
        self._faults: list[Fault] = []
        self._outcomes = Counter[bool]()
        self._cell: Cell | None = None
        self.stopped_by: str | None = None
        self.failed: list[tuple[str, str]] = []

    @property
    def _always_warm(self) -> bool:
        """Whether every pass is warmed up for; else the model is, once."""
        return self._pacing.protocol.steady

    async def run_model(self, cells: list[Cell], committing: "asyncio.Task[None]") -> None:
        """All passes of all cells of one model; raises EngineError when it cannot be served.

        `committing` stores what is there all the while; it ends only where it cannot, by StoreError.
        """
        passes = [(number, cell) for number, cell in self._order(cells) if self._todo(cell, number)]
        if not passes or self.stopped_by:
            return
        self._observer.loading(cells[0])
        in_flight = max(cell.calls_in_flight for cell in cells)
        warm_up_calls = max(cell.warm_up_calls for cell in cells)
        async with cells[0].engine.open(cells[0].model, in_flight) as engine:
            note_engine(self._store, cells, engine, self._sampler.facts)
            passes = await self._without_refused(cells, passes, engine)
            self._pacing.watch(engine.gpu_uuids)
            whose = f"{cells[0].group}/{cells[0].model.name}"
            await self._pacing.idle("idle_context", whose)
            if not self._always_warm:
                await self._pacing.warm_up(cells[0], engine, warm_up_calls)
            for number, cell in passes:
                await self._pacing.cool_down()
                if self._always_warm and not self._limit_reached():
                    await self._pacing.warm_up(cell, engine, cell.warm_up_calls)
                # A window of nothing would make the cell's energy unknown for good.
                if self._limit_reached():
                    return
                self._cell = cell
                await self._run_pass(cell, number, engine, committing)
                if self.stopped_by:
                    return
            await self._pacing.idle("idle_context", whose)

    def note_failed(self, group: str, reason: str) -> None:
        """Something of a group cannot go on; the rest of the run does."""
        self.failed.append((group, reason))
        self._store.add_event("failed", reason, group)
        self._observer.failed(group, reason)

    async def _without_refused(
        self, cells: list[Cell], passes: list[tuple[int, Cell]], engine: OpenEngine
    ) -> list[tuple[int, Cell]]:
        left, why = await within_reach(cells, engine)
        if why is not None:
            self.note_failed(cells[0].group, why)
        return [(number, cell) for number, cell in passes if cell in left]

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

    def _todo(self, cell: Cell, number: int, round_number: int = 0) -> list[Problem]:
        done = self._store.done(cell.id, number, round_number)
        return [problem for problem in cell.problems if problem.id not in done]

    async def _run_pass(
        self, cell: Cell, number: int, engine: OpenEngine, committing: "asyncio.Task[None]"
    ) -> None:
        todo = self._rounds(cell, number, engine)

        async def one(turn: Turn, problem: Problem, arrival: Arrival | None = None) -> None:
            done = await attempt(cell, problem, turn, engine)
            done = done if arrival is None else replace(done, arrival=arrival)
            self._done.append(done)  # looked up only now: a commit replaces the list
            self._outcomes[done.error is None] += 1

        async def work() -> None:
            for turn, problem in todo:
                if self._limit_reached():
                    return
                await one(turn, problem)

        await forget_prompts(self._store, cell, engine)
        with self._store.window(cell.id, number, "whole"):
            if cell.open_loop is None:
                workers = [asyncio.create_task(work()) for _ in range(cell.concurrency)]
            else:
                gaps = gaps_s(cell.open_loop, cell.sampling.seed, number)
                coming = as_they_come(todo, gaps, cell.concurrency, one, self._limit_reached)
                workers = [asyncio.create_task(coming)]
            try:
                await _all_done(workers, beside=committing)
            finally:
                for task in workers:
                    task.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                self.commit()
        if not self.stopped_by and number == cell.sampling.samples_per_problem - 1:
            self._observer.finished(cell, self._grade(cell))

    def _rounds(
        self, cell: Cell, number: int, engine: OpenEngine
    ) -> Iterator[tuple[Turn, Problem]]:
        """The pass's problems, all of them again as long as its window is too short."""
        began_s, round_number, self._outcomes = time.monotonic(), 0, Counter()
        while True:
            turn = Turn(number, round_number)
            yield from ((turn, problem) for problem in self._todo(cell, number, round_number))
            round_number += 1
            nothing_works = self._outcomes[False] and not self._outcomes[True]
            if nothing_works or time.monotonic() - began_s >= self._pacing.window_s:
                return
            if round_number == 1:
                note_questions_again(self._store, cell, engine)

    def _limit_reached(self) -> bool:
        self.stopped_by = self.stopped_by or self._allowance.reached()
        return self.stopped_by is not None

    async def commit_now_and_then(self) -> None:
        """For as long as the run lasts: what is read between passes belongs to their windows, too."""
        while True:
            await asyncio.sleep(_COMMIT_EVERY_S)
            self.commit()

    def commit(self) -> None:
        """Store what is done, and the trace up to now; what cannot be stored is kept for the next try."""
        done = self._done
        readings, faults = self._sampler.drain()
        self._readings += readings
        self._faults += faults
        self._store.add_faults(self._faults)
        self._faults = []
        if done or self._readings:
            self._store.add_attempts(done, self._readings)
        self._done, self._readings = [], []
        tokens = sum(call.completion.output_tokens or 0 for a in done for call in a.calls)
        self._allowance.output_tokens += tokens
        if self._cell is not None and done:
            planned = sum(a.round_number == 0 for a in done)
            self._observer.attempted(self._cell, planned, tokens)


async def _all_done(workers: Sequence[asyncio.Task[None]], beside: asyncio.Task[None]) -> None:
    """Raises the first error of any of them; `beside` never ends but by one, such as a full disk."""
    waiting = {beside, *workers}
    while waiting != {beside}:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
