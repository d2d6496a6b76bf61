import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from costbench.changes_of_grades import Change, Changes, as_json, print_changes
from costbench.importing import ImportOptions, import_files
from costbench.regrading import grade_again, print_regraded

HOSTILE = "\x1b[31m[bold]7\u202e"


def test_a_changed_answer_cannot_write_to_the_terminal() -> None:
    one = Change("c", "p\x1b]0;", 0, None, HOSTILE, False, None, None, "timeout")
    out = io.StringIO()
    console = Console(file=out, width=160, force_terminal=True, color_system=None)
    print_changes([Changes("c[red]", ("exact", "1"), ("math", "2"), 0, 2, 1, (one,))], console)
    shown = out.getvalue()
    assert "\x1b]0;" not in shown
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert "[bold]7" in shown
    assert "c[red]: 2 graded now, 1 left undecided by math 2, beside exact 1" in shown
    assert "no answer -> " in shown
    assert "undecided" in shown
    assert "and 2 more" in shown


def test_what_is_graded_now_is_no_changed_answer(tmp_path: Path) -> None:
    rows = [
        {"id": "turned", "gold": "7", "response": "7", "correct": False},
        {"id": "graded", "gold": "7", "response": "7", "correct": None},
        {"id": "silent", "gold": "7", "response": None, "correct": True},
        {"id": "same", "gold": "7", "response": "7", "correct": True},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row | {"model": "m"}) + "\n" for row in rows))
    folder = import_files([path], ImportOptions(out=tmp_path / "runs")).folder
    found = grade_again(folder, ["numeric"])
    (changes,) = found.changes
    assert (changes.turned, changes.decided, changes.undecided) == (1, 1, 1)
    assert [one.problem for one in changes.first] == ["turned", "graded", "silent"]
    kinds = [one["change"] for one in as_json(found.changes)]
    assert kinds == ["judged differently", "graded now", "left undecided"]


def test_a_missing_response_is_never_wrong_and_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": "p", "model": "m", "gold": "7", "sample": at, "response": text}
        for at, text in enumerate(["7", None, "", "8"])
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = import_files([path], ImportOptions(out=tmp_path / "runs")).folder
    found = grade_again(folder, ["numeric"])
    (numeric,) = [one for one in found.verdicts if one.grader == "numeric"]
    assert (numeric.correct, numeric.graded, numeric.without_response) == (1, 3, 1)
    print_regraded(found)
    told = [line for line in capsys.readouterr().out.splitlines() if "cannot judge" in line]
    assert told == [
        "imported/m/imported/table: 1 of 4 attempts have no response in this run, so that numeric cannot "
        "judge them"
    ]
