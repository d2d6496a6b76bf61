"""A program that runs inside of ours: our terminal is its terminal, our signals are its signals."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Self

from costbench.errors import CostbenchError

_TICK_S = 1.0
_RELAYED = ("SIGINT", "SIGTERM", "SIGHUP")
_KILLED = 128
"""What shells add to the number of the signal that ended a program."""


def require_program(name: str) -> None:
    """Raises CostbenchError where there is nothing to start."""
    if shutil.which(name) is None:
        raise CostbenchError(f"{name}: cannot be started: no such program, or it is not executable")


def run_child(command: Sequence[str], each_second: Callable[[], None]) -> int:
    """Run a program to its end and give its exit code; raises CostbenchError where it does not start."""
    with _Relay() as relay:
        try:
            child = subprocess.Popen(command)  # noqa: S603 - the user's own words, and no shell
        except OSError as error:
            raise CostbenchError(f"{command[0]}: cannot be started: {error.strerror}") from error
        relay.to(child)
        ended = threading.Event()

        def wait() -> None:
            child.wait()
            ended.set()

        # Not child.wait(timeout), which looks only every 50 ms: its end is the edge of a window.
        threading.Thread(target=wait, daemon=True).start()
        while not ended.wait(_TICK_S):
            each_second()
    return child.returncode if child.returncode >= 0 else _KILLED - child.returncode


class _Relay:
    """While open, what would end us goes to the program instead; what we ignore, it ignores too."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in _RELAYED:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._relay)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def to(self, child: "subprocess.Popen[bytes]") -> None:
        """From now on it gets them, those that came before it was there as well."""
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def _relay(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._child is None:
            self._early.append(number)
        elif number != signal.SIGINT or not _from_terminal():
            self._child.send_signal(number)


def _from_terminal() -> bool:
    """Ctrl-C reaches all processes in the foreground of a terminal; twice would end a program's clean-up."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
