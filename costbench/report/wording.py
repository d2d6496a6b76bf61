"""How figures and names are written, in one place, for every rendering of a report."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from costbench.metering.window_energy import Bound
from costbench.report.contract import E
from costbench.types import Provenance

NA = "n/a"

_SMALLEST_PLAIN, _LARGEST_PLAIN = -4, 8
"""Powers of ten that are still written out; beyond them, 1.23e-06 is easier to compare."""


@dataclass(frozen=True)
class Scale:
    """A unit that a whole column is written in."""

    factor: float
    """Multiplies a figure in SI (or USD, or gCO2e) per one."""
    unit: str
    count: str = ""
    """Such as "1k", where the figure is for so many at once."""

    def per(self, one: str, many: str | None = None) -> str:
        """As "J / attempt", or "USD / 1k attempts" where the figure is for many at once."""
        return f"{self.unit} / {self.count} {many or one}" if self.count else f"{self.unit} / {one}"


SECONDS = (Scale(1.0, "s"), Scale(1e3, "ms"))
JOULES = (Scale(1e-6, "MJ"), Scale(1e-3, "kJ"), Scale(1.0, "J"), Scale(1e3, "mJ"))
USD = (Scale(1.0, "USD"), Scale(1e3, "USD", "1k"), Scale(1e6, "USD", "1M"))
GCO2E = (Scale(1.0, "gCO2e"), Scale(1e3, "gCO2e", "1k"), Scale(1e6, "gCO2e", "1M"))
TOKENS = (Scale(1.0, "tokens"),)


@dataclass(frozen=True)
class Mark:
    """How a provenance is shown beside a figure, and what it means."""

    sign: str
    meaning: str


PROVENANCE: dict[Provenance, Mark] = {
    "measured": Mark("", "read from a counter"),
    "attributed": Mark("", "a share of a measured window"),
    "modelled": Mark("~", "computed by a model of the machine, not measured"),
    "assumed": Mark("*", "rests on a price or a rate that was assumed"),
    "imported": Mark("^", "taken over from elsewhere"),
    "unavailable": Mark("", "not known"),
}


def fitting(figures: Iterable[float | None], scales: Sequence[Scale]) -> Scale:
    """The coarsest scale in which the middle figure is at least 1, so that one unit serves a column."""
    known = [abs(figure) for figure in figures if figure]
    if not known:
        return next(scale for scale in scales if scale.factor == 1.0)
    middle = median(known)
    return next((scale for scale in scales if middle * scale.factor >= 1), scales[-1])


def number(value: float | None) -> str:
    """Three significant digits; "n/a" where nothing is known."""
    if value is None or math.isnan(value):
        return NA
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    rounded = f"{value:.2e}"
    exponent = int(rounded.partition("e")[2])
    if not _SMALLEST_PLAIN <= exponent <= _LARGEST_PLAIN:
        return rounded
    return f"{float(rounded):,.{max(0, 2 - exponent)}f}"


def estimate(figure: E, scale: float = 1.0) -> str:
    """As "0.912 [0.894, 0.928]", or "> 3.10" where only a lower bound is known."""
    if figure.value is None:
        return NA if figure.low is None else f"> {number(figure.low * scale)}"
    value, low, high = (_scaled(x, scale) for x in (figure.value, figure.low, figure.high))
    if low is None and high is None:
        return number(value)
    return f"{number(value)} [{number(low)}, {'inf' if high is None else number(high)}]"


def center(figure: E, scale: float = 1.0) -> str:
    """The figure without its interval."""
    return estimate(figure.model_copy(update={"high": None, "low": _bound(figure)}), scale)


def percent(share: E) -> str:
    """A share as "91.2 [89.4, 92.8]", with the unit left to the header."""
    if share.value is None:
        return NA
    if share.low is None or share.high is None:
        return f"{100 * share.value:.1f}"
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def part(share: E) -> str:
    """A share of something as "98.2 % [97.1, 99.0]"; it may be above all of it."""
    if share.value is None:
        return NA
    text = f"{_tenths(share.value)} %"
    if share.low is None:
        return text
    return f"{text} [{_tenths(share.low)}, {'inf' if share.high is None else _tenths(share.high)}]"


def points(difference: E) -> str:
    """A difference of shares as "-0.4 points [-2.1, +1.3]"."""
    value, space, interval = change(difference).partition(" ")
    return value if value == NA else f"{value} points{space}{interval}"


def change(difference: E) -> str:
    """A difference of shares as "-0.4 [-2.1, +1.3]", with the unit left to the header."""
    if difference.value is None:
        return NA
    text = _signed(difference.value)
    if difference.low is None or difference.high is None:
        return text
    return f"{text} [{_signed(difference.low)}, {_signed(difference.high)}]"


def bounded(text: str, bound: Bound) -> str:
    """A figure that has more than its own in it says so."""
    return f"≤ {text}" if bound == "upper" and text != NA else text


def marked(text: str, provenance: Provenance) -> str:
    """A written figure with the sign of where it comes from; "n/a" needs none."""
    return text if text == NA else PROVENANCE[provenance].sign + text


def short(name: str, longest: int) -> str:
    """A long name without its middle: what tells names apart is mostly at the end."""
    if len(name) <= longest:
        return name
    tail = longest // 2
    return f"{name[: longest - tail - 1]}…{name[-tail:]}"


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _bound(figure: E) -> float | None:
    return figure.low if figure.value is None else None


def _tenths(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"  # no minus before a zero


def _signed(share: float) -> str:
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text
