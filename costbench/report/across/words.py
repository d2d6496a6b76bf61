"""What a comparison of two runs says in words, the same in every rendering."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from costbench.printable import clean
from costbench.report import wording
from costbench.report.across.contract import (
    Metric,
    MetricComparison,
    PairedCells,
    RunComparison,
    Side,
)
from costbench.report.caveats import explain
from costbench.report.columns import Column
from costbench.report.contract import E
from costbench.report.sections import load_label
from costbench.report.wording import NA

Line = tuple[str, str]

NAMES: dict[Metric, str] = {
    "accuracy": "accuracy",
    "tokens_per_attempt": "tokens / attempt",
    "output_tokens": "sampled tokens / attempt",
    "latency_s": "latency, mean s",
    "joules_per_attempt": "J / attempt",
    "joules_per_correct": "J / correct",
    "machine_seconds_per_correct": "machine s / correct",
    "usd_per_attempt": "USD / attempt",
    "usd_per_correct": "USD / correct",
}
_SHOWN: dict[Metric, int] = {
    "accuracy": 0,
    "usd_per_correct": 1,
    "joules_per_correct": 3,
    "tokens_per_attempt": 2,
    "latency_s": 4,
    "machine_seconds_per_correct": 5,
}
"""Columns of the short table, and how gladly each is given up."""
_INSTEAD: dict[Metric, Metric] = {
    "usd_per_correct": "usd_per_attempt",
    "joules_per_correct": "joules_per_attempt",
}
"""What the short table has where nothing is compared per correct answer: loads have none."""
_VERDICTS = {"equivalent within margin": "equal", "inconclusive": "?"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NAMED = 3


@dataclass(frozen=True)
class Place:
    """The pairs of one group and dataset."""

    title: str
    pairs: tuple[PairedCells, ...]

    def compares(self, metric: Metric) -> bool:
        """Whether any pair does."""
        return any(why_not(pair.metrics[metric]) is None for pair in self.pairs)

    def name(self, pair: PairedCells) -> str:
        """The policy, with model and load where the place has several."""
        label = clean(pair.policy) + ("" if pair.budget is None else f"@{pair.budget}")
        if len({each.model for each in self.pairs}) > 1:
            label = f"{clean(pair.model)} {label}"
        loads = [each.load for each in self.pairs]
        return (
            label if all(load == loads[0] for load in loads) else f"{label} {load_label(pair.load)}"
        )


@dataclass(frozen=True)
class Doubts:
    """Why figures are not compared: a letter for each sentence."""

    letters: dict[str, str]
    metrics: dict[str, tuple[Metric, ...]]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Letter, and what is not compared and why."""
        return tuple(
            (letter, f"{', '.join(NAMES[each] for each in self.metrics[why])}: {clean(why)}")
            for why, letter in self.letters.items()
        )


def places(found: RunComparison) -> tuple[Place, ...]:
    """The pairs by the candidate's group and dataset, in order."""
    keys = dict.fromkeys((pair.group, pair.dataset) for pair in found.pairs)
    parts = []
    for key in keys:
        pairs = tuple(pair for pair in found.pairs if (pair.group, pair.dataset) == key)
        models = {pair.model for pair in pairs}
        title = [*key, *(models if len(models) == 1 else ())]
        parts.append(Place(" · ".join(map(clean, title)), pairs))
    return tuple(parts)


def doubts(found: RunComparison) -> Doubts:
    """Of all pairs, in the order of the metrics."""
    metrics: dict[str, dict[Metric, None]] = {}
    for metric in NAMES:
        for pair in found.pairs:
            why = why_not(pair.metrics[metric])
            if why is not None:
                metrics.setdefault(why, {})[metric] = None
    letters = dict(zip(metrics, _letters(), strict=False))
    return Doubts(letters, {why: tuple(each) for why, each in metrics.items()})


def why_not(figure: MetricComparison) -> str | None:
    """A sentence where there is nothing to compare; None where there is."""
    if figure.refused is not None:
        return figure.refused.sentence
    if _main(figure).value is None:
        return explain(_main(figure).reason or "not known")
    return None


def columns(place: Place, why: Doubts) -> tuple[Column, ...]:
    """The short table: a row per pair; figures that are compared nowhere are left to the lines below."""
    found = [Column("policy", "@budget", tuple(map(place.name, place.pairs)), 0, is_text=True)]
    for wanted, rank in _SHOWN.items():
        for metric in filter(place.compares, (wanted, _INSTEAD.get(wanted, wanted))):
            cells = tuple(_cell(pair.metrics[metric], why) for pair in place.pairs)
            unit = "points [95 %]" if metric == "accuracy" else "ratio [95 %]"
            found.append(Column(NAMES[metric].partition(",")[0], unit, cells, rank))
            break
    shares = {pair.problems == max(pair.tried.values()) for pair in place.pairs}
    if shares != {True}:
        counts = tuple(str(pair.problems) for pair in place.pairs)
        found.append(replace(found[0], name="problems", unit="in both", cells=counts))
    return tuple(found)


