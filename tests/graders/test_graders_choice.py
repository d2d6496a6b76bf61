import pytest
from pydantic import ValidationError

from costbench.graders.choice import ChoiceGrader
from costbench.graders.letters import letter_of
from costbench.interfaces import Grader, Normalizing
from costbench.types import Answered, Grade
from costbench.voting import elect


def grade(
    reference: str, answer: str, options: int | None = 5, assumed: int | None = None
) -> Grade:
    with ChoiceGrader(options=assumed).open() as grade_all:
        return grade_all([Answered(reference=reference, answer=answer, options=options)])[0]


def test_is_a_grader_whose_version_tells_its_options() -> None:
    assert isinstance(ChoiceGrader(), Grader)
    assert isinstance(ChoiceGrader(), Normalizing)
    assert ChoiceGrader().version == "choice-2"
    assert ChoiceGrader(options=7).version == "choice-2+7"
    with pytest.raises(ValidationError):
        ChoiceGrader(options=27)


@pytest.mark.parametrize("options", [3, 5, 7, 10, 26])
@pytest.mark.parametrize(
    "form",
    [
        r"\boxed{%s}", r"\boxed{\text{(%s)}}", "(%s)", "%s.", "Answer: %s", "**%s**", "The answer is %s.",
        "The correct option is %s because it is so.", "%s) a text of its own", "%s",
    ],
)  # fmt: skip
def test_every_letter_of_every_set_in_every_form(options: int, form: str) -> None:
    letters = [chr(ord("A") + at) for at in range(options)]
    found = [grade(letter, form % letter, options) for letter in letters]
    assert [one.correct for one in found] == [True] * options
    assert [one.extracted for one in found] == letters


def test_a_letter_past_the_last_option_is_none() -> None:
    assert grade("C", "The answer is D.", 3) == Grade(correct=False, reason="no_answer")
    assert grade("C", "The answer is D.", 4).extracted == "D"
    assert grade("D", "The answer is D.", 3).reason == "unparsed_reference"


def test_without_a_number_of_options_there_are_five_or_as_many_as_the_setting_says() -> None:
    assert grade("A", "Answer: E", None).extracted == "E"
    assert grade("A", "Answer: G", None).reason == "no_answer"
    assert grade("G", "Answer: G", None).correct is True
    assert grade("A", "Answer: G", None, assumed=7).extracted == "G"
    assert grade("A", "Answer: E", 4, assumed=7).reason == "no_answer"  # the dataset knows


@pytest.mark.parametrize(
    ("answer", "reason", "extracted"),
    [
        (r"\boxed{A} no, \boxed{B}", "boxed_of_several", "B"),
        ("The answer is A or B", "several_letters", "A, B"),
        (r"\boxed{A} or \boxed{B}", "several_letters", "A, B"),
        ("(A) and (B)", "several_letters", "A, B"),
        ("A common mistake", "no_answer", None),
        ("", "no_answer", None),
        ("So (B) it is.", "marked", "B"),
        ("thought\n\nB", "line", "B"),
    ],
)
def test_reasons(answer: str, reason: str, extracted: str | None) -> None:
    found = grade("B", answer)
    assert (found.reason, found.extracted) == (reason, extracted)
    assert found.correct is (extracted == "B")


PLACES = ("Paris", "Lyon, France", "A and B", "paris.", "~A")


@pytest.mark.parametrize(
    ("answer", "letter", "reason"),
    [
        ("The answer is Lyon, France.", "B", "option_text"),
        (r"\boxed{\text{Lyon, France}}", "B", "option_text"),
        ("**Answer:** lyon, france, which is a city.", None, "no_answer"),
        (r"\boxed{A and B}", "C", "option_text"),
        (r"\boxed{A and C}", "A, C", "several_letters"),
        ("The answer is Paris.", None, "no_answer"),  # there are two
        ("Paris", None, "no_answer"),
        ("Lyon, France", "B", "option_text"),
        (r"\boxed{~A}", "E", "option_text"),
        (r"\boxed{A}", "A", "boxed"),
        ("I have been to Lyon, France", None, "no_answer"),
    ],
)
def test_the_text_of_one_option_is_its_letter(answer: str, letter: str | None, reason: str) -> None:
    asked = Answered(reference="B", answer=answer, options=5, texts=PLACES)
    with ChoiceGrader().open() as grade_all:
        (found,) = grade_all([asked])
        (without,) = grade_all([asked.model_copy(update={"texts": ()})])
    assert (found.extracted, found.reason) == (letter, reason)
    assert without.reason != "option_text"


@pytest.mark.parametrize(
    ("reference", "letter"),
    [("C", "C"), ("(C)", "C"), ("c", "C"), (r"\text{(C)}", "C"), ("C) Paris", "C"), ("12", None)],
)
def test_references(reference: str, letter: str | None) -> None:
    assert letter_of(reference) == letter
    assert (grade(reference, "C").correct is True) is (letter == "C")


def test_the_letter_of_most_votes_wins_however_it_is_written() -> None:
    grader = ChoiceGrader()
    texts = [r"\boxed{D}", "The answer is (b).", "**B**", "D or so"]
    with grader.open() as grade_all:
        votes = [Answered(reference="B", answer=text, options=5) for text in texts]
        (found,) = elect(grader, grade_all, [votes])
    assert (found.extracted, found.correct) == ("B", True)
