"""`costbench train`: a recipe in, a model folder with its card out."""

import hashlib
import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from costbench.errors import TrainError
from trainers.recipe import TuningRecipe, bundled_recipes, load_recipe
from trainers.scratch import SupervisedRecipe


@dataclass(frozen=True)
class TrainOptions:
    """What the command line adds to a recipe."""

    out: Path | None = None
    changes: Sequence[str] = ()
    dry_run: bool = False
    prices: Path | None = None


def train_recipe(recipe_path: Path, options: TrainOptions = TrainOptions()) -> None:
    """Train, write the folder, measure the result where the data allow it, write the card."""
    recipe = load_recipe(_find(recipe_path), options.changes)
    if isinstance(recipe, SupervisedRecipe):
        if options.dry_run:
            from trainers.rehearsal import rehearse_supervised

            rehearse_supervised(recipe)
        else:
            _train_supervised(recipe, options)
        return
    _need_trl()
    _quiet_libraries()
    if options.dry_run:
        from trainers.rehearsal import rehearse

        rehearse(recipe)
        return
    _train_variant(recipe, options)


def _train_variant(recipe: TuningRecipe, options: TrainOptions) -> None:
    from costbench.locations import bundled_prices
    from costbench.prices import load_prices
    from trainers.made import made_by
    from trainers.telling import Telling, tell, warn_of
    from trainers.train import train
    from trainers.variant_card import write_card
    from trainers.working import finished, full_disk_told, publish, tidy

    folder = options.out or Path("models") / recipe.name
    made = made_by(recipe)
    if finished(folder, made.identity):
        tidy(folder)
        tell(f"{folder} is there already, made by this recipe")
        return
    book = load_prices(options.prices or bundled_prices())
    warn_of(recipe)
    telling = Telling(recipe)
    try:
        trained = train(recipe, folder, telling)
    except KeyboardInterrupt:
        telling.end()
        tell(f"what is done is in {folder}.training; the same command goes on from it")
        raise
    telling.end()
    if trained is None:  # another process of this job writes the folder
        return
    tell("measuring on held-back problems")
    with full_disk_told(trained.folder.parent):
        write_card(made, trained, book)
    publish(trained.folder, folder)
    tell(f"wrote {folder} (README.md says what it is and what it took)")


def _train_supervised(recipe: SupervisedRecipe, options: TrainOptions) -> None:
    from costbench.locations import bundled_prices
    from costbench.prices import load_prices
    from trainers.made import made_by
    from trainers.supervised import Progress, train_supervised
    from trainers.trained import Trained

    folder = options.out or Path("models") / recipe.name
    history: list[dict[str, float]] = []
    shown = sys.stderr.isatty()

    def show(progress: Progress) -> None:
        history.append({"step": progress.step, "loss": progress.loss})
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
    if recipe.base is None:
        from trainers.card import write_card as write_first_card

        write_first_card(recipe, ledger, folder)
    else:
        from trainers.variant_card import write_card

        trained = Trained(
            folder, ledger, history, problems=_drawn(recipe), data_sha256=_data_sha256(recipe)
        )
        write_card(made_by(recipe), trained, load_prices(options.prices or bundled_prices()))
    click.echo(f"wrote {folder} (README.md has its accuracy by level)", err=True)


def _drawn(recipe: SupervisedRecipe) -> int:
    """Problems are drawn anew for every batch."""
    return recipe.optimization.steps * recipe.optimization.batch_size


def _data_sha256(recipe: SupervisedRecipe) -> str:
    """The data follow from these settings to the letter."""
    said = f"{recipe.seed}\0{recipe.data.model_dump_json()}"
    return hashlib.sha256(said.encode()).hexdigest()


def _find(path: Path) -> Path:
    """A recipe by path, or a bundled one by its file name."""
    if path.is_file():
        return path
    bundled = bundled_recipes()
    name = path.name.removesuffix(".yaml")
    if name in bundled:
        return bundled[name]
    raise TrainError(
        f"{path}: no such file, and no bundled recipe (there are: {', '.join(bundled)})"
    )


def _need_trl() -> None:
    try:
        import datasets  # noqa: F401
        import trl  # noqa: F401
    except ImportError as error:
        raise TrainError(
            f"this recipe needs {error.name}: pip install 'costbench[train]'"
        ) from error


def _quiet_libraries() -> None:
    """Their bars and hints would tear ours apart; errors still come through."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("trl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(trl|transformers|torch|accelerate|peft)\..*")
