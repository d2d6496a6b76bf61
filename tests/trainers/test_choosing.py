"""From samples of the base model to what is imitated or preferred, with its own tokens."""

import itertools
import json
from contextlib import contextmanager
from typing import Literal

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from costbench.errors import TrainError
from costbench.policies.asking import asked
from costbench.types import Component, Grade, Problem
from trainers.assembly import imitation_trainer, load_tokenizer
from trainers.choosing import dpo_rows, hash_share, sft_rows
from trainers.prompts import load_problems
from trainers.sampling import Response, sample_responses
from trainers.tuning import Base, DpoRecipe, SftRecipe

BASE = "embedded:abacus-base"
DATA = {"kind": "arithmetic", "split": "train", "problems": 3, "levels": [1, 1], "seed": 5}
PROBLEMS = [Problem(id=one, question=one, prompt=f"Add {one}.", answer="4") for one in "pqr"]
PLAN = {"learning_rate": 1e-3}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(Base(path=BASE))


@pytest.fixture
def response(tokenizer):
    """A response of so many tokens; where it is finished the last is its end of turn, as in a run."""

    def made(problem, length, *, correct=True, finished=True):
        head = f"{length} for {problem}.\n</think>\n\n\\boxed{{4}}"
        written = tokenizer.encode(head, add_special_tokens=False)
        filling = tokenizer.encode(".", add_special_tokens=False)
        end = [tokenizer.eos_token_id] if finished else []
        ids = (length - len(written) - len(end)) * filling + written
        assert len(ids + end) == length
        return Response(
            problem_id=problem,
            text=tokenizer.decode(ids),
            token_ids=ids + end,
            finished=finished,
            correct=correct,
        )

    return made


def sft(**keys):
    content = {"kind": "sft", "name": "imitated", "base": {"path": BASE}, "data": DATA}
    content |= {"sampled": {"max_tokens": 64}, "optimization": PLAN}
    return SftRecipe.model_validate(content | keys)


def dpo(**keys):
    content = {"kind": "dpo", "name": "preferred", "base": {"path": BASE}, "data": DATA}
    content |= {"sampled": {"max_tokens": 64}, "optimization": PLAN}
    return DpoRecipe.model_validate(content | keys)


def rendered(prompt, tokenizer):
    turn = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)


def parts(row):
    """A row of SFT as its prompt and what is learned, by the mask."""
    masked = list(zip(row["input_ids"], row["completion_mask"], strict=True))
    assert [mask for _, mask in masked] == sorted(mask for _, mask in masked)  # zeros, then ones
    return [i for i, mask in masked if not mask], [i for i, mask in masked if mask]


def chosen_lengths(rows):
    return [sum(row["completion_mask"]) for row in rows]


def test_the_prompt_is_masked_and_the_response_ends_its_turn_once(response, tokenizer):
    one = response("p", 30)
    (row,) = sft_rows(sft(), PROBLEMS, [one], tokenizer)
    prompt, learned = parts(row)
    assert tokenizer.decode(prompt) == rendered("Add p.", tokenizer)
    assert learned == list(one.token_ids)
    assert learned.index(tokenizer.eos_token_id) == 29


def test_an_engine_that_gives_no_end_of_turn_makes_the_same_row(response, tokenizer):
    one = response("p", 30)
    cut = one.model_copy(update={"token_ids": one.token_ids[:-1]})
    recipe = sft(lengths={"tokens": [10, 60]})
    (row,) = sft_rows(recipe, PROBLEMS, [one], tokenizer)
    assert sft_rows(recipe, PROBLEMS, [cut], tokenizer) == [row]


