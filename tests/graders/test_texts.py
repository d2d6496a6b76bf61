"""Answers that are words, numbers in words or in a base, letters of options."""

import pytest

from costbench.graders.texts import in_base, letter_before_text, spelled_out, words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r"\text{June 20}", "june 20"),
        ("June 20.", "june 20"),
        ("an ellipse", "ellipse"),
        ("No real solutions", "no solution"),
        (r"\emptyset", "no solution"),
        ("infinity", r"\infty"),
        ("2ab", None),
        ("x+1", None),
        ("5", None),
    ],
)
def test_words(text: str, said: str | None) -> None:
    assert words(text) == said


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("twelve", "12"),
        (r"\text{Forty-two}", "42"),
        ("twenty one.", "21"),
        ("one hundred", "100"),
        ("twelve thousand", "12000"),
        ("zero", "0"),
        ("hundred", None),
        ("one two", None),
        ("twelve apples", None),
        ("twentyone", None),
        ("twenty zero", None),
        ("none", None),
    ],
)
def test_numbers_in_words(text: str, digits: str | None) -> None:
    assert spelled_out(text) == digits


def test_numbers_in_a_base() -> None:
    assert in_base("204_5") == in_base("204_{5}") == in_base("(204)_5") == ("204", 5, 54)
    assert in_base(r"204_{\text{five}}") == ("204", 5, 54)
    assert in_base("209_5") == ("209", 5, None)
    assert in_base("204_{99}") == ("204", 99, None)
    assert in_base("204_{fish}") == ("204", 0, None)
    assert in_base("204") is None


def test_a_letter_with_the_text_of_its_option_is_the_letter() -> None:
    assert letter_before_text(r"\text{(B) } 12", r"\text{(B)}")
    assert letter_before_text("B. x = 42", "B")
    assert not letter_before_text("(C) 12", "B")
    assert not letter_before_text("(B) 12", "12")
    assert not letter_before_text("B", "B")
