"""What every policy needs: the first turn of a conversation."""

from costbench.types import Message, Problem


def ask(problem: Problem) -> tuple[Message, ...]:
    """The problem as the user's turn."""
    return (Message(role="user", content=problem.prompt),)
