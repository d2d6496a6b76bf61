"""Random weights in known shapes: how large they are, that they repeat, and that they take ids, no words."""

import asyncio
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from costbench.datasets.arithmetic import Arithmetic
from costbench.datasets.random_tokens import RandomTokens
from costbench.engines.model_files import files_sha256, resolve_model
from costbench.engines.openai_requests import Form
from costbench.engines.transformers import TransformersEngine
from costbench.errors import EngineError
from costbench.interfaces import Limited
from costbench.policies.asking import ask
from costbench.policies.fixed_length import FixedLength
from costbench.types import Completion, Model, Problem, Request, Sampling, Solution

TINY = Model(name="tiny", path="random:tiny")
EMBEDDED = Model(name="abacus", path="embedded:abacus-base")
WARM = Sampling(temperature=1.0, top_p=1.0)


def solve(
    model: Model, problems: list[Problem], policy: FixedLength
) -> list[tuple[Solution, Completion]]:
    """What the policy makes of the problems, all at once, with the calls it made."""

    async def run() -> list[tuple[Solution, Completion]]:
        async with TransformersEngine(device="cpu").open(model, 4) as engine:

            async def one(problem: Problem) -> tuple[Solution, Completion]:
                made: list[Completion] = []

                async def generate(request: Request) -> Completion:
                    drawn = request.model_copy(update={"sampling": WARM, "seed": 1})
                    made.append(await engine.generate(drawn))
                    return made[-1]

                solution = await policy.solve(problem, model, generate)
                return solution, made[0]

            return list(await asyncio.gather(*map(one, problems)))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("shape", "billions"), [("r1-distill-qwen-1.5b", 1.777), ("r1-distill-qwen-7b", 7.616)]
)
def test_a_shape_has_as_many_parameters_as_the_model_it_is_named_after(
    shape: str, billions: float
) -> None:
    """1.78 and 7.62 billion on the models' pages."""
    config = AutoConfig.from_pretrained(str(resolve_model(f"random:{shape}")))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert model.num_parameters() / 1e9 == pytest.approx(billions, abs=0.001)
    assert config.dtype == torch.bfloat16


def test_every_response_has_exactly_the_length_that_was_asked_for() -> None:
    problems = list(RandomTokens(problems=9, input_tokens=(3, 30), output_tokens=(1, 20)).load())
    for problem, (solution, done) in zip(
        problems, solve(TINY, problems, FixedLength()), strict=True
    ):
        assert problem.prompt_ids is not None
        assert done.output_tokens == problem.output_tokens
        assert done.input_tokens == len(problem.prompt_ids)
        assert solution.finished
        assert done.finish == "length"
        assert done.reasoning_tokens == 0
        assert done.sampled.token_ids is not None
        assert len(done.sampled.token_ids) == problem.output_tokens


def test_no_response_is_longer_than_the_cap_which_is_no_whole_response() -> None:
    problems = list(RandomTokens(problems=2, input_tokens=4, output_tokens=9).load())
    for solution, done in solve(TINY, problems, FixedLength(max_tokens=5)):
        assert done.output_tokens == 5
        assert not solution.finished  # it is not what the problem asks for


def test_an_end_of_turn_is_passed_over_where_length_is_what_counts() -> None:
    problems = list(Arithmetic(problems=3, seed=2, levels=(1, 2)).load())
    for solution, done in solve(EMBEDDED, problems, FixedLength(max_tokens=400)):
        assert done.output_tokens == 400
        assert solution.finished
        assert "\\boxed" in solution.text  # it answered on the way, as it always does


def test_a_full_context_cuts_the_length_and_says_so() -> None:
    (problem,) = RandomTokens(problems=1, input_tokens=1000, output_tokens=50).load()
    ((solution, done),) = solve(EMBEDDED, [problem], FixedLength())  # its context is 1,024
    assert done.output_tokens == 24
    assert not solution.finished


def test_weights_are_the_same_every_time() -> None:
    problems = list(RandomTokens(problems=2, input_tokens=5, output_tokens=6).load())
    twice = [[done.sampled for _, done in solve(TINY, problems, FixedLength())] for _ in range(2)]
    assert twice[0] == twice[1]


def test_a_model_of_random_weights_is_doubted() -> None:
    async def doubts(model: Model) -> tuple[str, ...]:
        async with TransformersEngine(device="cpu").open(model, 1) as engine:
            assert isinstance(engine, Limited)
            return tuple(engine.doubts)

    assert asyncio.run(doubts(TINY)) == ("random_weights",)
    assert asyncio.run(doubts(EMBEDDED)) == ()


@pytest.mark.parametrize("model", [TINY, EMBEDDED])
def test_words_for_a_model_without_a_tokenizer_and_ids_beyond_its_tokens_are_refused(
    model: Model,
) -> None:
    (beyond,) = RandomTokens(problems=1, input_tokens=400, vocabulary=100_000).load()
    with pytest.raises(EngineError, match=r"tokens end at .* a smaller `vocabulary`"):
        solve(model, [beyond], FixedLength())


def test_a_question_in_words_is_refused_with_what_to_do_instead() -> None:
    (words,) = Arithmetic(problems=1).load()
    with pytest.raises(EngineError, match="no tokenizer: use the dataset `random_tokens`"):
        solve(TINY, [words], FixedLength())


def test_a_server_is_not_sent_what_only_ids_can_say() -> None:
    (problem,) = RandomTokens(problems=1).load()
    request = Request(messages=ask(problem), max_tokens=4)
    for refused in (request, request.model_copy(update={"ignore_eos": True})):
        with pytest.raises(EngineError, match="use the engine `vllm` or `transformers`"):
            Form("m", stream=False, extra={}).body(refused, None, 4)


def test_a_shape_of_ones_own_is_a_folder_and_unknown_names_tell_the_known_ones(
    tmp_path: Path,
) -> None:
    shape = resolve_model("random:tiny")
    assert isinstance(shape, Path)
    (tmp_path / "config.json").write_text((shape / "config.json").read_text())
    assert resolve_model(f"random:{tmp_path}") == tmp_path
    assert files_sha256(f"random:{tmp_path}") == files_sha256("random:tiny") is not None
    with pytest.raises(
        EngineError, match=r"there is: r1-distill-qwen-1\.5b, r1-distill-qwen-7b, tiny"
    ):
        resolve_model("random:huge")
