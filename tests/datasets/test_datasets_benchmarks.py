"""Benchmarks by name: their columns, their sizes, and the real sets where they are here."""

import csv
import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from costbench.datasets.benchmark import Benchmark
from costbench.datasets.file import File
from costbench.datasets.hub import HubSplit
from costbench.datasets.mathematics import Aime2024, Amc23, Gsm8k, Math500, OlympiadBench
from costbench.datasets.multiple_choice import (
    CommonsenseQa,
    GpqaDiamond,
    LogicalDeduction,
    LsatAr,
    Mmlu,
)
from costbench.errors import SuiteError, UnavailableError
from costbench.types import Problem

DATA = Path(__file__).parents[3] / "shared" / "data"
FOLDERS = {"amc23": "amc23", "logical_deduction": "bbh_logical_deduction"}
NOT_HERE = {"minerva", "gpqa_diamond"}
OTHER_SIZE = {"mmlu": 1140, "olympiadbench": 675}
"""A sample is here of the one; a public copy of the other has one problem more than the hub's."""


def classes() -> list[type[Benchmark]]:
    found = [point.load() for point in entry_points(group="costbench.datasets")]
    return sorted(
        (one for one in found if issubclass(one, Benchmark)), key=lambda one: one.__name__
    )


BENCHMARKS = classes()
HERE = [one for one in BENCHMARKS if one.model_fields["kind"].default not in NOT_HERE]


def kind_of(named: type[Benchmark]) -> str:
    return str(named.model_fields["kind"].default)


def file_of(named: type[Benchmark], name: str) -> Path:
    kind = kind_of(named)
    path = DATA / FOLDERS.get(kind, kind) / name
    if not path.is_file():
        pytest.skip("the real sets are not here")
    return path


def whole(named: type[Benchmark], **fields: Any) -> Benchmark:
    if named is Mmlu:
        fields = {"sample": None, **fields}
    return named(**fields)


def load(named: type[Benchmark], folder: Path, *rows: object, **fields: Any) -> list[Problem]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return list(whole(named, path=path, **fields).load())


def test_there_are_as_many_as_the_page_says() -> None:
    assert len(BENCHMARKS) == 15


@pytest.mark.parametrize("named", BENCHMARKS, ids=kind_of)
def test_each_is_pinned_and_knows_its_size_and_its_grader(named: type[Benchmark]) -> None:
    found = whole(named)
    assert found.known_size() == named.size > 0
    assert re.fullmatch(r"[0-9a-f]{40}", str(found.revision))
    assert found.default_grader == ("choice" if named.has_options else "math")


@pytest.mark.parametrize("named", HERE, ids=kind_of)
def test_the_real_set_loads_whole(named: type[Benchmark]) -> None:
    path = file_of(named, "test.jsonl")
    kind = kind_of(named)
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    problems = list(whole(named, path=path).load())
    assert len(problems) == OTHER_SIZE.get(kind, named.size) == len(records)
    for record, problem in zip(records, problems, strict=True):
        assert problem.id == record["id"]
        assert problem.question.startswith(record["question"])
        options = record.get("choices")
        assert problem.options == (len(options) if options else None)
        assert problem.answer == record["answer"]
        assert not options or all(option.strip() in problem.question for option in options)
        assert problem.level == record.get("level")


@pytest.mark.parametrize("named", [one for one in HERE if one is not Mmlu], ids=kind_of)
def test_the_first_rows_in_their_own_columns_are_those_of_the_plain_form(
    named: type[Benchmark],
) -> None:
    """But MMLU, which comes without names of columns."""
    own, plain = (
        list(named(path=file_of(named, name), problems=2).load())
        for name in ("raw_head.jsonl", "test.jsonl")
    )
    assert [p.answer for p in own] == [p.answer for p in plain]
    assert [p.prompt for p in own] == [p.prompt for p in plain]


