"""What a verdict is worded with: how costs and accuracy are spoken of, and what was picked from how many."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from costbench.report.contract import Choice, E
from costbench.report.sentences import times
from costbench.report.verdict_choice import Cost, Race, Standing
from costbench.report.wording import Scale, estimate, points


@dataclass(frozen=True)
class Terms:
    """How a cost is spoken of."""

    gives: str
    noun: str
    unit: str
    less: str
    """After "is shown"."""


TERMS: dict[Cost, Terms] = {
    "usd_per_correct": Terms(
        "gives a correct answer for", "cost", "USD", "to be cheaper per correct answer"
    ),
    "joules_per_correct": Terms(
        "gives a correct answer for", "energy", "joules", "to use less energy per correct answer"
    ),
    "machine_seconds_per_correct": Terms(
        "gives a correct answer for",
        "machine time",
        "seconds",
        "to take less machine time per correct answer",
    ),
    "output_tokens": Terms(
        "writes per attempt", "output tokens", "", "to write fewer output tokens per attempt"
    ),
}


def accuracy_words(standing: Standing) -> str:
    """As "accuracy -0.4 points [-2.1, +1.3], so a loss above 2.1 points is excluded"."""
    found = standing.accuracy
    if found is None or found.difference.value is None:
        return "accuracy cannot be compared"
    low, text = found.difference.low, f"accuracy {points(found.difference)}"
    if low is None or standing.keeps == "unknown":
        return f"{text}, without an interval"
    if low >= 0:
        return f"{text}, so a loss is excluded"
    if standing.keeps == "kept":  # what is written as 0.0 excludes no loss of 0.04
        return f"{text}, so a loss above {max(0.1, -100 * low):.1f} points is excluded"
    within = f", but within the {_margin(standing)}" if standing.keeps == "within margin" else ""
    return f"{text}, a loss{within}"


def figures(each: Standing) -> str:
    """Cost and accuracy beside the baseline's."""
    of = f"{times(each.cost.ratio)} of the {TERMS[each.metric].noun}"
    return f"{of}{unit([each])}; {accuracy_words(each)}"


def picked_from(run: Race) -> tuple[str, ...]:
    """Over how many it was chosen; of one there is nothing to choose."""
    if len(run.standings) == 1:
        return ()
    which = f"the cheapest of the {len(run.counting)} that are"
    if len(run.counting) == 1:
        which = "the only one that is"
    margin = _margin(run.standings[0])
    loss = "a shown loss of accuracy" + (f", or with one within the {margin}" if margin else "")
    return (
        f"It was picked from {compared(run)}, which flatters it: "
        f"{which} shown {TERMS[run.cost].less} without {loss}",
    )


def compared(run: Race) -> str:
    """As "13 compared", and of how many more the cost is not known."""
    unknown = len(run.standings) - len(run.compared)
    more = f" (of {unknown} more the cost is not known)" if unknown else ""
    return f"{len(run.compared)} compared{more}"


def counted(standings: Iterable[Standing]) -> str:
    """As "2 higher, 10 that cannot be told"."""
    found = Counter(map(_kind, standings))
    return ", ".join(f"{count} {kind}" for kind, count in found.items())


def _kind(each: Standing) -> str:
    if each.cost.ratio.value is None:
        return "without a ratio, since nothing was correct"
    if each.is_cheaper:
        lost = each.keeps != "unknown"
        return "lower with a loss of accuracy" if lost else "lower of unknown accuracy"
    kinds = {"higher": "higher", "equivalent within margin": equal(each)}
    return kinds.get(each.cost.verdict, "that cannot be told")


def equal(each: Standing) -> str:
    """As "equal within the margin of 5 %"."""
    return f"equal within the {_margin(each)}"


def _margin(each: Standing) -> str:
    margin = each.cost.margin
    return "" if margin is None else f"margin of {100 * margin:g} %"


def unit(standings: Iterable[Standing]) -> str:
    """In brackets, with where it comes from."""
    every = list(standings)
    cells = [cell for each in every for cell in (each.candidate, each.baseline)]
    metric = every[0].metric
    known: set[str] = set()
    if metric == "usd_per_correct":
        known = {f"{cell.usd.provenance} price" for cell in cells}
    elif metric == "joules_per_correct":
        known = {cell.energy.provenance for cell in cells}
    elif any("imported" in cell.caveats for cell in cells):
        known = {"imported"}
    said = ", ".join(filter(None, (TERMS[metric].unit, *sorted(known))))
    return f" ({said})" if said else ""


def per_correct(cost: E, scale: Scale) -> str:
    """As "1.07 [1.01, 1.14] USD / 1M correct answers"."""
    unit = scale.per("correct answer", "correct answers")
    return f"{estimate(cost, scale.factor)} {unit}"


def left_open(choice: Choice, meeting: int) -> tuple[str, ...]:
    """What a choice leaves open."""
    parts = ["Picking the cheapest flatters it"] if meeting > 1 else []
    if choice.as_cheap:
        parts.append(f"not surely dearer: {len(choice.as_cheap)} more that meet it")
    if choice.cheaper_if_it_meets:
        many = len(choice.cheaper_if_it_meets)
        parts.append(f"cheaper, but whether they meet it cannot be told: {many}")
    text = "; ".join(parts)
    return (text[0].upper() + text[1:],) if text else ()
