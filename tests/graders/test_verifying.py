"""Where Math-Verify's verdict is not taken, and what it is given to read."""

import pytest

from costbench.graders.verifying import Pair, Verdict, verdict_on


@pytest.mark.parametrize(
    ("reference", "extracted", "verdict"),
    [
        ("5", r"\frac{}{}", "unparsed_answer"),
        ("t(0,4]", "5", "unparsed_reference"),
        ("5", "6.5", "different"),
        ("(-\\infty, 2)", r"x<2 \text{ or } x<1", "equal"),
        ("1<x<3", "x>1 and x<3", "equal"),
    ],
)
def test_verdicts(reference: str, extracted: str, verdict: Verdict) -> None:
    assert verdict_on(Pair(extracted, reference)) == verdict


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (r"\frac{1}{2^{99}}", "2^{-99}", True),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),
        (r"\frac{1}{2^{99}}", r"-\frac{1}{2^{99}}", False),
        (r"\sqrt{2} \cdot 10^{-9}", r"\sqrt{3} \cdot 10^{-9}", False),
        (r"\frac{1}{3}", "0.333333", True),
        ("0", r"\sqrt{2}-\sqrt{2}", True),
        ("2^{0.5}", r"\sqrt{2}", True),
        ("2^{0.1}", r"\sqrt[10]{2}", True),
        ("2^{0.1}", r"\sqrt[11]{2}", False),
        (r"\frac{10^{20}+1}{2}", r"\frac{10^{20}}{2}", False),
        ("2^{2024}-1", "2^{2024}-2", False),
        ("i^2", "-1", True),
        ("i^2", "1", False),
        (r"e^{i\pi}", "-1", True),
        ("(1+i)x", "x + ix", True),
        ("(1+i)x", "x - ix", False),
        ("(1+i)x", "y + iy", False),
        (r"\infty", r"-\infty", False),
        (r"\infty", "0", False),
    ],
)
def test_numbers_are_compared_by_value_in_both_orders(one: str, other: str, equal: bool) -> None:
    wanted = "equal" if equal else "different"
    assert (verdict_on(Pair(one, other)), verdict_on(Pair(other, one))) == (wanted, wanted)
