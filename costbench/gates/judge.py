"""Whether a condition holds for a cell. What is not known is neither true nor false, and never fine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from costbench.errors import GateFailed
from costbench.gates.figures import Figure
from costbench.gates.language import (
    Both,
    Comparison,
    Condition,
    Gate,
    Name,
    Not,
    Operand,
    names_in,
)
from costbench.plan import matches_cell
from costbench.report.caveats import explain


@dataclass(frozen=True)
class Subject:
    """What a condition is about: a cell of a run, or a pair of two runs'."""

    ids: tuple[str, ...]
    """Its cells; a pattern may mean any of them."""
    figure: Callable[[str], Figure]

    @property
    def title(self) -> str:
        """The ids, each once."""
        return " against ".join(dict.fromkeys(self.ids))


def require(gates: Sequence[Gate], subjects: Sequence[Subject]) -> None:
    """Raises GateFailed that names every cell for which a condition holds or cannot be told."""
    told = [lines for gate in gates for lines in _failures(gate, subjects)]
    if told:
        raise GateFailed("\n".join(told))


def truth(condition: Condition, figure: Callable[[str], Figure]) -> bool | None:
    """None where what is not known decides (Kleene's logic)."""
    if isinstance(condition, Comparison):
        left, right = (_value(each, figure) for each in (condition.left, condition.right))
        return None if left is None or right is None else condition.holds(left, right)
    if isinstance(condition, Not):
        inner = truth(condition.inner, figure)
        return None if inner is None else not inner
    sides = {truth(condition.left, figure), truth(condition.right, figure)}
    decisive = not isinstance(condition, Both)  # one True decides `or`, one False `and`
    if decisive in sides:
        return decisive
    return None if None in sides else not decisive


def _value(operand: Operand, figure: Callable[[str], Figure]) -> float | None:
    return figure(operand.name).value if isinstance(operand, Name) else operand.value


def _failures(gate: Gate, subjects: Sequence[Subject]) -> list[str]:
    title = f'--fail-if "{gate.text}"'
    wanted = [gate.cells] if gate.cells else []
    meant = [each for each in subjects if any(matches_cell(one, wanted) for one in each.ids)]
    if not meant:
        known = "".join(f"\n  {each.title}" for each in subjects)
        return [f"{title}: there is no such cell; there {'are:' if known else 'is none'}{known}"]
    failing = [each for each in meant if truth(gate.condition, each.figure) is not False]
    if not failing:
        return []
    count = f"{len(failing)} of {len(meant)} cell{'s' if len(meant) > 1 else ''}"
    return [f"{title} fails {count}:", *(f"  {_sentence(gate, each)}" for each in failing)]


def _sentence(gate: Gate, subject: Subject) -> str:
    figures = {name: subject.figure(name) for name in names_in(gate.condition)}
    return f"{subject.title}: {', '.join(_told(*each) for each in figures.items())}"


def _told(name: str, figure: Figure) -> str:
    if figure.value is not None:
        return f"{name} is {figure.value:.6g}"
    why = f" ({explain(figure.reason)})" if figure.reason else ""
    return f"{name} is not known{why}"
