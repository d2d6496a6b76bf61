r"""How answers are respelled before Math-Verify reads them: only what it cannot read, or reads wrongly.

It takes LaTeX. What models write besides (Unicode signs, "sin(x)", "4 4/9", "5 km/h", "3 million", "6e23")
becomes LaTeX here, in the reference and in the answer alike. A rule that changes what a text means to it says
so. All of them are for texts of at most `math.MAX_LENGTH` characters.
"""

import re
from fractions import Fraction

from costbench.graders.signs import in_tex

_ROOT = re.compile(
    r"(?P<sign>[√∛]|(?<![A-Za-z])\\?sqrt(?=\s?\())\s?(?:\(([^()]*)\)|\{([^{}]*)\}|([0-9.]+|[A-Za-z]))"
)
_STYLE = re.compile(
    r"\\(?:displaystyle|textstyle|bf|rm|it|underline|(?:text)?color\s?\{\w{1,20}\})(?![A-Za-z])\s?"
)
_JOINTS = re.compile(r"\\(?:mathrm|mbox|textrm|textnormal) ?\{ ?(and|or) ?\}")
_HALF_PI = re.compile(r"(\\[dt]?frac) ?(\\pi) ?([0-9])")
_PLAIN = (
    (r"\langle", "("),
    (r"\rangle", ")"),
    (r"\mathrm{e}", "e"),
    (r"\mathrm{i}", "i"),
    (r"\text{:}", ":"),
    ("{:}", ":"),
    (r"\!:\!", ":"),
)

_MARKUP = re.compile(r"(\*\*|__|`)(?P<inside>.+)\1")
_FORMULA = re.compile(r"(?:\$\$?|\\\(|\\\[)(?P<inside>[^$]+?)(?:\$\$?|\\\)|\\\])")
_END = re.compile(r"(?:(?<![\\.,;:])[.,;:]|\\\\|\\(?:checkmark|blacksquare|square|qed)|[✓✔✅])$")
_SAID = re.compile(
    r"(?:\\text\s?\{)?(?:the )?(?:final |correct )?answer(?: is:?|:| =) ?\}? ?(?=\S)", re.IGNORECASE
)
_LETTERED = re.compile(
    r"(?:\\(?:text|mathrm|mathbf)(?:bf|rm)?\s?\{ ?\(?[A-J]\) ?\}|\(?[A-J]\)(?=[\\ :.]))"
    r"(?:\\[,;: ]|\\q?quad|[ :.])*(?=[^ }])"
)
"""The letter of an option before its text."""
_IN_WORDS = re.compile(
    r"\\(?:text(?:bf|it|rm)?|mathrm|mbox)\s?\{\s?(?P<inside>[0-9][^{}]*|[A-Z](?:, ?[A-Z])+)\}"
)
_ABOUT = re.compile(
    r"(?:=|\\approx|\\sim|(?:approximately|about|roughly|exactly)\b)\s*", re.IGNORECASE
)
_CURRENCY = re.compile(
    r"(?:[€£¥₹₩₽]|(?:USD|EUR|GBP)(?![A-Za-z]))\s*(?=[-0-9.])|(?<=[0-9])\s*(?:[€£¥₹₩₽¢]|USD|EUR|GBP)$"
)
_MOD = re.compile(r"\s*(?:\\pmod\s*(?:\{[^{}]*\}|[0-9])|\(mod\s[^()]*\)|\\bmod\s?[0-9]+)$")

