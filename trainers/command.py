"""`costbench train`: a recipe in, a model folder with its card out."""

import sys
from pathlib import Path

import click

from costbench.errors import TrainError
from trainers.recipe import load_recipe

_RECIPES = Path(__file__).parent / "recipes"


def train_recipe(recipe_path: Path, out: Path | None) -> None:
    """Train, write the folder, measure the result on held-back problems, write the card."""
    from trainers.card import write_card
    from trainers.supervised import Progress, train_supervised

    recipe = load_recipe(_find(recipe_path))
    folder = out or Path("models") / recipe.name
    shown = sys.stderr.isatty()

    def show(progress: Progress) -> None:
        line = (
            f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}  "
            f"{progress.tokens_per_second:,.0f} tok/s  {progress.remaining_s / 60:.0f} min left"
        )
        click.echo(f"\r{line}" if shown else line, nl=not shown, err=True)

    try:
        ledger = train_supervised(recipe, folder, show)
    except KeyboardInterrupt:
        click.echo(f"\ncheckpoint in {folder}; the same command goes on from it", err=True)
        raise
    click.echo("\nmeasuring on held-back problems", err=True)
    card = write_card(recipe, ledger, folder)
    click.echo(f"wrote {folder} ({card.name} has its accuracy by level)", err=True)


def _find(path: Path) -> Path:
    """A recipe by path, or a bundled one by its file name."""
    if path.is_file():
        return path
    bundled = _RECIPES / path.with_suffix(".yaml").name
    if bundled.is_file():
        return bundled
    known = ", ".join(sorted(recipe.stem for recipe in _RECIPES.glob("*.yaml")))
    raise TrainError(f"{path}: no such file, and no bundled recipe (there are: {known})")
