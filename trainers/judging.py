"""How right and how long a model answers problems, by difficulty, graded as the harness grades."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from costbench.engines.transformers import TransformersEngine
from costbench.graders.exact import ExactGrader
from costbench.grading import answer_part
from costbench.interfaces import Policy
from costbench.types import Answered, Completion, Model, Problem, Request, Sampling

SAMPLING = Sampling(temperature=0.6, top_p=0.95, top_k=0)
_ROWS = 128

Judged = dict[int, list[tuple[bool, int]]]
"""By level: right or wrong, and tokens sampled, of each problem."""


async def judge(model: Model, policy: Policy, problems: Sequence[Problem]) -> Judged:
    """One try at each problem; raises EngineError where the model cannot be loaded."""
    async with TransformersEngine().open(model, _ROWS) as engine:

        async def attempt(number: int, problem: Problem) -> tuple[str, int]:
            used = 0

            async def generate(request: Request) -> Completion:
                nonlocal used
                done = await engine.generate(
                    request.model_copy(update={"sampling": SAMPLING, "seed": number})
                )
                used += done.output_tokens or 0
                return done

            solution = await policy.solve(problem, model, generate)
            return answer_part(solution.text, model.thinking.close), used

        found = await asyncio.gather(*(attempt(at, p) for at, p in enumerate(problems)))
    answered = [
        Answered(reference=problem.answer or "", answer=answer)
        for problem, (answer, _) in zip(problems, found, strict=True)
    ]
    with ExactGrader().open() as grade:
        grades = grade(answered)
    judged: Judged = defaultdict(list)
    for problem, (_, used), one in zip(problems, found, grades, strict=True):
        judged[problem.level or 0].append((bool(one.correct), used))
    return dict(sorted(judged.items()))


def accuracy(judged: Judged) -> float:
    """Over all levels."""
    results = [right for level in judged.values() for right, _ in level]
    return sum(results) / len(results)