def test_the_original_csv_of_mmlu_is_a_file_without_a_header(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in file_of(Mmlu, "raw_head.jsonl").read_text().splitlines()]
    with (tmp_path / "test.csv").open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(rows)
    header = ("question", *"ABCD", "answer")
    found = File(path=tmp_path / "test.csv", header=header, id=None, choices=tuple("ABCD"))
    problems = list(found.load())
    assert [problem.answer for problem in problems] == [row[5] for row in rows]
    own = [
        {"question": row[0], "subject": "any", "choices": row[1:5], "answer": "ABCD".index(row[5])}
        for row in rows
    ]
    named = load(Mmlu, tmp_path, *own)
    assert [p.prompt for p in named] == [p.prompt for p in problems]
    assert [p.answer for p in named] == [p.answer for p in problems]


def test_levels_of_math500_are_as_many_as_a_plan_reckons_with() -> None:
    path = file_of(Math500, "test.jsonl")
    for level, size in Math500.of_level.items():
        assert Math500(levels=(level,)).known_size() == size
        assert len(list(Math500(path=path, levels=(level,)).load())) == size


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, 500),
        ({"problems": 7}, 7),
        ({"problems": 900}, 500),
        ({"sample": {"problems": 64}}, 64),
        ({"sample": {"problems": 64}, "problems": 8}, 8),
        ({"levels": [4, 5, 5]}, 262),
        ({"levels": [4, 5], "problems": 300}, 262),
        ({"subjects": ["Algebra"]}, None),
        ({"path": "here.jsonl"}, None),
    ],
)
def test_a_size_is_known_without_the_data_or_said_to_be_unknown(
    fields: dict[str, Any], size: int | None
) -> None:
    assert Math500.model_validate(fields).known_size() == size


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": [4, 9]}, r"levels: math500 has no level 9 \(there are: 1, 2, 3, 4, 5\)"),
        (
            {"sample": {"problems": 501}},
            "sample: asks for 501 problems, there are 500 to draw from",
        ),
        ({"levels": [1], "sample": {"problems": 44}}, "sample: asks for 44 problems, there are 43"),
    ],
)
def test_what_a_set_does_not_hold_is_told_before_anything_is_downloaded(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Math500.model_validate(fields)


def test_mmlu_draws_a_thousand_unless_told_otherwise() -> None:
    assert Mmlu().known_size() == 1000
    assert Mmlu(sample=None).known_size() == 14_042


# Columns as the hub has them


def test_gsm8k_has_its_answer_behind_the_mark_and_its_way_in_shots(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"{n}+1?",
            "answer": f"It is {n}+1=<<{n}+1={n + 1}>>{n + 1}.\n#### {n + 1},000",
        }
        for n in range(3)
    ]
    problems = load(Gsm8k, tmp_path, *rows, shots=1, shots_from=tmp_path / "rows.jsonl")
    assert [problem.answer for problem in problems] == ["1,000", "2,000", "3,000"]
    assert re.match(
        r"Question: \d\+1\?\nAnswer: It is \d\+1=\d\. \\boxed\{\d,000\}\n\n", problems[0].prompt
    )


def test_whole_numbers_are_written_without_a_point_or_leading_zeros(tmp_path: Path) -> None:
    (amc,) = load(Amc23, tmp_path, {"id": 0, "question": "?", "answer": 27.0, "url": ""})
    (aime,) = load(Aime2024, tmp_path, {"id": 60, "problem": "?", "answer": "025", "year": "2024"})
    (other,) = load(Aime2024, tmp_path, {"ID": "2024-I-1", "Problem": "?", "Answer": 25})
    assert (amc.answer, aime.answer, other.answer, other.id) == ("27", "25", "25", "2024-I-1")