_SPACED = re.compile(r"([-+]?[0-9]{1,3}(?:(?: |\\ |\\;|\\:)[0-9]{3})+(?:\.[0-9]+)?)(?P<unit>\D.*)?")
_SPACE = re.compile(r"\\[ ;:]| ")
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\\,|,?\\!|\{,\})(?=[0-9]{3}(?![0-9]))")
_DECIMAL_COMMA = re.compile(r"(?<=[0-9])\{,\}(?=[0-9])")
_MIXED = re.compile(r"(?<![0-9./^])([0-9]+)\s([0-9]+)\s?/\s?([0-9]+)(?![0-9./^])")
_SCIENTIFIC = re.compile(r"(?<![A-Za-z\\])([0-9]+(?:\.[0-9]+)?)[eE]([-+]?[0-9]{1,4})(?![\w.])")
_TIMES_TEN = re.compile(r"(?<=[0-9])\s?[x*]\s?(?=10\s?\^)")
_EXPONENT = re.compile(r"\^(-?[0-9]{2,})(?![0-9.])")
_OVERLINE = re.compile(
    r"(?<![0-9.])([0-9]*)\.([0-9]{0,30})\\(?:overline|bar|dot|overbar)\s?(?:\{([0-9]{1,30})\}|([0-9]))"
)
_IN_PARENTHESES = re.compile(r"(?<![0-9.])([0-9]+)\.()\(([0-9]{1,30})\)(?![0-9])")
_REPEATED = re.compile(
    r"(?<![0-9.])([0-9]*)\.([0-9]{0,9}?)(?:([0-9])\3{2,}|([0-9]{2,6})\4+)"
    r"(?:\.\.\.|\\l?dots|\\cdots)"
)

_FUNCTION = re.compile(
    r"(?<![\\A-Za-z{])(arcsin|arccos|arctan|sin|cos|tan|sec|csc|cot|ln|log|pi|theta|alpha|beta|infinity|infty)"
    r"(?![A-Za-z}])"
)
_FALLING = re.compile(
    r"([^<>=]+?)\s*(>|\\gt|\\geq?|>=)\s*([^<>=]+?)\s*(>|\\gt|\\geq?|>=)\s*([^<>=]+)"
)
_BACKWARDS = re.compile(r"(-?[0-9][0-9.]*) ?= ?([a-z])")
_SET_OF = re.compile(
    r"(?:\\left)?\\?\{ ?[a-z] ?(?:\\(?:mid|vert)|:|\|) ?(?P<condition>.+?)(?:\\right)?\\?\}"
)
_DEGREES = re.compile(
    r"(\\(?:sin|cos|tan|cot|sec|csc)(?:\^\{?2\}?)? ?(?:\\left)?[({]? ?)([0-9.]+) ?\^ ?\{? ?\\circ ?\}?"
)
_RATE = re.compile(
    r"\\[dt]?frac ?\{ ?\\(?:text|mathrm)\{[^{}]*\} ?\}\{ ?\\(?:text|mathrm)\{[^{}]*\} ?\}$"
)
_UNIT_AND = re.compile(r"\\text ?\{ ?[a-z]+ (?:and|or) ?\}(?= ?[0-9])")
_RISING = {">": "<", r"\gt": "<"}

_SCALES = {
    "hundred": "00",
    "thousand": "000",
    "million": "000000",
    "billion": "000000000",
    "trillion": "000000000000",
}
_SCALED = re.compile(
    rf"(?P<number>-?\\?\$?[0-9][0-9.,]*)\s*(?:\\text\{{)?\s*(?P<scale>{'|'.join(_SCALES)}|dozen)\b"
    r"[^0-9{}]*\}?"
)

_NO_UNIT = (
    r"percent|dozen|hundred|thousand|[mb]illion|half|halves|thirds?"
    r"|sin|cos|tan|log|exp|sqrt|alpha|beta|gamma|theta|phi|and|mod"
)
_UNIT = (
    r"(?:(?:sq|cu)\.? ?)?(?:cm|mm|km|m|ft|in|yd|mi|kg|mg|g|lbs?|oz|ml|mL|L|s|ms|sec|min|hrs?|h|mph|Hz|kHz"
    r"|J|kJ|N|W|kW|V|A|[a-z]{3,})"
)
_QUANTITY = re.compile(
    rf"(\S*[0-9}}]) (?!(?:{_NO_UNIT})\b)((?:[A-Za-z]{{3,}}|of [A-Za-z]+)(?: [A-Za-z]+)*)"
    rf"|(\S*[0-9]) \(((?!(?:{_NO_UNIT})\b)[A-Za-z]{{3,}}(?: [A-Za-z]+)*)\)"
    rf"|([-+]?[0-9.,]+) ?((?:{_UNIT} ?/ ?{_UNIT}|{_UNIT})(?: ?\^\{{?[23]\}}?)?\.?)"
)
"""A number and its unit; a word that changes the value is none, nor is a single letter: "5 m" may be 5m."""
_SINGLE = re.compile(r"[A-Za-z]")