def details(pair: PairedCells) -> tuple[Column, ...]:
    """The long table: a row per figure."""
    figures = [(metric, pair.metrics[metric]) for metric in NAMES]

    def column(name: str, cells: Iterable[str], *, is_text: bool = False) -> Column:
        return Column(name, "", tuple(cells), 0, is_text)

    reasons = [clean(why_not(each) or "") for _, each in figures]
    found = (
        column("figure", (NAMES[metric] for metric, _ in figures), is_text=True),
        column("baseline", (wording.estimate(each.baseline) for _, each in figures)),
        column("candidate", (wording.estimate(each.candidate) for _, each in figures)),
        column("candidate / baseline", (wording.estimate(each.ratio) for _, each in figures)),
        column("points", (wording.change(each.difference) for _, each in figures)),
        column("verdict", (each.verdict or NA for _, each in figures), is_text=True),
    )
    return (*found, column("not compared", reasons, is_text=True)) if any(reasons) else found


def sides(found: RunComparison) -> tuple[Line, ...]:
    """Which runs these are."""
    return ("baseline", _side(found.baseline)), ("candidate", _side(found.candidate))


def differences(found: RunComparison) -> tuple[Line, ...]:
    """What else differs between the runs."""
    lines = []
    for each in found.differences:
        named = ", ".join(each.cells[:_NAMED]) + (", …" if len(each.cells) > _NAMED else "")
        some = f" ({len(each.cells)} of {len(found.pairs)} cells: {named})" if each.cells else ""
        text = f"{each.baseline or 'none'} -> {each.candidate or 'none'}{some}"
        lines.append((clean(each.what), clean(text)))
    return tuple(lines)


def legend(found: RunComparison) -> tuple[Line, ...]:
    """What the words beside figures mean, of those that are there."""
    used = {each.verdict for pair in found.pairs for each in pair.metrics.values()}
    lines = []
    if used & {"lower", "higher"}:
        lines.append(("lower, higher", "the candidate against the baseline"))
    if "equivalent within margin" in used and found.margin is not None:
        lines.append(("equal", f"equivalent within {100 * found.margin:g} %"))
    if "inconclusive" in used:
        lines.append(("?", "inconclusive: the interval leaves it open"))
    return tuple(lines)


def remarks(found: RunComparison) -> tuple[Line, ...]:
    """What of the runs is not compared, how what is compared is to be read, and the prices."""
    lines = [
        ("refused", f"{each.candidate}: {each.reason}" if each.baseline == each.candidate
         else f"{each.baseline} against {each.candidate}: {each.reason}")
        for each in found.refused
    ]  # fmt: skip
    lines += [(f"only in {each.side}", f"{each.cell} ({each.reason})") for each in found.unmatched]
    pairs = len(found.pairs)
    notes = [note for pair in found.pairs for note in pair.notes]
    for note in dict.fromkeys(notes):
        count = notes.count(note)
        lines.append(("note", note if count == pairs else f"{note} ({count} of {pairs} cells)"))
    lines += [("note", note) for note in found.notes]
    if found.prices:
        source = f"{found.prices.get('file') or 'a book'} of {found.prices['date']}, for both runs"
        lines.append(("prices", source))
    return tuple((mark, clean(text)) for mark, text in lines)


def title(found: RunComparison) -> str:
    """What the tables are about."""
    return f"{found.window} windows · 95 % intervals, paired by problem"


def _main(figure: MetricComparison) -> E:
    """Of accuracy the difference, of anything else the ratio."""
    applies = figure.difference.reason != "not_applicable"
    return figure.difference if applies else figure.ratio


def _cell(figure: MetricComparison, why: Doubts) -> str:
    reason = why_not(figure)
    if reason is not None:
        return f"{NA} {why.letters[reason]}"
    main = _main(figure)
    text = wording.estimate(main) if main is figure.ratio else wording.change(main)
    verdict = figure.verdict or ""
    return f"{text} {_VERDICTS.get(verdict, verdict)}".rstrip()


def _letters() -> Sequence[str]:
    return [*_LETTERS, *(f"{one}{other}" for one in _LETTERS for other in _LETTERS)]


def _side(side: Side) -> str:
    parts = [f"suite {side.suite}", side.started_at, side.machine, f"protocol {side.protocol}"]
    return clean(f"{side.run} ({', '.join(parts)})")
