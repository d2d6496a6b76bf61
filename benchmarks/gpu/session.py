"""What every step of the plan uses: the GPU, the load, the clock; and how a block of steps is run."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.burner import ROOT, Burner, BurnerError
from benchmarks.gpu.folder import Folder, Result
from benchmarks.gpu.load import OURS
from benchmarks.gpu.reading import Arrays, Gpu, Recorder
from costbench.errors import MeterError
from costbench.metering.window_energy import LOST

DEADLINE_S = 480.0
_RESERVED, _GRACE = 1 / 48, 1 / 96
"""Of a block's time: for its last files, and to give up in where the driver hangs."""
_SETTLE_S = 8.0
_TAIL_S = 0.3


class StepError(Exception):
    """A step could not be done, or not all of it."""


@dataclass(frozen=True)
class Options:
    """How the plan is run."""

    out: str
    device: str = "cuda"
    burner: str = OURS
    scale: float = 1.0
    """Durations are shortened by it, down to a floor of each step's own."""
    deadline_s: float = DEADLINE_S
    again: bool = False
    only: tuple[str, ...] = ()


class Session:
    """One block being run."""

    def __init__(self, gpu: Gpu, folder: Folder, options: Options) -> None:
        self.gpu = gpu
        self.folder = folder
        self.options = options
        self._end_s = time.monotonic() + options.deadline_s * (1 - _RESERVED)
        self._burner: Burner | None = None

    def left_s(self) -> float:
        """Until the block's last step has to be done."""
        return self._end_s - time.monotonic()

    def scaled(self, nominal_s: float, at_least_s: float) -> float:
        """A duration as it is run."""
        return max(nominal_s * self.options.scale, min(nominal_s, at_least_s))

    def recorder(self, period_s: float) -> Recorder:
        """A new record of the GPU."""
        return Recorder(self.gpu, period_s)

    def new_burner(self, *, listing: bool = False) -> Burner:
        """One more process that works on the GPU, or only lists it."""
        device = self.options.device
        device = f"cuda:{self.gpu.uuid}" if device == "cuda" else device
        return Burner(device, self.options.burner, listing=listing)

    @property
    def burner(self) -> Burner:
        """The load, started when it is first needed: idle power before it is a bare GPU's."""
        if self._burner is None:
            say("starting the load")
            self._burner = self.new_burner().__enter__()
            self.folder.note(load=dict(self._burner.facts) | {"pid": None})
            time.sleep(self.scaled(_SETTLE_S, 0.3))
        return self._burner

    def record_work(
        self, recorder: Recorder, kind: str, on_s: float, off_s: float = 0.0, times: int = 1
    ) -> Arrays:
        """Work while reading on, until it is done and has settled: its spans and chunks."""
        burner = self.burner
        burner.ask(kind, on_s, off_s, times)  # type: ignore[arg-type]
        give_up_s = time.monotonic() + times * (on_s + off_s) + 20.0
        recorder.until(lambda: burner.answered() or time.monotonic() > give_up_s)
        found = burner.answer(0.1)
        recorder.seconds(_TAIL_S)
        return {"spans_t_s": found["spans"], "chunks": found["chunks"]}

    def close(self) -> None:
        """Stop the load."""
        burner, self._burner = self._burner, None
        if burner is not None:
            burner.stop()


@dataclass(frozen=True)
class Step:
    """One step of a block."""

    name: str
    nominal_s: float
    """About what it takes, unscaled."""
    run: Callable[[Session], Result]
    least_s: float = 1.0
    """What it takes however it is scaled."""


def say(text: str) -> None:
    """To whoever waits."""
    print(text, file=sys.stderr, flush=True)


def run_block(
    session: Session, number: int, steps: Sequence[Step], finish: Callable[[], None]
) -> None:
    """All steps without a result. One that fails is noted; the others go on while there is a GPU."""
    folder, options = session.folder, session.options
    wanted = [step for step in steps if not options.only or step.name in options.only]
    due = [step for step in wanted if options.again or not folder.done(step.name)]
    gone = ""
    with _watched(session, number, due, finish):
        for step in due:
            need_s = max(step.nominal_s * options.scale, step.least_s)
            if gone:
                folder.fail(step.name, number, "skipped", gone)
            elif need_s > session.left_s():
                folder.fail(step.name, number, "skipped", "no time left in this block")
            else:
                gone = _run_step(session, number, step)


def _run_step(session: Session, number: int, step: Step) -> str:
    """Why nothing more can be read, empty while it can be."""
    folder = session.folder
    about_s = max(step.nominal_s * session.options.scale, step.least_s)
    began_s = time.monotonic()
    try:
        say(
            f"block {number}: {step.name}, about {about_s:.0f} s"
        )  # from here on it can be interrupted
        result = step.run(session)
        folder.keep(step.name, number, result, began_s, round(time.monotonic() - began_s, 3))
    except KeyboardInterrupt:
        folder.fail(step.name, number, "interrupted", "stopped by Ctrl-C or a signal")
        raise
    except Exception as error:  # noqa: BLE001 - one step that fails takes no other with it
        why = _sentence(error)
        say(f"block {number}: {step.name} failed: {why}")
        folder.fail(step.name, number, "failed", why)
        if isinstance(error, BurnerError):
            session.close()  # the next one begins with a new load
        return why if isinstance(error, MeterError) and error.code in LOST else ""
    return ""


def _sentence(error: Exception) -> str:
    plain = isinstance(error, (MeterError, BurnerError, StepError))
    words = str(error) if plain else f"{type(error).__name__}: {error}"
    return words.replace(str(ROOT), ".").replace(str(Path.home()), "~")  # no names of people


@contextmanager
def _watched(
    session: Session, number: int, due: Sequence[Step], finish: Callable[[], None]
) -> Iterator[None]:
    """A call into the driver that never comes back must not take along what there is."""

    def give_up() -> None:
        say(
            f"block {number}: a call did not come back in time; what was measured until then is kept"
        )
        for step in due:
            if step.name not in session.folder.steps:
                session.folder.fail(
                    step.name, number, "skipped", "the driver did not answer in time"
                )
        finish()
        session.close()
        os._exit(1)

    timer = threading.Timer(session.options.deadline_s * (1 - _GRACE), give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        session.close()
