"""Where a response states its final answer. One pass over the text each: output is hostile."""

import re
from typing import Literal, NamedTuple

How = Literal["boxed", "phrase", "last_number", "line"]
LastResort = Literal["last_number", "line"]

MAX_LINE = 200
"""Characters; a longer single line is an argument, not an answer."""


class Extracted(NamedTuple):
    """A final answer as it was written, and what gave it away."""

    text: str
    how: How


_BRACE = re.compile(
    r"(?P<box>\\\\?(?:boxed|fbox)\s*\{)|(?P<escaped>\\.)|(?P<open>\{)|(?P<close>\})", re.DOTALL
)
_NOT_A_BOX = -1

_PHRASE = re.compile(
    r"\b(?:the\s{1,9}answer\s{1,9}is|final\s{1,9}answer[*_]{0,3}\s{0,9}(?:is\b|:))[\s:*_`]{0,20}",
    re.IGNORECASE,
)
# As pandoc tells a formula from two prices: no space inside the dollars, no digit after them.
_FORMULA = re.compile(
    r"\$\$(?P<display>[^$]{1,4000}?)\$\$"
    r"|\$(?!\s)(?P<inline>(?:\\[^\n]|[^$\n\\]){1,4000}?)(?<!\s)\$(?!\d)"
    r"|\\\((?P<parens>.{1,4000}?)\\\)"
    r"|\\\[(?P<brackets>.{1,4000}?)\\\]",
    re.DOTALL,
)
_END_OF_STATEMENT = re.compile(r"\n|\.(?=\s|$)|,\s{1,9}(?!and\b|or\b)(?=[a-z]{2})")

_NUMBER = re.compile(
    r"(?<![\w.])[-−]?"  # noqa: RUF001 - models write the real minus sign too
    r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:/[0-9]+)?(?:\s?\\?%)?"
)


def final_answer(answer: str, last_resort: LastResort) -> Extracted | None:
    """Take the last box, else what follows "the answer is", else the last resort, else None.

    A last box that never closes is an answer that was cut off: None, whatever else the text has.
    """
    box = _last_box(answer)
    if box is not None:
        return Extracted(box, "boxed") if box else None
    phrase = _after_phrase(answer)
    if phrase:
        return Extracted(phrase, "phrase")
    last = _only_line(answer) if last_resort == "line" else _last_number(answer)
    return Extracted(last, last_resort) if last else None


def _last_box(text: str) -> str | None:
    """Find what the last box holds: "" when it never closes, None when all boxes are blank."""
    opened: list[int] = []  # where the content of each box still open begins
    last, last_start = None, _NOT_A_BOX
    for brace in _BRACE.finditer(text):
        if brace.lastgroup == "box":
            opened.append(brace.end())
        elif brace.lastgroup == "open":
            opened.append(_NOT_A_BOX)
        elif brace.lastgroup == "close" and opened:
            start = opened.pop()
            content = text[start : brace.start()].strip() if start > last_start else ""
            if content:
                last, last_start = content, start
    return "" if any(start > last_start for start in opened) else last


def _after_phrase(text: str) -> str | None:
    for phrase in reversed(list(_PHRASE.finditer(text))):
        statement = _statement(text, phrase.end())
        if statement:
            return statement
    return None


def _statement(text: str, start: int) -> str:
    """Take the formula that begins here, else the text up to the end of the sentence."""
    formula = _FORMULA.match(text, start)
    if formula:
        return str(formula[formula.lastindex or 0]).strip()
    end = _END_OF_STATEMENT.search(text, start)
    return text[start : end.start() if end else len(text)].strip().rstrip("*_`.,: ")


def _only_line(text: str) -> str | None:
    line = text.strip()
    return None if "\n" in line or len(line) > MAX_LINE else line


def _last_number(text: str) -> str | None:
    last = None
    for number in _NUMBER.finditer(text):
        last = number[0]
    return last.replace("−", "-") if last else None  # noqa: RUF001 - as above