@pytest.mark.parametrize(
    ("choose", "lengths"),
    [
        ("shortest_correct", [30, 33]),
        ("correct", [40, 30, 90, 58, 61, 33]),
        ("spread", [30, 61, 90, 33]),  # halfway between 30 and 90 is 60; r has one correct response
    ],
)
def test_of_the_correct_responses_of_each_problem_those_are_taken_that_the_recipe_says(
    response, tokenizer, choose, lengths
):
    samples = [response("p", n) for n in (40, 30, 90, 58, 61)]
    samples += [response("p", 25, correct=False), response("p", 26, correct=None)]
    samples += [response("q", 27, correct=False)]
    samples += [response("r", 33), response("r", 29, correct=False)]
    rows = sft_rows(sft(choose=choose), PROBLEMS, samples, tokenizer)
    assert chosen_lengths(rows) == lengths


def test_a_spread_over_two_lengths_takes_each_of_them_once(response, tokenizer):
    samples = [response("p", n) for n in (40, 30, 40)]
    rows = sft_rows(sft(choose="spread"), PROBLEMS, samples, tokenizer)
    assert sorted(chosen_lengths(rows)) == [30, 40]


@pytest.mark.parametrize(("maximum", "mode"), [(0.0, "exact"), (1.0, "maximum")])
def test_with_lengths_each_prompt_asks_for_what_its_response_has(
    response, tokenizer, maximum, mode
):
    """In the words of the policy that asks for budgets, all tokens counted, as a run counts them."""
    samples = [response("p", 30), response("q", 45)]
    recipe = sft(choose="correct", lengths={"tokens": [10, 60], "maximum": maximum})
    rows = sft_rows(recipe, PROBLEMS, samples, tokenizer)
    for row, name, length in zip(rows, "pq", (30, 45), strict=True):
        prompt, learned = parts(row)
        assert len(learned) == length
        words = asked(f"Add {name}.", length, mode)
        assert tokenizer.decode(prompt) == rendered(words, tokenizer)


def test_the_share_of_maxima_is_that_of_the_recipe_and_drawn_by_response(response, tokenizer):
    samples = [response("p", n) for n in range(30, 60)]
    shares = [hash_share(one) for one in samples]
    assert len(set(shares)) == 30
    assert 0 <= min(shares) < 0.2
    assert 0.8 < max(shares) < 1
    recipe = sft(choose="correct", lengths={"tokens": [10, 60], "maximum": 0.4})
    rows = sft_rows(recipe, PROBLEMS, samples, tokenizer)
    told = ["for maximum" in tokenizer.decode(row["input_ids"]) for row in rows]
    assert told == [share < 0.4 for share in shares]


def test_where_nothing_is_right_there_is_nothing_to_imitate(response, tokenizer):
    with pytest.raises(TrainError) as refused:
        sft_rows(sft(), PROBLEMS, [response("p", 30, correct=False)], tokenizer)
    assert str(refused.value) == "imitated: the base model answered no training problem correctly"


def pairs(recipe, samples, tokenizer):
    """By problem: lengths of the preferred and of the rejected response."""
    rows = dpo_rows(recipe, PROBLEMS, samples, tokenizer)
    by_text = {one.text: len(one.token_ids) for one in samples}
    return {
        row["prompt"].partition("Add ")[2][0]: (by_text[row["chosen"]], by_text[row["rejected"]])
        for row in rows
    }


def test_the_shortest_correct_response_is_preferred_to_the_longest_finished_one(
    response, tokenizer
):
    samples = [
        *(response("p", 25, correct=False), response("p", 40), response("p", 30)),
        *(response("p", 70, correct=False), response("p", 90, correct=False, finished=False)),
        *(response("q", 35), response("q", 80, correct=None)),  # finished, whatever it says
        *(response("r", 30, correct=False), response("r", 60, correct=False)),
    ]
    assert pairs(dpo(), samples, tokenizer) == {"p": (30, 70), "q": (35, 80)}


@pytest.mark.parametrize(
    ("longer_by", "found"), [(1.0, {"p", "q"}), (1.5, {"p", "q"}), (1.51, {"q"}), (2.0, {"q"})]
)
def test_a_pair_counts_from_so_many_times_the_tokens(response, tokenizer, longer_by, found):
    samples = [response("p", 30), response("p", 45), response("q", 30), response("q", 60)]
    assert pairs(dpo(longer_by=longer_by), samples, tokenizer).keys() == found


