"""Prompts of random tokens: lengths as stated, the same for the same seed, and part of a run's identity."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from costbench.datasets.random_tokens import RandomTokens
from costbench.identity import dataset_sha256, prompt_sha256

LENGTHS = st.tuples(st.integers(1, 40), st.integers(0, 40)).map(lambda ends: (ends[0], sum(ends)))


@settings(max_examples=40)
@given(reads=LENGTHS, writes=LENGTHS, vocabulary=st.integers(1, 50), seed=st.integers(0, 9))
def test_lengths_and_ids_are_within_what_is_stated(
    reads: tuple[int, int], writes: tuple[int, int], vocabulary: int, seed: int
) -> None:
    dataset = RandomTokens(
        problems=12, input_tokens=reads, output_tokens=writes, vocabulary=vocabulary, seed=seed
    )
    problems = list(dataset.load())
    assert len(problems) == len({problem.id for problem in problems}) == dataset.known_size() == 12
    for problem in problems:
        assert problem.prompt_ids is not None
        assert problem.output_tokens is not None
        assert reads[0] <= len(problem.prompt_ids) <= reads[1]
        assert writes[0] <= problem.output_tokens <= writes[1]
        assert all(0 <= token < vocabulary for token in problem.prompt_ids)
        assert problem.answer is None


def test_lengths_spread_evenly_over_the_whole_range() -> None:
    problems = RandomTokens(problems=2000, input_tokens=(10, 19), output_tokens=7).load()
    counts = [0] * 10
    for problem in problems:
        assert problem.prompt_ids is not None
        counts[len(problem.prompt_ids) - 10] += 1
        assert problem.output_tokens == 7
    assert min(counts) > 140
    assert max(counts) < 260


def test_the_seed_decides_and_everything_that_changes_the_load_changes_the_identity() -> None:
    def hashes(**fields: object) -> tuple[str, str]:
        problems = list(RandomTokens.model_validate({"problems": 8, **fields}).load())
        return dataset_sha256(problems), prompt_sha256(problems)

    assert hashes(seed=1) == hashes(seed=1)
    for one, other in zip(hashes(seed=1), hashes(seed=2), strict=True):
        assert one != other
    assert hashes(output_tokens=9)[0] != hashes(output_tokens=10)[0]
    for one, other in zip(hashes(vocabulary=9), hashes(vocabulary=10), strict=True):
        assert one != other


@pytest.mark.parametrize("lengths", [[5, 4], [0, 4], 0, [1, 2, 3], "five"])
def test_lengths_that_are_none_are_refused(lengths: object) -> None:
    with pytest.raises(ValidationError):
        RandomTokens.model_validate({"input_tokens": lengths})
