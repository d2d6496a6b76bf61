"""Written-out reasoning of a given length: what the embedded reasoner learns "Think for N tokens." from.

A model this small cannot hold a count in its head (docs/log.md), so it keeps one on paper: each line ends
with the number of tokens that are left. Checks, rechecks and a few words of assent fill what there is.
"""

import random
import re

from costbench.datasets.arithmetic import Chain
from trainers.traces import (
    ANSWER_PREFIX,
    THINK_CLOSE,
    Style,
    Trace,
    conclusion,
    recheck,
    verbose_step,
    write_answer,
    write_thought,
)

_TOKEN = re.compile(r" ?\\boxed\{| ?[0-9]| ?[A-Za-z]+| ?[^\sA-Za-z0-9]|\s")
"""A token of the embedded models' tokenizer, in the words that traces use."""
_ASSENT = " Yes."
_LINE = 9
"""Tokens that a line of assent takes at most."""
_COUNT = 6
"""Tokens that a count takes at most, with the end of its line."""
_ENDS = 2
"""The ends of thinking and of the turn, a token each and part of a response's length."""
_CHECKED = 0.9
_DOUBTED = 0.35
_SHORT: tuple[Style, ...] = ("plain", "merged", "terse", "empty")


def write_to_length(chain: Chain, tokens: int, rng: random.Random) -> Trace:
    """A whole response, thinking and answer, of so many tokens; the shortest there is where it takes more."""
    after = _count(f"{ANSWER_PREFIX}{chain.results[-1]}}}.") + _ENDS
    paper = _Paper(tokens, after)
    if not _verbose(chain, paper, rng):
        _short(chain, paper, rng)
    while paper.fits(recheck(chain)):
        paper.line(recheck(chain))
    while paper.left >= _LINE:
        paper.line(_ASSENT)
    paper.fill()
    paper.trace.write(THINK_CLOSE)
    write_answer(paper.trace, chain)
    return paper.trace


class _Paper:
    """A thought under way and how much of the length is left to it."""

    def __init__(self, tokens: int, after: int) -> None:
        self.trace = Trace()
        self._tokens = tokens
        self._after = after
        self._used = 0

    @property
    def left(self) -> int:
        """Tokens for thinking."""
        return self._tokens - self._after - self._used

    def fits(self, text: str) -> bool:
        """Whether there is room for a line with its count."""
        return _count(text) + _COUNT <= self.left

    def line(self, text: str) -> None:
        """Write a line; where there is room it ends with what is then left of the whole response."""
        used = self._used + _count(text)
        count = _told(self._tokens - used) if self.fits(text) else ""
        written = f"{text}{count}\n"
        self._used += _count(written)
        self.trace.write(written)

    def fill(self) -> None:
        """Assent until the length is right, but for a token."""
        words = self.left // _count(_ASSENT)
        if words > 0:
            self.trace.write(_ASSENT * words)
            self._used += words * _count(_ASSENT)


def _verbose(chain: Chain, paper: _Paper, rng: random.Random) -> bool:
    """Each step in words, checked while there is room for the steps to come; False where it is too much."""
    values = (chain.start, *chain.results)
    bare = [verbose_step(n, values[n - 1], step) for n, step in enumerate(chain.steps, start=1)]
    last = conclusion(chain)
    rest = [_count(line) + _COUNT for line in (*bare, last)]
    if sum(rest) > paper.left:
        return False
    for at, (line, step) in enumerate(zip(bare, chain.steps, strict=True)):
        checked = verbose_step(at + 1, values[at], step, doubted=rng.random() < _DOUBTED)
        affordable = _count(checked) + _COUNT + sum(rest[at + 1 :]) <= paper.left
        paper.line(checked if affordable and rng.random() < _CHECKED else line)
    paper.line(last)
    return True


def _short(chain: Chain, paper: _Paper, rng: random.Random) -> None:
    """The longest of the short styles that fits, else nothing at all."""
    for style in _SHORT:
        text = write_thought(chain, style, rng).text.removesuffix("\n")
        if text and _count(text) + 1 <= paper.left:
            paper.line(text)
            return


def _told(left: int) -> str:
    """What is left, as it is written: " (204)", itself no longer included."""
    digits = next((d for d in (3, 2, 1) if len(str(left - d - 2)) == d), 2)
    return f" ({left - digits - 2})"


def _count(text: str) -> int:
    return sum(1 for _ in _TOKEN.finditer(text))
