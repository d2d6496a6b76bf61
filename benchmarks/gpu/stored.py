"""Stored results as rows of the table ask for them, and what each row makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gpu import rhythm
from benchmarks.gpu.analysis import (
    Wave,
    counter_energy,
    counter_power,
    longest_pause,
    period_s,
    ticks,
)
from benchmarks.gpu.block1 import WAVES
from benchmarks.gpu.folder import Folder
from benchmarks.gpu.verdicts import PAUSE_S, Power
from costbench.metering.nvml_devices import AVERAGE, INSTANT, generation, power_sources
from costbench.metering.trace import Floats

_EDGE_S = 0.8
"""Of a stretch at each end: a reading of the average tells of a second, half of it elsewhere."""
SLOW_WAVES_MS = (1000, 130, 101)
"""Waves whose phase moves against the updates'."""
AVERAGE_S = 1.0
_NAMES = {AVERAGE: "average", None: "usage", INSTANT: "instant"}
"""Of power readings, by their field; None is the older getter."""
_NOTHING: Floats = np.empty(0)


class AbsentError(Exception):
    """A step that a row needs has no result, or not this part of it."""


@dataclass(frozen=True)
class Data:
    """Stored results, as rows ask for them."""

    folder: Folder

    def facts(self, step: str) -> Mapping[str, Any]:
        """Raises AbsentError."""
        if not self.folder.done(step):
            entry = self.folder.steps.get(step, {})
            raise AbsentError(f"{step}: {entry.get('error', 'not run')}")
        found: Mapping[str, Any] = self.folder.steps[step]["facts"]
        return found

    def maybe(self, step: str, name: str) -> Floats:
        """Empty where a step that ran did not read this; raises AbsentError where it did not run."""
        self.facts(step)
        found = self.folder.array(step, name)
        return _NOTHING if found is None else found

    def array(self, step: str, name: str) -> Floats:
        """Raises AbsentError."""
        found = self.maybe(step, name)
        if not found.size:
            raise AbsentError(f"{step}: no {name.removesuffix('_t_s')} there")
        return found

    def counter(self, step: str) -> tuple[Floats, Floats]:
        """Times and joules."""
        return self.array(step, "counter_t_s"), self.array(step, "counter_j")

    def reading(self, step: str, name: str) -> tuple[Floats, Floats]:
        """Times and watts of "average", "instant" or "usage"."""
        return self.array(step, f"{name}_t_s"), self.array(step, f"{name}_w")

    def reading_s(self, name: str) -> float | None:
        """How often a power reading changes beside a steady load, which need not be the counter's rhythm."""
        if not self.folder.done("poll_load"):
            return None
        return period_s(
            self.maybe("poll_load", f"{name}_t_s"), self.maybe("poll_load", f"{name}_w")
        )

    def power(self, step: str) -> Power:
        """The reading that costbench would integrate, beside the counter."""
        for source in power_sources(self.generation()):
            name = _NAMES[source.field[0] if source.field else None]
            if self.maybe(step, f"{name}_w").size:
                series = *self.counter(step), *self.reading(step, name)
                return Power(*series, source.window_s / 2)
        raise AbsentError(f"{step}: no power reading")

    def generation(self) -> str | None:
        """Of the GPU, as a key of INSTANT_WINDOW_S; raises AbsentError."""
        facts = self.facts("inventory")
        return generation(facts["name"], facts["architecture"])

    def stretch(self, step: str) -> tuple[float, float]:
        """The part that is covered well: of the work where there was some, else of all."""
        spans = self.maybe(step, "spans_t_s")
        times = self.power(step).power_t_s
        ends = (spans[0, 0], spans[-1, 1]) if spans.size else (times[0], times[-1])
        return float(ends[0]) + _EDGE_S, float(ends[1]) - _EDGE_S

    def mean_w(self, step: str) -> float | None:
        """By the counter, else by power."""
        window = self.stretch(step)
        power = self.power(step)
        if longest_pause(power.counter_t_s, window) > PAUSE_S:
            raise AbsentError(f"{step}: readings paused")
        joules = counter_energy(power.counter_t_s, power.joules, window)
        inside = (power.power_t_s >= window[0]) & (power.power_t_s <= window[1])
        by_power = float(power.watts[inside].mean()) if inside.any() else None
        return by_power if joules is None else joules / (window[1] - window[0])

    def beats(self, name: str) -> dict[float, rhythm.Beat]:
        """Square waves that were run, by period: of the counter, or of a power reading as joules."""
        found = {}
        for step in WAVES:
            if not self.folder.done(step) or self.facts(step)["period_ms"] is None:
                continue
            series = (
                self.counter(step)
                if name == "counter"
                else rhythm.as_joules(*self.reading(step, name), self.reading_s(name))
            )
            seconds = self.facts(step)["period_ms"] * 1e-3
            smooth_s = 0.0 if name == "counter" else AVERAGE_S
            spans = self.array(step, "spans_t_s")
            found[seconds] = rhythm.Beat(seconds, *series, spans, smooth_s)
        return found

    def waves(self, name: str, steps: Sequence[str]) -> list[Wave]:
        """Points of a reading, or of the counter as power, beside the load's spans."""
        found = []
        for step in steps:
            if name == "counter":
                points = counter_power(*self.counter(step))
            else:
                points = ticks(*self.reading(step, name), self.reading_s(name))
            found.append(Wave(*points, self.array(step, "spans_t_s")))
        return found
