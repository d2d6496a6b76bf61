"""What cells of a language model say, against what was assumed: pure functions, as in verdicts.py."""

from collections.abc import Mapping

import numpy as np

from benchmarks.gpu.verdicts import Judged, below, between, unknown
from costbench.metering.trace import Floats

ALONE_AT_LEAST_S = 1.0
"""A shorter request is at the counter's resolution."""
_FEWEST_ALONE = 3
_CLOSE, _FAR = 0.02, 0.05
_PHASES, _ALONE, _OPINION = 0.1, 0.15, 0.01
_IDLE_W, _IDLE = 3.0, 0.05


def idle_again(first_w: float | None, last_w: float | None) -> Judged:
    """Idle power before and after differs by 3 W or 5 % at most."""
    if first_w is None or last_w is None:
        return unknown("an idle power is missing")
    off_w = abs(last_w - first_w)
    return below(off_w, max(_IDLE_W, _IDLE * first_w), before_w=first_w, after_w=last_w)


def cells_agree(integrals: Mapping[str, Floats]) -> Judged:
    """Integral over counter by cell, rows of counter and integral; the worst cell counts."""
    sums = {
        cell: rows[np.isfinite(rows).all(axis=1)].sum(axis=0) for cell, rows in integrals.items()
    }
    off = {cell: float(both[1] / both[0] - 1) for cell, both in sums.items() if both[0] > 0}
    if not off:
        return unknown("no cell has both")
    worst = max(abs(value) for value in off.values())
    return between(worst, _CLOSE, _FAR, worst=worst, **off)


def phases(residual: float | None, windows: int) -> Judged:
    """What the fit of joules per token misses."""
    if residual is None:
        return unknown("no fit: fewer than six windows, or too much alike", windows=windows)
    return below(residual, _PHASES, missed=residual, windows=windows)


def shares_of_alone(alone: Floats) -> Judged:
    """Requests that ran alone: rows of joules by the counter, and as attributed."""
    if len(alone) < _FEWEST_ALONE:
        return unknown(f"fewer than {_FEWEST_ALONE} requests ran alone for {ALONE_AT_LEAST_S:g} s")
    ratio = alone[:, 1] / alone[:, 0]
    middle, low, high = (float(q) for q in np.percentile(ratio, (50, 5, 95)))
    return below(abs(middle - 1), _ALONE, median=middle, p05=low, p95=high, requests=len(alone))


def second_opinion(joules: tuple[float, float] | None) -> Judged:
    """CodeCarbon's and the counter's."""
    if joules is None or not joules[1]:
        return unknown("CodeCarbon was not there, or saw no GPU")
    off = joules[0] / joules[1] - 1
    return between(abs(off), _OPINION, _FAR, codecarbon_over_counter=off)
