"""Lines of budgets and Cost-of-Pass of the report that is written by hand."""

from costbench.report.contract import BudgetLine, CostOfPass, E, Essentialness, SetCostOfPass

_BUDGETS = (32, 64, 128, 192)
_PER_DOUBLING = {"truncation": 0.671, "budget_forcing": 0.642}
_NEVER = E(value=None, reason="some_never_solved")


def budget_line(policy: str) -> BudgetLine:
    """All budgets of the small model under one policy."""
    slope = _PER_DOUBLING[policy]
    return BudgetLine(
        line=f"abacus-base/{policy}",
        group="embedded",
        dataset="arithmetic",
        concurrency=128,
        cells=tuple(f"embedded/abacus-base/{policy}@{n}/arithmetic/c128" for n in _BUDGETS),
        counts="thinking" if policy == "budget_forcing" else "response",
        control=E(value=1.0, low=0.75, high=1.0),
        scaling_per_doubling=E(value=slope, low=slope - 0.031, high=slope + 0.029),
        scaling_per_1000_tokens=E(value=15.2, low=14.4, high=15.9),
        performance=E(value=0.893, low=0.874, high=0.911),
    )


def cost_of_pass(models: tuple[str, ...]) -> CostOfPass:
    """A baseline whose cost has a mean, and others that never solved some problem."""
    sets = [model_set(name, at) for at, name in enumerate(models)]
    cells = tuple(cell for each in sets for cell in each.cells)
    whole = SetCostOfPass(
        kind="all",
        cells=cells,
        usd=E(value=4.31e-7, low=4.12e-7, high=4.52e-7),
        usd_with_human=E(value=4.31e-7, low=4.12e-7, high=4.52e-7),
        ratio_of_means=E(value=4.18e-7, low=4.01e-7, high=4.36e-7),
        unsolved=0,
    )
    return CostOfPass(
        group="embedded",
        dataset="arithmetic",
        problems=256,
        human_usd_per_problem=0.02,
        human_source="a study",
        sets=(*sets, whole),
        gain_of_variants=E(value=None, reason="no_variant"),
        essentialness=tuple(
            Essentialness(by="model", family=name, share=E(value=0.3, low=0.21, high=0.4))
            for name in models
        ),
        unsolved=0,
    )


def model_set(name: str, unsolved: int) -> SetCostOfPass:
    """Of one model; with a person, whose answers cost thousands of times as much."""
    with_human = E(value=4.9e-7 + 0.02 * unsolved / 256, low=4.7e-7, high=2.4e-4)
    return SetCostOfPass(
        kind="model",
        model=name,
        cells=(f"embedded/{name}/unconstrained/arithmetic/c128",),
        usd=_NEVER if unsolved else E(value=4.9e-7, low=4.7e-7, high=5.1e-7),
        usd_with_human=with_human,
        ratio_of_means=E(value=4.7e-7, low=4.5e-7, high=4.9e-7),
        unsolved=unsolved,
    )
