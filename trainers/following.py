"""What goes on beside a training in TRL: time and energy booked, progress told, Ctrl-C obeyed."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainers.checkpoint import Ledger
from trainers.rewarding import Rewarding, Sample
from trainers.spending import Spending

LEDGER, REWARD_STATE = "ledger.json", "reward.json"
"""In each checkpoint; the ledger comes last, so a checkpoint without one is half of one."""


@dataclass(frozen=True)
class Stand:
    """Where a training stands, for whoever shows it."""

    step: int
    steps: int
    what: str = "step"
    """"sampling" while responses to choose from are drawn; the steps are problems then."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """As logged: reward, accuracy, output_tokens, loss …"""
    remaining_s: float | None = None
    sample: Sample | None = None


Show = Callable[[Stand], None]


class NothingLeftError(Exception):
    """The checkpoint that is gone on from is that of the last step."""


class Following(TrainerCallback):
    """One callback for all of it."""

    def __init__(
        self,
        spending: Spending,
        interrupted: threading.Event,
        show: Show,
        rewarding: Rewarding | None = None,
        updates_per_step: int = 1,
    ) -> None:
        self._spending = spending
        self._interrupted = interrupted
        self._show = show
        self._rewarding = rewarding
        self._updates = updates_per_step
        self._began: tuple[float, int] | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Raise NothingLeftError at the end: the trainer itself would make one update too many."""
        del args, control, kwargs
        if state.global_step >= state.max_steps:
            raise NothingLeftError

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Time is counted from the first step of this process."""
        del args, control, kwargs
        self._began = self._began or (time.monotonic(), state.global_step)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Stop with a checkpoint when asked to, at the end of a round of rollouts."""
        del args, kwargs
        self._spending.ledger.step = state.global_step // self._updates
        if self._interrupted.is_set() and state.global_step % self._updates == 0:
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell of the step that was just done."""
        del args, control, kwargs
        figures = {key: one for key, one in (logs or {}).items() if isinstance(one, int | float)}
        if "train_runtime" in figures or self._began is None:
            return
        self._spending.ledger.tokens = int(figures.get("num_tokens", self._spending.ledger.tokens))
        began_s, first = self._began
        done = max(1, state.global_step - first)
        left = state.max_steps - state.global_step
        self._show(
            Stand(
                step=state.global_step // self._updates,
                steps=state.max_steps // self._updates,
                figures=figures,
                remaining_s=(time.monotonic() - began_s) / done * left,
                sample=self._rewarding.sample if self._rewarding else None,
            )
        )

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Complete the checkpoint that TRL has just written."""
        del control, kwargs
        ledger = self._spending.settle()
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        if self._rewarding is not None:
            (folder / REWARD_STATE).write_text(self._rewarding.state_json())
        write_ledger(ledger, folder)


def write_ledger(ledger: Ledger, folder: Path) -> None:
    """The old one or the new one is there at any moment."""
    fresh = folder / f"{LEDGER}.new"
    fresh.write_text(json.dumps(dataclasses.asdict(ledger), indent=1))
    fresh.replace(folder / LEDGER)


def read_ledger(folder: Path) -> Ledger:
    """As it was when the checkpoint was written."""
    return Ledger(**json.loads((folder / LEDGER).read_text()))
