"""Text from outside (names, questions, responses, errors) made safe to show."""

import unicodedata

_UNSEEN_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_UNSEEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Drawn as nothing although Unicode counts them as letters or marks."""
_UNSEEN_RANGES = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def clean(text: str, *, keep: str = "") -> str:
    """What cannot be seen (escape codes, marks of direction) becomes a visible escape, but for `keep`."""
    return "".join(
        _escaped(char) if _is_unseen(char) and char not in keep else char for char in text
    )


def csv_safe(cell: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe; numbers stay as they are."""
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) and not _is_number(cell):
        return "'" + cell
    return cell


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdecimal() and text[:1] in "+-" and text.isascii()


def _is_unseen(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    if unicodedata.category(char) in _UNSEEN_CATEGORIES or char in _UNSEEN_LETTERS:
        return True
    return any(first <= ord(char) <= last for first, last in _UNSEEN_RANGES)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
