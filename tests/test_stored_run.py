"""What can be done with a finished run: tables, files, other graders."""

import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import costbench

import costbench as package
from costbench.frames import COLUMNS, TEXT_COLUMNS


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    (folder,) = (finished / "runs").iterdir()
    shutil.copytree(folder, tmp_path / "runs" / folder.name)
    return tmp_path / "runs" / folder.name


def test_read_run_gives_a_row_per_attempt_with_units_and_na(run: Path) -> None:
    attempts = package.read_run(run).attempts()
    assert list(attempts.columns) == list(COLUMNS)
    assert {str(kind) for kind in attempts.dtypes} == {"Int64", "Float64", "string", "boolean"}
    assert len(attempts) == 36
    assert attempts["cached_tokens"].isna().all()
    assert attempts.loc[attempts["policy"] == "unconstrained", "budget"].isna().all()
    assert set(attempts["outcome"]) <= {"correct", "wrong", "truncated"}
    assert (
        attempts["answer_tokens"] + attempts["reasoning_tokens"] == attempts["output_tokens"]
    ).all()
    assert attempts.groupby("cell")["problem"].nunique().eq(6).all()


def test_attempts_share_the_joules_and_seconds_of_their_cell(run: Path) -> None:
    attempts = package.read_run(run).attempts()
    report = json.loads(costbench(run.parent.parent, "report", "--format", "json").stdout)
    for cell in report["cells"]:
        mine = attempts[attempts["cell"] == cell["cell"]]
        whole = cell["windows"]["whole"]
        assert mine["joules"].sum() == pytest.approx(whole["joules"])
        assert mine["machine_seconds"].sum() == pytest.approx(whole["duration_s"])
        assert (mine["outcome"] == "correct").sum() == cell["correct"]
        assert mine["output_tokens"].mean() == pytest.approx(cell["output_tokens"]["value"])
        assert set(mine["joules_provenance"]) == {"modelled"}


def test_the_trace_is_cumulative(run: Path) -> None:
    trace = package.read_run(run).trace()
    assert list(trace.columns) == ["session", "domain", "quantity", "t_s", "value"]
    for _, series in trace.groupby(["session", "domain", "quantity"]):
        assert (np.diff(series["t_s"]) > 0).all()
    counters = trace[trace["quantity"] == "joules"]
    assert set(counters["domain"]) >= {"cpu", "ram"}
    for _, series in counters.groupby(["session", "domain"]):
        assert (np.diff(series["value"]) > 0).all()


def test_texts_come_only_when_asked_for(run: Path) -> None:
    texts = package.read_run(run).attempts(text=True)
    assert list(texts.columns) == [*COLUMNS, *TEXT_COLUMNS]
    assert texts["question"].str.startswith("Start with ").all()
    right = texts[texts["outcome"] == "correct"]
    assert all(f"\\boxed{{{row.reference}}}" in row.response for row in right.itertuples())


def test_a_report_shows_the_first_problems_of_every_cell_with_their_texts(run: Path) -> None:
    folder = run.parent.parent
    plain = json.loads(costbench(folder, "report", "--format", "json").stdout)
    assert "samples" not in plain
    told = costbench(folder, "report", "--format", "json", "--samples", "2").stdout
    samples = pd.DataFrame(json.loads(told)["samples"])
    attempts = package.read_run(run).attempts(text=True)
    first = attempts[attempts["pass"] == 0].groupby("cell", sort=False).head(2)
    assert len(samples) == len(first) == 2 * len(plain["cells"])
    for column in ("cell", "problem", "outcome", "question", "response", "reference"):
        assert samples[column].tolist() == first[column].tolist()


def test_csv_and_json_lines_say_the_same(run: Path) -> None:
    place = run.parent.parent
    csv = pd.read_csv(io.StringIO(costbench(place, "export").stdout))
    lines = costbench(place, "export", run.name, "--format", "jsonl").stdout.splitlines()
    assert len(csv) == len(lines) == 36
    for row, line in zip(csv.to_dict("records"), map(json.loads, lines), strict=True):
        assert row["problem"] == line["problem"]
        assert row["joules"] == pytest.approx(line["joules"])
        assert line["cached_tokens"] is None


