"""Reports whose comparisons are written by hand, and what their verdict is."""

from costbench.report.contract import Comparison, E
from costbench.report.verdict import verdict
from tests.report.example import cell as example_cell
from tests.report.example import example_report

LESS, SAME_ACCURACY = (0.61, 0.55, 0.68), (-0.004, -0.021, 0.013)
LOST, UNSURE = (-0.2, -0.25, -0.15), (0.95, 0.8, 1.1)
PER_CORRECT = ("usd_per_correct", "joules_per_correct", "machine_seconds_per_correct")


def cell(model, accuracy=0.9, usd=1e-6, **changes):
    """Without a budget, 256 problems; its cost per correct answer in every unit is `usd`."""
    role = "baseline" if model == "base" else "variant"
    load = changes.get("load", {"concurrency": 128})
    names = {"cell": f"g/{model}/{load}", "group": "g", "dataset": "sums"}
    cost = {name: E(value=usd, low=0.9 * usd, high=1.1 * usd) for name in PER_CORRECT}
    made = example_cell("unconstrained", None, accuracy, 90.0, 0.0, 0.02)
    return made.model_copy(update={"model": model, "role": role, **names, **cost, **changes})


def estimated(value, low=None, high=None):
    return E(value=value, low=low, high=high)


def set_against(base, candidate, cost=LESS, points=SAME_ACCURACY, metric="usd_per_correct", **said):
    """A cost and the accuracy; the verdict of the cost is what its interval says, unless it is said."""
    low, high = cost[1:]
    own = "lower" if high < 1 else "higher" if low > 1 else "inconclusive"
    names = {"baseline": base.cell, "candidate": candidate.cell, "margin": said.get("margin")}
    return (
        Comparison(
            **names,
            metric=metric,
            ratio=said.get("ratio", estimated(*cost)),
            difference=E(value=None),
            verdict=said.get("verdict", own),
        ),
        Comparison(
            **names,
            metric="accuracy",
            ratio=estimated(*said.get("kept", (0.99, 0.97, 1.02))),
            difference=estimated(*points),
            verdict=said.get("accuracy_verdict", "inconclusive"),
        ),
    )


def report(cells, *compared, **changes):
    found = tuple(one for each in compared for one in each)
    update = {"cells": tuple(cells), "comparisons": found, "cost_of_pass": (), "budget_lines": ()}
    return example_report().model_copy(update={**update, **changes})


def headline(*args, **changes):
    """Of the only place."""
    ((place, words),) = verdict(report(*args, **changes)).headline
    assert place == "g · sums"
    return words


def race(*candidates, **changes):
    """Of a base and candidates: model, what they cost, and all that `set_against` takes."""
    base = cell("base")
    cells = [cell(name, usd=usd, accuracy=accuracy) for name, usd, accuracy, _ in candidates]
    found = (set_against(base, c, **each[3]) for c, each in zip(cells, candidates, strict=True))
    return headline([base, *cells], *found, **changes)


BASE, ALPHA = cell("base"), cell("alpha")
