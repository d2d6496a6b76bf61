"""Chains of arithmetic: read again from their own words by other code than the one that wrote them."""

import hashlib
import random
import re
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from costbench.datasets.arithmetic import (
    INSTRUCTION,
    MAX_LEVEL,
    MAX_RESULT,
    Arithmetic,
    Chain,
    Step,
    draw_chain,
)
from costbench.errors import SuiteError
from costbench.types import Problem

SENTENCE = re.compile(r"(Add|Subtract|Multiply by) (\d+)\.")


def worked_out(question: str) -> list[int]:
    """All running results of a question, from its words alone."""
    begun = re.fullmatch(r"Start with (\d+)\. (.+) What is the result\?", question)
    assert begun
    assert SENTENCE.sub("", begun[2]).strip() == ""
    results = [int(begun[1])]
    for verb, number in SENTENCE.findall(begun[2]):
        value, operand = results[-1], int(number)
        results.append(
            {
                "Add": value + operand,
                "Subtract": value - operand,
                "Multiply by": value * operand,
            }[verb]
        )
    return results


def load(**fields: object) -> list[Problem]:
    return list(Arithmetic.model_validate(fields).load())


def test_the_same_seed_gives_the_same_problems_and_another_seed_others() -> None:
    first, again, other = (
        load(problems=60, seed=7),
        load(problems=60, seed=7),
        load(problems=60, seed=8),
    )
    assert first == again
    assert len({problem.id for problem in first} & {problem.id for problem in other}) < 30


def test_fewer_problems_are_the_first_of_more() -> None:
    assert load(problems=60, seed=7)[:20] == load(problems=20, seed=7)


def test_the_problems_of_a_seed_are_these_for_ever() -> None:
    first, second = load(problems=2, seed=7)
    assert first.id == "arithmetic-f7a3d1d1bc46"
    assert first.question == "Start with 27. Subtract 20. What is the result?"
    assert second.id == "arithmetic-6ca4b62e395a"
    assert second.question == "Start with 18. Add 30. Add 26. What is the result?"


def test_the_problems_asked_by_default_have_up_to_six_steps_and_are_these_for_ever() -> None:
    ids = [problem.id for problem in load(problems=256, seed=7)]
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    assert digest == "39e26857a45cdfd90f940f2525008ec4a47b10606ba3f49969b1f43d79c3d17d"
    assert Arithmetic().levels == (1, 6)


def test_levels_go_up_to_twelve_where_they_are_asked_for() -> None:
    problems = load(problems=24, seed=7, levels=[1, 12])
    assert [problem.level for problem in problems] == 2 * list(range(1, 13))
    assert all(chain_of(problem.question).held_back for problem in problems)


@settings(max_examples=30)
@given(
    seed=st.integers(),
    levels=st.tuples(st.integers(1, MAX_LEVEL), st.integers(1, MAX_LEVEL)).map(sorted),
)
def test_every_problem_comes_out_at_its_stated_answer_with_results_in_range(
    seed: int, levels: list[int]
) -> None:
    low, high = levels
    problems = load(problems=2 * (high - low + 1), seed=seed, levels=levels)
    assert [problem.level for problem in problems] == 2 * list(range(low, high + 1))
    for problem in problems:
        results = worked_out(problem.question)
        assert problem.answer == str(results[-1])
        assert problem.level == len(results) - 1
        assert all(0 <= result <= MAX_RESULT for result in results)
        assert problem.prompt == f"{problem.question}\n{INSTRUCTION}"
    assert len({problem.id for problem in problems}) == len(problems)


def chain_of(question: str) -> Chain:
    sign = {"Add": "+", "Subtract": "-", "Multiply by": "*"}
    start = int(question.removeprefix("Start with ").partition(".")[0])
    steps = tuple(Step(sign[verb], int(number)) for verb, number in SENTENCE.findall(question))
    return Chain(start, steps)


def test_only_held_back_chains_are_asked() -> None:
    for problem in load(problems=300, seed=3):
        chain = chain_of(problem.question)
        assert chain.question == problem.question
        assert chain.held_back


def test_about_one_chain_in_ten_is_held_back() -> None:
    rng = random.Random(0)
    held_back = sum(draw_chain(rng, 4).held_back for _ in range(4_000))
    assert 320 < held_back < 480


@given(seed=st.integers(), level=st.integers(1, MAX_LEVEL))
def test_a_drawn_chain_has_its_level_and_never_leaves_the_range(seed: int, level: int) -> None:
    chain = draw_chain(random.Random(seed), level)
    assert worked_out(chain.question) == [chain.start, *chain.results]
    assert len(chain.steps) == level
    assert 0 <= min(chain.results) <= max(chain.results) <= MAX_RESULT
    assert all(step.operand > 0 for step in chain.steps)


def test_more_problems_than_a_level_has_is_told_with_what_to_do() -> None:
    with pytest.raises(SuiteError) as caught:
        load(problems=2_000, levels=[1, 1])
    assert re.fullmatch(
        r"arithmetic: level 1 has no further held-back problem after \d+ in all; "
        r"ask for fewer `problems` or for higher `levels`",
        str(caught.value),
    )


def test_problems_come_one_by_one_so_that_a_limit_costs_nothing() -> None:
    first = list(islice(Arithmetic(problems=100_000, levels=(1, 1)).load(), 3))
    assert first == load(problems=3, levels=[1, 1])


@pytest.mark.parametrize(
    "fields",
    [
        {"levels": [3, 1]},
        {"levels": [0, 3]},
        {"levels": [1, MAX_LEVEL + 1]},
        {"levels": [2]},
        {"problems": 0},
        {"problems": 100_001},
        {"sed": 1},
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Arithmetic.model_validate(fields)
