"""What a report shows of Cost-of-Pass: sets of cells, and what variants add."""

from costbench.printable import clean
from costbench.report import wording
from costbench.report.columns import Column
from costbench.report.contract import CostOfPass, E, Report, SetCostOfPass
from costbench.report.sections import Section
from costbench.report.wording import NA

ABOUT_THE_COSTS = (
    "Cost-of-Pass (arXiv 2504.13359): what a correct answer costs, the mean over problems of cost over "
    "success rate, each problem on the cheapest cell of the set for it; never solved: a problem was not, so "
    "the mean is infinite. With a person: one is asked where that is cheaper. Ratio of means: mean cost over "
    "mean rate, without a person. Essential: how much of the cost without the model the model saves, with a "
    "person where one has a price. Cells are chosen on the samples that they are judged by, which flatters "
    "larger sets."
)
_NEVER = "never solved"


def cost_of_pass_of(report: Report, section: Section) -> CostOfPass | None:
    """That of a section; None where it has no prices."""
    place = section.group, section.dataset
    return next((e for e in report.cost_of_pass if (e.group, e.dataset) == place), None)


def cost_of_pass_table(found: CostOfPass) -> tuple[Column, ...]:
    """A row per set of cells."""
    rows = found.sets
    scale = wording.fitting((row.ratio_of_means.value for row in rows), wording.USD)
    share = {each.family: each.share for each in found.essentialness if each.by == "model"}

    def costs(name: str, figures: list[E]) -> Column:
        cells = tuple(_cost(figure, scale.factor) for figure in figures)
        return Column(name, scale.per("correct"), cells, 0)

    return (
        Column("cost of pass", "", tuple(map(_name, rows)), 0, is_text=True),
        costs("mean", [row.usd for row in rows]),
        costs("with a person", [row.usd_with_human for row in rows]),
        costs("ratio of means", [row.ratio_of_means for row in rows]),
        Column("unsolved", f"of {found.problems}", tuple(map(_unsolved, rows)), 0),
        Column("essential", "%", tuple(wording.percent(share.get(r.model or "", _NONE)) for r in rows), 0),
    )  # fmt: skip


def gain_line(found: CostOfPass) -> str | None:
    """What variants add, in a sentence; None where nobody knows."""
    gain = found.gain_of_variants
    if gain.value is None:
        return None
    scale = wording.fitting([gain.value], wording.USD)
    figure = wording.estimate(gain, scale.factor)
    return f"Beside the baselines, variants save {figure} {scale.per('problem')}."


_NONE = E(value=None)


def _name(row: SetCostOfPass) -> str:
    return clean(row.model) if row.model else {"all": "all cells"}.get(row.kind, row.kind)


def _cost(figure: E, factor: float) -> str:
    return _NEVER if figure.reason == "some_never_solved" else wording.estimate(figure, factor)


def _unsolved(row: SetCostOfPass) -> str:
    return NA if row.unsolved is None else str(row.unsolved)
