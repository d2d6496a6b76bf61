"""From two runs' records and one price book to what is said of one against the other."""

from collections.abc import Iterator

from costbench.errors import CompareError
from costbench.hardware import Machine
from costbench.records import CellRecord, RunRecord
from costbench.report.across.contract import PairedCells, RefusedPair, RunComparison, Side
from costbench.report.across.differences import differences, models_known
from costbench.report.across.matching import Match, match_cells
from costbench.report.across.pairing import (
    PairFigures,
    ReadRun,
    compare_metrics,
    figures_of_pair,
    tried,
)
from costbench.report.across.rules import OneBook
from costbench.report.caveats import FEW_CORRECT, FEW_PROBLEMS, explain
from costbench.report.energy import WindowKind, protocol_of
from costbench.report.figures import CellFigures
from costbench.report.measured import measure_run

_ONE_SENSOR = (
    "joules of both are from the same GPUs: what their sensors are off by is the same and cancels"
)
_TWO_SENSORS = (
    "joules cannot be told to be of the same sensors: what each is off by does not cancel, and the interval "
    "contains that of both"
)
_TWO_SESSIONS = (
    "Two runs are two sessions: what was otherwise in one of them as a whole (heat, other work on the "
    "machine) is in no interval of time, energy or money."
)


def compare_two(
    baseline: tuple[str, RunRecord],
    candidate: tuple[str, RunRecord],
    prices: OneBook,
    margin: float | None,
    window: WindowKind | None,
) -> RunComparison:
    """Match, pair and compare; pure but for the seed, which is fixed.

    Raises CompareError where nothing may be compared, SuiteError where steady windows are asked for and not
    there.
    """
    runs = _measured(baseline, candidate, window)
    records = runs[0].record, runs[1].record
    matching = match_cells(records[0].cells, records[1].cells)
    pairs, refused = [], []
    for match in matching.pairs:
        reason = _incomparable(match)
        if reason is None:
            pairs.append(_pair(runs, match, prices, margin))
        else:
            ids = {"baseline": match.baseline.id, "candidate": match.candidate.id}
            refused.append(RefusedPair(**ids, reason=reason))
    if not pairs:
        raise CompareError(_nothing(refused))
    compared = [match for match in matching.pairs if _incomparable(match) is None]
    return RunComparison(
        baseline=_side(runs[0]),
        candidate=_side(runs[1]),
        window=runs[0].measured.window,
        margin=margin,
        prices=prices.book.model_dump(mode="json") | {"file": prices.file} if prices.book else None,
        differences=differences(records, compared),
        pairs=tuple(pairs),
        refused=tuple(refused),
        unmatched=matching.unmatched,
        notes=tuple(_notes(runs)),
    )


def _measured(
    baseline: tuple[str, RunRecord], candidate: tuple[str, RunRecord], window: WindowKind | None
) -> tuple[ReadRun, ReadRun]:
    """With one kind of window: steady parts only where both runs have them throughout."""
    named = baseline, candidate
    found = [measure_run(run, window, "output_tokens") for _, run in named]
    if found[0].window != found[1].window:
        found = [measure_run(run, "whole", "output_tokens") for _, run in named]
    one, other = (
        ReadRun(name, run, measured) for (name, run), measured in zip(named, found, strict=True)
    )
    return one, other


def _incomparable(match: Match) -> str | None:
    """Why two cells are no pair at all."""
    cells = match.baseline, match.candidate
    hashes = [cell.spec["dataset_sha256"] for cell in cells]
    if hashes[0] != hashes[1]:
        sizes = [f"{cell.problems} problems" for cell in cells]
        same = " of other content" if sizes[0] == sizes[1] else f" against {sizes[1]}"
        return (
            f"the dataset {cells[0].spec['dataset']} is not the same: {sizes[0]}{same}; "
            "run both with the same problems"
        )
    if not set(tried(cells[0])) & set(tried(cells[1])):
        return "no problem was tried in both"
    return None


def _pair(
    runs: tuple[ReadRun, ReadRun], match: Match, prices: OneBook, margin: float | None
) -> PairedCells:
    cells = match.baseline, match.candidate
    pair = figures_of_pair(runs, cells, prices)
    spec = match.candidate.spec
    metrics = compare_metrics(pair, prices, margin)
    return PairedCells(
        baseline=cells[0].id,
        candidate=cells[1].id,
        matched_by=match.by,
        group=spec["group"],
        model=spec["model"]["name"],
        policy=spec["policy_name"],
        budget=spec["budget"],
        dataset=spec["dataset"],
        load=match.candidate.load,
        problems=len(pair.common),
        tried={"baseline": len(tried(cells[0])), "candidate": len(tried(cells[1]))},
        latency_s={"baseline": pair.spread("baseline"), "candidate": pair.spread("candidate")},
        metrics=metrics,
        notes=tuple(_pair_notes(pair, cells, metrics["joules_per_attempt"].refused is None)),
    )


def _pair_notes(
    pair: PairFigures, cells: tuple[CellRecord, CellRecord], joules: bool
) -> Iterator[str]:
    counts = [len(tried(cell)) for cell in cells]
    if len(pair.common) < max(counts):
        yield (
            f"{len(pair.common)} problems were tried in both runs ({counts[0]} and {counts[1]}): "
            "only these count"
        )
    if joules:
        yield _ONE_SENSOR if pair.same_gpus else _TWO_SENSORS
    if min(cell.passes for cell in cells) == 1:
        yield explain("one_pass")
    if len(pair.common) < FEW_PROBLEMS:
        yield explain("few_problems")
    if 0 < min(map(_solved, (pair.baseline, pair.candidate))) < FEW_CORRECT:
        yield explain("few_correct")
    prompts = [cell.spec["prompt_sha256"] for cell in cells]
    if prompts[0] != prompts[1]:
        yield "the same problems were asked in other words: the prompts differ"


def _solved(figures: CellFigures) -> int:
    """Problems with a correct answer."""
    return int((figures.correct.sum(axis=1) > 0).sum())


def _side(run: ReadRun) -> Side:
    meta = run.record.meta
    return Side(
        run=run.name,
        suite=meta["suite"]["name"],
        started_at=meta["started_at"],
        machine=Machine.model_validate(meta["machine"]).label,
        protocol=protocol_of(run.record).kind,
        costbench_version=meta["costbench_version"],
        complete=bool(meta.get("complete")),
        cells=len(run.record.cells),
    )


def _notes(runs: tuple[ReadRun, ReadRun]) -> Iterator[str]:
    yield _TWO_SESSIONS
    for side, run in zip(("baseline", "candidate"), runs, strict=True):
        if not run.record.meta.get("complete"):
            yield f"The {side} is not complete: figures cover what is there."
    if not models_known((runs[0].record, runs[1].record)):
        yield (
            "Whether the models' files are the same is not known: a run of an older version does not "
            "say so by model."
        )


def _nothing(refused: list[RefusedPair]) -> str:
    lines = "".join(f"\n  {each.candidate}: {each.reason}" for each in refused)
    return f"no cell of the two runs may be compared:{lines}"