def test_export_writes_a_file_or_says_why_not(run: Path) -> None:
    place = run.parent.parent
    done = costbench(place, "export", "--out", "all.csv")
    assert "wrote all.csv (36 attempts)" in done.stderr
    assert done.stdout == ""
    assert len(pd.read_csv(place / "all.csv")) == 36
    assert costbench(place, "export", "--format", "parquet").returncode == 2
    done = costbench(place, "export", "--out", "no/such/folder/all.csv")
    assert done.returncode == 1
    assert "all.csv: cannot be written" in done.stderr


def test_parquet_keeps_types_and_missing_values(run: Path) -> None:
    pytest.importorskip("pyarrow")
    place = run.parent.parent
    assert costbench(place, "export", "--format", "parquet", "--out", "all.parquet").returncode == 0
    read = pd.read_parquet(place / "all.parquet")
    assert read["cached_tokens"].isna().all()
    assert str(read["output_tokens"].dtype) == "Int64"


def test_graders_stand_side_by_side_and_old_grades_stay(run: Path) -> None:
    place = run.parent.parent
    before = grades(run)
    said = costbench(place, "grade", "--grader", "exact", "--grader", "{kind: math, deadline_s: 9}")
    assert said.returncode == 0, said.stderr
    for cell in ("unconstrained", "truncation@24", "budget_forcing@24"):
        table, _, _ = said.stdout.partition("* reports go by")
        lines = [line for line in table.splitlines() if f"/{cell}/" in line]
        assert [line.split()[1] for line in lines] == ["exact", "math"]
        assert "*" in lines[1]
        assert "*" not in lines[0]
    assert before <= grades(run)
    assert len(grades(run)) == 72
    report = json.loads(costbench(place, "report", "--format", "json", "--grader", "exact").stdout)
    assert {cell["grader_version"] for cell in report["cells"]} == {"exact-3"}


def test_answers_that_another_grader_judges_differently_are_listed(run: Path) -> None:
    place = run.parent.parent
    exact = "{kind: numeric, relative_tolerance: 0.99, extract: [last_number]}"
    found = json.loads(costbench(place, "grade", "--grader", exact, "--format", "json").stdout)
    differs = {
        one["cell"]: one["differs"] for one in found["verdicts"] if one["grader"] == "numeric"
    }
    assert len(differs) == 3
    assert sum(differs.values()) == len(found["changes"]) > 0
    for one in found["changes"]:
        assert one["old_correct"] is not one["new_correct"]
        assert one["old"].startswith("math ")
        assert one["new"].startswith("numeric numeric-2+0.99")


def grades(run: Path) -> set[tuple[object, ...]]:
    with closing(sqlite3.connect(run / "run.db")) as database:
        return set(database.execute("SELECT attempt, grader, version, correct FROM grades"))


def test_what_could_not_be_decided_is_tried_again_by_grade_and_left_by_report(run: Path) -> None:
    place = run.parent.parent
    with closing(sqlite3.connect(run / "run.db", isolation_level=None)) as database:
        database.execute("UPDATE grades SET correct = NULL, reason = 'timeout' WHERE attempt <= 5")

    def ungraded() -> int:
        found = json.loads(costbench(place, "report", "--format", "json").stdout)
        return sum(cell["ungraded"] for cell in found["cells"])

    assert ungraded() == 5
    assert costbench(place, "grade").returncode == 0
    assert ungraded() == 0


@pytest.mark.parametrize(
    ("grader", "told"),
    [
        ("exat", "no grader is called 'exat'; did you mean 'exact'?"),
        ("{kind: math, deadline: 3}", "deadline: Extra inputs are not permitted"),
        ("[", "not a name and not YAML"),
    ],
)
def test_a_grader_that_is_none_is_a_sentence(run: Path, grader: str, told: str) -> None:
    done = costbench(run.parent.parent, "grade", "--grader", grader)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