@pytest.mark.parametrize("answers", [["1, 2"], "['1, 2']", '["1, 2"]'])
def test_olympiadbench_has_its_answers_in_a_list(tmp_path: Path, answers: object) -> None:
    row = {"id": 1, "question": "?", "final_answer": answers, "subfield": "Algebra"}
    (problem,) = load(OlympiadBench, tmp_path, row)
    assert (problem.answer, problem.subject) == ("1, 2", "Algebra")


def test_mmlu_counts_its_options_from_nought(tmp_path: Path) -> None:
    row = {"question": "2?", "subject": "sums", "choices": ["0", "1", "2", "4"], "answer": 3}
    (problem,) = load(Mmlu, tmp_path, row)
    assert (problem.answer, problem.options, problem.subject) == ("D", 4, "sums")


def test_lsat_is_taken_out_of_its_frame(tmp_path: Path) -> None:
    query = (
        "Six bands play. Each plays once.Q: Who plays first? Answer Choices: (A)Uneasy (B)Xpert\n"
        "A: Among A through B, the answer is"
    )
    (problem,) = load(
        LsatAr, tmp_path, {"query": query, "choices": ["(A)Uneasy", "(B)Xpert"], "gold": [1]}
    )
    assert problem.question == (
        "Six bands play. Each plays once.\n\nWho plays first?\n\nOptions:\nA. Uneasy\nB. Xpert"
    )
    assert problem.answer == "B"


def test_a_query_of_agieval_that_begins_with_its_question_keeps_it(tmp_path: Path) -> None:
    query = "Q: Who is it? Answer Choices: (A)I (B)You\nA: Among A through B, the answer is"
    (problem,) = load(
        LsatAr, tmp_path, {"query": query, "choices": ["(A)I", "(B)You"], "gold": [0]}
    )
    assert problem.question.startswith("Who is it?\n\nOptions:\nA. I\n")


def test_commonsenseqa_has_labels_beside_its_texts(tmp_path: Path) -> None:
    choices = {"label": list("ABCDE"), "text": ["bank", "library", "store", "mall", "york"]}
    row = {"id": "x", "question": "A door?", "question_concept": "door", "choices": choices}
    (problem,) = load(CommonsenseQa, tmp_path, {**row, "answerKey": "D"})
    assert (problem.id, problem.answer, problem.options, problem.subject) == ("x", "D", 5, "door")


def test_logical_deduction_takes_the_sets_of_the_numbers_of_objects_asked_for(
    tmp_path: Path,
) -> None:
    def row(options: int) -> dict[str, str]:
        lines = [f"({letter}) The {letter}" for letter in "ABCDEFG"[:options]]
        return {"input": "Who?\nOptions:\n" + "\n".join(lines), "target": "(B)"}

    problems = load(LogicalDeduction, tmp_path, row(3), row(5), row(7), objects=[3, 7])
    assert [problem.options for problem in problems] == [3, 7]
    assert problems[1].subject == "logical_deduction_seven_objects"
    assert problems[0].question == "Who?\n\nOptions:\nA. The A\nB. The B\nC. The C"
    assert LogicalDeduction(objects=(5, 5)).known_size() == 250
    assert LogicalDeduction(objects=(3, 5), problems=300).known_size() == 300


GPQA = {
    "Question": "What is it?\n",
    "Correct Answer": "right\n",
    **{f"Incorrect Answer {n}": f"wrong {n}" for n in (1, 2, 3)},
    "Record ID": "rec",
    "High-level domain": "Physics",
}


def test_gpqa_is_always_shuffled_and_its_letter_follows(tmp_path: Path) -> None:
    rows = [{**GPQA, "Question": f"What is {n}?", "Record ID": f"rec{n}"} for n in range(40)]
    problems = load(GpqaDiamond, tmp_path, *rows)
    for problem in problems:
        assert f"{problem.answer}. right" in problem.question.splitlines()
    assert {problem.answer for problem in problems} == set("ABCD")
    assert problems == load(GpqaDiamond, tmp_path, *rows)
    assert problems != load(GpqaDiamond, tmp_path, *rows, shuffle_options={"seed": 1})
    with pytest.raises(ValidationError, match="the data has the right answer first"):
        GpqaDiamond(shuffle_options=None)


