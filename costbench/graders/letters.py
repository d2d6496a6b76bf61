"""Which option a response chooses: a letter that stands for an option, never one that is a word ("A", "I").

Everything here is one pass over the text, or over a line of at most MAX_LINE characters: output is hostile.
"""

import re
from collections import deque
from functools import lru_cache
from typing import NamedTuple

from costbench.graders.extraction import find_boxes, last_of

MAX_LINE = 2_000
"""Characters of a line that are looked at."""
_MAX_BOX = 500
_MOST_ANNOUNCED = 100
"""Announcements that are looked at, from the end."""

_WRAPPING = re.compile(
    r"\\(?:text(?:bf|it|rm|normal|sf)?|mbox|mathrm|mathbf|mathsf|bf|rm|boldsymbol|operatorname|boxed|fbox)"
    r"\s?(?=\{)|\\[,;:! ]|[{}$*_`\"“”]|\\[()\[\]]"
)
_PHRASE = re.compile(
    r"(?:\b(?:answer|option|choice)(?:\s{1,3}(?:letter|choice|option))?"
    r"(?:\s{1,3}to\s{1,3}(?:the|this)\s{1,3}(?:question|problem))?[*_\"']{0,3}"
    r"(?:\s{0,9}[:=]|\s{1,9}[-\u2013\u2014](?=\s)|\s{1,9}(?:is|would\s{1,3}be|must\s{1,3}be|should\s{1,3}be|has\s{1,3}to\s{1,3}be)\b)"
    r"|\b(?:i|we|i'd|i'll|i\s{1,3}would|i\s{1,3}will|would)\s{1,3}(?:choose|pick|select|go\s{1,3}with)\b"
    r"|\brespuesta(?:\s{1,3}correcta)?\s{1,3}es\b|\br[ée]ponse(?:\s{1,3}correcte)?\s{1,3}est\b"
    r"|\bantwort(?:\s{1,3}ist\b|\s{0,3}:)|\bответ\s{0,3}:"  # noqa: RUF001 - Russian
    r"|答案(?:应该)?(?:是|为|选)?\s{0,3}[:：]?|[故应]选择?\s{0,3}[:：]?|选择|选(?=\s?[A-Z(]))"  # noqa: RUF001 - as they write it
    r"[ \t\n:*_`$]{0,20}",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"[\s:*_`$(\[{\"“]{0,20}(?:\\\(|\\\[)?"
    r"(?:for sure|definitely|clearly|likely|therefore|thus|again)?,?\s{0,3}"
    r"(?:(?:the\s{1,3})?(?:options?|choices?|letter|answer)\b[\s:]{0,3})?",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"['‘]([A-Za-z])['’]")  # noqa: RUF001 - quotes
_TAG = re.compile(r"</?answer>", re.IGNORECASE)
_AFTER_A_LETTER = re.compile(
    r"because|since|as|is|was|would|must|and|or|but|not|which|that|it|for|due|given|with|has|seems|being"
)


class Choice(NamedTuple):
    """The letters in the decisive place, and what place that is."""

    letters: tuple[str, ...]
    how: str


class _Patterns(NamedTuple):
    whole: re.Pattern[str]
    start: re.Pattern[str]
    also: re.Pattern[str]
    alone: re.Pattern[str]
    listed: re.Pattern[str]
    marked: re.Pattern[str]


def chosen(answer: str, options: int) -> Choice | None:
    """Find the letter in the last box, else where an answer is announced, else on its own line, else marked.

    None where no place has a letter of the first `options`; several letters where the place has several.
    """
    patterns = _patterns(options)
    boxes = find_boxes(answer)
    if boxes is None:
        return None
    if boxes:
        last = last_of(boxes, answer)
        letters = _of_box(last.text, patterns)
        if letters:
            return Choice(letters, last.how)
    return _announced(answer, patterns) or _of_lines(answer, patterns)


def letter_of(reference: str) -> str | None:
    """The letter of a reference such as "C", "(C)", "C) Paris" or "c"."""
    text = " ".join(_WRAPPING.sub(" ", reference).split())
    found = re.match(r"\(?([A-Za-z])(?:[).:\]]|\s|$)", text)
    return found[1].upper() if found else None


