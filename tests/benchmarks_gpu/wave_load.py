"""A load that works on nothing: it writes what a GPU would draw, for the stand-in library to read.

`--burner wave_load:Wave`. FAKE_NVML_LIVE is the file of power (tests/metering/fake_nvml.c), FAKE_NVML_PIDS,
if it names a file, the processes on the GPU.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BARE_W, CONTEXT_W = 75.0, 120.0
WATTS = {"matmul": 620.0, "stream": 420.0, "launch": 200.0}
_CHUNKS_PER_S = 1000
_AHEAD_S = 0.1


class Wave:
    """Told ahead what will be worked on, it writes the power down before its time comes."""

    def __init__(self, device: str) -> None:
        assert device.startswith("cuda:GPU-")
        _enter()
        self._power(time.monotonic() + _AHEAD_S, CONTEXT_W)
        self.facts: dict[str, Any] = {"pid": os.getpid(), "torch": None, "device": "stand-in"}

    def prepare(self, kind: str, spans: Sequence[tuple[float, float]]) -> None:
        edges = [(t_s, w) for a, b in spans for t_s, w in ((a, WATTS[kind]), (b, CONTEXT_W))]
        self._write("".join(f"{t_s!r} {watts}\n" for t_s, watts in edges))

    def run(self, kind: str, span: tuple[float, float]) -> tuple[float, float, int]:
        time.sleep(max(0.0, span[1] - time.monotonic()))
        return span[0], span[1], round((span[1] - span[0]) * _CHUNKS_PER_S)

    def close(self) -> None:
        others = _leave()
        self._power(time.monotonic() + _AHEAD_S, CONTEXT_W if others else BARE_W)

    @staticmethod
    def listing() -> dict[str, Any]:
        if os.environ.get("LISTING_OPENS"):  # what a torch would do that is not as assumed
            _enter()
        return {"pid": os.getpid(), "gpus": ["stand-in"]}

    def _power(self, t_s: float, watts: float) -> None:
        self._write(f"{t_s!r} {watts}\n")

    def _write(self, lines: str) -> None:
        with Path(os.environ["FAKE_NVML_LIVE"]).open("a", encoding="ascii") as file:
            file.write(lines)


class InPhase(Wave):
    """One whose work begins with an update of the counter: in some phases a part shows what the whole has."""

    _UPDATE_S = 0.1

    def prepare(self, kind: str, spans: Sequence[tuple[float, float]]) -> None:
        self._later_s = -spans[0][0] % self._UPDATE_S
        super().prepare(kind, [self._shifted(span) for span in spans])

    def run(self, kind: str, span: tuple[float, float]) -> tuple[float, float, int]:
        return super().run(kind, self._shifted(span))

    def _shifted(self, span: tuple[float, float]) -> tuple[float, float]:
        return span[0] + self._later_s, span[1] + self._later_s


class Ramp(Wave):
    """One whose clocks fall while it has nothing to do: its first 70 ms then yields nothing."""

    _FALL_S, _RISE_S = 0.5, 0.07

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._ended_s = 0.0

    def run(self, kind: str, span: tuple[float, float]) -> tuple[float, float, int]:
        began_s = time.monotonic()
        idle_s = began_s - self._ended_s
        super().run(kind, span)
        self._ended_s = time.monotonic()
        lost_s = self._RISE_S if idle_s > self._FALL_S else 0.0
        works_s = max(0.0, self._ended_s - began_s - lost_s)
        return began_s, self._ended_s, round(works_s * _CHUNKS_PER_S)


def _pids() -> Path | None:
    name = os.environ.get("FAKE_NVML_PIDS", "")
    return Path(name[1:]) if name.startswith("@") else None


def _enter() -> None:
    path = _pids()
    if path is not None:
        with path.open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()},")


def _leave() -> int:
    """How many others there are."""
    path = _pids()
    if path is None:
        return 0
    others = [pid for pid in path.read_text().split(",") if pid and int(pid) != os.getpid()]
    path.write_text("".join(f"{pid}," for pid in others))
    return len(others)