def test_a_right_option_that_reads_like_a_wrong_one_is_still_told_apart(tmp_path: Path) -> None:
    (problem,) = load(GpqaDiamond, tmp_path, {**GPQA, "Incorrect Answer 1": "right"})
    assert problem.answer in "ABCD"


# What cannot be had


def test_other_columns_are_told_with_those_there_should_be(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        load(Gsm8k, tmp_path, {"prompt": "1+1?", "completion": "2"})
    assert str(caught.value) == (
        f"{tmp_path / 'rows.jsonl'}:1: no gsm8k in the columns completion, prompt (it has: question, "
        "answer); with `kind: file` columns can have any names"
    )


def test_a_path_is_taken_from_the_suites_folder() -> None:
    found = Gsm8k.model_validate({"path": "mine.jsonl"}, context={"folder": Path("/suites")})
    assert found.path == Path("/suites/mine.jsonl")


def test_options_cannot_be_shuffled_where_there_are_none() -> None:
    with pytest.raises(ValidationError, match="shuffle_options: is for a multiple choice"):
        Gsm8k.model_validate({"shuffle_options": {"seed": 0}})


def test_shots_need_a_file_where_no_split_is_for_them() -> None:
    with pytest.raises(ValidationError, match="shots: from where"):
        Math500(shots=2)
    assert Gsm8k(shots=2).has_shots()


class Library:
    """The datasets library, as far as it is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def disable_progress_bars(self) -> None: ...

    def load_dataset(self, *_: object, **__: object) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            FileNotFoundError(
                "Dataset 'Idavidrein/gpqa' is a gated dataset on the Hub. Visit the page"
            ),
            "is gated: accept its terms at https://huggingface.co/datasets/Idavidrein/gpqa, then log in with "
            "`hf auth login` (or set HF_TOKEN), or name a copy of yours with `path:`; Dataset 'Ida",
        ),
        (
            ConnectionError("Couldn't reach it\nwith a trace"),
            "cannot be loaded: Couldn't reach it; it needs the hub, a copy in the cache of the datasets "
            "library, or a file named with `path:`",
        ),
    ],
)
def test_a_set_that_cannot_be_had_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", Library(error))
    with pytest.raises(UnavailableError) as caught:
        list(GpqaDiamond().load())
    assert str(caught.value).startswith(f"dataset Idavidrein/gpqa: {message}")


def test_without_the_library_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(
        UnavailableError, match="dataset openai/gsm8k needs the datasets library: pip install"
    ):
        list(Gsm8k().load())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the library leaves files of its own open
def test_rows_of_the_hub_come_through_the_library_with_ids_of_split_or_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for split in ("test", "train"):
        rows = [{"question": f"{split} {n}?", "answer": f"so\n#### {n}"} for n in range(3)]
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(Gsm8k, "hub", str(tmp_path / "set"))
    monkeypatch.setattr(Gsm8k, "configs", (None,))
    problems = list(Gsm8k(revision=None, shots=1).load())
    assert [(problem.id, problem.answer) for problem in problems] == [
        (f"test-{n:05d}", str(n)) for n in range(3)
    ]
    assert problems[0].prompt.startswith("Question: train ")


def test_the_revision_asked_for_is_the_one_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(HubSplit, "rows", lambda self: asked.append(self) or iter(()))
    for fields in ({}, {"revision": "abc"}):
        with pytest.raises(SuiteError, match="holds no problem"):
            list(LogicalDeduction.model_validate(fields).load())
    assert [one.revision for one in asked] == ["b5306be6f827cfafbb545ff5a51f96916029b0fd"] * 3 + [
        "abc"
    ] * 3
    assert {one.config for one in asked} == {
        f"logical_deduction_{number}_objects" for number in ("three", "five", "seven")
    }
