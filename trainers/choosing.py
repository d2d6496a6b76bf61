"""From sampled responses to what is imitated (SFT) or preferred (DPO)."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from costbench.errors import TrainError
from costbench.policies.asking import asked
from costbench.types import Problem
from trainers.export import end_ids
from trainers.sampling import Response
from trainers.tuning import DpoRecipe, Lengths, SftRecipe


def sft_rows(
    recipe: SftRecipe,
    problems: Sequence[Problem],
    responses: Sequence[Response],
    tokenizer: PreTrainedTokenizerBase,
) -> list[dict[str, Any]]:
    """Token ids with a mask that leaves the prompt out of the loss.

    With `lengths`, each prompt asks for the length that its response has. Raises TrainError where nothing is
    correct.
    """
    prompts = {problem.id: problem.prompt for problem in problems}
    chosen = [
        one
        for group in _by_problem(responses).values()
        for one in _chosen(recipe, [r for r in group if r.correct])
    ]
    if not chosen:
        raise TrainError(f"{recipe.name}: the base model answered no training problem correctly")
    ends = end_ids(recipe.base, tokenizer)
    rows = []
    for one in chosen:
        answer = [*one.token_ids]
        if answer[-1] not in ends:  # not all engines give it
            answer.append(tokenizer.eos_token_id)
        prompt = _told(prompts[one.problem_id], one, len(answer), recipe.lengths)
        rows.append(_sft_row(prompt, answer, tokenizer))
    return rows


def _chosen(recipe: SftRecipe, correct: Sequence[Response]) -> Sequence[Response]:
    if recipe.choose == "correct" or not correct:
        return correct
    shortest, longest = min(correct, key=_length), max(correct, key=_length)
    if recipe.choose == "shortest_correct":
        return [shortest]
    halfway = (_length(shortest) + _length(longest)) / 2
    between = min(correct, key=lambda one: abs(_length(one) - halfway))
    return list({_length(one): one for one in (shortest, between, longest)}.values())


def _told(prompt: str, response: Response, tokens: int, lengths: Lengths | None) -> str:
    """The prompt, asking for what the response turned out to be, its end of turn counted as runs count it."""
    if lengths is None:
        return prompt
    at_most = hash_share(response) < lengths.maximum
    return asked(prompt, tokens, "maximum" if at_most else "exact")


def hash_share(response: Response) -> float:
    """A number in [0, 1) that belongs to the response: drawn without a state to keep."""
    digest = hashlib.sha256(f"{response.problem_id}\0{response.text}".encode()).digest()
    return float(int.from_bytes(digest[:6], "big") / 2**48)


def _sft_row(prompt: str, answer: list[int], tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    rendered = tokenizer(_rendered(prompt, tokenizer), add_special_tokens=False)["input_ids"]
    return {
        "input_ids": [*rendered, *answer],
        "completion_mask": [0] * len(rendered) + [1] * len(answer),
    }


def dpo_rows(
    recipe: DpoRecipe,
    problems: Sequence[Problem],
    responses: Sequence[Response],
    tokenizer: PreTrainedTokenizerBase,
) -> list[dict[str, str]]:
    """The shortest correct response against the longest finished one, right or wrong, as text.

    Raises TrainError where no problem has such a pair.
    """
    prompts = {problem.id: problem.prompt for problem in problems}
    rows = []
    for problem, group in _by_problem(responses).items():
        pair = _pair(recipe, group)
        if pair is not None:
            prompt = _without_bos(_rendered(prompts[problem], tokenizer), tokenizer)
            rows.append({"prompt": prompt, "chosen": pair[0].text, "rejected": pair[1].text})
    if not rows:
        raise TrainError(f"{recipe.name}: no problem has a short correct response and a longer one")
    return rows


def _pair(recipe: DpoRecipe, group: Sequence[Response]) -> tuple[Response, Response] | None:
    correct = [one for one in group if one.correct]
    if not correct:
        return None
    shortest = min(correct, key=_length)
    longest = max((one for one in group if one.finished), key=_length)
    long_enough = _length(longest) >= recipe.longer_by * _length(shortest)
    return (shortest, longest) if long_enough and _length(longest) > _length(shortest) else None


def _by_problem(responses: Sequence[Response]) -> dict[str, list[Response]]:
    groups: dict[str, list[Response]] = defaultdict(list)
    for one in responses:
        groups[one.problem_id].append(one)
    return groups


def _length(response: Response) -> int:
    return len(response.token_ids)


def _rendered(prompt: str, tokenizer: PreTrainedTokenizerBase) -> str:
    turn = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False))


def _without_bos(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """TRL's tokenizer call writes the beginning of text itself where the tokenizer does."""
    bos = tokenizer.bos_token
    if bos and tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id:
        return text.removeprefix(bos)
    return text
