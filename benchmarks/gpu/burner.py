"""The load's process, as seen by the one who measures."""

import json
import select
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.gpu.load import OURS, Kind

_START_S, _STOP_S = 120.0, 5.0
ROOT = Path(__file__).parents[2]


class BurnerError(Exception):
    """The load could not do what it was asked."""


class Burner:
    """Use in `with`: it is ready to work on entry, and gone on exit."""

    def __init__(self, device: str, name: str = OURS, *, listing: bool = False) -> None:
        self._command = [
            *(sys.executable, "-m", "benchmarks.gpu.load", "--device", device, "--burner", name),
            *(["--listing"] if listing else []),
        ]
        self.facts: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._errors: Any = None

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile("w+")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True, cwd=ROOT
        )
        try:
            self.facts = self.answer(_START_S)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def ask(self, kind: Kind, on_s: float, off_s: float = 0.0, times: int = 1) -> None:
        """Begin to work; `answer` waits for the end, `answered` tells of it."""
        self._send(do="work", kind=kind, on_s=on_s, off_s=off_s, times=times)

    def ask_pairs(self, count: int, seconds: float) -> None:
        """Compare the work with and without the sampler beside it."""
        self._send(do="pairs", count=count, seconds=seconds)

    def answered(self) -> bool:
        """Whether there is an answer, or nobody any more to give one."""
        stdout = self._there().stdout
        assert stdout is not None
        return bool(select.select([stdout], [], [], 0)[0])

    def answer(self, timeout_s: float) -> dict[str, Any]:
        """What came of it; raises BurnerError where nothing did."""
        process = self._there()
        end_s = time.monotonic() + timeout_s
        while not self.answered():
            if time.monotonic() > end_s:
                raise BurnerError(f"the load did not answer within {timeout_s:.0f} s")
            time.sleep(0.01)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.0)  # until it has said why
            raise BurnerError(f"the load ended: {self._last_words()}")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise BurnerError(str(found["error"]))
        return found

    def stop(self) -> None:
        """Ask it to end, and see to it."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(0.2 if sys.exc_info()[0] else _STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._errors.close()

    def _there(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise BurnerError("the load is not there")
        return self._process

    def _send(self, **asked: Any) -> None:
        stdin = self._there().stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(asked) + "\n")
            stdin.flush()
        except OSError as error:
            raise BurnerError(f"the load ended: {self._last_words()}") from error

    def _last_words(self) -> str:
        with suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
            return lines[-1] if lines else "without a word"
        return "without a word"
