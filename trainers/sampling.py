"""Responses of the base model to the training problems: what rejection sampling and DPO choose from."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from costbench.errors import TrainError
from costbench.grading import answer_part
from costbench.interfaces import Engine, Grader, OpenEngine
from costbench.policies.asking import ask
from costbench.types import Answered, Frozen, Model, Problem, Request
from trainers.naming import component
from trainers.tuning import DpoRecipe, SftRecipe

_PROBLEMS_AT_ONCE = 64


class Response(Frozen):
    """One sampled response with its verdict."""

    problem_id: str
    text: str
    token_ids: tuple[int, ...]
    """As sampled: of a finished one the last is the end of turn, where the engine gives it."""
    finished: bool
    correct: bool | None


def sample_responses(
    recipe: SftRecipe | DpoRecipe,
    problems: Sequence[Problem],
    path: Path,
    show: Callable[[int, int], None],
) -> list[Response]:
    """All responses to all problems; kept in `path` chunk by chunk, so that an interrupted one goes on.

    `show` is told how many of how many problems are done. Raises EngineError where no model can be loaded.
    """
    done = _stored(path, recipe.sampled.samples_per_problem)
    known = {one.problem_id for one in done}
    waiting = [problem for problem in problems if problem.id not in known]
    if waiting:
        total = len(problems)
        done += asyncio.run(_sample(recipe, waiting, path, lambda left: show(total - left, total)))
    return done


async def _sample(
    recipe: SftRecipe | DpoRecipe,
    problems: Sequence[Problem],
    path: Path,
    show: Callable[[int], None],
) -> list[Response]:
    base, plan = recipe.base, recipe.sampled
    model = Model(name="base", path=base.path, revision=base.revision, thinking=base.thinking)
    engine: Engine = component("engines", plan.engine, "sampled.engine")
    grader: Grader = component("graders", recipe.grader, "grader")
    found: list[Response] = []
    async with engine.open(model, plan.concurrency) as opened:
        for start in range(0, len(problems), _PROBLEMS_AT_ONCE):
            chunk = problems[start : start + _PROBLEMS_AT_ONCE]
            tries = [(p, n) for p in chunk for n in range(plan.samples_per_problem)]
            drafts = await asyncio.gather(*(_try(recipe, opened, p, n) for p, n in tries))
            responses = _graded(grader, [p for p, _ in tries], drafts, base.thinking.close)
            _append(path, responses)
            found += responses
            show(len(problems) - start - len(chunk))
    return found


async def _try(
    recipe: SftRecipe | DpoRecipe, engine: OpenEngine, problem: Problem, number: int
) -> Response:
    key = f"{recipe.seed}\0{problem.id}\0{number}".encode()
    done = await engine.generate(
        Request(
            messages=ask(problem),
            max_tokens=recipe.sampled.max_tokens,
            sampling=recipe.sampled.sampling,
            seed=int.from_bytes(hashlib.sha256(key).digest()[:7], "big"),
        )
    )
    if done.sampled.token_ids is None:
        raise TrainError(f"engine {recipe.sampled.engine!r} gives no token ids to train on")
    return Response(
        problem_id=problem.id,
        text=done.sampled.text,
        token_ids=done.sampled.token_ids,
        finished=done.finish != "length",
        correct=None,
    )


def _graded(
    grader: Grader, problems: Sequence[Problem], drafts: Sequence[Response], close: str
) -> list[Response]:
    answered = [
        Answered(reference=problem.answer or "", answer=answer_part(draft.text, close))
        for problem, draft in zip(problems, drafts, strict=True)
    ]
    with grader.open() as grade:
        grades = grade(answered)
    return [
        draft.model_copy(update={"correct": one.correct if draft.finished else False})
        for draft, one in zip(drafts, grades, strict=True)
    ]


def _append(path: Path, responses: Sequence[Response]) -> None:
    """A chunk is one write."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_lines(responses))


def _stored(path: Path, samples_per_problem: int) -> list[Response]:
    """Responses to problems that have all of theirs; the file is cut back to them."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().split(b"\n")[:-1]:  # text may hold other breaks of lines
        try:
            found.append(Response.model_validate_json(line))
        except ValidationError:  # what a crash of the machine left
            break
    counts = Counter(one.problem_id for one in found)
    whole = [one for one in found if counts[one.problem_id] == samples_per_problem]
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(_lines(whole), encoding="utf-8")
    fresh.replace(path)
    return whole


def _lines(responses: Sequence[Response]) -> str:
    return "".join(f"{one.model_dump_json()}\n" for one in responses)
