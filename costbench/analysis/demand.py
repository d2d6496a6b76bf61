"""What answering so much a month takes: machines at the peak, a bill, joules.

Little's law in its plainest form: machines at work = answers per second x machine-seconds per answer. As many
are reserved as the peak keeps busy, all month; none are for chance, failures or growth.
"""

import math
from dataclasses import dataclass

from costbench.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

MONTH_S = HOURS_PER_MONTH * SECONDS_PER_HOUR
_ROUNDING = 1e-9
"""Of a machine more than this is one more: 0.1 x 30 are 3 machines, not 4."""


@dataclass(frozen=True)
class Flow:
    """Answers that are asked for."""

    per_month: float
    peak_to_mean: float

    def machines(self, machine_s_per_answer: float) -> int:
        """As many as the peak keeps busy, at least one."""
        busy = self.per_month / MONTH_S * self.peak_to_mean * machine_s_per_answer
        return max(1, math.ceil(busy * (1 - _ROUNDING)))


@dataclass(frozen=True)
class Month:
    """What reserved machines do in a month."""

    machines: int
    busy_s: float
    """Of all of them together."""

    @classmethod
    def of(cls, flow: Flow, machine_s_per_answer: float) -> "Month":
        """With machines for the peak."""
        return cls(flow.machines(machine_s_per_answer), flow.per_month * machine_s_per_answer)

    @property
    def idle_s(self) -> float:
        """Of all of them together: reserved and without work."""
        return max(0.0, self.machines * MONTH_S - self.busy_s)

    def usd(self, usd_per_s: float, usd_per_s_idle: float) -> float:
        """The bill, from what a second of a machine costs at work and idle."""
        return self.busy_s * usd_per_s + self.idle_s * usd_per_s_idle

    def joules(self, joules_at_work: float, idle_w: float) -> float:
        """With the power of one machine that idles."""
        return joules_at_work + self.idle_s * idle_w
