"""What each attempt of a cell has used: its part of the window it ran in."""

import numpy as np
from numpy.typing import NDArray

from costbench.analysis.attribution import attribute, output_token_shares
from costbench.records import CellRecord

Floats = NDArray[np.float64]


def attributed(record: CellRecord, totals: Floats) -> Floats:
    """The windows' totals (joules, seconds) divided among the attempts, in their order; nothing is lost.

    A window that ended before its first attempt was stored (a crash) is shared by all attempts of its
    pass alike, and where there are none, by all of the cell.
    """
    window = _window_of_each(record)
    shares = output_token_shares(record.columns["output_tokens"], window)
    found = attribute(totals, shares, window)
    for at in sorted(set(range(len(record.windows))) - set(window.tolist())):
        same = record.index("sample") == record.windows[at].pass_number
        heirs = same if same.any() else np.ones_like(same)
        found = found + heirs * totals[at] / heirs.sum()
    return found


def _window_of_each(record: CellRecord) -> NDArray[np.int64]:
    """By attempt, the number of its window: that of its pass in its session."""
    number = {(w.session, w.pass_number): at for at, w in enumerate(record.windows)}
    pairs = zip(record.index("session"), record.index("sample"), strict=True)
    return np.array(
        [number[int(session), int(sample)] for session, sample in pairs], dtype=np.int64
    )
