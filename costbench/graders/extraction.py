"""Where a response states its final answer. One pass over the text each: output is hostile."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

Place = Literal["boxed", "phrase", "last_number", "line"]
"""The last box; what follows "the answer is"; the last number; a text that is a single line."""
How = Place | Literal["boxed_of_several", "boxed_together"]

MAX_LINE = 200
"""Characters; a longer single line is an argument, not an answer."""


def _each_once(order: tuple[Place, ...]) -> tuple[Place, ...]:
    if len(set(order)) < len(order):
        raise ValueError("names a place twice")
    return order


Order = Annotated[tuple[Place, ...], Field(min_length=1), AfterValidator(_each_once)]
"""Where to look first, and where after that."""
DEFAULT_ORDER: tuple[Place, ...] = ("boxed", "phrase", "last_number")


def suffix(order: Order) -> str:
    """What the version of a grader says of an order that is not the usual one."""
    return "" if order == DEFAULT_ORDER else "+" + "-".join(order)


class Extracted(NamedTuple):
    """A final answer as it was written, and what gave it away."""

    text: str
    how: How


class Box(NamedTuple):
    """What a box holds, and where it begins (with its backslash) and ends."""

    text: str
    start: int
    end: int


_BRACE = re.compile(
    r"(?P<box>\\\\?(?:boxed|fbox)\s*\{)|(?P<escaped>\\.)|(?P<open>\{)|(?P<close>\})", re.DOTALL
)
_NOT_A_BOX = (-1, -1)
_BETWEEN = re.compile(
    r"(?:[\s$,;]|\\[()\[\],;:! ]|\\q?quad|and\b|or\b|\\text\s?\{\s?,?\s?(?:and|or)\s?\}|[A-Za-z]\s?=)*"
)
_JOINT = re.compile(r"and|or|,|;")
_FARTHEST = 60
"""Characters between two boxes that are one answer."""
_MOST_TOGETHER = 12
_PARAGRAPH = 500
"""Characters before and after the last number in which its formula is looked for."""

_PHRASE = re.compile(
    r"\b(?:the|my|our|correct|final|right|best)\s{1,9}(?:(?:correct|final|right|best)\s{1,9})?"
    r"answers?(?:\s{1,9}(?:is|are)\b|[*_]{0,3}\s{0,9}:)[\s:*_`]{0,20}"
    r"|\bfinal\s{1,9}answer[*_]{0,3}\s{0,9}is\b[\s:*_`]{0,20}"
    r"|(?:^|(?<=\n)|(?<=\. ))[#*_> ]{0,9}answer[*_]{0,3}\s{0,9}(?::|is\b)[\s:*_`]{0,20}"
    r"|答案(?:应该)?[是为][\s:：*_`]{0,20}|答案[*_]{0,3}\s{0,9}[:：][\s*_`]{0,20}",  # noqa: RUF001 - as they write it
    re.IGNORECASE,
)
# As pandoc tells a formula from two prices: no space inside the dollars, no digit after them; or a command.
_FORMULA = re.compile(
    r"\$\$(?P<display>[^$]{1,4000}?)\$\$"
    r"|\$(?!\s)(?P<inline>(?:\\[^\n]|[^$\n\\]){1,4000}?)(?<!\s)\$(?!\d)"
    r"|\$(?P<spaced>(?=[^$]{0,400}\\[A-Za-z])[^$]{1,400})\$(?!\d)"
    r"|\\\((?P<parens>.{1,4000}?)\\\)"
    r"|\\\[(?P<brackets>.{1,4000}?)\\\]",
    re.DOTALL,
)
_COMMA = re.compile(r"\s{0,3}(?:,\s{0,3}(?:and|or)?|;|and|or)\s{0,3}(?=[$\\]|$)")
_END_OF_STATEMENT = re.compile(
    r"\n|\.(?=\s|$)|。|,\s{1,9}(?!and\b|or\b)(?=[a-z]{2})|\s\(?(?:because|since|as|which|where)\b"
)

_NUMBER = re.compile(
    r"(?:(?<![A-Za-z0-9_.À-ӿ])|(?<=frac)|(?<=sqrt))[-−]?"  # noqa: RUF001 - models write the real minus sign too
    r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]{1,4}(?!\w)|\s?(?:×|\\times|\\cdot|\*)\s?10\^\{?[-−]?[0-9]{1,4}\}?)?"  # noqa: RUF001
    r"(?:/[0-9]+)?(?:\s?\\?%)?"
)


def final_answer(answer: str, order: Sequence[Place]) -> Extracted | None:
    """Take the first of these places that has an answer, else None.

    A last box that never closes is an answer that was cut off: None, wherever else one could look.
    """
    for place in order:
        if place == "boxed":
            boxes = find_boxes(answer)
            if boxes is None:
                return None
            if boxes:
                return last_of(boxes, answer)
        else:
            text = _FINDERS[place](answer)
            if text:
                return Extracted(text, place)
    return None


def find_boxes(text: str) -> list[Box] | None:
    """Find all boxes that are not blank, inner ones for outer ones; None where the last never closes."""
    opened: list[tuple[int, int]] = []  # where each box still open begins, and its content
    found: list[Box] = []
    last = -1
    for brace in _BRACE.finditer(text):
        if brace.lastgroup == "box":
            opened.append((brace.start(), brace.end()))
        elif brace.lastgroup == "open":
            opened.append(_NOT_A_BOX)
        elif brace.lastgroup == "close" and opened:
            start, content = opened.pop()
            inside = text[content : brace.start()].strip() if content > last else ""
            if inside:
                last = content
                found.append(Box(inside, start, brace.end()))
    return None if any(content > last for _, content in opened) else found


def statements(text: str, phrase: re.Pattern[str] = _PHRASE) -> list[int]:
    """Find where what follows each announcement of an answer begins."""
    return [found.end() for found in phrase.finditer(text)]


def last_of(boxes: list[Box], text: str) -> Extracted:
    """Take the last box, with those before it that belong to it: "1 or 2" in a box each."""
    together = [boxes[-1]]
    for box in reversed(boxes[-_MOST_TOGETHER:-1]):
        between = text[box.end : together[0].start]
        joined = len(between) <= _FARTHEST and _BETWEEN.fullmatch(between)
        if not joined or not _JOINT.search(between):
            break
        together.insert(0, box)
    distinct = list(dict.fromkeys(_plain(box.text) for box in together))
    if len(distinct) > 1:
        return Extracted(", ".join(distinct), "boxed_together")
    several = len({_plain(box.text) for box in boxes}) > 1
    return Extracted(boxes[-1].text, "boxed_of_several" if several else "boxed")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _after_phrase(text: str) -> str | None:
    for start in reversed(statements(text)):
        statement = statement_at(text, start)
        if statement:
            return statement
    return None


def statement_at(text: str, start: int) -> str:
    """Take the formula that begins here, or several with commas between, else the rest of the sentence."""
    formulas: list[str] = []
    at = start
    while len(formulas) < _MOST_TOGETHER and (formula := _FORMULA.match(text, at)):
        formulas.append(str(formula[formula.lastindex or 0]).strip())
        comma = _COMMA.match(text, formula.end())
        if not comma:
            break
        at = comma.end()
    if formulas:
        return ", ".join(formulas)
    end = _END_OF_STATEMENT.search(text, start)
    return text[start : end.start() if end else len(text)].strip().rstrip("*_`.,: ")


def _only_line(text: str) -> str | None:
    line = text.strip()
    return None if "\n" in line or len(line) > MAX_LINE else line


def _last_number(text: str) -> str | None:
    r"""The last number, or the formula that it is in: "we get $\frac{3}{4}$" does not say 4."""
    last = None
    for number in _NUMBER.finditer(text):
        last = number
    if last is None:
        return None
    return _formula_around(text, last) or last[0].replace("−", "-")  # noqa: RUF001 - as above


def _formula_around(text: str, number: re.Match[str]) -> str | None:
    """The right-hand side of the formula that a number stands in, with those before it that belong to it."""
    start = max(0, number.start() - _PARAGRAPH)
    start = max(
        start, text.rfind("\n\n", start, number.start())
    )  # no formula has a blank line in it
    formulas = list(_FORMULA.finditer(text, start, number.end() + _PARAGRAPH))
    while formulas and formulas[-1].start() > number.start():
        formulas.pop()
    if not formulas or formulas[-1].end() < number.end():
        return None
    together = [formulas.pop()]
    while formulas and _COMMA.fullmatch(text, formulas[-1].end(), together[0].start()):
        together.insert(0, formulas.pop())
    texts = [str(one[one.lastindex or 0]).strip() for one in together]
    only = texts[0]
    several = len(texts) > 1 or ("," in only and only.count("=") > 1)
    return ", ".join(texts) if several else only.rpartition("=")[2].strip() or only


_FINDERS = {"phrase": _after_phrase, "last_number": _last_number, "line": _only_line}
