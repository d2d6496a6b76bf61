"""A dataset that cannot be had: its group waits, the others are measured, the same command tries again."""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from costbench.cli import main
from costbench.reporting import ReportOptions, make_report
from costbench.store import Store

SUITE = """
name: waiting
meters: none
limits: {limits}
sampling: {{samples_per_problem: 1}}
groups:
  - name: open
    engine: {{kind: "scripted_engine:ScriptedEngine", seconds: 0.01}}
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact}}]
    models: [{{name: m, path: nowhere/nothing, role: baseline}}]
    policies: [{{kind: truncation, budget: {budget}}}]
    load: {{concurrency: 2}}
  - name: gated
    engine: "scripted_engine:ScriptedEngine"
    datasets: [{{kind: jsonl, path: problems.jsonl, grader: exact, problems: 2}}, gpqa_diamond]
    models: [{{name: m, path: nowhere/nothing, role: baseline}}]
    policies: [{{kind: truncation, budget: 5}}]
    load: {{concurrency: 2}}
"""
PROBLEMS = 10
ROW = {"Question": "What?", "Correct Answer": "this"} | {
    f"Incorrect Answer {number}": f"that {number}" for number in (1, 2, 3)
}
REFUSED = (
    "Dataset 'Idavidrein/gpqa' is a gated dataset on the Hub. Visit its page to ask for access."
)


class Library:
    """The datasets library: gated until access is given."""

    def __init__(self) -> None:
        self.access = False

    def disable_progress_bars(self) -> None: ...

    def load_dataset(self, *_: object, **__: object) -> list[dict[str, str]]:
        if not self.access:
            raise FileNotFoundError(REFUSED)
        return [ROW]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setitem(sys.modules, "datasets", library)
    return library


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """`costbench run` of the suite; the arguments change it."""

    def run(*arguments: str, limits: str = "{}", budget: str = "[5, 6]") -> Result:
        lines = [{"id": str(n), "question": f"{n}?", "answer": "1"} for n in range(PROBLEMS)]
        (tmp_path / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
        suite = tmp_path / "suite.yaml"
        suite.write_text(SUITE.format(limits=limits, budget=budget))
        command = ["run", str(suite), "--out", str(tmp_path / "runs"), *arguments]
        return CliRunner().invoke(main, command)

    return run


def runs(folder: Path) -> list[Path]:
    return sorted((folder / "runs").iterdir())


def cells(folder: Path) -> list[str]:
    with Store.open(folder) as store:
        return list(store.specs())


def attempts(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / "run.db") as database:
        found = [row[0].split("/") for row in database.execute("SELECT cell FROM attempts")]
    return dict(Counter(f"{group}/{dataset}" for group, _, _, dataset, _ in found))


def test_the_others_are_measured_and_the_run_says_what_it_waits_for(
    tmp_path: Path, library: Library, run: Callable[..., Result]
) -> None:
    done = run()
    assert done.exit_code == 1
    sentence = "skipped gated: dataset Idavidrein/gpqa: is gated: accept its terms at"
    assert sentence in done.stderr
    assert "costbench: gated was skipped for now; run again to try again" in done.stderr
    (folder,) = runs(tmp_path)
    assert attempts(folder) == {"open/jsonl": 2 * PROBLEMS}
    (skipped,) = make_report(folder, ReportOptions()).skipped
    assert skipped.group == "gated"
    assert skipped.reason.startswith("dataset Idavidrein/gpqa: is gated")


def test_with_access_the_same_command_adds_the_group_and_measures_nothing_twice(
    tmp_path: Path, library: Library, run: Callable[..., Result]
) -> None:
    run()
    still = run()
    assert (still.exit_code, len(runs(tmp_path))) == (1, 1)
    library.access = True
    stopped = run(limits="{tokens: 1}")
    assert (stopped.exit_code, len(runs(tmp_path))) == (1, 1)
    assert ", resuming: 20 of 23 attempts done" in stopped.stderr
    done = run()
    assert done.exit_code == 0, done.stderr
    (folder,) = runs(tmp_path)
    assert [cell.split("/")[0] for cell in cells(folder)] == ["open", "open", "gated", "gated"]
    assert attempts(folder) == {
        "open/jsonl": 2 * PROBLEMS,
        "gated/jsonl": 2,
        "gated/gpqa_diamond": 1,
    }
    report = make_report(folder, ReportOptions())
    assert report.skipped == ()
    assert len(report.cells) == 4
    assert run().exit_code == 0
    assert len(runs(tmp_path)) == 2  # a finished run is not gone on with


def test_what_was_measured_is_kept_where_the_data_are_gone_on_a_later_day(
    tmp_path: Path, library: Library, run: Callable[..., Result]
) -> None:
    library.access = True
    assert run(limits="{tokens: 1}").exit_code == 1
    (folder,) = runs(tmp_path)
    planned = cells(folder)
    library.access = False
    done = run()
    assert done.exit_code == 1
    assert "resuming: " in done.stderr
    assert attempts(folder)["open/jsonl"] == 2 * PROBLEMS
    assert make_report(folder, ReportOptions()).skipped == ()  # its cells are there, and empty
    library.access = True
    assert run().exit_code == 0
    assert runs(tmp_path) == [folder]
    assert cells(folder) == planned


def test_anything_else_that_differs_is_another_run_all_the_same(
    tmp_path: Path, library: Library, run: Callable[..., Result]
) -> None:
    run()
    library.access = True
    done = run(budget="[5, 7]")
    assert "is not finished, but differs in: open/cells" in done.stderr
    assert len(runs(tmp_path)) == 2


def test_a_run_of_chosen_cells_is_not_one_that_waits(
    tmp_path: Path, library: Library, run: Callable[..., Result]
) -> None:
    assert run("--only", "open", limits="{tokens: 1}").exit_code == 1
    library.access = True
    done = run()
    assert done.exit_code == 0
    assert "is not finished, but differs in: gated/cells" in done.stderr
    assert len(runs(tmp_path)) == 2


def test_where_nothing_else_is_asked_for_the_reason_is_the_error(
    library: Library, run: Callable[..., Result]
) -> None:
    done = run("--only", "gated/*/*/gpqa_diamond")
    assert done.exit_code == 1
    assert (
        "nothing in waiting can run on this machine:\n  gated: dataset Idavidrein/gpqa: is gated"
        in (done.stderr)
    )


def test_cells_of_the_group_that_need_other_data_can_be_chosen(
    tmp_path: Path, library: Library, run: Callable[..., Result]
) -> None:
    assert run("--only", "gated/*/*/jsonl").exit_code == 0
    assert attempts(runs(tmp_path)[0]) == {"gated/jsonl": 2}


def test_data_that_are_wrong_stop_the_run_before_it_starts(
    tmp_path: Path, library: Library, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is there to mend the suite now, and may not be in an hour."""
    library.access = True
    monkeypatch.delitem(ROW, "Incorrect Answer 3")
    done = run()
    assert done.exit_code == 1
    assert "no gpqa_diamond in the columns" in done.stderr
    assert not (tmp_path / "runs").exists()
