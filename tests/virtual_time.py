"""An event loop in which waiting takes no time: its clock jumps to whatever is due next."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

T = TypeVar("T")


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._virtual_s = 0.0
        look = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout_s: float | None) -> Any:
            assert timeout_s is not None, "everybody waits for something that never comes"
            self._virtual_s += timeout_s
            return look(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._virtual_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(main)


def now_s() -> float:
    """The running loop's time."""
    return asyncio.get_running_loop().time()


CLOCK = SimpleNamespace(monotonic=now_s)
"""In place of a module's `time`."""
