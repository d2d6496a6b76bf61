"""What TRL is told of responses: real tokens of the embedded model, judged by real graders."""

import itertools
from contextlib import ExitStack, contextmanager
from typing import Literal

import pytest

from costbench.errors import TrainError
from costbench.types import Component, Grade
from trainers.assembly import build_rewarding, load_tokenizer
from trainers.rewards import HapoState, arora_sigmoid, hapo, lcpo_exact, lcpo_max
from trainers.tuning import Base, ReinforcementRecipe

BASE = "embedded:abacus-base"
UNDECIDED = "a riddle"


class DoubtfulGrader(Component):
    """Right is "yes"; it gives up on riddles, as a grader that runs out of time does."""

    kind: Literal["doubtful"] = "doubtful"

    @property
    def version(self):
        return "doubtful-1"

    @contextmanager
    def open(self):
        yield lambda answered: [_doubt(one.answer) for one in answered]


def _doubt(answer):
    if UNDECIDED in answer:
        return Grade(correct=None, reason="timeout")
    return Grade(correct="yes" in answer)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(Base(path=BASE))


@pytest.fixture
def opened(tokenizer):
    """Makes rewardings from keys of a recipe; their graders are closed in the end."""
    with ExitStack() as stack:

        def rewarding(**keys):
            content = {
                "kind": "reinforcement",
                "name": "judged",
                "base": {"path": BASE},
                "data": {"kind": "arithmetic"},
                "grader": "exact",
                "reward": {"kind": "arora_sigmoid", "alpha": 0.2},
                "rollouts": {"problems": 2, "group_size": 2, "max_tokens": 1000},
                "optimization": {"learning_rate": 1e-3},
            }
            recipe = ReinforcementRecipe.model_validate(content | keys)
            return stack.enter_context(build_rewarding(recipe, tokenizer))

        yield rewarding


@pytest.fixture
def response(tokenizer):
    """Token ids of a response of so many tokens, its end included."""

    def tokens(text, length=None, *, finished=True):
        written = tokenizer.encode(text, add_special_tokens=False)
        end = [tokenizer.eos_token_id] if finished else []
        filling = tokenizer.encode(".", add_special_tokens=False)
        missing = 0 if length is None else length - len(written) - len(end)
        assert missing >= 0
        return [*(missing * filling), *written, *end]

    return tokens


def says(answer):
    return f"let me check.\n</think>\n\nThe answer is \\boxed{{{answer}}}."


def judged(rewarding, responses, problems, answers=None, **columns):
    """Rewards and metrics; the call has all that TRL gives, used or not."""
    metrics = {}
    rewards = rewarding(
        prompts=[[{"role": "user", "content": f"Solve {problem}."}] for problem in problems],
        completions=[[{"role": "assistant", "content": "not looked at"}] for _ in problems],
        completion_ids=responses,
        problem_id=problems,
        answer=answers or ["43"] * len(problems),
        log_metric=metrics.__setitem__,
        log_extra=None,
        trainer_state=None,
        **columns,
    )
    return rewards, metrics


def test_a_right_response_is_rewarded_and_a_wrong_one_is_not(opened, response):
    rewards, metrics = judged(opened(), [response(says(43)), response(says(44))], ["p", "p"])
    assert rewards == [pytest.approx(0.9), 0.0]
    assert metrics["accuracy"] == 0.5


def test_each_response_is_held_against_the_answer_of_its_own_problem(opened, response):
    responses = [response(says(n)) for n in (1, 2, 1, 2)]
    rewards, _ = judged(opened(), responses, ["p", "p", "q", "q"], ["1", "1", "2", "2"])
    assert [reward > 0 for reward in rewards] == [True, False, False, True]


def test_the_answer_stands_behind_the_end_of_thinking(opened, response):
    thought = response("The answer is \\boxed{43}.\n")
    behind = response("The answer is \\boxed{44}.\n</think>\n\n\\boxed{43}")
    rewards, _ = judged(opened(), [thought, behind], ["p", "p"])
    assert rewards == [0.0, pytest.approx(0.9)]


