"""From a recipe to a variant: TRL's own trainers, our graders and meters, a folder that is whole."""

import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from transformers import PrinterCallback

from costbench.allocator import keep_freed_memory
from trainers.assembly import (
    build_rewarding,
    imitation_trainer,
    load_tokenizer,
    reinforcement_trainer,
)
from trainers.checkpoint import Ledger
from trainers.export import export_model
from trainers.following import (
    LEDGER,
    REWARD_STATE,
    Following,
    NothingLeftError,
    Show,
    Stand,
    read_ledger,
    write_ledger,
)
from trainers.interrupts import interrupts_held
from trainers.made import recipe_sha256
from trainers.prompts import data_sha256, load_problems
from trainers.recipe import TuningRecipe
from trainers.sampling import sample_responses
from trainers.spending import Spending
from trainers.trained import Trained
from trainers.trl_config import updates_per_step
from trainers.tuning import ReinforcementRecipe
from trainers.working import claimed, full_disk_told, newest_checkpoint, working_folder


def train(recipe: TuningRecipe, folder: Path, show: Show) -> Trained | None:
    """Train to the last step, for `publish` to put under the name `folder`; goes on from a checkpoint.

    Checkpoints are in `folder` with ".training" at its end. None in all processes of a job but the first.
    Raises TrainError for what cannot be trained, and KeyboardInterrupt, after a checkpoint, when interrupted.
    """
    keep_freed_memory()
    work = working_folder(folder)
    problems = load_problems(recipe.data)
    tokenizer = load_tokenizer(recipe.base)
    with ExitStack() as stack:
        stack.enter_context(full_disk_told(work))
        stack.enter_context(claimed(work, recipe_sha256(recipe)))
        interrupted = stack.enter_context(interrupts_held(insist=True))
        newest = newest_checkpoint(work)
        spending = stack.enter_context(Spending(_ledger(work, newest)))
        rewarding = None
        if isinstance(recipe, ReinforcementRecipe):
            rewarding = stack.enter_context(build_rewarding(recipe, tokenizer))
            trainer = reinforcement_trainer(recipe, work, problems, rewarding, tokenizer)
        else:
            book = _Booking(work, spending, interrupted, show)
            responses = sample_responses(recipe, problems, work / "samples.jsonl", book)
            trainer = imitation_trainer(recipe, work, (problems, responses), tokenizer)
        following = Following(spending, interrupted, show, rewarding, updates_per_step(recipe))
        trainer.remove_callback(PrinterCallback)  # ours tells of progress
        trainer.add_callback(following)
        if rewarding is not None and newest and (newest / REWARD_STATE).exists():
            rewarding.restore((newest / REWARD_STATE).read_text())
        with suppress(NothingLeftError):
            trainer.train(resume_from_checkpoint=str(newest) if newest else None)
        if interrupted.is_set():
            raise KeyboardInterrupt
        spending.settle()
        whole = work / "whole"
        if not export_model(trainer, recipe, whole):
            return None
        return Trained(
            folder=whole,
            ledger=spending.ledger,
            history=list(trainer.state.log_history),
            problems=len(problems),
            data_sha256=data_sha256(problems),
        )


def _ledger(work: Path, newest: Path | None) -> Ledger:
    """Of the newest checkpoint, else what sampling has used so far."""
    if newest is not None:
        return read_ledger(newest)
    return read_ledger(work) if (work / LEDGER).exists() else Ledger()


@dataclass(frozen=True)
class _Booking:
    """After each chunk of samples: its time and energy belong to the training; Ctrl-C is obeyed."""

    work: Path
    spending: Spending
    interrupted: threading.Event
    show: Show

    def __call__(self, done: int, of: int) -> None:
        write_ledger(self.spending.settle(), self.work)
        self.show(Stand(step=done, steps=of, what="sampling"))
        if self.interrupted.is_set():
            raise KeyboardInterrupt