_LAST_LETTERS = re.compile(r"(?<=[0-9})+\-*/= ])([A-Za-z])([A-Za-z]?)$")
_READ_AS_UNITS = re.compile("[othclsgmd]|ab|bc|by|st|th|rs|am|pm|cc|mp|mt|rd|lt|[hctmd]s")
_GLUED_UNITS = {"ms", "st", "rd", "th", "am", "pm"}
_MERIDIEM = re.compile(r"([0-9: .]+?)[ ~]?(?:\\text\{)?[ ~]?([ap])\.? ?m\.?\}?", re.IGNORECASE)
_INEQUALITY = re.compile(r"[<>≤≥]|\\(?:[lg]eq?|[lg]t)(?![a-z])")
_PLUS_MINUS = re.compile(r"\\[pm][pm](?![A-Za-z])")
_LABEL = re.compile(r"^[A-Za-z] ?= ?")
_ALL_NUMBERS = re.compile(r"(?:\\text\s?\{)?\s*all real numbers\s*\}?", re.IGNORECASE)


def as_latex(text: str, *, letters: bool = False) -> str:
    r"""An answer as Math-Verify should read it; with `letters`, a letter at the end is no unit.

    Words after a number become \text, so that its own rule for units applies.
    """
    line = bare(text)
    if _ALL_NUMBERS.fullmatch(line):
        return r"(-\infty, \infty)"
    time = _MERIDIEM.fullmatch(line)
    line = time[1].strip() if time else line
    line = _numbers(line)
    line = _scaled(_MOD.sub("", line))
    if r"\text" not in line:
        line = _FUNCTION.sub(lambda word: "\\" + word[0].replace("infinity", "infty") + " ", line)
    line = _relation(line.replace(r"\varnothing", r"\emptyset"))
    if letters:
        # To Math-Verify "2ab" and "3t" are 2 and 3 with units; what begins with a parenthesis is none.
        line = _LAST_LETTERS.sub(r"(\1)\2", line)
    return _with_unit(line)


def ends_in_a_letter(reference: str) -> bool:
    """Whether a reference such as 2ab or x + c would lose its last letter as a unit."""
    line = bare(reference)
    last = _LAST_LETTERS.search(line)
    if not last or re.fullmatch(r"[-+0-9.,/]+ [A-Za-z]+", line):
        return False
    return bool(_READ_AS_UNITS.fullmatch(last[0])) and last[0] not in _GLUED_UNITS


def of_the_day(text: str) -> tuple[str, str] | None:
    """A time and "a" or "p", from "10 a.m." or "2:30 PM"."""
    found = _MERIDIEM.fullmatch(bare(text))
    return (found[1].strip(), found[2].lower()) if found else None


def without_percent(text: str) -> str | None:
    r"""What stands before a percent sign at the end (\%, percent); None where there is none."""
    line = bare(text)
    found = re.fullmatch(
        r"(.*[0-9}])\s?(?:\\ |\\,|\$)*(?:\\?%|\\text\{\s?(?:percent|\\?%)\s?\}|(?:percent|pct)\b)\$?",
        line,
    )
    return found[1] if found else None


def inequalities(text: str) -> tuple[str, list[str]] | None:
    r"""The parts of "x < 2 or x > 3" with what joins them, where each is an inequality."""
    for joint, sign in (("or", "lor|vee"), ("and", "land|wedge")):
        parts = re.split(rf"\s*(?:\\text\s?\{{\s?{joint}\s?\}}|\\(?:{sign})|\b{joint}\b)\s*", text)
        if len(parts) > 1 and all(_INEQUALITY.search(part) for part in parts):
            return joint, parts
    return None


def plus_and_minus(latex: str) -> str:
    r"""Both values of a formula with one \pm, with a comma between; Math-Verify reads it in a sum only."""
    if len(_PLUS_MINUS.findall(latex)) != 1 or "," in latex:
        return latex
    both = _LABEL.sub("", latex)
    return f"{_PLUS_MINUS.sub('+', both)}, {_PLUS_MINUS.sub('-', both)}"