def test_an_unfinished_response_is_wrong_and_stays_out_of_the_statistics(opened, response):
    """As in Arora & Zanette's server: no end of sequence, no place in mean and std."""
    rewarding = opened(rollouts={"group_size": 3, "max_tokens": 1000})
    lengths = [100, 200, 900]
    responses = [response(says(43), n, finished=n < 900) for n in lengths]
    rewards, metrics = judged(rewarding, responses, ["p"] * 3)
    assert rewards == arora_sigmoid(lengths, [True, True, False], alpha=0.2)
    assert rewards != arora_sigmoid(lengths, [True, True, True], alpha=0.2)
    assert metrics == {
        "output_tokens": 400,
        "truncated": pytest.approx(1 / 3),
        "ungraded": 0,
        "accuracy": pytest.approx(2 / 3),
        "correct_tokens": 150,
    }


def test_an_empty_response_is_wrong(opened, response):
    rewards, metrics = judged(opened(), [[], response(says(43))], ["p", "p"])
    assert rewards == [0.0, pytest.approx(0.9)]
    assert metrics["truncated"] == 0.5


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_rewards_come_in_the_order_of_the_batch(opened, response, order):
    """Groups interleaved in every way; lengths and verdicts make four different rewards."""
    rows = [("p", 43, 50), ("p", 43, 80), ("q", 43, 60), ("q", 44, 70)]
    expected = [
        *arora_sigmoid([50, 80], [True, True], alpha=0.2),
        *arora_sigmoid([60, 70], [True, False], alpha=0.2),
    ]
    assert len(set(expected)) == 4
    mixed = [rows[at] for at in order]
    responses = [response(says(said), length) for _, said, length in mixed]
    rewards, _ = judged(opened(), responses, [problem for problem, _, _ in mixed])
    assert rewards == [expected[at] for at in order]


@pytest.mark.parametrize("problems", [["p"], ["p", "p", "p"], ["p", "p", "q"], list("pppp")])
def test_a_group_that_is_not_here_as_a_whole_is_refused(opened, response, problems):
    with pytest.raises(TrainError, match=r"problem '[pq]' has \d responses in this batch, a group"):
        judged(opened(), [response(says(43))] * len(problems), problems)


def test_where_a_grader_cannot_decide_the_whole_group_gets_nothing_and_only_that(opened, response):
    rewarding = opened(grader={"kind": f"{__name__}:DoubtfulGrader"})
    texts = ["yes", UNDECIDED, "yes", "no"]
    responses = [response(f"</think>{text}") for text in texts]
    rewards, metrics = judged(rewarding, responses, ["p", "p", "q", "q"])
    assert rewards == [None, None, pytest.approx(0.9), 0.0]
    assert metrics["ungraded"] == 0.25
    assert metrics["accuracy"] == pytest.approx(2 / 3)  # of those that were decided


def test_where_nothing_is_decided_nothing_is_rewarded_and_no_accuracy_is_logged(opened, response):
    rewarding = opened(grader={"kind": f"{__name__}:DoubtfulGrader"})
    responses = [response(f"</think>{UNDECIDED}")] * 2
    rewards, metrics = judged(rewarding, responses, ["p", "p"])
    assert rewards == [None, None]
    assert metrics["ungraded"] == 1
    assert not {"accuracy", "correct_tokens"} & metrics.keys()
    assert rewarding.sample.reward is None
    assert rewarding.sample.correct is None


def test_an_unfinished_riddle_is_wrong_for_certain(opened, response):
    rewarding = opened(grader={"kind": f"{__name__}:DoubtfulGrader"})
    responses = [response(f"</think>{UNDECIDED}", finished=False), response("</think>yes")]
    assert judged(rewarding, responses, ["p", "p"])[0] == [0.0, pytest.approx(0.9)]


def test_special_tokens_stay_in_the_text_that_is_graded(opened, response, tokenizer):
    """A marker can be one: here the end of thinking is a token that decoding may leave out."""
    marker = "<|im_start|>"
    ids = tokenizer.encode(marker, add_special_tokens=False)
    assert tokenizer.decode(ids, skip_special_tokens=True) == ""
    rewarding = opened(base={"path": BASE, "thinking": {"close": marker}})
    text = f"so{marker}\\boxed{{43}}"
    rewards, _ = judged(rewarding, [response(text), response("so\\boxed{43}")], ["p", "p"])
    assert rewards == [pytest.approx(0.9), 0.0]
    assert rewarding.sample.response == text


