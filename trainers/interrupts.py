"""Ctrl-C in a training: noted at once, obeyed between two steps, where the weights belong to one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_held(*, insist: bool = False) -> Iterator[threading.Event]:
    """The event is set by Ctrl-C; with `insist`, for steps of minutes, a second one raises at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals do not go there
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: object) -> None:
        del number, frame
        if insist and asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
