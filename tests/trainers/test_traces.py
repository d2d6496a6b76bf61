"""What the embedded reasoner reads: its arithmetic, its planted mistakes, and what is held back from it."""

import hashlib
import itertools
import random
import re

import pytest

from costbench.datasets.arithmetic import Arithmetic, draw_chain
from trainers.batches import batches
from trainers.card import max_response_tokens
from trainers.documents import Document, draw_document, encode, tokenizer_for
from trainers.recipe import bundled_recipes, load_recipe
from trainers.scratch import ArithmeticTraces
from trainers.traces import ANSWER_PREFIX, THINK_CLOSE, write_trace

STYLES = ("verbose", "plain", "terse", "merged", "empty", "cut")
EQUATION = re.compile(r"((?:\(\d+ [-+*] \d+\)|\d+)(?: [-+*] \d+)+) = (-?\d+)")


@pytest.fixture(scope="module")
def data():
    return ArithmeticTraces(styles=dict.fromkeys(STYLES, 1.0), result_weight=4)


@pytest.fixture(scope="module")
def tokenizer(data):
    return tokenizer_for(data)


def traces(style, count=300):
    rng = random.Random(f"{style}")
    for _ in range(count):
        chain = draw_chain(rng, rng.randint(1, 6))
        yield chain, write_trace(chain, {style: 1.0}, rng)


def value_of(expression):
    """By Python's own precedence; the expressions are digits, brackets and + - * only."""
    return eval(expression, {"__builtins__": {}})


def planted(trace):
    """Whether a character of the text is one without loss."""
    spans = trace.unlearned_spans()
    return lambda at: any(start <= at < end for start, end in spans)


@pytest.mark.parametrize("style", STYLES)
def test_all_visible_arithmetic_is_right_but_for_planted_pieces(style):
    equations = 0
    for _, trace in traces(style):
        is_planted = planted(trace)
        for found in EQUATION.finditer(trace.text):
            if not is_planted(found.start(2)):
                assert value_of(found[1]) == int(found[2]), found[0]
                equations += 1
    assert equations > 300 or style in {"terse", "empty", "cut"}


@pytest.mark.parametrize("style", STYLES)
def test_the_answer_is_right_in_every_style(style):
    for chain, trace in traces(style):
        value = chain.start
        for step in chain.steps:
            value = value_of(f"{value} {step.operator} {step.operand}")
        _, close, answer = trace.text.partition(THINK_CLOSE)
        assert close == THINK_CLOSE
        assert THINK_CLOSE not in answer
        assert answer == f"{ANSWER_PREFIX}{value}}}."
        assert 0 <= value <= 99


def test_mistakes_are_planted_and_none_of_them_is_the_last_word():
    mended = 0
    for chain, trace in traces("verbose", 600):
        is_planted, answer = planted(trace), chain.results[-1]
        wrong = [
            found for found in EQUATION.finditer(trace.text) if value_of(found[1]) != int(found[2])
        ]
        assert all(is_planted(found.start(2)) for found in wrong)
        if wrong:
            assert " No." in trace.text[wrong[-1].end() :]
            mended += 1
        conclusions = re.findall(r"So the result is (\d+)\.", trace.text)
        assert int(conclusions[-1]) == answer
    assert mended > 50


class Wordy(random.Random):
    """Draws what makes a trace longest: each step mistaken, doubted and mended, all of it done twice more."""

    def random(self):
        return 0.0

    def choices(self, population, weights):
        del weights
        return [population[-1]]


@pytest.mark.parametrize("name", ["abacus-base", "abacus-large"])
def test_the_longest_trace_of_a_bundled_recipe_fits_its_context_and_what_its_card_lets_it_write(
    name,
):
    recipe = load_recipe(bundled_recipes()[name])
    tokenizer, rng, level = tokenizer_for(recipe.data), random.Random(0), recipe.data.levels[1]
    longest, whole = 0, 0
    for _ in range(200):
        chain = draw_chain(rng, level)
        trace = write_trace(chain, {"verbose": 1.0}, Wordy(0))
        ids, _ = encode(Document(chain.prompt, trace), tokenizer, 4.0)
        longest = max(longest, len(tokenizer(trace.text)["input_ids"]) + 1)
        whole = max(whole, len(ids))
    assert longest <= max_response_tokens(recipe)
    assert whole + 16 <= recipe.model.context  # and "Think for maximum 999 tokens."


def test_a_check_that_says_yes_follows_a_right_result():
    checked = re.compile(rf"{EQUATION.pattern}\.(?: Wait, let me check\.| Check:) [^.]+\. (Yes|No)")
    seen = set()
    for _, trace in traces("verbose"):
        for left, right, verdict in checked.findall(trace.text):
            assert (value_of(left) == int(right)) == (verdict == "Yes")
            seen.add(verdict)
    assert seen == {"Yes", "No"}


def test_a_thought_that_was_cut_is_read_and_only_its_answer_learnt():
    for _, trace in traces("cut"):
        thought, close, answer = trace.text.partition(THINK_CLOSE)
        assert trace.unlearned_spans()[-1][1] == len(thought) + len(close)
        assert [piece for piece, learn in trace.pieces if learn] == [answer]


