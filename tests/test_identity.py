from costbench.identity import dataset_sha256, parts_of_model, prompt_sha256
from costbench.types import Model, Problem

ONE = Problem(id="p", question="Which?", prompt="Which? A B", answer="A")


def changed(**fields: object) -> list[Problem]:
    return [ONE.model_copy(update=fields)]


def test_what_is_asked_and_what_is_right_make_another_dataset() -> None:
    same = dataset_sha256([ONE])
    for fields in ({"id": "q"}, {"question": "What?"}, {"answer": "B"}, {"options": 3}):
        assert dataset_sha256(changed(**fields)) != same, fields
    assert dataset_sha256(changed(options=3)) != dataset_sha256(changed(options=4))
    assert dataset_sha256(changed(prompt="Which?", subject="logic", level=2)) == same


def test_token_ids_are_what_is_asked_and_without_them_hashes_are_as_they_were() -> None:
    loads = [dataset_sha256(changed(prompt_ids=ids)) for ids in ((1, 2), (2, 1), None)]
    assert len(set(loads)) == len(loads)
    # As stored by runs so far: compare pairs by it.
    assert (
        dataset_sha256([ONE]) == "a52ee12ba98e622f136bb993ae8b5c63a6da5bc01bf6e3aa330b213994158430"
    )
    assert (
        dataset_sha256(changed(options=3, output_tokens=9))
        == "05b212e3ea002d0ba2d5165e67e3015c4257dd39582dfca2eec6a9a63a3ed5a3"
    )


def test_other_words_make_another_prompt() -> None:
    assert prompt_sha256(changed(prompt="Which?")) != prompt_sha256([ONE])


def test_a_model_that_does_not_think_is_measured_otherwise_and_how_it_is_graded_is_no_part() -> (
    None
):
    model = Model(name="m", path="embedded:abacus-base")
    parts = parts_of_model("g/m", model)
    assert parts_of_model("g/m", model.model_copy(update={"thinks": False})) != parts
    assert parts_of_model("g/m", model.model_copy(update={"unclosed": "graded"})) == parts
