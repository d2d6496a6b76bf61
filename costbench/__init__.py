"""Cost per correct answer of reasoning language models, measured on the same responses."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 - someone runs it from a checkout
    raise ImportError(f"costbench needs Python 3.11 or newer, this is {sys.version.split()[0]}")

if TYPE_CHECKING:
    from costbench.frames import Run


def read_run(path: str | Path, *, grader: str | None = None) -> "Run":
    """A stored run, for analysis of one's own: `read_run("runs/math-…").attempts()` is a pandas DataFrame.

    `grader` names whose verdicts count; each cell's own when None.
    """
    from costbench.frames import Run

    return Run(Path(path), grader)
