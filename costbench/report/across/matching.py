"""Which cell of one run is which of another's."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from costbench.errors import CompareError
from costbench.records import CellRecord
from costbench.report.across.contract import MatchedBy, SideName, Unmatched

_NONE = "the other run has no such cell"
_SEVERAL = "the other run has none of its id, and by model, policy, budget and dataset it is one of several"


@dataclass(frozen=True)
class Match:
    """A cell of the baseline run and its counterpart."""

    baseline: CellRecord
    candidate: CellRecord
    by: MatchedBy


@dataclass(frozen=True)
class Matching:
    """All pairs, in the order of the baseline run, and what is left over."""

    pairs: tuple[Match, ...]
    unmatched: tuple[Unmatched, ...]


def match_cells(baseline: Sequence[CellRecord], candidate: Sequence[CellRecord]) -> Matching:
    """Cells of one id; where group or load differ, those of one model, policy, budget and dataset.

    The latter only where each run has exactly one such cell. Raises CompareError where nothing matches.
    """
    theirs = {cell.id: cell for cell in candidate}
    found = {cell.id: Match(cell, theirs[cell.id], "id") for cell in baseline if cell.id in theirs}
    keys = {_question(cell): cell for cell in candidate}
    single = _single(baseline) & _single(candidate)
    for cell in baseline:
        key = _question(cell)
        if cell.id not in found and key in single:
            found[cell.id] = Match(cell, keys[key], "model_policy_budget_dataset")
    pairs = tuple(found[cell.id] for cell in baseline if cell.id in found)
    if not pairs:
        raise CompareError(_nothing(baseline, candidate))
    taken = {match.candidate.id for match in pairs}
    return Matching(
        pairs,
        (
            *_left_over("baseline", [c for c in baseline if c.id not in found], candidate),
            *_left_over("candidate", [c for c in candidate if c.id not in taken], baseline),
        ),
    )


def _question(cell: CellRecord) -> Hashable:
    spec = cell.spec
    return spec["model"]["name"], spec["policy_name"], spec["budget"], spec["dataset"]


def _single(cells: Sequence[CellRecord]) -> set[Hashable]:
    counts = Counter(map(_question, cells))
    return {key for key, count in counts.items() if count == 1}


def _left_over(
    side: SideName, cells: Sequence[CellRecord], others: Sequence[CellRecord]
) -> list[Unmatched]:
    theirs = {_question(other) for other in others}
    return [
        Unmatched(
            side=side,
            cell=cell.id,
            reason=_SEVERAL if _question(cell) in theirs else _NONE,
        )
        for cell in cells
    ]


def _nothing(baseline: Sequence[CellRecord], candidate: Sequence[CellRecord]) -> str:
    lists = [
        "\n".join(f"    {cell.id}" for cell in cells) or "    none with an attempt"
        for cells in (baseline, candidate)
    ]
    return (
        "no cell of the two runs is the same, by id or by model, policy, budget and dataset; there are\n"
        f"  in the baseline:\n{lists[0]}\n  in the candidate:\n{lists[1]}"
    )
