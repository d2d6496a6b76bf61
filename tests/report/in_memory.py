"""Runs that were never on a disk: what each attempt wrote and whether it was right, as tables."""

from dataclasses import replace

import numpy as np
from machines import machine

from costbench.analysis.stats import Resampling
from costbench.cell import Cell
from costbench.engines.transformers import TransformersEngine
from costbench.graders.exact import ExactGrader
from costbench.measuring import cell_spec
from costbench.metering.trace import trace_of
from costbench.records import CORRECT, TOKEN_COLUMNS, WRONG, CellRecord, RunRecord, Window
from costbench.report.build import Pricing, build_report
from costbench.report.cell_tables import PricedCell
from costbench.report.figures import CellFigures
from costbench.report.measured import measure_run
from costbench.suite import policy_budget
from costbench.types import Model, Problem, Sampling

MACHINE = machine(cpu="Test", cores=2)
META = {
    "suite": {
        "name": "made-up",
        "protocol": {"kind": "quick"},
        "decision": {"equivalence_margin": 0.05},
    },
    "machine": MACHINE.model_dump(mode="json"),
    "skipped": [],
    "started_at": "2026-11-20T12:00:00+00:00",
    "costbench_version": "0.1.0",
    "complete": True,
}


def record(policy, sampled, correct, model="base", role="baseline", concurrency=2):
    """A cell from tables by problem and pass: tokens sampled, and whether the answer was right."""
    sampled, correct = np.atleast_2d(sampled), np.atleast_2d(correct)
    problems, passes = correct.shape
    budget = policy_budget(policy)
    label = policy.kind if budget is None else f"{policy.kind}@{budget}"
    cell = Cell(
        id=f"g/{model}/{label}/sums/c{concurrency}",
        group="g",
        engine=TransformersEngine(),
        model=Model(name=model, path="somewhere", role=role),
        policy_name=policy.kind,
        policy=policy,
        dataset_name="sums",
        problems=tuple(
            Problem(id=f"p{at}", question="?", prompt="?", answer="1") for at in range(problems)
        ),
        grader=ExactGrader(),
        sampling=Sampling(samples_per_problem=passes),
        concurrency=concurrency,
    )
    problem, sample = (index.ravel() for index in np.indices(correct.shape))
    ones = np.ones(problem.size)
    columns = {
        "problem": problem,
        "sample": sample,
        "round": 0 * ones,
        "session": ones,
        "outcome": np.where(correct.ravel(), CORRECT, WRONG),
        **dict.fromkeys(TOKEN_COLUMNS, 0 * ones),
        "output_tokens": sampled.ravel(),
        **dict.fromkeys(("latency_s", "ttft_s", "batch_size"), ones),
        **dict.fromkeys(("unclosed", "unfinished"), 0 * ones),
        "started_s": sample,
        "first_token_s": sample + 0.1,
        "finished_s": sample + 1.0,
    }
    return CellRecord(
        id=cell.id,
        spec=cell_spec(cell),
        problems=problems,
        levels=(None,) * problems,
        columns={name: np.array(column, dtype=np.float64) for name, column in columns.items()},
        windows=tuple(Window(1, number, number, number + 1.0) for number in range(passes)),
        grader=("exact", "1"),
    )


def with_column(cell, name, values):
    """The same cell with another column, by problem and pass."""
    flat = np.array(values, dtype=np.float64).ravel()
    return replace(cell, columns={**cell.columns, name: flat})


def run_of(*cells, **meta):
    """A run of these cells, without a meter."""
    return RunRecord(
        meta=META | meta,
        cells=cells,
        traces={1: trace_of({})},
        meters={},
        failed=(),
        faults=(),
        idle=(),
    )


def report_of(*cells, **meta):
    """What is reported of them, without prices."""
    return build_report(run_of(*cells, **meta), "by-hand", Pricing(None, None))


def figures_of(*cells, resamples=200):
    """Figures of cells of one dataset, with fewer resamples than a report has."""
    run = run_of(*cells)
    measured = measure_run(run, None, "output_tokens").cells
    resampling = Resampling.draw(cells[0].problems, 0, resamples)
    return [
        CellFigures(run, PricedCell(cell, None, None, 0), measured[cell.id], resampling)
        for cell in cells
    ]
