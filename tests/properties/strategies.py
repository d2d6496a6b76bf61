"""What the property tests draw: tables of attempts, clouds of points, windows full of attempts, counters."""

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

PATIENT = settings(max_examples=60)

NAN = float("nan")


@dataclass(frozen=True)
class Attempts:
    """A cost and a correctness by problem and pass."""

    cost: np.ndarray
    correct: np.ndarray

    @property
    def counted(self):
        return np.ones_like(self.cost)

    def reordered(self, order):
        return Attempts(self.cost[order], self.correct[order])


@st.composite
def attempts(draw, some_correct=True):
    """2 to 12 problems, 1 to 4 passes, costs over four orders of magnitude."""
    shape = draw(st.integers(2, 12)), draw(st.integers(1, 4))
    size = shape[0] * shape[1]
    cost = draw(st.lists(st.floats(0.01, 100), min_size=size, max_size=size))
    correct = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    if some_correct:
        correct[draw(st.integers(0, size - 1))] = True
    else:
        correct = [False] * size
    return Attempts(np.reshape(cost, shape), np.reshape(correct, shape).astype(float))


@st.composite
def points(draw, largest=12):
    """Costs and accuracies on a coarse grid, so that ties are common; some are not known."""
    coordinate = st.integers(0, 5).map(float)
    unsure = st.one_of(coordinate, coordinate, coordinate, st.just(NAN))
    found = draw(st.lists(st.tuples(unsure, unsure), min_size=1, max_size=largest))
    cost, accuracy = np.array(found).T
    return cost, accuracy


@dataclass(frozen=True)
class Work:
    """Attempts in windows: sampled tokens (NaN: not known), the window of each, each window's total."""

    tokens: np.ndarray
    window: np.ndarray
    totals: np.ndarray


@st.composite
def work(draw):
    """1 to 30 attempts in up to 4 windows, none of which is empty."""
    tokens = draw(
        st.lists(st.one_of(st.integers(0, 5000).map(float), st.just(NAN)), min_size=1, max_size=30)
    )
    windows = draw(st.integers(1, min(4, len(tokens))))
    others = st.integers(0, windows - 1)
    rest = len(tokens) - windows
    window = [*range(windows), *draw(st.lists(others, min_size=rest, max_size=rest))]
    totals = draw(st.lists(st.floats(0.1, 1e6), min_size=windows, max_size=windows))
    return Work(np.array(tokens), np.array(window, dtype=np.int64), np.array(totals))


@dataclass(frozen=True)
class Counter:
    """A meter's counter: the times it steps at and its joules from then on."""

    t_s: np.ndarray
    joules: np.ndarray

    def at(self, moment_s):
        """What a poll reads at that moment."""
        return self.joules[np.searchsorted(self.t_s, moment_s, side="right") - 1]


@st.composite
def counters(draw):
    """A counter that steps every 50 to 500 ms by up to 300 J, from wherever it stood."""
    steps = draw(st.integers(5, 60))
    gaps = draw(st.lists(st.floats(0.05, 0.5), min_size=steps, max_size=steps))
    grown = draw(st.lists(st.floats(0.01, 300), min_size=steps, max_size=steps))
    start_s, offset = draw(st.floats(0, 1e5)), draw(st.floats(0, 1e8))
    return Counter(start_s + np.cumsum(gaps), offset + np.cumsum(grown))


@st.composite
def moments(draw, start_s, end_s, count):
    """So many moments in order, no two closer than a thousandth of the stretch."""
    places = draw(
        st.lists(st.integers(0, 1000), min_size=count, max_size=count, unique=True).map(sorted)
    )
    return [start_s + (end_s - start_s) * place / 1000 for place in places]
