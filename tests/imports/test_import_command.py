"""From the command line to the end: import, grade, report, export, compare."""

import json
import shutil

import pytest
from commands import costbench
from importer import LM_EVAL, TABLE

COLUMNS = [f"--column={what}" for what in ("correct=ok", "response=text", "output_tokens=out")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where gsm8k was imported; another grader has been there since."""
    found = tmp_path_factory.mktemp("imported")
    done = costbench(found, "import", str(LM_EVAL))
    assert done.returncode == 0, done.stderr
    assert "taken for files of lm-eval" in done.stderr
    assert "when attempts began and ended: machine time is not known" in done.stderr
    assert done.stdout == ""
    return found


def test_grades_of_another_grader_stand_beside_and_differences_are_shown(folder):
    done = costbench(folder, "grade", "--grader", "math")
    assert done.returncode == 0, done.stderr
    own, math, changed = (line for line in done.stdout.splitlines() if line.startswith("imported/"))
    assert own.split()[-3:] == ["33.3*", "3", "0"]
    assert math.split()[-4:] == ["66.7", "3", "0", "1"]  # "It is 11." is right
    assert ": 1 judged differently by math-3" in changed


def test_a_report_goes_by_the_files_verdict_until_another_is_named(folder):
    costbench(folder, "grade", "--grader", "math")
    (cell,) = json.loads(costbench(folder, "report", "--format", "json").stdout)["cells"]
    assert (cell["correct"], cell["grader"]) == (1, "imported")
    again = costbench(folder, "report", "--format", "json", "--grader", "math")
    (cell,) = json.loads(again.stdout)["cells"]
    assert (cell["correct"], cell["grader"]) == (2, "math")
    assert cell["joules_per_correct"]["reason"] == "imported_without_energy"


@pytest.mark.parametrize("form", ["table", "md", "csv", "json"])
def test_every_form_of_a_report_is_written_and_says_that_it_is_imported(folder, form):
    done = costbench(folder, "report", "--format", form)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "imported" in done.stdout
    assert " 0 J" not in done.stdout


def test_an_export_has_a_row_per_attempt(folder):
    done = costbench(folder, "export", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["outcome"] for row in rows] == ["correct", "wrong", "wrong"]
    assert all(row["output_tokens"] is None for row in rows)


def test_two_imports_are_compared_where_that_can_be(folder):
    second = shutil.copy(LM_EVAL, folder / LM_EVAL.name)
    options = ("--model", "EleutherAI/pythia-70m", "--metric", "exact_match,flexible-extract")
    done = costbench(folder, "import", str(second), *options, "--name", "again")
    assert done.returncode == 0, done.stderr
    runs = sorted(path.name for path in (folder / "runs").iterdir())
    done = costbench(folder, "compare", *runs, "--format", "json")
    assert done.returncode == 0, done.stderr
    (pair,) = json.loads(done.stdout)["pairs"]
    assert pair["metrics"]["accuracy"]["refused"]["code"] == "different_grader"
    assert pair["metrics"]["latency_s"]["refused"]["code"] == "unknown_concurrency"
    assert costbench(folder, "compare", *runs, "--grader", "math").returncode == 0


def test_a_table_through_the_command_line(tmp_path):
    done = costbench(tmp_path, "import", str(TABLE), "--from", "table", *COLUMNS)
    assert done.returncode == 0, done.stderr
    assert "imported/small/truncation@32/table" in done.stderr
    assert costbench(tmp_path, "report", "--pareto", "--x", "latency").returncode == 0


def test_a_wrong_option_is_wrong_usage_and_a_wrong_file_a_sentence(tmp_path):
    assert costbench(tmp_path, "import", "x.csv", "--column", "nothing").returncode == 2
    done = costbench(tmp_path, "import", "nowhere.csv")
    assert done.returncode == 1
    assert done.stderr == "costbench: nowhere.csv: cannot be read: no such file\n"
    assert not (tmp_path / "runs").exists()