@pytest.mark.parametrize("lengths", [(30,), (30, 30)])
def test_responses_of_one_length_make_no_pair(response, tokenizer, lengths):
    samples = [response("p", n) for n in lengths]
    with pytest.raises(TrainError) as refused:
        dpo_rows(dpo(), PROBLEMS, samples, tokenizer)
    assert str(refused.value) == (
        "preferred: no problem has a short correct response and a longer one"
    )


def test_trl_trains_on_the_pair_as_the_model_wrote_it(response, tokenizer, tmp_path):
    short, long = response("p", 30), response("p", 70, correct=False)
    trainer = imitation_trainer(dpo(), tmp_path, (PROBLEMS, [short, long]), tokenizer)
    (row,) = trainer.train_dataset
    assert tokenizer.decode(row["prompt_ids"]) == rendered("Add p.", tokenizer)
    assert row["chosen_ids"] == list(short.token_ids)
    assert row["rejected_ids"] == list(long.token_ids)


def test_trl_takes_imitated_rows_as_they_are(response, tokenizer, tmp_path):
    one = response("p", 30)
    trainer = imitation_trainer(sft(), tmp_path, (PROBLEMS, [one]), tokenizer)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    (row,) = sft_rows(sft(), PROBLEMS, [one], tokenizer)
    assert batch["input_ids"].tolist() == [row["input_ids"]]
    assert batch["labels"][0].tolist() == [
        number if learned else -100
        for number, learned in zip(row["input_ids"], row["completion_mask"], strict=True)
    ]


def test_a_beginning_of_text_is_not_written_twice(response):
    """Where the tokenizer writes it before every text, as DeepSeek's does, and the chat template as well."""
    tokenizer = load_tokenizer(Base(path=BASE))
    tokenizer.bos_token = "<|im_start|>"
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", tokenizer.bos_token_id)]
    )
    (row,) = dpo_rows(dpo(), PROBLEMS, [response("p", 30), response("p", 60)], tokenizer)
    ids = tokenizer(row["prompt"])["input_ids"]
    assert tokenizer.decode(ids) == rendered("Add p.", tokenizer)
    assert ids[0] == tokenizer.bos_token_id != ids[1]


