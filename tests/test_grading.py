"""From stored text to outcomes: which part is graded, by whom, and that old grades stay."""

from pathlib import Path

import pytest

from costbench.datasets.prompting import shown
from costbench.graders.choice import ChoiceGrader
from costbench.graders.exact import ExactGrader
from costbench.grading import Grading, answer_from, answer_of, answer_part, cell_accuracy
from costbench.store import Attempt, Call, PlannedCell, Store
from costbench.types import Completion, Piece, Problem, Solution, Thinking

RESPONSES = {
    "right": ("1 + 1 = 2</think>The answer is \\boxed{2}.", True),
    "wrong": ("1 + 1 = 3</think>The answer is \\boxed{3}.", True),
    "cut": ("1 + 1 = \\boxed{2}, or so I", False),
    "no-reference": ("</think>\\boxed{2}", True),
}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("thoughts</think> 4", " 4"),
        ("thoughts that never end \\boxed{4}", ""),
        ("a</think>b</think>c", "c"),
    ],
)
def test_only_what_follows_the_end_of_thinking_is_graded(text: str, part: str) -> None:
    assert answer_part(text, "</think>") == part


@pytest.mark.parametrize(
    ("pieces", "part"),
    [
        ([("sampled", "so"), ("injected", "Answer:"), ("sampled", " 4")], "Answer: 4"),
        ([("sampled", "so"), ("injected", "Wait"), ("sampled", "4")], ""),
        ([("sampled", "Answer:"), ("sampled", " 4")], ""),
        ([("sampled", "3"), ("injected", "Answer:")], ""),
        ([("sampled", "3"), ("injected", "Answer:"), ("sampled", ""), ("sampled", "\n")], ""),
        ([("injected", "Answer:"), ("sampled", "4"), ("sampled", "\n")], "Answer:4\n"),
    ],
)
def test_an_answer_that_a_policy_begins_is_what_follows_its_own_words(
    pieces: list[tuple[str, str]], part: str
) -> None:
    assert answer_from(pieces, "Answer:") == part


@pytest.fixture
def store(tmp_path: Path) -> Store:
    spec = {
        "dataset_sha256": "d",
        "model": {"thinking": Thinking().model_dump()},
        "grader": ExactGrader().model_dump(),
    }
    problems = [
        Problem(id=name, question="?", prompt="?", answer=None if name == "no-reference" else "2")
        for name in RESPONSES
    ]
    store = Store.create(tmp_path / "run", {}, [PlannedCell("cell", spec, problems)])
    store.begin_session({})
    store.add_attempts([attempt(name, *RESPONSES[name]) for name in RESPONSES], [])
    return store


def attempt(problem: str, text: str, finished: bool) -> Attempt:
    piece = Piece(text=text, origin="sampled", tokens=5)
    done = Completion(
        sampled=piece, finish="end", input_tokens=1, reasoning_tokens=3, written_tokens=(),
        submitted_s=0, started_s=0, first_token_s=1, finished_s=2,
    )  # fmt: skip
    solution = Solution(pieces=(piece,), finished=finished)
    return Attempt("cell", problem, 0, 1, 0.0, 2.0, [Call(done, 0)], solution)


def test_each_attempt_gets_one_grade_and_a_second_look_adds_none(store: Store) -> None:
    with store, Grading(store) as grading:
        assert grading.grade_all() == 4
        assert grading.grade_all() == 0
        rows = dict(
            store.db.execute(
                "SELECT a.problem, g.correct FROM grades g JOIN attempts a ON a.id = g.attempt"
            ).fetchall()
        )
        assert rows == {"right": 1, "wrong": 0, "cut": 0, "no-reference": None}
        assert cell_accuracy(store, "cell") == pytest.approx(1 / 3)


def test_another_version_is_kept_beside_the_old_one(store: Store) -> None:
    with store, Grading(store) as grading:
        grading.grade_all()
        with store.transaction():
            store.db.execute("UPDATE grades SET version = 'older'")
        assert grading.grade_all() == 4
        assert store.db.execute("SELECT COUNT(*) FROM grades").fetchone() == (8,)


@pytest.mark.parametrize(
    ("text", "model", "found"),
    [
        ("so</think>4", {}, ("4", True)),
        ("so, 4", {}, ("", False)),
        ("so, 4", {"unclosed": "graded"}, ("so, 4", True)),
        ("so</think>4", {"unclosed": "graded"}, ("4", True)),
        ("so</think>4", {"thinks": False}, ("so</think>4", True)),
        ("so, 4", {"thinks": False}, ("so, 4", True)),
    ],
)
def test_what_is_graded_depends_on_how_the_model_thinks(
    text: str, model: dict[str, object], found: tuple[str, bool]
) -> None:
    assert answer_of(text, {"thinking": Thinking().model_dump(), **model}) == found


def test_a_response_that_never_ends_its_thinking_says_so(store: Store) -> None:
    with store, Grading(store) as grading:
        grading.grade_all()
        rows = store.db.execute(
            "SELECT a.problem, g.reason FROM grades g JOIN attempts a ON a.id = g.attempt"
        )
        assert dict(rows.fetchall())["cut"] == "thinking_never_closed"


def test_run_folders_from_before_there_were_options_are_graded(store: Store) -> None:
    with store:
        store.db.execute("DROP TABLE problem_facts")
        with Grading(store) as grading:
            assert grading.grade_all() == 4


@pytest.mark.parametrize(
    ("options", "outcome"), [(2, ("B", "option_text")), (3, (None, "no_answer"))]
)
def test_the_texts_of_options_are_read_from_the_stored_question(
    tmp_path: Path, options: int, outcome: tuple[str | None, str]
) -> None:
    question = shown("Where?\n\nOptions:\nA. none", ("here", "over there"))
    problem = Problem(id="p", question=question, prompt="?", answer="B", options=options)
    spec = {
        "dataset_sha256": "d",
        "model": {"thinking": Thinking().model_dump()},
        "grader": ChoiceGrader().model_dump(),
    }
    with Store.create(tmp_path / "run", {}, [PlannedCell("cell", spec, [problem])]) as store:
        store.begin_session({})
        store.add_attempts([attempt("p", "so</think>The answer is over there.", True)], [])
        with Grading(store) as grading:
            grading.grade_all()
        row = store.db.execute("SELECT extracted, reason FROM grades").fetchone()
    assert row == outcome
