"""Each rule by which an answer is respelled for Math-Verify; what the verdicts are is in tests/cases."""

import pytest

from costbench.graders.notation import (
    as_latex,
    ends_in_a_letter,
    inequalities,
    of_the_day,
    plus_and_minus,
    without_percent,
)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("2π", r"2\pi"),
        ("√2", r"\sqrt{2}"),
        ("√(x+1)", r"\sqrt{x+1}"),
        ("−5", "-5"),  # noqa: RUF001 - a real minus sign
        ("x²", "x^{2}"),
        ("**13**", "13"),
        ("`13`", "13"),
        ("$x = 13$", "x = 13"),
        (r"\(13\)", "13"),
        ("13.", "13"),
        (r"\approx 13", "13"),
        ("about 13", "13"),
        ("€13", "13"),
        ("13 EUR", "13"),
        (r"3 \pmod{7}", "3"),
        ("1 000 000", "1000000"),
        (r"1\,234", "1234"),
        (r"1{,}234", "1234"),
        (r"2{,}5", "2.5"),
        ("4 4/9", r"4\frac{4}{9}"),
        ("4 9/4", "4 9/4"),
        ("6.02e23", r"6.02 \times 10^{23}"),
        ("1e999999999", "1e999999999"),
        ("2^10", "2^{10}"),
        (r"0.\overline{36}", r"\frac{4}{11}"),
        ("0.333...", r"\frac{1}{3}"),
        ("0.1666...", r"\frac{1}{6}"),
        ("3.14...", "3.14..."),
        ("sin(x)", r"\sin (x)"),
        ("3 million", r"3 \times 1000000"),
        ("2 dozen", r"2 \times 12"),
        ("2 > x > 1", "1<x<2"),
        ("18 dollars per day", r"18\text{ dollars per day}"),
        ("5 km/h", r"5\text{ km/h}"),
        ("5 cm^2", r"5\text{ cm2}"),
        ("15 (minutes)", r"15\text{ minutes}"),
        ("10 a.m.", "10"),
        ("all real numbers", r"(-\infty, \infty)"),
        ("5m", "5m"),
        ("x + 1", "x + 1"),
        ("2 sin theta", r"2 \sin  \theta "),
        ("x¹⁰", "x^{10}"),
        ("x⁻¹ + a₁₂", "x^{-1} + a_{12}"),
        ("（１，２）", "(1,2)"),  # noqa: RUF001 - full-width
        ("1⁄2", "1/2"),  # noqa: RUF001 - the sign of fractions
        ("∛2", r"\sqrt[3]{2}"),
        (r"4\sqrt(2)", r"4\sqrt{2}"),
        ("1 + sqrt(2)", r"1 + \sqrt{2}"),
        (r"\color{red}{42}", "{42}"),
        (r"\underline{42}", "{42}"),
        (r"\bf 42", "42"),
        (r"42 \checkmark", "42"),
        ("42\\\\", "42"),
        ("=42", "42"),
        (r"\text{42 apples}", r"42\text{ apples}"),
        (r"\text{A, B}", "A, B"),
        ("The answer is 42", "42"),
        (r"\text{Answer: } 42", "42"),
        (r"\textbf{(C)}\ 42", "42"),
        ("C) 42", "42"),
        ("(N)(N+1)", "(N)(N+1)"),
        (r"\langle 1, 2 \rangle", "( 1, 2 )"),
        (r"\mathrm{e}^{2\mathrm{i}}", "e^{2i}"),
        (r"3\text{:}30", "3:30"),
        (r"\frac\pi 2", r"\frac{\pi}{2}"),
        ("6 x 10^5", r"6 \times 10^5"),
        (r"\sin(30^\circ)", r"\sin(\frac{30\pi}{180})"),
        ("30°", r"30^\circ"),
        ("3 = x", "x = 3"),
        (r"\{x : x > 1\}", "x > 1"),
        (r"12 \frac{\text{m}}{\text{s}}", "12"),
        (r"2 \text{ hours and } 30 \text{ minutes}", r"2 , 30 \text{ minutes}"),
    ],
)
def test_respelled(text: str, latex: str) -> None:
    assert " ".join(as_latex(text).split()) == " ".join(latex.split())


def test_the_last_letter_of_a_formula_is_no_unit() -> None:
    texts = ("2ab", "3t", "x + c", "5 m", "5 cm", "2x", "90", "C")
    assert [one for one in texts if ends_in_a_letter(one)] == ["2ab", "3t", "x + c"]
    assert as_latex("2ab", letters=True) == "2(a)b"


def test_times_percents_and_inequalities() -> None:
    assert of_the_day("10 a.m.") == of_the_day(r"10\text{ AM}") == ("10", "a")
    assert of_the_day("10") is None
    assert without_percent(r"33\%") == without_percent("33 percent") == "33"
    assert without_percent("33") is None
    assert inequalities("x < 2 or x > 3") == ("or", ["x < 2", "x > 3"])
    assert inequalities(r"x > 2 \text{ and } x \le 3") == ("and", ["x > 2", r"x \le 3"])
    assert inequalities("2 or 3") is None


def test_one_sign_for_both_is_expanded() -> None:
    assert plus_and_minus(r"\frac{1 \pm x}{2}") == r"\frac{1 + x}{2}, \frac{1 - x}{2}"
    assert plus_and_minus(r"x = 3 \mp 1") == "3 + 1, 3 - 1"
    assert plus_and_minus(r"1, \pm 2") == r"1, \pm 2"
    assert plus_and_minus(r"1 \pm 2 \pm 3") == r"1 \pm 2 \pm 3"