def test_styles_are_drawn_by_their_weights():
    rng = random.Random(0)
    chain = draw_chain(rng, 3)
    texts = [write_trace(chain, {"empty": 0.25, "terse": 0.75}, rng).text for _ in range(1000)]
    assert sum(text.startswith(THINK_CLOSE) for text in texts) / 1000 == pytest.approx(
        0.25, abs=0.05
    )


def question_of(document):
    return document.prompt.partition("\n")[0]


def is_held_back(question):
    """The rule itself, apart from the code that follows it: one question in ten, by its hash."""
    return int.from_bytes(hashlib.sha256(question.encode()).digest()[:8], "big") % 10 == 0


def test_no_held_back_problem_is_ever_trained_on(data):
    rng = random.Random(0)
    trained = {question_of(draw_document(data, rng)) for _ in range(3000)}
    assert len(trained) > 2000
    assert not any(map(is_held_back, trained))


def test_the_dataset_yields_held_back_problems_only():
    tested = [
        problem.question for problem in Arithmetic(problems=3000, seed=1, levels=(2, 6)).load()
    ]
    tested += [problem.question for problem in Arithmetic(problems=30, levels=(1, 1)).load()]
    assert len(set(tested)) == 3030
    assert all(map(is_held_back, tested))


def test_about_one_chain_in_ten_is_held_back():
    rng = random.Random(1)
    chains = [draw_chain(rng, rng.randint(1, 6)) for _ in range(5000)]
    assert all(chain.held_back == is_held_back(chain.question) for chain in chains)
    assert sum(chain.held_back for chain in chains) / 5000 == pytest.approx(0.1, abs=0.02)


def test_prompts_are_those_of_the_dataset(data):
    rng = random.Random(2)
    chain = draw_chain(rng, 2)
    assert chain.problem().prompt == chain.prompt
    for _ in range(50):
        document = draw_document(data, rng)
        assert document.prompt.startswith(
            f"{question_of(document)}\n{chain.prompt.split(chr(10))[1]}"
        )


def test_about_one_prompt_in_five_names_a_number_of_tokens(data):
    rng = random.Random(3)
    prompts = [draw_document(data, rng).prompt for _ in range(2000)]
    asked = [re.search(r"Think for (maximum )?(\d+) tokens\.$", prompt) for prompt in prompts]
    found = [match for match in asked if match]
    assert len(found) / len(prompts) == pytest.approx(0.2, abs=0.03)
    assert sum(bool(match[1]) for match in found) / len(found) == pytest.approx(0.5, abs=0.1)
    assert all(10 <= int(match[2]) <= 300 for match in found)


def rows_of(data, tokenizer, seed, count, first_step=0):
    made = batches(data, tokenizer, seed=seed, batch_size=4, first_step=first_step)
    return [(batch.ids.tolist(), batch.weights.tolist()) for batch in itertools.islice(made, count)]


def test_the_same_seed_gives_the_same_batches_and_another_gives_others(data, tokenizer):
    first = rows_of(data, tokenizer, 0, 5)
    assert first == rows_of(data, tokenizer, 0, 5)
    assert first != rows_of(data, tokenizer, 1, 5)


@pytest.mark.parametrize("skipped", [1, 15, 16, 17])
def test_starting_at_a_step_equals_skipping_the_ones_before(data, tokenizer, skipped):
    whole = rows_of(data, tokenizer, 0, skipped + 3)
    assert rows_of(data, tokenizer, 0, 3, first_step=skipped) == whole[skipped:]


def test_a_batch_has_as_many_rows_as_asked_and_no_weight_on_padding(data, tokenizer):
    for ids, weights in rows_of(data, tokenizer, 0, 5):
        assert len(ids) == len(weights) == 4
        for row, weight in zip(ids, weights, strict=True):
            real = len(row) - row[::-1].index(tokenizer.eos_token_id)
            assert set(row[real:]) <= {tokenizer.pad_token_id}
            assert not any(weight[real:])
            assert weight[real - 1] == 1


def test_nothing_is_learnt_from_the_prompt_or_from_planted_mistakes(data, tokenizer):
    rng = random.Random(4)
    planted_tokens = 0
    for _ in range(300):
        document = draw_document(data, rng)
        ids, weights = encode(document, tokenizer, 4.0)
        close = ids.index(tokenizer.convert_tokens_to_ids("<think>"))
        assert not any(weights[: close + 1])
        learnt = [token for token, weight in zip(ids, weights, strict=True) if weight]
        pieces = document.response.pieces
        expected = "".join(text for text, learn in pieces if learn) + tokenizer.eos_token
        assert tokenizer.decode(learnt) == expected
        planted_tokens += sum(not weight for weight in weights[close + 2 :])
    assert planted_tokens > 100


def test_the_results_of_equations_weigh_more(data, tokenizer):
    rng = random.Random(5)
    chain = draw_chain(rng, 2)
    while chain.held_back:
        chain = draw_chain(rng, 2)
    document = draw_document(data.model_copy(update={"styles": {"plain": 1.0}}), rng)
    ids, weights = encode(document, tokenizer, 4.0)
    heavy = [token for token, weight in zip(ids, weights, strict=True) if weight == 4]
    results = re.findall(r"= (\d+)", document.response.text)
    assert tokenizer.decode(heavy).replace(" ", "") == "".join(results)
    assert set(weights) == {0.0, 1.0, 4.0}