SAMPLED = {"samples_per_problem": 4, "max_tokens": 40, "temperature": 1.2, "concurrency": 16}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Responses of the real model: the problems, the responses, the file, and what was shown."""
    path, shown = tmp_path_factory.mktemp("sampled") / "samples.jsonl", []
    problems = load_problems(DATA)
    responses = sample_responses(recipe_of_samples(), problems, path, lambda *at: shown.append(at))
    return problems, responses, path, shown


def recipe_of_samples():
    return sft(sampled=SAMPLED, grader="exact")


def lines_of(responses):
    return [f"{one.model_dump_json()}\n" for one in responses]


def nothing_to_show(done, of):
    raise AssertionError(f"sampled again: {done} of {of}")


def test_each_problem_gets_its_samples_and_each_sample_its_verdict(sampled, tokenizer):
    problems, responses, path, shown = sampled
    assert [one.problem_id for one in responses] == [p.id for p in problems for _ in range(4)]
    assert shown == [(3, 3)]
    assert path.read_text() == "".join(lines_of(responses))
    answers = {problem.id: problem.answer for problem in problems}
    assert {one.finished for one in responses} == {True, False}
    for one in responses:
        body = one.token_ids[: -1 if one.finished else None]
        assert one.text == tokenizer.decode(body)
        assert tokenizer.eos_token_id not in body
        assert one.finished == (one.token_ids[-1] == tokenizer.eos_token_id)
        assert one.finished or len(one.token_ids) == 40
        boxed = f"boxed{{{answers[one.problem_id]}}}" in one.text
        assert one.correct == (one.finished and boxed)
    assert {one.correct for one in responses} == {True, False}


class AgreeingGrader(Component):
    """Everything is right."""

    kind: Literal["agreeing"] = "agreeing"

    @property
    def version(self):
        return "agreeing-1"

    @contextmanager
    def open(self):
        yield lambda answered: [Grade(correct=True) for _ in answered]


def test_what_the_model_did_not_end_is_wrong_whatever_the_grader_says(tmp_path):
    recipe = sft(sampled=SAMPLED, grader=f"{__name__}:AgreeingGrader")
    problems = load_problems(DATA)
    found = sample_responses(recipe, problems, tmp_path / "samples.jsonl", lambda *_: None)
    assert [one.correct for one in found] == [one.finished for one in found]
    assert {one.correct for one in found} == {True, False}


def test_samples_of_one_problem_differ(sampled):
    for _, group in itertools.groupby(sampled[1], key=lambda one: one.problem_id):
        assert len({one.text for one in group}) > 1


def test_what_is_stored_whole_is_not_sampled_again(sampled, tmp_path):
    problems, responses, path, _ = sampled
    copy = tmp_path / "samples.jsonl"
    copy.write_bytes(path.read_bytes())
    found = sample_responses(recipe_of_samples(), problems, copy, nothing_to_show)
    assert found == responses
    assert copy.read_bytes() == path.read_bytes()


def test_half_a_line_and_half_a_problem_are_dropped_and_sampled_again(sampled, tmp_path):
    problems, responses, _, _ = sampled
    lines = lines_of(responses)
    copy, shown = tmp_path / "samples.jsonl", []
    copy.write_text("".join(lines[:6]) + lines[6][:50])  # 4 of the first problem, 2.5 of the second
    found = sample_responses(recipe_of_samples(), problems, copy, lambda *at: shown.append(at))
    assert found[:4] == responses[:4]
    assert [one.problem_id for one in found] == [one.problem_id for one in responses]
    assert shown == [(3, 3)]
    assert copy.read_text() == "".join(lines_of(found))


def test_a_last_line_without_its_end_is_not_trusted(sampled, tmp_path):
    """A number can be cut and still be one."""
    problems, responses, _, _ = sampled
    copy, shown = tmp_path / "samples.jsonl", []
    copy.write_text("".join(lines_of(responses))[:-1])
    found = sample_responses(recipe_of_samples(), problems, copy, lambda *at: shown.append(at))
    assert shown == [(3, 3)]
    assert found[:8] == responses[:8]


def test_any_text_survives_the_file_and_a_cut_within_a_letter(tmp_path):
    """Models write line separators, and a kill cuts bytes, not letters."""
    odd = "one\u2028two\u0085three\x0bfour\nfive é 数"
    kept = Response(problem_id="p", text=odd, token_ids=(1,), finished=True, correct=True)
    recipe = sft(sampled=SAMPLED | {"samples_per_problem": 1}, base={"path": "no/model-is-here"})
    path = tmp_path / "samples.jsonl"
    line = json.dumps(kept.model_dump(), ensure_ascii=False).encode()
    path.write_bytes(line + b"\n" + line[: line.index("数".encode()) + 1])
    found = sample_responses(recipe, PROBLEMS[:1], path, nothing_to_show)
    assert found == [kept]
    assert sample_responses(recipe, PROBLEMS[:1], path, nothing_to_show) == [kept]


def test_wrong_keys_of_the_engine_and_the_grader_are_told_in_a_sentence(tmp_path):
    for keys, said in (
        ({"sampled": SAMPLED | {"engine": {"kind": "transformers", "speed": 1}}}, "sampled.engine.speed"),
        ({"grader": {"kind": "exact", "strict": 1}}, "grader.strict"),
    ):  # fmt: skip
        with pytest.raises(TrainError, match=f"^{said}: extra inputs"):
            sample_responses(sft(**keys), PROBLEMS, tmp_path / "samples.jsonl", nothing_to_show)
