"""Multiple choice: options in every form that data has them, the right one in every way it is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from costbench.datasets.choices import Shuffle
from costbench.datasets.file import File
from costbench.datasets.prompting import fill, options_shown, shown
from costbench.identity import dataset_sha256
from costbench.types import Problem
from tests.datasets import own_files

OPTIONS = ["red", "green", "blue"]


def one(folder: Path, row: dict[str, Any], **fields: Any) -> File:
    """A file of one question."""
    row = {"id": 1, "question": "Which color has the sky?", **row}
    path = own_files.write_jsonl(folder / "mine.jsonl", row)
    return File(path=path, **({"choices": "choices"} | fields))


def load(folder: Path, row: dict[str, Any], **fields: Any) -> Problem:
    (problem,) = one(folder, row, **fields).load()
    return problem


def told(folder: Path, row: dict[str, Any], **fields: Any) -> str:
    return own_files.told(one(folder, row, **fields)).removeprefix("1: ")


@pytest.mark.parametrize(
    "choices",
    [
        OPTIONS,
        json.dumps(OPTIONS),
        [{"label": label, "text": text} for label, text in zip("ABC", OPTIONS, strict=True)],
        {"label": ["A", "B", "C"], "text": OPTIONS},
        dict(zip("ABC", OPTIONS, strict=True)),
        dict(zip("ABCD", [*OPTIONS, None], strict=True)),
        str(OPTIONS),
        str(dict(zip("ABC", OPTIONS, strict=True))),
    ],
)
@pytest.mark.parametrize(
    ("answer", "way"),
    [
        ("C", None),
        ("(C)", None),
        ("c.", None),
        (2, "index"),
        ("2", "index"),
        (3, None),
        ("3", "number"),
        ("blue", None),
        (" blue ", "text"),
    ],
)
def test_each_form_of_options_goes_with_each_way_to_name_the_right_one(
    tmp_path: Path, choices: object, answer: object, way: str | None
) -> None:
    problem = load(tmp_path, {"choices": choices, "answer": answer}, answer_is=way)
    assert (problem.answer, problem.options) == ("C", 3)
    assert problem.question == ("Which color has the sky?\n\nOptions:\nA. red\nB. green\nC. blue")
    assert problem.prompt == (
        f"{problem.question}\n\n\nLet's think step by step and output the final answer (eg, A, B, C) within "
        "\\boxed{}."
    )


def test_options_may_stand_in_columns_of_their_own_and_some_questions_have_fewer(
    tmp_path: Path,
) -> None:
    row = {"A": "red", "B": "blue", "C": None, "answer": "B"}
    problem = load(tmp_path, row, choices=["A", "B", "C"])
    assert (problem.answer, problem.options) == ("B", 2)
    assert told(tmp_path, {**row, "A": None}, choices=["A", "B", "C"]).startswith(
        "the option in column 'A' is empty, and one behind it is not; "
    )
    assert told(tmp_path, row, choices=["A", "B", "D"]).startswith(
        "no column 'D' (columns: A, B, C, "
    )


def test_labels_of_the_data_name_options_by_place(tmp_path: Path) -> None:
    choices = {"label": ["1", "2", "3"], "text": OPTIONS}
    assert load(tmp_path, {"choices": choices, "answer": "2"}, answer_is="letter").answer == "B"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"choices": OPTIONS, "answer": "D"}, "the answer 'D' is a letter beyond the 3 options (A to C)"),
        ({"choices": OPTIONS, "answer": "pink"}, "the answer 'pink' is none of the 3 options; it has"),
        ({"choices": OPTIONS, "answer": 4}, "the answer '4' is none of the 3 options"),
        ({"choices": OPTIONS, "answer": 2}, "the answer 2 can be read in several ways (as index option C, as "
         "number option B); say which with `answer_is: letter`, `index` (from 0), `number` (from 1) or `te"),
        ({"choices": OPTIONS, "answer": -1}, "the answer '-1' is none of the 3 options"),
        ({"choices": ["4", "2", "0"], "answer": "2"}, "the answer '2' can be read in several ways (as index"),
        ({"choices": ["B", "A", "x"], "answer": "A"}, "the answer 'A' can be read in several ways (as"),
        ({"choices": ["red"], "answer": "A"}, "1 options; a multiple choice has 2 to 26"),
        ({"choices": ["x"] * 27, "answer": "A"}, "27 options; a multiple choice has 2 to 26"),
        ({"choices": "red or blue", "answer": "A"}, "no options to choose from, found 'red or blue'"),
        ({"choices": None, "answer": "A"}, "no options to choose from, found 'None'"),
        ({"choices": "[broken", "answer": "A"}, "no options to choose from, found '[broken'"),
        ({"answer": "A"}, "no options in column 'choices' (columns: answer, id, question); name the right"),
        ({"choices": OPTIONS, "answer": None}, ""),
    ],
)  # fmt: skip
def test_what_is_no_choice_is_told(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    if row.get("answer") is None:
        assert load(tmp_path, row).answer is None  # latency and energy can be measured all the same
    else:
        assert told(tmp_path, row).startswith(message)


@pytest.mark.parametrize(("way", "letter"), [("index", "C"), ("number", "B"), ("text", "B")])
def test_the_suite_says_how_an_answer_is_meant_that_could_mean_two(
    tmp_path: Path, way: str, letter: str
) -> None:
    row = {"choices": ["4", "2", "0"], "answer": "2"}
    assert load(tmp_path, row, answer_is=way).answer == letter


def test_keys_of_a_multiple_choice_need_choices(tmp_path: Path) -> None:
    for key, value in (("answer_is", "text"), ("shuffle_options", {"seed": 0})):
        with pytest.raises(ValidationError, match=f"{key}: is for a multiple choice"):
            File(path=tmp_path / "mine.csv", **{key: value})


@given(
    seed=st.integers(),
    question=st.text(max_size=20),
    options=st.lists(st.text(max_size=5), max_size=10),
)
def test_a_shuffle_is_an_order_of_the_options_and_always_the_same(
    seed: int, question: str, options: list[str]
) -> None:
    order = Shuffle(seed=seed).order(question, options)
    assert sorted(order) == list(range(len(options)))
    assert order == Shuffle(seed=seed).order(question, options)


def test_a_shuffle_puts_every_option_first_about_as_often() -> None:
    firsts = [Shuffle().order(f"question {n}", OPTIONS)[0] for n in range(900)]
    assert all(250 < firsts.count(at) < 350 for at in range(3))


def test_the_letter_follows_its_option_and_the_hash_notices_the_order(tmp_path: Path) -> None:
    row = {"choices": OPTIONS, "answer": "C"}
    plain = load(tmp_path, row)
    hashes = {dataset_sha256([plain])}
    for seed in range(20):
        problem = load(tmp_path, row, shuffle_options={"seed": seed})
        shown = dict(line.split(". ") for line in problem.question.splitlines()[3:])
        assert sorted(shown.values()) == sorted(OPTIONS)
        assert shown[str(problem.answer)] == "blue"
        hashes.add(dataset_sha256([problem]))
    assert len(hashes) == 6  # every order of three


def test_a_template_says_where_options_and_letters_stand() -> None:
    filled = fill("{options}|{question}|{letters}|{else}", "{letters}?", OPTIONS)
    assert filled == "A. red\nB. green\nC. blue|{letters}?|A, B, C|{else}"
    assert fill("{question}|{options}", "f{x}") == "f{x}|{options}"


def test_options_stand_below_the_question_where_the_template_does_not_say() -> None:
    assert fill("Q: {question}", "Sky?", ["red", "blue"]) == "Q: Sky?\n\nOptions:\nA. red\nB. blue"


@pytest.mark.parametrize(
    "options",
    [("red", "blue"), ("x\ny", "B. z", "C. no"), tuple(f"the {n}" for n in range(26)), ("", "b")],
)
def test_options_are_read_back_from_what_is_shown(options: tuple[str, ...]) -> None:
    assert options_shown(shown("Which?", options)) == options


def test_a_question_without_options_has_none() -> None:
    assert options_shown("Which?") == options_shown("Which?\n\nOptions:\nA. red") == ()
