"""Cost per correct answer of reasoning language models, measured on the same responses."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costbench.frames import Run


def read_run(path: str | Path, *, grader: str | None = None) -> "Run":
    """A stored run, for analysis of one's own: `read_run("runs/math-…").attempts()` is a pandas DataFrame.

    `grader` names whose verdicts count; each cell's own when None.
    """
    from costbench.frames import Run

    return Run(Path(path), grader)