def bare(text: str) -> str:
    """One line of LaTeX without markup, delimiters of formulas, "the answer is", "about", a full stop."""
    line = _STYLE.sub("", " ".join(in_tex(text).split()))
    line = _ROOT.sub(_root, line)
    line = _HALF_PI.sub(r"\1{\2}{\3}", _JOINTS.sub(r"\\text{ \1 }", line))
    for command, plain in _PLAIN:
        line = line.replace(command, plain)
    for _ in range(3):
        line = _END.sub("", line).strip()
        for wrapping in (_MARKUP, _FORMULA, _IN_WORDS):
            found = wrapping.fullmatch(line)
            line = found["inside"].strip() if found else line
        for opening in (_ABOUT, _SAID, _LETTERED):
            line = opening.sub("", line, count=1) if opening.match(line) else line
    return _CURRENCY.sub("", line)


def _root(found: re.Match[str]) -> str:
    inside = found[2] or found[3] or found[4]
    return rf"\sqrt{'[3]' if found['sign'] == '∛' else ''}{{{inside}}}"


def _numbers(line: str) -> str:
    r"""Separators, mixed numbers, exponents, repeating decimals ("1\,234" is 1 + 234 to Math-Verify)."""
    spaced = _SPACED.fullmatch(line)
    if spaced:
        line = _SPACE.sub("", spaced[1]) + (spaced["unit"] or "")
    line = _DECIMAL_COMMA.sub(".", _THOUSANDS.sub("", line))
    for repeating in (_OVERLINE, _REPEATED, _IN_PARENTHESES):
        line = repeating.sub(_fraction, line)
    line = _MIXED.sub(_mixed, line)
    line = _TIMES_TEN.sub(r" \\times ", line)
    line = _DEGREES.sub(r"\1\\frac{\2\\pi}{180}", line)
    line = _SCIENTIFIC.sub(r"\1 \\times 10^{\2}", line)
    # In TeX 2^10 is 2 to the 1st, times 0; nobody means that.
    return _EXPONENT.sub(r"^{\1}", line)


def _mixed(found: re.Match[str]) -> str:
    whole, top, bottom = found.groups()
    proper = int(top[:19]) < int(bottom[:19])
    return rf"{whole}\frac{{{top}}}{{{bottom}}}" if proper else found[0]


def _fraction(found: re.Match[str]) -> str:
    whole, once, *again = found.groups()
    period = next(digits for digits in again if digits)
    first = Fraction(int(whole + once or "0"), 10 ** len(once))
    value = first + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(once))
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _scaled(line: str) -> str:
    """3 million as 3000000: by value, wherever the word stands."""
    found = _SCALED.fullmatch(line)
    if not found:
        return line
    number = found["number"].replace(",", "").replace("\\$", "").replace("$", "")
    factor = "12" if found["scale"] == "dozen" else "1" + _SCALES[found["scale"]]
    return rf"{number} \times {factor}"


def _relation(line: str) -> str:
    """2 > x > 1 as 1 < x < 2 (Math-Verify goes link by link), 3 = x as x = 3, {x : x > 1} as x > 1."""
    line = _BACKWARDS.sub(r"\2 = \1", line) if _BACKWARDS.fullmatch(line) else line
    members = _SET_OF.fullmatch(line)
    line = members["condition"] if members else line
    found = _FALLING.fullmatch(line)
    if not found:
        return line
    high, first, middle, second, low = found.groups()
    first, second = (_RISING.get(sign, r"\le ") for sign in (first, second))
    return f"{low}{second}{middle}{first}{high}"


def _with_unit(line: str) -> str:
    line = _UNIT_AND.sub(",", _RATE.sub("", line))
    found = _QUANTITY.fullmatch(line)
    if not found:
        return line
    number, unit = [part for part in found.groups() if part is not None]
    return line if _SINGLE.fullmatch(unit) else f"{number}\\text{{ {re.sub('[{}^]', '', unit)}}}"
