"""Answers that are no formula: words, numbers with a base or spelled out, letters of options."""

import re

from costbench.graders.notation import bare

_WORDS = re.compile(
    r"\\(?:text(?:bf|it|rm|normal)?|mbox|mathrm|mathbf|mathit|operatorname)\s?\{([^{}]*)\}"
)
_WORDS_ONLY = re.compile(r"(?=.*[^\W\d_]{3})[\w ,.'’&-]+")  # noqa: RUF001 - the other apostrophe
_ARTICLE = re.compile(r"(?:an?|the) ")
_SYNONYMS = {
    "no solutions": "no solution",
    "no real solution": "no solution",
    "no real solutions": "no solution",
    "empty set": "no solution",
    r"\emptyset": "no solution",
    r"\varnothing": "no solution",
    "∅": "no solution",
    "infinity": r"\infty",
    "+∞": r"\infty",
}

_BASED = re.compile(r"\(?([0-9A-Z]{1,60})\)?_\{?(?:\\text\s?\{)?([0-9]{1,2}|[a-z]{3,8})\}?\}?")
_LARGEST_BASE = 36

_SMALL = [
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
    ),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBERS = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
    **{
        f"{ten} {one}": 10 * tens + ones
        for tens, ten in enumerate(_TENS, start=2)
        for ones, one in enumerate(_SMALL[:10])
        if ones
    },
}
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_LETTER = re.compile(r"\(?([A-Z])\)?\.?")
_LETTERED = re.compile(r"(?:\(([A-Z])\)|([A-Z])[).:])\s?\S.*")


def words(text: str) -> str | None:
    r"""An answer in words (\text{June 20}, Evelyn), without wrapping, article, case; None for formulas."""
    line = unwrapped(text).strip(" .,").casefold()
    line = _SYNONYMS.get(line, line)
    if line in _SYNONYMS.values():
        return line
    return _ARTICLE.sub("", line, count=1) if _WORDS_ONLY.fullmatch(line) else None


def in_base(text: str) -> tuple[str, int, int | None] | None:
    """Digits, base and value of a number such as 204_5; to Math-Verify all of its bases are equal."""
    found = _BASED.fullmatch(bare(text))
    if not found:
        return None
    digits, named = found[1], found[2]
    base = int(named) if named.isdigit() else _NUMBERS.get(named, 0)
    try:
        return digits, base, int(digits, base) if 1 < base <= _LARGEST_BASE else None
    except ValueError:
        return digits, base, None


def spelled_out(text: str) -> str | None:
    """The digits of a number in words: twelve, forty-two, one million."""
    line = unwrapped(text).strip(" .").casefold().replace("-", " ")
    number, _, scale = line.rpartition(" ")
    if scale in _SCALES and number in _NUMBERS:
        return str(_NUMBERS[number] * _SCALES[scale])
    return str(_NUMBERS[line]) if line in _NUMBERS else None


def letter_before_text(answer: str, reference: str) -> bool:
    """Whether the reference is the letter of an option, and the answer this letter with the option's text."""
    wanted = _LETTER.fullmatch(unwrapped(reference))
    found = _LETTERED.fullmatch(unwrapped(answer))
    return bool(wanted and found and wanted[1] == (found[1] or found[2]))


def unwrapped(text: str) -> str:
    """One line without commands for words, dollars and markup."""
    line = _WORDS.sub(r"\1", " ".join(text.split())).replace("\\ ", " ")
    line = re.sub(r"[$*`]|\\[()]", "", line)
    return " ".join(line.split())
