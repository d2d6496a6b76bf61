"""The hub dataset through the real `datasets` library, on a local folder instead of the network."""

import json
from pathlib import Path

import pytest

from costbench.datasets.hub import Hub
from costbench.errors import SuiteError

pytest.importorskip("datasets")

ROWS = [
    {"question": "How many legs has a spider?", "answer": "Spiders are arachnids.\n#### 8"},
    {"question": "And two?", "answer": "8 * 2 = <<8*2=16>>16\n#### 16"},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "spiders"
    data.mkdir()
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return data


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the library leaves files of its own open
def test_rows_become_problems_with_the_answer_behind_its_mark(folder: Path) -> None:
    first, second = Hub(path=str(folder), answer_after="####", problems=2).load()
    assert (first.id, first.answer, second.answer) == ("test-00000", "8", "16")
    assert first.prompt.startswith("How many legs has a spider?\n")


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_answer_is_none_and_a_list_is_refused(folder: Path) -> None:
    rows = [{"question": "Why?", "answer": None, "answers": ["2"]}]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [problem.answer for problem in Hub(path=str(folder)).load()] == [None]
    with pytest.raises(SuiteError, match="row 0: no answer: column 'answers' holds"):
        list(Hub(path=str(folder), answer="answers").load())


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"question": "problem"},
            r"row 0: no text in column 'problem' \(columns: answer, question\)",
        ),
        ({"answer_after": "%%"}, "row 0 has no '%%'"),
    ],
)
def test_wrong_columns_and_marks_are_told(
    folder: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SuiteError, match=message):
        list(Hub(path=str(folder), **changes).load())
