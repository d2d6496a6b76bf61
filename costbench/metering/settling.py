"""Whether counters have moved past a moment: before that, what was used until it is not known."""

from collections import deque

MAX_GAP_S = 5.0
"""A longer stretch without a change leaves a window uncovered: the counter or the sampler was gone."""

LOOK_EVERY_S = 0.05
"""Soon enough for whoever waits."""

_MOVES = 2
"""Of the first change that was seen after a moment nobody knows whether it came before it."""


class Movements:
    """When counters were seen to move. Not safe for threads."""

    def __init__(self) -> None:
        self._joules: dict[str, float] = {}
        self._moved_s: dict[str, deque[float]] = {}

    def note(self, domain: str, t_s: float, joules: float) -> None:
        """A reading of a counter."""
        if self._joules.get(domain, joules) != joules:
            self._moved_s.setdefault(domain, deque(maxlen=_MOVES)).append(t_s)
        self._joules[domain] = joules

    def all_past(self, moment_s: float, now_s: float) -> bool:
        """Whether all have moved since then; one that stands for `MAX_GAP_S` is not waited for."""
        return all(
            (len(seen) == _MOVES and seen[0] > moment_s) or now_s - seen[-1] > MAX_GAP_S
            for seen in self._moved_s.values()
        )
