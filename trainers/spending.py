"""Time and energy a training takes, added up over all its parts."""

import time
from contextlib import ExitStack
from typing import Self

import torch

from costbench.hardware import probe_machine
from costbench.metering.sampler import Reading, Sampler
from costbench.metering.select import meters_for
from costbench.metering.settling import LOOK_EVERY_S
from costbench.metering.trace import build_trace, total_joules, window_joules
from costbench.types import MeterFacts
from trainers.checkpoint import Ledger

_NOT_NOTED = "a machine that was not noted"
"""Where the checkpoint of an older version came from."""


def visible_gpus() -> tuple[str, ...]:
    """UUIDs of the GPUs that this process may use, as NVML names them."""
    found = range(torch.cuda.device_count())
    return tuple(f"GPU-{torch.cuda.get_device_properties(one).uuid}" for one in found)


class Spending:
    """Meters this process from entry to exit and books what was used into a ledger.

    `gpus` are the UUIDs of those at work (none: the machine's other meters); without it all that are visible.
    """

    def __init__(self, ledger: Ledger, gpus: tuple[str, ...] | None = None) -> None:
        self.ledger = ledger
        self._gpus = gpus
        self._sampler = Sampler(meters_for("auto", gpu=bool(self._at_work())))
        self._readings: list[Reading] = []
        self._stack = ExitStack()
        self._booked_until_s = 0.0

    def __enter__(self) -> Self:
        self._stack.enter_context(self._sampler)
        if self.ledger.duration_s and not self.ledger.machines:
            self.ledger.machines.append(_NOT_NOTED)
        here = probe_machine().label
        if here not in self.ledger.machines:
            self.ledger.machines.append(here)
        self._booked_until_s = time.monotonic()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def settle(self) -> Ledger:
        """Book the time and energy since the last call.

        Energy that was not seen stays unknown, and so does the sum of what unlike meters have counted.
        """
        start_s, end_s = self._booked_until_s, time.monotonic()
        self._booked_until_s = end_s
        fresh = self.ledger.duration_s == 0
        self.ledger.duration_s += end_s - start_s
        joules = self._joules(start_s, end_s)
        whole = fresh or self.ledger.joules is not None
        known = joules is not None and whole and not self.ledger.energy_mixed
        self.ledger.joules = (self.ledger.joules or 0.0) + joules if known and joules else None
        return self.ledger

    def _joules(self, start_s: float, end_s: float) -> float | None:
        facts = next(iter(self._sampler.facts), None)
        if facts is None:
            return None
        self._name(facts)
        domains = self._domains(facts)
        while True:  # until the counters have moved past the end
            settled = not domains or self._sampler.settled(end_s)
            readings, _ = self._sampler.drain()
            self._readings += readings
            counters = build_trace(self._readings).counters
            joules = total_joules(window_joules(counters, domains, start_s, end_s))
            if joules is not None or settled:
                break
            time.sleep(LOOK_EVERY_S)
        # Keep the newest stretch only: the next window starts where this one ended.
        self._readings = [r for r in self._readings if r.t_s > start_s]
        return joules

    def _name(self, facts: MeterFacts) -> None:
        """What the joules are; a part of another kind (another machine's meter) takes their name away."""
        ledger = self.ledger
        names: tuple[str | None, ...] = facts.method, facts.provenance, facts.scope
        before = ledger.energy_method, ledger.energy_provenance, ledger.energy_scope
        if ledger.energy_mixed or before not in ((None, None, None), names):
            ledger.energy_mixed, names = True, (None, None, None)
        ledger.energy_method, ledger.energy_provenance, ledger.energy_scope = names

    def _at_work(self) -> tuple[str, ...]:
        return visible_gpus() if self._gpus is None else self._gpus

    def _domains(self, facts: MeterFacts) -> tuple[str, ...]:
        """With GPUs those at work: neighbors are somebody else's, a CPU no stand-in for one."""
        mine = {f"gpu:{uuid}" for uuid in self._at_work()}
        if not mine:
            return facts.headline
        return tuple(domain for domain in facts.headline if domain in mine)
