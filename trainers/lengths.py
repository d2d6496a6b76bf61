"""Written-out reasoning of a given length: what the embedded reasoner learns "Think for N tokens." from.

Checks and rechecks fill the length roughly; a few words of assent fill what is left.
"""

import random
import re
from collections.abc import Mapping

from costbench.datasets.arithmetic import Chain
from trainers.traces import ANSWER_PREFIX, THINK_CLOSE, Style, Trace, write_answer, write_thought

_TOKEN = re.compile(r" ?\\boxed\{| ?[0-9]| ?[A-Za-z]+| ?[^\sA-Za-z0-9]|\s")
"""A token of the embedded models' tokenizer, in the words that traces use."""
_DRAFTS = 8
_ASSENT = " Yes."
_END = 1
"""The end of turn, which is part of a response's length."""
_ANY: Mapping[Style, float] = {"verbose": 0.6, "plain": 0.3, "merged": 0.1}
_SHORT: tuple[Style, ...] = ("plain", "merged", "terse", "empty")


def write_to_length(chain: Chain, tokens: int, rng: random.Random) -> Trace:
    """A whole response, thinking and answer, of so many tokens; the shortest there is where it takes more."""
    room = tokens - _END - _count(f"{ANSWER_PREFIX}{chain.results[-1]}}}.") - 1
    drafts = [_draft(chain, room, rng) for _ in range(_DRAFTS)]
    fitting = [trace for trace in drafts if _count(trace.text) <= room]
    fullest = max(fitting, key=lambda one: _count(one.text), default=None)
    trace = fullest or _short(chain, room, rng)
    _fill(trace, room)
    trace.write(THINK_CLOSE)
    write_answer(trace, chain)
    return trace


def _draft(chain: Chain, room: int, rng: random.Random) -> Trace:
    """A thought in some style, with as many rechecks as there is room for."""
    style = rng.choices(list(_ANY), weights=list(_ANY.values()))[0]
    bare = write_thought(
        chain, style, random.Random(seed := rng.random()), rechecks=0, checked=seed
    )
    once = write_thought(chain, style, random.Random(seed), rechecks=1, checked=seed)
    each = _count(once.text) - _count(bare.text)
    rechecks = (room - _count(bare.text)) // each if each else 0
    if rechecks < 1:
        return bare
    return write_thought(chain, style, random.Random(seed), rechecks=rechecks, checked=seed)


def _short(chain: Chain, room: int, rng: random.Random) -> Trace:
    """The longest of the short styles that fits, else nothing at all."""
    for style in _SHORT:
        trace = write_thought(chain, style, rng, rechecks=0, checked=0.0)
        if _count(trace.text) <= room:
            return trace
    return Trace()


def _fill(trace: Trace, room: int) -> None:
    """Assent until the length is right, to a token."""
    words = (room - _count(trace.text) - 1) // _count(_ASSENT)
    if words > 0:
        trace.write(f"{_ASSENT * words}\n")


def _count(text: str) -> int:
    return sum(1 for _ in _TOKEN.finditer(text))
