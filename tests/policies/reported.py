"""A run of one policy on the scripted engine, from the suite to the rows of the report."""

import json
from pathlib import Path

from costbench.hardware import probe_machine
from costbench.measuring import RunOptions, measure
from costbench.plan import make_plan
from costbench.report.contract import CellReport
from costbench.reporting import ReportOptions, make_report
from costbench.screen import RunScreen
from costbench.suite import load_suite

_SUITE = """
name: scripted
meters: none
sampling: {{samples_per_problem: 1}}
groups:
  - name: g
    engine: {{kind: "scripted_engine:ScriptedEngine"{engine}}}
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact}}]
    models: [{{name: m, path: nowhere/nothing, role: baseline}}]
    policies: [{policy}]
"""


def cells_of(folder: Path, policy: str, engine: str = "") -> list[CellReport]:
    """Runs it on two problems whose answer is 1; the run folder is the only one in `folder`/runs."""
    lines = [{"id": str(at), "question": f"question {at}", "answer": "1"} for at in range(2)]
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "suite.yaml").write_text(_SUITE.format(policy=policy, engine=engine))
    plan = make_plan(load_suite(folder / "suite.yaml"), probe_machine())
    run, _ = measure(plan, RunOptions(folder / "runs"), RunScreen(plan))
    return list(make_report(run, ReportOptions()).cells)
