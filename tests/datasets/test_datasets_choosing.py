"""Levels, subjects and samples of a set."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costbench.datasets.choosing import Sample, draw
from costbench.datasets.columns import Item
from costbench.datasets.file import File
from costbench.datasets.rows import Row
from tests.datasets import own_files

SUBJECTS = ("Number Theory", "algebra")


def item(number: int) -> Item:
    subject = SUBJECTS[number % 3 == 0]  # a third is algebra
    return Item(
        id=str(number),
        question=f"{number}?",
        answer="1",
        row=Row("here", "row", number, {}),
        level=1 + number % 5,
        subject=subject,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [
        {"id": i.id, "question": i.question, "answer": "1", "level": i.level, "subject": i.subject}
        for i in map(item, range(30))
    ]
    return own_files.write_jsonl(tmp_path / "mine.jsonl", *rows)


def ids(path: Path, **fields: Any) -> list[int]:
    return [int(problem.id) for problem in File(path=path, **fields).load()]


def told(path: Path, **fields: Any) -> str:
    return own_files.told(File(path=path, **fields))


def test_levels_and_subjects_choose_and_problems_takes_the_first_of_them(path: Path) -> None:
    assert ids(path, levels=[4, 5]) == [n for n in range(30) if n % 5 in (3, 4)]
    assert ids(path, subjects=["Algebra"]) == list(range(0, 30, 3))
    assert ids(path, subjects=["number_theory"], levels=[1], problems=2) == [5, 10]


def test_a_level_or_subject_that_is_not_there_is_told_with_those_that_are(path: Path) -> None:
    assert told(path, levels=[1, 7]) == "no question of level 7 (there are: 1, 2, 3, 4, 5)"
    assert told(path, subjects=["geometry"]) == (
        "no question of subject 'geometry' (there are: Number Theory, algebra)"
    )
    assert told(path, level=None, levels=[1]) == "no question of level 1 (none has a level)"


def test_levels_are_looked_for_first_and_subjects_among_what_they_leave(path: Path) -> None:
    assert ids(path, levels=[1], subjects=["algebra"]) == [0, 15]
    assert told(path, levels=[1], subjects=["algebra", "x"]).startswith(
        "no question of subject 'x'"
    )


def test_a_sample_is_the_same_for_a_seed_and_another_for_another(path: Path) -> None:
    first = ids(path, sample={"problems": 10, "seed": 0})
    assert first == sorted(first)
    assert len(set(first)) == 10
    assert first == ids(path, sample={"problems": 10})
    assert first != ids(path, sample={"problems": 10, "seed": 1})
    assert first != list(range(10))
    assert ids(path, sample={"problems": 10}, problems=3) == first[:3]


def test_a_sample_of_more_than_there_is_is_told(path: Path) -> None:
    assert told(path, sample={"problems": 31}) == (
        "`sample` asks for 31 problems, there are 30 to draw from; ask for fewer, or for all with "
        "`sample: null`"
    )
    assert ids(path, sample={"problems": 30}) == list(range(30))


def test_a_sample_does_not_depend_on_the_order_of_the_set() -> None:
    items = [item(number) for number in range(50)]
    forth = draw(items, Sample(problems=12), "here")
    back = draw(items[::-1], Sample(problems=12), "here")
    assert forth == back[::-1]


@given(size=st.integers(1, 60), share=st.floats(0, 1), by=st.sampled_from(["level", "subject"]))
def test_a_stratified_sample_has_of_each_stratum_its_share(
    size: int, share: float, by: Any
) -> None:
    items = [item(number) for number in range(size)]
    wanted = max(1, round(share * size))
    drawn = draw(items, Sample(problems=wanted, by=by), "here")
    assert len(drawn) == wanted
    whole, part = (Counter(getattr(one, by) for one in some) for some in (items, drawn))
    assert all(abs(part[key] - wanted * whole[key] / size) < 1 for key in whole)
