"""Written-out reasoning for arithmetic chains: what `abacus-base` learns to imitate.

Most traces are verbose on purpose (every step stated, checked by the inverse operation, the whole chain
done again after "Wait"), so that there is something for an efficiency method to save. A few are plain,
terse, merged or empty. Mistakes are planted and then corrected; the planted figures carry no loss, so
the model learns to notice and mend a mistake but not to make one.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from costbench.datasets.arithmetic import MAX_RESULT, Chain, Step

Style = Literal["verbose", "plain", "terse", "merged", "empty", "cut"]

THINK_CLOSE = "</think>"
ANSWER_PREFIX = "\n\nThe answer is \\boxed{"

_PLANTED_MISTAKES = 0.05
_STEP_CHECKED = 0.85
_STEP_DOUBTED = 0.35
# How often the whole chain is done again after a first conclusion: never, once, twice.
_RECHECKS = {"verbose": (0.15, 0.6, 0.25), "plain": (0.8, 0.2, 0.0), "cut": (1.0, 0.0, 0.0)}


@dataclass
class Trace:
    """A text in pieces; each piece is learnt or only read (no loss on it)."""

    pieces: list[tuple[str, bool]] = field(default_factory=list)

    def write(self, text: str, *, learn: bool = True) -> None:
        """Append `text`."""
        self.pieces.append((text, learn))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(text for text, _ in self.pieces)

    def unlearned_spans(self) -> list[tuple[int, int]]:
        """Character ranges of `text` without loss."""
        spans, at = [], 0
        for text, learn in self.pieces:
            if not learn:
                spans.append((at, at + len(text)))
            at += len(text)
        return spans


def write_trace(chain: Chain, styles: Mapping[Style, float], rng: random.Random) -> Trace:
    """The thinking, its end marker and the answer for one chain, in a style drawn by weight."""
    style = rng.choices(list(styles), weights=list(styles.values()))[0]
    trace = Trace()
    if style in {"verbose", "plain"}:
        reached = _STEP_WRITERS[style](trace, chain, rng)
        _conclude(trace, chain, reached, _rechecks(style, rng))
    elif style == "cut":
        _write_cut(trace, chain, rng)
    elif style != "empty":
        trace.write(_terse(chain) if style == "terse" else _merged(chain))
    # A thought that was cut short is for learning to answer from it, not for learning to stop there.
    trace.write(THINK_CLOSE, learn=style != "cut")
    write_answer(trace, chain)
    return trace


def write_answer(trace: Trace, chain: Chain) -> None:
    """What stands behind the end of thinking."""
    trace.write(f"{ANSWER_PREFIX}{chain.results[-1]}}}.")


def write_thought(chain: Chain, style: Style, rng: random.Random) -> Trace:
    """Thinking alone, in one of the short styles."""
    trace = Trace()
    if style == "plain":
        _write_plain(trace, chain, rng)
    elif style != "empty":
        trace.write(_terse(chain) if style == "terse" else _merged(chain))
    return trace


def verbose_step(number: int, value: int, step: Step, *, doubted: bool | None = None) -> str:
    """A step of the verbose style on one line, without mistakes; checked unless `doubted` is None."""
    result, work = step.apply(value), f"{value} {step.operator} {step.operand} ="
    line = f"Step {number}: we have {value}, {step.phrase.lower()}. {work} {result}."
    if doubted is None:
        return line
    return f"{line}{_doubt(doubted)} {_inverse(value, step, result)}. Yes."


def conclusion(chain: Chain) -> str:
    """The line that states the result."""
    return f"So the result is {chain.results[-1]}."


def recheck(chain: Chain) -> str:
    """The whole chain once more, on one line, with nothing to mend."""
    return f"Wait, let me check again. {_worked(chain, ', ')}. Yes. So the result is {chain.results[-1]}."


def _write_verbose(trace: Trace, chain: Chain, rng: random.Random) -> int:
    """Each step stated, worked and mostly checked; returns the result that was reached."""
    value = reached = chain.start
    for number, step in enumerate(chain.steps, start=1):
        value, reached = reached, step.apply(reached)
        work = f"{value} {step.operator} {step.operand} ="
        wrong = _mistake(reached, step, rng) if rng.random() < _PLANTED_MISTAKES else None
        trace.write(f"Step {number}: we have {value}, {step.phrase.lower()}. {work}")
        trace.write(f" {reached if wrong is None else wrong}", learn=wrong is None)
        trace.write(".")
        last = number == len(chain.steps)
        # Only the last step may leave a mistake for the recheck of the whole chain to find.
        if rng.random() < _STEP_CHECKED or (wrong is not None and not last):
            doubt = _doubt(rng.random() < _STEP_DOUBTED)
            found = reached if wrong is None else wrong
            trace.write(f"{doubt} {_inverse(value, step, found)}.")
            trace.write(" Yes." if wrong is None else f" No. {work} {reached}.")
            wrong = None
        trace.write("\n")
        if wrong is not None:
            return wrong
    return reached


def _doubt(doubted: bool) -> str:
    return " Wait, let me check." if doubted else " Check:"


def _write_plain(trace: Trace, chain: Chain, rng: random.Random) -> int:
    del rng
    trace.write(f"{_worked(chain, '. ')}.\n")
    return chain.results[-1]


_STEP_WRITERS = {"verbose": _write_verbose, "plain": _write_plain}


def _rechecks(style: Style, rng: random.Random) -> int:
    return rng.choices((0, 1, 2), weights=_RECHECKS[style])[0]


def _conclude(trace: Trace, chain: Chain, reached: int, rechecks: int) -> None:
    """State the result; reconsider the whole chain, always when it was wrong."""
    answer = chain.results[-1]
    trace.write("So the result is")
    trace.write(f" {reached}", learn=reached == answer)
    trace.write(".\n")
    for _ in range(max(rechecks, 1) if reached != answer else rechecks):
        trace.write(f"Wait, let me check again. {_worked(chain, ', ')}.")
        trace.write(f" {'Yes' if reached == answer else 'No'}. So the result is {answer}.\n")
        reached = answer


def _write_cut(trace: Trace, chain: Chain, rng: random.Random) -> None:
    """A verbose trace broken off at a random place."""
    whole = Trace()
    _conclude(whole, chain, _write_verbose(whole, chain, rng), _rechecks("cut", rng))
    words = whole.text.split(" ")
    trace.write(" ".join(words[: rng.randrange(len(words))]), learn=False)
    trace.write("\n", learn=False)


def _worked(chain: Chain, joint: str) -> str:
    """The chain as equations: "17 + 25 = 42, 42 - 9 = 33"."""
    values = (chain.start, *chain.results)
    return joint.join(
        f"{value} {step.operator} {step.operand} = {result}"
        for value, step, result in zip(values, chain.steps, chain.results, strict=False)
    )


def _terse(chain: Chain) -> str:
    """Running results only."""
    return ", ".join(str(value) for value in chain.results) + ".\n"


def _merged(chain: Chain) -> str:
    """Two steps to an equation."""
    values, equations = (chain.start, *chain.results), []
    for first in range(0, len(chain.steps), 2):
        pair = chain.steps[first : first + 2]
        work = f"{values[first]} {pair[0].operator} {pair[0].operand}"
        if len(pair) > 1:
            grouped = f"({work})" if pair[1].operator == "*" != pair[0].operator else work
            work = f"{grouped} {pair[1].operator} {pair[1].operand}"
        equations.append(f"{work} = {values[first + len(pair)]}")
    return ". ".join(equations) + ".\n"


def _inverse(value: int, step: Step, result: int) -> str:
    """A check of `result` by another route: subtraction for addition, sums for products."""
    if step.operator == "+":
        return f"{result} - {step.operand} = {result - step.operand}"
    if step.operator == "-":
        return f"{result} + {step.operand} = {result + step.operand}"
    return f"{' + '.join([str(value)] * step.operand)} = {value * step.operand}"


def _mistake(right: int, step: Step, rng: random.Random) -> int | None:
    """A plausible wrong result, or None where none is in range."""
    lowest = step.operand if step.operator == "+" else 0
    near = [right + off for off in (-10, -2, -1, 1, 2, 10) if lowest <= right + off <= MAX_RESULT]
    return rng.choice(near) if near else None
