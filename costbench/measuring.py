"""One `costbench run`: a plan, its run folder (new or resumed), the measuring and the grading."""

import asyncio
import datetime
import importlib.metadata
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costbench.cell import Cell
from costbench.errors import SuiteError
from costbench.grading import Grading, cell_accuracy
from costbench.identity import dataset_sha256, prompt_sha256
from costbench.locations import new_run_folder, unfinished_run
from costbench.plan import Plan
from costbench.plugins import component_spec
from costbench.prices import PriceBook, headline, load_prices
from costbench.runner import Allowance, Grade, Observer, RunResult, run_plan
from costbench.store import PlannedCell, Store
from costbench.training import read_training


@dataclass(frozen=True)
class RunOptions:
    """What the command line says about a run."""

    out: Path
    new: bool = False
    grade: bool = True


def measure(plan: Plan, options: RunOptions, observer: Observer) -> tuple[Path, RunResult]:
    """Carry out a plan, resuming an unfinished run of it; raises SuiteError, StoreError, GradeError."""
    book = load_prices(plan.suite.prices) if plan.suite.prices else None
    allowance = _allowance(plan, book)
    with ExitStack() as stack:
        store = stack.enter_context(_open_store(plan, book, options, observer))
        observer.announce(store.folder, _stored(store))
        grading = stack.enter_context(Grading(store))
        store.begin_session(plan.machine.model_dump(mode="json"))
        grade = _grader(store, grading, options)
        result = asyncio.run(run_plan(plan, store, allowance, observer, grade))
        if options.grade:
            grading.grade_all()
        if result.complete:
            with store.transaction():
                store.set_meta("complete", True)
    return store.folder, result


def _allowance(plan: Plan, book: PriceBook | None) -> Allowance:
    tariff = headline(book, plan.machine, gpus=1 if plan.machine.gpus else 0)
    if plan.suite.limits.usd and tariff is None:
        raise SuiteError(
            "limits.usd: the price book has no price for this machine, so the limit could not hold; "
            "add one to the book, or limit `wall_s` or `tokens`"
        )
    return Allowance(plan.suite.limits, tariff.usd_per_s if tariff else None)


def _grader(store: Store, grading: Grading, options: RunOptions) -> Grade:
    def grade(cell: Cell) -> float | None:
        if not options.grade:
            return None
        grading.grade_cell(cell.id)
        return cell_accuracy(store, cell.id)

    return grade


def _open_store(
    plan: Plan, book: PriceBook | None, options: RunOptions, observer: Observer
) -> Store:
    found = None
    if not options.new:
        name = plan.suite.name
        found = unfinished_run(options.out, name, plan.identity, plan.unavailable)
    cells = [PlannedCell(cell.id, cell_spec(cell), cell.problems) for cell in plan.cells]
    if found and not found.differs_in:
        store = Store.open(found.folder, lock=True)
        # The suite may say another grader, role or decision now: what is measured stays the same.
        store.plan_again(_restated(plan, book) | _joined(plan, store), cells)
        return store
    if found:
        observer.left_alone(found.folder, found.differs_in)
    now = datetime.datetime.now(datetime.UTC)
    folder = new_run_folder(options.out, plan.suite.name, now)
    return Store.create(folder, _meta(plan, now) | _restated(plan, book), cells)


def _stored(store: Store) -> int:
    query = "SELECT COUNT(*) FROM attempts WHERE round = 0"
    return int(store.db.execute(query).fetchone()[0]) - store.to_retry([*store.specs()])


def _meta(plan: Plan, now: datetime.datetime) -> dict[str, Any]:
    return {
        "identity": plan.identity,
        "model_sha256": plan.model_sha256,
        "machine": plan.machine.model_dump(mode="json"),
        "skipped": _skipped(plan),
        "unavailable": plan.unavailable,
        "started_at": now.isoformat(timespec="seconds"),
        "costbench_version": importlib.metadata.version("costbench"),
        "complete": False,
    }


def _skipped(plan: Plan, measured: Collection[str] = ()) -> list[dict[str, str]]:
    """Groups of which the run has nothing."""
    left = (skipped for skipped in plan.skipped if skipped.group not in measured)
    return [{"group": skipped.group, "reason": skipped.reason} for skipped in left]


def _joined(plan: Plan, store: Store) -> dict[str, Any]:
    """The run as it was, with the groups whose data are here only now."""
    measured = {spec["group"] for spec in store.specs().values()}
    return {
        "identity": store.meta("identity") | plan.identity,
        "model_sha256": store.meta("model_sha256") | plan.model_sha256,
        "skipped": _skipped(plan, measured),
        "unavailable": [group for group in plan.unavailable if group not in measured],
    }


def _restated(plan: Plan, book: PriceBook | None) -> dict[str, Any]:
    """What a resumed run takes from the suite as it is now."""
    return {
        "suite": plan.suite.model_dump(mode="json", exclude={"prices"}),
        "price_file": plan.suite.prices.name if plan.suite.prices else None,
        "price_book": book.model_dump(mode="json") if book else None,
    }


def cell_spec(cell: Cell) -> dict[str, Any]:
    """What the store keeps of a cell: enough to grade and report without the suite."""
    training = read_training(cell.model.path)
    return {
        "group": cell.group,
        "model": cell.model.model_dump(mode="json"),
        "training": training.model_dump(mode="json") if training else None,
        "policy": cell.policy.model_dump(mode="json"),
        "policy_name": cell.policy_name,
        "budget": cell.budget,
        "budget_counts": getattr(cell.policy, "budget_counts", "response"),
        "answer_begins": getattr(cell.policy, "answer_begins", None),
        "votes": cell.votes,
        "dataset": cell.dataset_name,
        "dataset_sha256": dataset_sha256(cell.problems),
        "prompt_sha256": prompt_sha256(cell.problems),
        "problems": len(cell.problems),
        "grader": component_spec("graders", cell.grader),
        "sampling": cell.sampling.model_dump(mode="json"),
        **_load_spec(cell),
    }


def _load_spec(cell: Cell) -> dict[str, Any]:
    if cell.open_loop is None:
        return {"concurrency": cell.concurrency}
    return {"concurrency": cell.open_loop.max_concurrency, "open_loop": cell.open_loop.spec}
