"""The variants that ship: made by the bundled recipes as they stand, and with cards that runs can read."""

import re
from pathlib import Path

import pytest
from safetensors import safe_open

from costbench.training import read_training
from trainers.made import recipe_sha256
from trainers.recipe import bundled_recipes, load_recipe

EMBEDDED = Path(__file__).parent.parent / "costbench" / "embedded"
VARIANTS = sorted(path.name for path in EMBEDDED.iterdir() if path.name != "abacus-base")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_an_ordinary_folder_with_a_picture_and_no_pickle(name: str) -> None:
    files = {path.name for path in (EMBEDDED / name).iterdir()}
    same = {"config.json", "generation_config.json", "model.safetensors", "chat_template.jinja"}
    cards = {"README.md", "training.json", "curves.png"}
    assert files == same | cards | {"tokenizer.json", "tokenizer_config.json"}
    assert sum(path.stat().st_size for path in (EMBEDDED / name).iterdir()) <= 4e6
    with safe_open(EMBEDDED / name / "model.safetensors", framework="pt") as weights:
        assert {weights.get_slice(key).get_dtype() for key in weights.keys()} == {"BF16"}  # noqa: SIM118


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_was_made_by_the_bundled_recipe_of_its_name_as_it_stands(name: str) -> None:
    facts = read_training(f"embedded:{name}")
    assert facts is not None
    recipe = load_recipe(bundled_recipes()[name])
    assert facts.recipe == name
    assert facts.recipe_sha256 == recipe_sha256(recipe)
    assert facts.energy.joules is not None
    assert facts.energy.provenance != "unavailable"


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_reads_and_writes_the_tokens_of_its_base(name: str) -> None:
    for file in ("tokenizer.json", "chat_template.jinja"):
        assert (EMBEDDED / name / file).read_text() == (EMBEDDED / "abacus-base" / file).read_text()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_card_of_a_variant_says_what_it_is_and_what_it_took(name: str) -> None:
    card = (EMBEDDED / name / "README.md").read_text()
    assert "not evidence about large models" in card.replace("**", "")
    assert "co2_eq_emissions" in card
    assert f"costbench train {name}" in card
    assert "curves.png" in card


def test_the_readme_has_the_figures_of_the_cards() -> None:
    table = (EMBEDDED.parent.parent / "README.md").read_text().split("## Train a variant")[1]
    rows = re.findall(r"\| (abacus-\S+) \|[^|]*\| ([\d.]+) \| (\d+) \| ([\d.]*)", table)
    assert {name for name, *_ in rows} >= set(VARIANTS) & {"abacus-alpha-0", "abacus-alpha-0.2"}
    for name, accuracy, tokens, minutes in rows:
        card = (EMBEDDED / "abacus-alpha-0.2" / "README.md").read_text()
        if name in VARIANTS:
            card = (EMBEDDED / name / "README.md").read_text()
            assert f": {minutes} minutes on" in card
        shown = rf"\| {re.escape(name)} \| unconstrained \| 0?{re.escape(accuracy)} \| {tokens} \|"
        assert re.search(shown, card)