def test_what_is_shown_is_the_first_response_without_its_end(opened, response):
    rewarding = opened()
    judged(rewarding, [response(says(43), 60), response(says(44))], ["p", "p"])
    shown = rewarding.sample
    assert shown.prompt == "Solve p."
    assert shown.response.endswith(says(43))
    assert "<|im_end|>" not in shown.response
    assert (shown.tokens, shown.correct, shown.reward) == (60, True, pytest.approx(0.9))


LENGTHS = {"tokens": [10, 500], "maximum": 0.5, "exact_alpha": 0.01}


def test_an_exact_target_gets_lcpo_exact_and_a_maximum_the_reward_of_the_recipe(opened, response):
    rewarding = opened(reward={"kind": "lcpo_max", "window_tokens": 40}, lengths=LENGTHS)
    lengths, said = [90, 130, 80, 104], [43, 43, 44, 43]
    responses = [response(says(one), n) for one, n in zip(said, lengths, strict=True)]
    rewards, metrics = judged(
        rewarding,
        responses,
        ["exact", "exact", "most", "most"],
        target_tokens=[100] * 4,
        at_most=[False, False, True, True],
    )
    exact = lcpo_exact([90, 130], [True, True], [100, 100], alpha=0.01)
    most = lcpo_max([80, 104], [False, True], [100, 100], window_tokens=40)
    assert rewards == exact + most == [pytest.approx(x) for x in (0.9, 0.7, 0.0, 0.45)]
    assert metrics["length_error"] == pytest.approx((0.1 + 0.3) / 2)
    assert metrics["over_maximum"] == 0.5


def test_lengths_that_are_only_exact_log_no_share_over_a_maximum(opened, response):
    rewarding = opened(reward={"kind": "lcpo_exact", "alpha": 0.005}, lengths={"tokens": [10, 500]})
    responses = [response(says(43), 150), response(says(44), 100)]
    rewards, metrics = judged(
        rewarding, responses, ["p", "p"], target_tokens=[100, 100], at_most=[False, False]
    )
    assert rewards == [pytest.approx(0.75), 0.0]  # its own alpha, not that of `lengths`
    assert metrics["length_error"] == pytest.approx(0.25)
    assert "over_maximum" not in metrics


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"reward": {"kind": "lcpo_max"}}, "reward lcpo_max needs `lengths`"),
        ({"lengths": LENGTHS}, "reward arora_sigmoid does not look at `lengths`"),
        (
            {"reward": {"kind": "lcpo_exact"}, "lengths": LENGTHS},
            "reward lcpo_exact has no maximum: use lcpo_max, or lengths.maximum: 0",
        ),
        (
            {"reward": {"kind": "lcpo_max"}, "lengths": {"tokens": [10, 500]}},
            "reward lcpo_max is for prompts that name a maximum, and lengths.maximum is 0",
        ),
        ({"grader": {"kind": "exact", "strict": True}}, "grader.strict: extra inputs"),
    ],
)
def test_a_reward_that_does_not_fit_the_prompts_is_refused(opened, keys, said):
    with pytest.raises(TrainError) as refused:
        opened(**keys)
    assert said in str(refused.value)


def test_a_reward_that_remembers_is_for_one_process(opened, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainError, match="reward hapo remembers responses, each process its own"):
        opened(reward={"kind": "hapo"})
    assert opened()  # others do not care


def test_what_a_reward_remembers_survives_a_checkpoint(opened, response):
    responses = [response(says(43), 100), response(says(43), 300)]
    first = opened(reward={"kind": "hapo"})
    expected, state = hapo("p", [100, 300], [True, True], HapoState())
    assert judged(first, responses, ["p", "p"])[0] == expected
    later, _ = hapo("p", [100, 300], [True, True], state)
    assert later != expected
    second = opened(reward={"kind": "hapo"})
    second.restore(first.state_json())
    assert judged(second, responses, ["p", "p"])[0] == later
    assert judged(opened(reward={"kind": "hapo"}), responses, ["p", "p"])[0] == expected


def test_a_reward_without_a_memory_has_nothing_to_restore(opened):
    rewarding = opened()
    assert rewarding.state_json() == "null"
    rewarding.restore("null")
