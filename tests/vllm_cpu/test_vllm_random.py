"""Loads without words on vLLM: random weights, prompts of token ids, responses of a given length."""

import pytest
from loaded import loaded

from costbench.datasets.arithmetic import Arithmetic
from costbench.datasets.random_tokens import RandomTokens
from costbench.engines.vllm import VllmEngine
from costbench.errors import EngineError
from costbench.policies.fixed_length import FixedLength
from costbench.policies.unconstrained import Unconstrained
from costbench.types import Model, Sampling

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]

TINY = Model(name="tiny", path="random:tiny")
WARM = Sampling(temperature=0.6, top_p=0.95)


def test_random_weights_write_as_much_as_they_are_asked_for_and_take_no_words() -> None:
    engine = VllmEngine(
        dtype="float32", enforce_eager=True, max_model_len=512, enable_prefix_caching=False
    )
    problems = list(
        RandomTokens(problems=12, input_tokens=(5, 90), output_tokens=(1, 40), seed=3).load()
    )
    with loaded(engine, TINY) as opened:
        assert opened.opened.doubts == ("random_weights",)
        for problem, done in zip(
            problems, opened.tries(FixedLength(), problems, WARM), strict=True
        ):
            assert done.error is None
            assert done.solution is not None
            assert done.solution.finished
            (call,) = done.calls
            assert call.completion.output_tokens == problem.output_tokens
            assert call.completion.input_tokens == len(problem.prompt_ids or ())
            assert call.completion.reasoning_tokens == 0
        words = list(Arithmetic(problems=1).load())
        with pytest.raises(EngineError, match="no tokenizer"):
            opened.tries(Unconstrained(), words, WARM)


def test_an_end_of_turn_is_passed_over() -> None:
    engine = VllmEngine(dtype="float32", enforce_eager=True)
    problems = list(Arithmetic(problems=4, levels=(1, 1)).load())
    with loaded(engine) as opened:
        assert opened.opened.doubts == ()
        for done in opened.tries(FixedLength(max_tokens=300), problems, WARM):
            assert done.solution is not None
            assert done.solution.finished
            assert done.calls[0].completion.output_tokens == 300
            assert "\\boxed" in done.solution.text
