"""Workers that are killed from outside; no other pool is here, so all children are theirs."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from costbench.errors import GradeError
from costbench.graders.verifying import Pair
from costbench.graders.workers import Workers

HALF, THIRD = Pair("1/2", "0.5"), Pair("1/3", "0.5")
HANG = Pair("9^{9^{9^{9}}}", "5")


def worker() -> psutil.Process:
    """The only one."""
    (child,) = multiprocessing.active_children()
    return psutil.Process(child.pid)


@contextmanager
def killed_at_work(process: psutil.Process) -> Iterator[None]:
    """Killed once it works: it has its task, and the pool has had the time to hear of that."""

    def wait_and_kill() -> None:
        with suppress(psutil.NoSuchProcess):  # its own deadline was first
            used_s, busy = process.cpu_times().user, 0
            while busy < 10:
                time.sleep(0.05)
                before_s, used_s = used_s, process.cpu_times().user
                busy += used_s > before_s
            process.kill()

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_one_that_is_killed_at_work_or_idle_is_replaced() -> None:
    with Workers(count=1, deadline_s=120) as workers:
        assert workers.verify([HALF]) == {HALF: "equal"}
        with killed_at_work(worker()):
            assert workers.verify([HANG]) == {HANG: "crashed"}
        assert workers.verify([THIRD]) == {THIRD: "different"}
        worker().kill()  # idle now: pebble gives its whole pool up
        assert workers.verify([HALF]) == {HALF: "equal"}
    assert multiprocessing.active_children() == []


def test_what_a_killed_one_had_beside_the_answer_that_hangs_is_asked_again() -> None:
    with Workers(count=1, deadline_s=5) as workers:
        assert workers.verify([HALF]) == {HALF: "equal"}
        with killed_at_work(worker()):
            verdicts = workers.verify([HALF, HANG, THIRD])
    assert verdicts == {HALF: "equal", HANG: "timeout", THIRD: "different"}


def test_a_broken_installation_is_a_sentence_and_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "math_verify.py").write_text("raise ImportError('half of it is missing')")
    monkeypatch.syspath_prepend(tmp_path)  # processes of the pool begin with it, too
    with (
        Workers(count=1, deadline_s=30) as workers,
        pytest.raises(
            GradeError, match=r"Math-Verify cannot be imported \(half of it is missing\)"
        ),
    ):
        workers.verify([HALF, THIRD])
