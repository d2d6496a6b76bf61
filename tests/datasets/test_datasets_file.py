"""Files of one's own by suffix and column: what is read from them, and what is told of a bad one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from costbench.datasets.file import File
from costbench.datasets.jsonl import Jsonl
from costbench.types import Problem
from tests.datasets import own_files

ROWS: list[dict[str, Any]] = [
    {"id": "one", "question": "1+1?", "answer": "2", "level": 1, "subject": "Addition"},
    {"id": "two", "question": "2*3, or so?", "answer": "6", "level": 2, "subject": "Products"},
]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    own_files.write_jsonl(path, *rows)


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"canary": "x", "examples": rows}), encoding="utf-8")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    import csv

    with path.open("w", encoding="utf-8-sig", newline="") as lines:
        writer = csv.DictWriter(
            lines, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ","
        )
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


FORMS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "mine.jsonl": write_jsonl,
    "mine.json": write_json,
    "mine.csv": write_csv,
    "mine.tsv": write_csv,
    "mine.parquet": write_parquet,
}


def load(path: Path, **fields: Any) -> list[Problem]:
    return list(File(path=path, **fields).load())


def told(path: Path, **fields: Any) -> str:
    return own_files.told(File(path=path, **fields))


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file_gives_the_same_problems(tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name, ROWS)
    one, two = load(tmp_path / name)
    assert (one.id, one.question, one.answer, one.level, one.subject) == (
        *("one", "1+1?", "2", 1, "Addition"),
    )
    assert (two.question, two.level) == ("2*3, or so?", 2)


def test_a_folder_stands_for_its_only_file_or_that_of_a_split(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "test-00000-of-00001.jsonl", ROWS)
    (tmp_path / "README.md").write_text("a card")
    assert len(load(tmp_path)) == 2
    write_jsonl(tmp_path / "train.jsonl", ROWS[:1])
    assert [len(load(tmp_path, split=split)) for split in ("test", "train")] == [2, 1]
    assert told(tmp_path) == (
        "holds no data file that could be meant alone (there are: test-00000-of-00001.jsonl, train.jsonl); "
        "name the file itself"
    )


def test_a_folder_without_data_is_told(tmp_path: Path) -> None:
    assert "(there are: none)" in told(tmp_path)


def test_another_suffix_is_told_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("1+1?")
    assert told(tmp_path / "mine.txt").startswith("a file of problems ends in one of .jsonl, ")


def test_a_csv_without_a_header_is_told_by_the_columns_it_seems_to_have(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("one,1+1?,2\ntwo,2+2?,4\n")
    assert told(tmp_path / "mine.csv").startswith(
        "2: no text in column 'question' (columns: 1+1?, 2, one); name the right one with `question:`"
    )


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_csv_of_any_spreadsheet_gives_the_same_problems(
    tmp_path: Path, mark: str, end: str, encoding: str
) -> None:
    """Separators by country, lines by system, blanks around names, empty lines at the end."""
    lines = [
        f"id{mark} Frage {mark}answer",
        f'one{mark}"Ei, was; heißt\t2+2?"{mark}4',
        f'two{mark}"Said ""no""?"{mark}0',
        mark * 2,
        "",
    ]
    (tmp_path / "mine.csv").write_bytes(end.join([*lines, ""]).encode(encoding))
    one, two = load(tmp_path / "mine.csv", question="Frage")
    assert (one.id, one.question, one.answer) == ("one", "Ei, was; heißt\t2+2?", "4")
    assert (two.id, two.question, two.answer) == ("two", 'Said "no"?', "0")


def test_a_csv_whose_first_line_is_data_is_given_its_names(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("one,1+1?,2\ntwo,2+2?,4\n")
    header = ["id", "question", "answer"]
    assert [p.answer for p in load(tmp_path / "mine.csv", header=header)] == ["2", "4"]
    assert told(tmp_path / "mine.csv", header=header[:2]).startswith(
        "1: has not as many fields as there are names of columns (2)"
    )
    shots = load(tmp_path / "mine.csv", header=header, shots=1, shots_from=tmp_path / "mine.csv")
    assert shots[0].prompt.startswith("Question: 2+2?\nAnswer: \\boxed{4}")
    write_jsonl(tmp_path / "mine.jsonl", ROWS)
    assert told(tmp_path / "mine.jsonl", header=header) == (
        "`header` is for CSV and TSV; columns here have names already"
    )


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,question,answer,answer \n1,1+1?,2,3\n")
    assert told(tmp_path / "mine.csv") == "'answer' is the name of two columns; rename one"


@pytest.mark.parametrize("key", ["level", "subject"])
def test_a_level_or_subject_that_the_suite_names_has_to_be_there(tmp_path: Path, key: str) -> None:
    write_jsonl(tmp_path / "mine.jsonl", [{"id": 1, "question": "1+1?", "answer": "2"}])
    assert len(load(tmp_path / "mine.jsonl")) == 1
    assert told(tmp_path / "mine.jsonl", **{key: "grade"}) == (
        f"1: no {key} in column 'grade' (columns: answer, id, question); name the right one with `{key}:`"
    )


def test_what_a_table_of_numbers_leaves_out_is_no_answer(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.jsonl", ['{"id": 1, "question": "1+1?", "answer": NaN}'])
    assert load(tmp_path / "mine.jsonl")[0].answer is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,question,answer\n1,one, two or three?,2\n",
            "2: has not as many fields as there are names of columns (3); put quotes around text with ','",
        ),
        (
            "id,question,answer\n1,short\n",
            "2: has not as many fields as there are names",
        ),
        ('id,question,answer\n1,"open,2\n', "2: not CSV: unexpected end of data"),
        ("id,question,answer\n", "holds no problem"),
        ("", "holds no problem"),
        ("id,question,answer\n1,,2\n", "2: no text: column 'question' is empty; correct the file"),
    ],
)
def test_a_bad_csv_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.csv").write_text(text)
    assert told(tmp_path / "mine.csv").startswith(message)


@pytest.mark.parametrize("name", ["mine.csv", "mine.json", "mine.jsonl"])
def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"id": 1, "question": "caf\xe9", "answer": "1"}\n')
    assert told(tmp_path / name) == "not UTF-8 text; save it as UTF-8 (of a spreadsheet: CSV UTF-8)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON: "),
        ("5", "expected a list of objects"),
        ('{"a": 1}', "expected a list of objects"),
        ("[1]", "expected a list of objects"),
        ("[]", "holds no problem"),
    ],
)
def test_a_json_file_has_one_list_of_objects(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    assert told(tmp_path / "mine.json").startswith(message)


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "mine.parquet").write_bytes(b"PAR1 or not")
    assert told(tmp_path / "mine.parquet").startswith("cannot be read: ")
    assert told(tmp_path / "none.parquet").startswith("cannot be read: ")


def test_parquet_without_pyarrow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "mine.parquet").write_bytes(b"")
    assert told(tmp_path / "mine.parquet") == "Parquet needs pyarrow: pip install pyarrow"


def test_ids_that_occur_twice_are_told_with_both_lines(tmp_path: Path) -> None:
    write_csv(tmp_path / "mine.csv", [ROWS[0], ROWS[1], ROWS[0]])
    assert told(tmp_path / "mine.csv") == (
        "4: the id 'one' is already that of line 2; ids must be unique"
    )


def test_a_key_within_a_column_is_named_with_a_dot(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.jsonl", [{"id": 1, "asked": {"text": "1+1?"}, "gold": {"n": 2}}])
    (problem,) = load(tmp_path / "mine.jsonl", question="asked.text", answer="gold.n")
    assert (problem.question, problem.answer) == ("1+1?", "2")


def test_what_stands_before_the_mark_is_no_answer(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.jsonl", [{**ROWS[0], "answer": "1+1=2\n#### 2"}])
    assert load(tmp_path / "mine.jsonl", answer_after="####")[0].answer == "2"
    assert told(tmp_path / "mine.jsonl", answer_after="%%") == "1 has no '%%' in 'answer'"


@pytest.mark.parametrize(
    ("level", "is_read_as"), [("Level 5", 5), ("3", 3), ("hard", None), (True, None)]
)
def test_levels_are_numbers_or_words_of_a_number(
    tmp_path: Path, level: object, is_read_as: int | None
) -> None:
    write_jsonl(tmp_path / "mine.jsonl", [{**ROWS[0], "level": level}])
    assert load(tmp_path / "mine.jsonl")[0].level == is_read_as


def test_a_file_of_another_name_is_json_lines_where_the_suite_says_so(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.txt", ROWS)
    assert len(list(Jsonl(path=tmp_path / "mine.txt").load())) == 2


def test_shots_are_put_above_each_question_and_never_the_question_itself(tmp_path: Path) -> None:
    rows = [
        {
            "id": n,
            "question": f"{n}+1?",
            "answer": f"{n} and 1 is <<{n}+1={n + 1}>>{n + 1} #### {n + 1}",
        }
        for n in range(6)
    ]
    write_jsonl(tmp_path / "mine.jsonl", rows)
    fields = {"answer_after": "####", "shots": 2, "shots_from": tmp_path / "mine.jsonl"}
    problems = load(tmp_path / "mine.jsonl", **fields)
    for problem in problems:
        above, asked = problem.prompt.rsplit("\n\n", 1)
        assert asked.startswith(f"{problem.question}\nPlease reason")
        assert above.count("Question: ") == above.count("\\boxed{") == 2
        assert problem.question not in above
    assert "0 and 1 is 1 \\boxed{1}" in "".join(problem.prompt for problem in problems)
    assert problems == load(tmp_path / "mine.jsonl", **fields)
    assert problems != load(tmp_path / "mine.jsonl", **fields, shots_seed=1)


def test_shots_need_a_source_and_enough_of_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "mine.jsonl", ROWS)
    with pytest.raises(ValidationError, match="shots: from where"):
        File(path=tmp_path / "mine.jsonl", shots=1)
    assert told(tmp_path / "mine.jsonl", shots=2, shots_from=tmp_path / "mine.jsonl") == (
        "2 `shots` need more than 2 answered questions"
    )
