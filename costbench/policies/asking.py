"""The first turn of a conversation: the problem, and in L1's words how long to think about it."""

from typing import Literal

from costbench.types import Message, Problem

BudgetMode = Literal["exact", "maximum"]


def ask(problem: Problem) -> tuple[Message, ...]:
    """The problem as the user's turn."""
    return (Message(role="user", content=problem.prompt, token_ids=problem.prompt_ids),)


def asked(prompt: str, budget: int, mode: BudgetMode) -> str:
    """The prompt with a budget, in L1's words (Aggarwal & Welleck, arXiv 2503.04697).

    Trainers must say it with this function too: a model keeps to the words that it was trained on.
    """
    maximum = "maximum " if mode == "maximum" else ""
    return f"{prompt} Think for {maximum}{budget} tokens."
