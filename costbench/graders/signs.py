"""Signs of Unicode as LaTeX has them."""

import re

_FULL_WIDTH = {chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)}
_SIGNS = str.maketrans(
    _FULL_WIDTH
    | {
        "−": "-",  # noqa: RUF001 - models write the real minus sign too
        "–": "-",  # noqa: RUF001 - and the dash
        "×": r"\times ",  # noqa: RUF001 - and the real sign of multiplication
        "·": r"\cdot ",
        "⋅": r"\cdot ",
        "÷": r"\div ",
        "π": r"\pi ",
        "θ": r"\theta ",
        "α": r"\alpha ",  # noqa: RUF001 - Greek
        "β": r"\beta ",
        "λ": r"\lambda ",
        "φ": r"\phi ",
        "∞": r"\infty ",
        "∪": r"\cup ",  # noqa: RUF001 - the sign
        "∩": r"\cap ",
        "∅": r"\emptyset ",
        "∈": r"\in ",
        "ℝ": r"\mathbb{R}",  # noqa: RUF001 - the sign
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "≈": r"\approx ",
        "±": r"\pm ",
        "⟨": "(",
        "⟩": ")",
        "°": r"^\circ ",
        "…": "...",
        "½": r"\frac{1}{2}",
        "⅓": r"\frac{1}{3}",
        "⅔": r"\frac{2}{3}",
        "¼": r"\frac{1}{4}",
        "¾": r"\frac{3}{4}",
        "⅕": r"\frac{1}{5}",
        "⅙": r"\frac{1}{6}",
        "⅛": r"\frac{1}{8}",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "⁄": "/",  # noqa: RUF001 - of fractions
        "~": " ",
    }
)
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "₀₁₂₃₄₅₆₇₈₉₊₋ₙ"
_SMALL = str.maketrans(_RAISED + _LOWERED, 2 * "0123456789+-n")
_SCRIPTS = re.compile(f"(?P<up>[{_RAISED}]+)|[{_LOWERED}]+")


def in_tex(text: str) -> str:
    """A text with commands for its mathematical signs, and ^{2} for ²; full-width signs become usual ones."""
    return _SCRIPTS.sub(_script, text.translate(_SIGNS))


def _script(found: re.Match[str]) -> str:
    return f"{'^' if found['up'] else '_'}{{{found[0].translate(_SMALL)}}}"