@lru_cache(maxsize=32)
def _patterns(options: int) -> _Patterns:
    last = chr(ord("A") + options - 1)
    upper, any_case = f"[A-{last}]", f"[A-{last}a-{last.lower()}]"
    end = r"(?![A-Za-z0-9_À-ӿ'’+^=#%]|-\w)"  # noqa: RUF001 - the other apostrophe
    decoration = (
        r"[\s>*_#$(\[{\"'`]{0,12}(?:\\[(\[])?(?:(?i:option|choice|answer)[\s:]{1,3})?[(\[*]{0,4}"
    )
    closing = r"[)\]*_`$}\"']{0,6}"
    stated = (
        r"(?:^|[.,:;!?]\s|\b(?i:so|thus|hence|therefore|then|that|but|and|think|believe|option|choice|answer|letter"
        r"|statement|clearly|only|means)\s)[(*]{0,3}"
    )
    return _Patterns(
        whole=re.compile(
            rf"\(?(?:(?i:option|choice|answer)[\s:]*)?\(?({any_case}){end}\s?[).:\],;]*\s*(?P<rest>.*)",
            re.DOTALL,
        ),
        start=re.compile(rf"({any_case}){end}"),
        also=re.compile(
            rf"{closing}\s{{0,3}}(?P<word>,\s?(?:and|or)\b|,|/|&|\band\b|\bor\b)"
            rf"[\s(\[*_`$]{{0,6}}(?:(?i:option)\s)?({upper}){end}(?P<close>[)\]*_`$}}]{{0,6}})"
        ),
        alone=re.compile(rf"{decoration}({any_case}){closing}\s?[.,:;!]?{closing}\s*"),
        listed=re.compile(
            rf"{decoration}(?:({upper})(?:{closing}[.):,;]|{closing}\s[-\u2013\u2014]\s|\s(?:because|since)\b)"
            rf"|({any_case})\)).*",
            re.DOTALL,
        ),
        marked=re.compile(
            rf"\(({upper})\)|\*\*\(?({upper})\)?[.):]?\*\*|\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s\(?({upper}){end}"
            rf"|{stated}({upper})[)*]{{0,3}}{end}\s(?:is|must be|seems)\s(?:the\s|most\s|likely\s)*"
            rf"(?:correct|right|best|true|answer)"
            rf"|\b[Oo]nly\s\(?({upper}){end}\)?\s(?:works|fits|is|remains|holds|satisfies)\b"
            rf"|(?:(?<=[a-z]{{2}})[:,]|=>|[→⇒]|\b(?i:so|thus|hence|therefore|leaves|leaves us with),?)"
            rf"\s[(*]{{0,3}}({upper}){end}(?=[)*]{{0,3}}\s?[.!]?[)*]{{0,3}}\s*$)"
            rf"|\b(?:[Ii]t'?s|[Ii]t\sis|is|be|choose|chose|pick|select|with|answer)\s({upper}){end}(?=\s?[.!]?\s*$)"
            rf"|####\s?\(?({upper}){end}"
        ),
    )


def _of_box(inside: str, patterns: _Patterns) -> tuple[str, ...]:
    text = " ".join(_WRAPPING.sub(" ", inside[:_MAX_BOX]).split())
    found = patterns.whole.fullmatch(text)
    if not found:
        return ()
    letter, rest = found[1], found["rest"]
    if not rest:
        return (letter.upper(),)
    several = _with_others(text, found.start(1), patterns, whole=True)
    if len(several) > 1:
        return several
    bare = text[found.end(1) : found.end(1) + 1].isspace()
    if letter.islower() or (bare and letter in "AI"):
        return () if bare else (letter.upper(),)
    return (letter,)


def _announced(text: str, patterns: _Patterns) -> Choice | None:
    """Look at what is announced last first; an announcement of something else is none."""
    for phrase in reversed(deque(_PHRASE.finditer(text), maxlen=_MOST_ANNOUNCED)):
        line = text[phrase.end() : phrase.end() + MAX_LINE].lstrip().partition("\n")[0]
        line = " ".join(_WRAPPING.sub(" ", _QUOTED.sub(r"\1", line)).split())
        lead = _LEAD.match(line)
        start = lead.end() if lead else 0
        letters = _stated(line, start, patterns) or _stated(line, 0, patterns)
        if letters:
            return Choice(letters, "phrase")
    return None


def _stated(line: str, start: int, patterns: _Patterns) -> tuple[str, ...]:
    found = patterns.start.match(line, start)
    if not found:
        return ()
    letter, after = found[1], line[found.end() :]
    ends = not after.strip() or after.lstrip()[0] in ").:,;!?]"
    if letter.islower():
        text_follows = after.startswith(")") or re.match(r"[.:](?:\s|$)", after)
        return (letter.upper(),) if not after.strip(" ).!]") or text_follows else ()
    if letter in "AI" and not ends and not _goes_on(after):
        return ()
    return _with_others(line, start, patterns)


def _goes_on(after: str) -> bool:
    """Whether a sentence goes on after an option: "A because ...", "A (12)", "A - the", but not "A dog"."""
    words = after.split(maxsplit=1)
    return bool(_AFTER_A_LETTER.fullmatch(words[0].strip(",.;"))) or not words[0][0].isalpha()


def _with_others(
    line: str, start: int, patterns: _Patterns, *, whole: bool = False
) -> tuple[str, ...]:
    """The letter here and those put beside it: "A or B", "A, C and D"; not "B, and C is wrong"."""
    letters, at = [line[start].upper()], start + 1
    while found := patterns.also.match(line, at):
        rest = line[found.end() :].lstrip()
        beside = (
            found["word"].strip(", ") == "or"
            or not rest
            or rest[0] in ".,;:!?/&)"
            or rest[:4] == "and "
        )
        if not beside and not whole:
            break
        letters.append(found[2])
        at = found.end(2)
    return tuple(dict.fromkeys(letters))


def _of_lines(text: str, patterns: _Patterns) -> Choice | None:
    """The last line that is a letter, else the only one that lines begin with, else the last line's marks."""
    parts = _TAG.sub("\n", text).splitlines()
    lines = [line[:MAX_LINE].strip() for line in parts if line.strip()]
    alone = next(
        (found for line in reversed(lines) if (found := patterns.alone.fullmatch(line))), None
    )
    if alone:
        return Choice((alone[1].upper(),), "line")
    if lines:
        marks = tuple(
            dict.fromkeys(
                next(group for group in mark.groups() if group)
                for mark in patterns.marked.finditer(lines[-1])
            )
        )
        listed = {
            _with_others(line, found.start(found.lastindex or 1), patterns)
            for line in lines
            if (found := patterns.listed.fullmatch(line))
        }
        if len(listed) == 1 and not (len(marks) == 1 and {marks} != listed):
            return Choice(listed.pop(), "line")
        if marks:
            return Choice(marks, "marked")
    return None
