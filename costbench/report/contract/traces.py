"""Power over the time of a run, and the windows that were cut out of it."""

from typing import Literal

from costbench.report.contract.estimates import Facts
from costbench.types import Phase, Provenance


class WindowMark(Facts):
    """One window; seconds are the trace's."""

    cell: str | None
    """Its cell's id; of idling with a model loaded group/model; None where nothing was loaded."""
    phase: Phase
    """"steady" is the part of a whole pass."""
    pass_number: int | None = None
    start_s: float
    end_s: float


class TraceFacts(Facts):
    """What a session's headline meter saw, in stretches of equal length side by side.

    Seconds count from the session's first reading or window, whichever is earlier.
    """

    session: int
    meter: str
    provenance: Provenance
    method: str
    scope: str
    domains: tuple[str, ...]
    """Those that are added up."""
    unit: Literal["W"] = "W"
    start_s: float
    """Of the first stretch."""
    bin_s: float
    """Length of each."""
    watts: tuple[float | None, ...]
    """Mean over the stretch: joules over seconds, so that energy is kept; None where it is not known."""
    mean_w: float
    """Over all stretches that are known."""
    joules: float
    """In all stretches that are known."""
    passes: int
    """Whole windows that this meter saw, of which `windows` may have fewer."""
    windows: tuple[WindowMark, ...]
    windows_left_out: int = 0
    """The shortest, where a report would have too many."""


class PowerTrace(Facts):
    """One trace per session and meter that figures rest on."""

    traces: tuple[TraceFacts, ...]
    traces_left_out: int = 0
    """The last, where a report would have too many."""
