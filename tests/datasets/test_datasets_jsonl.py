"""JSON Lines files of one's own: what is read from them, and what is told of a bad one."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from costbench.datasets.jsonl import Jsonl
from costbench.suite import load_suite
from costbench.types import Problem
from tests.datasets.own_files import told, write_jsonl

DATA = Path(__file__).parents[3] / "shared" / "data"
ROWS = [
    {"id": "one", "question": "1+1?", "answer": "2", "level": 1},
    {"id": "two", "question": "2+2?", "answer": "4", "level": 2},
]


UTF_8 = "not UTF-8 text; save it as UTF-8 (of a spreadsheet: CSV UTF-8)"


def write(folder: Path, *lines: object) -> Path:
    return write_jsonl(folder / "problems.jsonl", *lines)


def load(path: Path, **fields: Any) -> list[Problem]:
    return list(Jsonl(path=path, **fields).load())


def test_each_line_is_a_problem(tmp_path: Path) -> None:
    first, second = load(write(tmp_path, *ROWS))
    assert (first.id, first.question, first.answer, first.level) == ("one", "1+1?", "2", 1)
    assert first.prompt == (
        "1+1?\nPlease reason step by step, and put your final answer within \\boxed{}."
    )
    assert second.id == "two"


def test_the_columns_can_have_any_names(tmp_path: Path) -> None:
    row = {"key": 7, "problem": "Why?", "solution": 0.5, "grade": 3, "other": [1]}
    path = write(tmp_path, row)
    (problem,) = load(path, id="key", question="problem", answer="solution", level="grade")
    assert (problem.id, problem.question, problem.answer, problem.level) == ("7", "Why?", "0.5", 3)


def test_without_ids_the_lines_are_numbered(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS[0], "", {**ROWS[0], "question": "again?"})
    assert [problem.id for problem in load(path, id=None)] == ["1", "3"]


def test_a_prompt_is_filled_in_as_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, {**ROWS[0], "question": "f{x} and {question}?"})
    (problem,) = load(path, prompt="Q: {question} {keep}")
    assert problem.prompt == "Q: f{x} and {question}? {keep}"


def test_a_prompt_without_the_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"a prompt needs \{question\} in it"):
        Jsonl(path=write(tmp_path, *ROWS), prompt="Think.")


def test_the_first_so_many_problems_are_kept_and_the_rest_is_not_even_read(tmp_path: Path) -> None:
    path = write(tmp_path, *ROWS, "not json")
    assert [problem.id for problem in load(path, problems=1)] == ["one"]
    assert [problem.id for problem in load(path, problems=2)] == ["one", "two"]


def test_an_answer_may_be_null_where_the_column_says_so(tmp_path: Path) -> None:
    (problem,) = load(write(tmp_path, {"id": 1, "question": "Why?", "answer": None}))
    assert problem.answer is None


def test_a_file_without_answers_says_so_in_the_suite(tmp_path: Path) -> None:
    (problem,) = load(write(tmp_path, {"id": 1, "question": "Why?"}), answer=None)
    assert problem.answer is None


def test_a_level_that_is_no_whole_number_is_not_known(tmp_path: Path) -> None:
    path = write(tmp_path, {**ROWS[0], "level": "hard"})
    assert load(path)[0].level is None
    assert load(path, level=None)[0].level is None


def test_the_path_is_taken_from_the_folder_of_the_suite(tmp_path: Path) -> None:
    write(tmp_path, *ROWS)
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: mine\ngroups:\n"
        "  - {name: g, engine: transformers, models: [{name: m, path: org/model}],\n"
        "     policies: [unconstrained], datasets: [{kind: jsonl, path: problems.jsonl}]}\n"
    )
    (use,) = load_suite(suite).groups[0].datasets
    assert [problem.id for problem in use.dataset.load()] == ["one", "two"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert told(Jsonl(path=tmp_path / "none.jsonl")) == "cannot be read: No such file or directory"
    assert told(Jsonl(path=tmp_path)) == "cannot be read: Is a directory"


@pytest.mark.parametrize("text", ["", "\n  \n\n"])
def test_an_empty_file_is_told(tmp_path: Path, text: str) -> None:
    assert told(Jsonl(path=write(tmp_path, text))) == "holds no problem"


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_bytes(b'{"id": 1, "question": "caf\xe9", "answer": "1"}\n')
    assert told(Jsonl(path=path)) == UTF_8


def test_a_repeated_id_is_told_with_both_lines(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS[0], "", ROWS[1], {**ROWS[1], "id": "one"})
    assert told(Jsonl(path=path)) == "4: the id 'one' is already that of line 1; ids must be unique"


def test_a_number_and_a_text_that_read_alike_are_one_id(tmp_path: Path) -> None:
    path = write(tmp_path, {**ROWS[0], "id": 1}, {**ROWS[1], "id": "1"})
    assert "the id '1' is already that of line 1" in told(Jsonl(path=path))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            "question",
            "no text in column 'question' (columns: answer, id, level); name the right one with",
        ),
        (
            "answer",
            "no answer in column 'answer' (columns: id, level, question); name the right one with",
        ),
        ("id", "no id in column 'id' (columns: answer, level, question); name the right one with"),
    ],
)
def test_a_missing_column_is_told_with_the_columns_there_are(
    tmp_path: Path, column: str, message: str
) -> None:
    lacking = {key: value for key, value in ROWS[1].items() if key != column}
    assert told(Jsonl(path=write(tmp_path, ROWS[0], lacking))).startswith(
        f"2: {message} `{column}:`"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"question": ""},
            "no text: column 'question' is empty; correct the file, or name another column",
        ),
        ({"question": "  "}, "no text: column 'question' is empty; "),
        ({"question": 5}, "no text: column 'question' holds '5'; "),
        ({"question": ["1+1?"]}, "no text: column 'question' holds \"['1+1?']\"; "),
        ({"answer": ["2"]}, "no answer: column 'answer' holds \"['2']\"; "),
        ({"answer": {"value": 2}}, "no answer: column 'answer' holds "),
        (
            {"id": ""},
            "no id: column 'id' is empty; correct the file, or name another column with `id:`, or ",
        ),
        ({"id": None}, "no id: column 'id' is empty; "),
        ({"id": 1.5}, "no id: column 'id' holds '1.5'; "),
        ({"id": "x" * 500}, "id: String should have at most 200 characters"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_its_line(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    assert told(Jsonl(path=write(tmp_path, ROWS[0], {**ROWS[1], **change}))).startswith(
        f"2: {message}"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'id': 1}", "not JSON: Expecting property name"),
        ('{"id": 1', "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ('{"id": ' + "9" * 5_000 + "}", "not JSON: Exceeds the limit"),
        ("[1, 2]", "expected an object, found [1, 2]"),
        ("5", "expected an object, found 5"),
        ('"' + "x" * 5_000 + '"', 'expected an object, found "xxx'),
    ],
)
def test_a_line_that_is_no_object_is_told_with_its_number(
    tmp_path: Path, line: str, message: str
) -> None:
    found = told(Jsonl(path=write(tmp_path, ROWS[0], line)))
    assert found.startswith(f"2: {message}")
    assert len(found) < 300


@pytest.mark.skipif(
    not (DATA / "gsm8k" / "test.jsonl").is_file(), reason="the real sets are not here"
)
def test_gsm8k_has_its_1319_problems() -> None:
    problems = load(DATA / "gsm8k" / "test.jsonl")
    assert len(problems) == len({problem.id for problem in problems}) == 1319
    assert problems[0].answer == "18"
    assert all(problem.answer for problem in problems)


@pytest.mark.parametrize(
    "path", sorted(DATA.glob("*/test.jsonl")), ids=lambda path: path.parent.name
)
def test_every_real_set_here_loads_with_an_answer_to_each_problem(path: Path) -> None:
    problems = load(path)
    assert problems
    assert all(problem.answer for problem in problems)
