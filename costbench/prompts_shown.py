"""The first prompt of each dataset of a suite, as the user's turn and as the model's template renders it."""

from rich.console import Console
from rich.markup import escape

from costbench.cell import Cell
from costbench.engines.random_weights import is_random
from costbench.engines.rendering import rendered_here
from costbench.errors import CostbenchError, SuiteError
from costbench.plan import Plan
from costbench.policies.asking import ask
from costbench.printable import clean
from costbench.suite import DatasetUse
from costbench.types import Problem


def print_prompts(plan: Plan) -> None:
    """Loads no more than the first problem; what is not here is said in a sentence."""
    console = Console()
    elsewhere = tuple(cell for skipped in plan.skipped for cell in skipped.cells)
    first: dict[str, Cell] = {}
    for cell in (*plan.cells, *elsewhere):
        first.setdefault(cell.dataset_name, cell)
    for name, cell in first.items():
        graded = f"graded by {cell.grader.kind}"
        try:
            problem = cell.problems[0] if cell.problems else _first(_use(plan, cell))
        except SuiteError as error:
            _head(console, f"{name}, {graded}")
            console.out(f"not here: {clean(str(error))}", highlight=False)
            continue
        if problem.prompt_ids is None:
            _head(console, f"{name}, {graded}")
            _print(console, cell, problem)
        else:
            _head(console, f"{name}, {'not graded' if problem.answer is None else graded}")
            console.out(f"{len(problem.prompt_ids)} token ids, sent as they are", highlight=False)


def _head(console: Console, text: str) -> None:
    console.rule(escape(clean(text)), align="left")


def _print(console: Console, cell: Cell, problem: Problem) -> None:
    _out(console, problem.prompt)
    name = clean(cell.model.name)
    if is_random(cell.model):
        console.out(f"(not rendered: {name} has random weights and no tokenizer)", highlight=False)
        return
    try:
        rendered = rendered_here(cell.model, ask(problem))
    except CostbenchError as error:
        console.out(f"not rendered: {clean(str(error))}", highlight=False)
        return
    if rendered is None:
        console.out(f"(not rendered: the tokenizer of {name} is not here)", highlight=False)
        return
    console.rule(escape(f"rendered for {name}"), align="left", characters="·")
    _out(console, rendered)


def _out(console: Console, text: str) -> None:
    """Neither wrapped nor read as markup."""
    console.out(clean(text, keep="\n\t"), highlight=False)


def _use(plan: Plan, cell: Cell) -> DatasetUse:
    group = next(group for group in plan.suite.groups if group.name == cell.group)
    return next(use for use in group.datasets if use.name == cell.dataset_name)


def _first(use: DatasetUse) -> Problem:
    for problem in use.dataset.load():
        return problem
    raise SuiteError(f"dataset {use.name}: holds no problem")
