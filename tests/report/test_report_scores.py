"""OckScore, pass@k and majority@k of a cell, and where nobody can tell: numbers that can be told by eye."""

import math
from dataclasses import replace

import numpy as np
import pytest

from costbench.answer_classes import NO_ANSWER, answer_codes
from costbench.graders.exact import ExactGrader
from costbench.policies.truncation import Truncation
from costbench.policies.unconstrained import Unconstrained
from costbench.records import ERROR, TRUNCATED, UNGRADED
from costbench.report.csv import render_csv
from tests.report.hand import Hand, Try, make_cell
from tests.report.in_memory import record, report_of, with_column

FREE = Unconstrained(max_tokens=64)
BLANK = NO_ANSWER


def cell_of(correct, answers=None, outcome=None, tokens=10):
    correct = np.array(correct)
    found = record(FREE, np.full(correct.shape, tokens), correct)
    if outcome is not None:
        found = with_column(found, "outcome", outcome)
    return found if answers is None else with_column(found, "answer", answers)


def row(cell):
    (found,) = report_of(cell).cells
    return found


def values(by_k):
    return {k: each.value for k, each in by_k.items()}


def test_pass_at_k_is_the_mean_over_problems_of_whether_any_of_k_is_right():
    found = row(cell_of([[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])).pass_at_k
    assert values(found) == pytest.approx({1: 1.25 / 3, 2: 1.5 / 3, 4: 2 / 3})
    assert found[1].low < found[1].value < found[1].high


def test_the_majority_is_that_of_the_answers_and_ties_count_for_their_part():
    answers = [[0, 0, 1, 2], [5, 3, 3, BLANK], [4, 4, 6, 6]]
    correct = [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]
    found = row(cell_of(correct, answers)).majority_at_k
    # Of one sample: 2/4, 1/4, 2/4. Of all four: two of one kind, one against two, two against two.
    assert values(found)[1] == pytest.approx((0.5 + 0.25 + 0.5) / 3)
    assert values(found)[4] == pytest.approx((1 + 0 + 0.5) / 3)


def test_right_answers_in_other_words_vote_together():
    together = row(cell_of([[1, 1, 0, 0, 0]], [[0, 1, 2, 3, 4]])).majority_at_k
    assert together[4].value > together[1].value


def test_what_nobody_graded_is_no_sample_and_what_was_cut_is_one_without_a_vote():
    outcome = [[0, UNGRADED, ERROR], [0, TRUNCATED, 1]]
    found = row(cell_of([[1, 0, 0], [1, 0, 0]], [[0, 1, BLANK], [0, BLANK, 1]], outcome))
    assert values(found.pass_at_k) == pytest.approx({1: (1 + 1 / 3) / 2, 2: 2 / 3})
    assert found.pass_at_k[2].reason == "some_with_too_few_samples"
    # Two of three: right beside wrong is half, either of them beside the one that was cut wins.
    assert found.majority_at_k[2].value == pytest.approx((0.5 + 1 + 0) / 3)


def test_of_one_sample_per_problem_there_is_neither():
    found = row(cell_of([[1], [0]]))
    assert (found.pass_at_k, found.majority_at_k) == ({}, {})


def test_answers_that_nobody_read_or_stored_are_null_with_a_reason():
    unread = row(cell_of([[1, 0], [1, 1]])).majority_at_k
    assert [(e.value, e.reason) for e in unread.values()] == [(None, "answers_not_read")] * 2
    unnamed = row(cell_of([[1, 0], [1, 1]], [[BLANK, 2], [0, 1]])).majority_at_k
    assert {each.reason for each in unnamed.values()} == {"answers_not_stored"}


def test_where_all_is_ungraded_nothing_is_said():
    found = row(cell_of([[0, 0]], [[0, 1]], [[UNGRADED, UNGRADED]]))
    assert (found.pass_at_k, found.majority_at_k) == ({}, {})
    assert (found.ock_score.value, found.ock_score.reason) == (None, "nothing_graded")


def test_spellings_are_numbered_and_no_answer_is_none_of_them():
    texts = ["Rome", " rome.", None, "Oslo", "Rome"]
    assert answer_codes(texts, ExactGrader()).tolist() == [0, 0, NO_ANSWER, 1, 0]
    assert answer_codes([], ExactGrader()).tolist() == []


def test_a_stored_run_has_its_majority(tmp_path):
    cell = make_cell(passes=3)
    run = Hand(tmp_path / "run", cell)
    run.session()
    for number, verdict in enumerate(("correct", "wrong", "wrong")):
        run.work(cell, number, {at: Try(10, verdict) for at in range(4)})
    (found,) = run.report().cells
    assert values(found.majority_at_k) == pytest.approx({1: 1 / 3, 2: 1 / 3})
    assert values(found.pass_at_k) == pytest.approx({1: 1 / 3, 2: 2 / 3})
    once = make_cell(passes=1)
    single = Hand(tmp_path / "single", once)
    single.session()
    single.work(once, 0, {0: Try(10)})
    assert "answer" not in single.read().cells[0].columns


def test_ock_score_has_the_prompts_tokens_and_counts_errors_as_wrong():
    cell = cell_of([[1], [1], [0], [0]], outcome=[[0], [0], [1], [ERROR]], tokens=8_000)
    cell = with_column(cell, "input_tokens", np.full((4, 1), 2_000.0))
    found = row(cell)
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert found.ock_score.value == pytest.approx(50 - 10 * math.log(2))
    assert found.ock_score.low < found.ock_score.value < found.ock_score.high


def test_ock_score_of_problems_all_right_is_not_sure_of_the_next():
    found = row(cell_of([[1]] * 5, tokens=0)).ock_score
    assert (found.value, found.high) == (100.0, 100.0)
    assert found.low == pytest.approx(100 * 5 / (5 + 2.776445**2))  # Wilson with t(0.975; 4)


def test_ock_score_without_a_count_of_tokens_is_null():
    cell = with_column(cell_of([[1], [0]]), "input_tokens", [[5], [np.nan]])
    assert (row(cell).ock_score.value, row(cell).ock_score.reason) == (None, "not_measured")


def test_the_csv_has_one_score_and_no_dictionary():
    header = render_csv(report_of(cell_of([[1, 0], [0, 1]]))).splitlines()[0].split(",")
    scores = [name for name in header if name.startswith("ock_score")]
    assert scores == ["ock_score", "ock_score_low", "ock_score_high", "ock_score_reason"]
    assert not [name for name in header if name.startswith(("pass_at_k", "majority_at_k"))]


def test_few_correct_problems_and_a_single_one_are_caveats():
    right = (np.arange(40) < 9)[:, None]
    assert "few_correct" in row(cell_of(right)).caveats
    assert "few_correct" not in row(cell_of((np.arange(40) < 10)[:, None])).caveats
    assert "few_correct" not in row(cell_of(np.zeros((40, 1)))).caveats
    alone = row(cell_of([[1]]))
    assert "one_problem" in alone.caveats
    assert alone.tokens_per_attempt.reason == "one_problem"
    assert "one_problem" not in row(cell_of([[1], [1]])).caveats


def test_an_unfinished_cell_has_the_samples_it_has():
    cell = cell_of([[1, 0], [0, 1]], [[0, 1], [0, 1]])
    begun = replace(cell, columns={name: column[:2] for name, column in cell.columns.items()})
    found = row(begun)
    assert values(found.pass_at_k) == pytest.approx({1: 0.5, 2: 1.0})
    assert found.majority_at_k[2].value == pytest.approx(0.5)
    assert found.majority_at_k[2].reason == "some_with_too_few_samples"


def test_budgets_have_their_own_scores():
    cut = record(Truncation(budget=8), np.full((2, 2), 8), np.array([[1, 0], [0, 0]]))
    assert values(row(cut).pass_at_k) == pytest.approx({1: 0.25, 2: 0.5})
